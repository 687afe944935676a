//! Kinds of guest, of client and of location, as documents name them.

#![allow(clippy::unwrap_used)] // a test may panic in its helpers too

use highwater::compile::{Documents, Report};
use highwater::model::{
    ClientAppType, ClientAppTypes, Conditions, ExternalTenants, GuestTypes, NamedLocationKind,
    TenantModel,
};
use serde_json::{Value, json};

const TENANT: &str = "bbbbbbbb-0000-4000-8000-000000000001";

fn read(document: &Value) -> (TenantModel, Report) {
    let mut documents = Documents::new();
    documents.add("file.json", document.to_string().as_bytes());
    let (model, report) = documents.finish();
    assert_eq!(report.refused, [], "{document}");
    (model, report)
}

/// The conditions of a policy of which nothing is to be warned.
fn conditions(conditions: &Value) -> Conditions {
    let (mut model, report) = read(&json!({"displayName": "P", "state": "enabled",
        "conditions": conditions,
        "grantControls": {"operator": "OR", "builtInControls": ["block"]}}));
    assert_eq!(report.warnings, [], "{conditions}");
    model.policies.remove(0).conditions
}

/// A kind named twice is in the set once. Of the tenants all count unless some are named, with or
/// without the word that says so.
#[test]
fn guests_are_told_by_kind_and_home_tenant() {
    let guests = |typed: Value| {
        let conditions = conditions(&json!({"users": {
            "includeUsers": [], "includeGuestsOrExternalUsers": typed}}));
        conditions.users.unwrap().include.guests
    };
    let kinds = |names: Value| {
        let guests = guests(json!({"guestOrExternalUserTypes": names}));
        guests.map(|guests| guests.types)
    };
    assert_eq!(
        kinds(json!("internalGuest")),
        Some(GuestTypes::INTERNAL_GUEST)
    );
    assert_eq!(
        kinds(json!("internalGuest, InternalGuest")),
        Some(GuestTypes::INTERNAL_GUEST)
    );
    let both = GuestTypes(GuestTypes::INTERNAL_GUEST.0 | GuestTypes::SERVICE_PROVIDER.0);
    assert_eq!(
        kinds(json!(["internalGuest", "serviceProvider,internalGuest"])),
        Some(both)
    );

    let all = ExternalTenants::All;
    let enumerated = ExternalTenants::Enumerated(vec![TENANT.parse().unwrap()]);
    for (tenants, expected) in [
        (json!(null), &all),
        (json!([]), &all),
        (json!({}), &all),
        (json!({"membershipKind": null, "members": null}), &all),
        (json!({"members": []}), &all),
        (json!({"membershipKind": "all", "members": [TENANT]}), &all),
        (json!({"members": [TENANT]}), &enumerated),
        (
            json!({"membershipKind": "Enumerated", "members": [TENANT]}),
            &enumerated,
        ),
    ] {
        let typed = json!({"guestOrExternalUserTypes": "serviceProvider",
            "externalTenants": tenants});
        assert_eq!(guests(typed).unwrap().tenants, *expected, "{tenants}");
    }
}

#[test]
fn all_kinds_of_client_are_no_condition() {
    for kinds in [
        json!([]),
        json!(["all"]),
        json!(["browser", "All"]),
        json!(["all", "browser"]),
    ] {
        let conditions = conditions(&json!({"clientAppTypes": kinds}));
        assert_eq!(conditions, Conditions::default(), "{kinds}");
    }
    let read = conditions(&json!({"clientAppTypes": ["browser"]}));
    let browser = ClientAppTypes::default().with(ClientAppType::Browser);
    assert_eq!(read.client_app_types, Some(browser));
}

/// The type says what a location is; what it lists says so only where no type is given.
#[test]
fn a_location_is_of_the_kind_that_it_states() {
    let countries = || NamedLocationKind::Countries {
        countries: vec![*b"DE"],
        include_unknown: false,
        by_gps: false,
    };
    let unknown = |name: &str| NamedLocationKind::Unknown {
        odata_type: name.to_owned(),
    };
    let network = || NamedLocationKind::CompliantNetwork { trusted: false };
    let orbital = "#microsoft.graph.orbitalNamedLocation";
    for (members, expected) in [
        (json!({"countriesAndRegions": ["DE"]}), countries()),
        (
            json!({"@odata.type": "#microsoft.graph.CountryNamedLocation",
                "countriesAndRegions": ["DE"]}),
            countries(),
        ),
        (
            json!({"@odata.type": orbital, "countriesAndRegions": ["DE"]}),
            unknown(orbital),
        ),
        (
            json!({"@odata.type": orbital, "ipRanges": [{"cidrAddress": "192.0.2.0/24"}]}),
            unknown(orbital),
        ),
        (
            json!({"compliantNetworkType": "allTenantCompliantNetworks"}),
            network(),
        ),
        (
            json!({"@odata.type": "#microsoft.graph.compliantNetworkNamedLocation"}),
            network(),
        ),
    ] {
        let (model, _) = read(&members);
        assert_eq!(model.locations[0].kind, expected, "{members}");
    }
}
