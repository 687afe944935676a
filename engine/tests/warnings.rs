//! What a report warns of, and of what it does not.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use highwater::compile::{Documents, WarningCode};
use highwater::model::{Control, NamedLocationKind, SignInFrequency};
use serde_json::{Value, json};

const LOCATION: &str = "10000000-0000-4000-8000-000000000001";

fn warnings(documents: &[Value]) -> Vec<WarningCode> {
    let mut read = Documents::new();
    let text = Value::from(documents.to_vec()).to_string();
    read.add("tenant.json", text.as_bytes());
    let (_, report) = read.finish();
    assert!(report.is_ok(), "{report:?}");
    report.warnings.iter().map(|warning| warning.code).collect()
}

fn policy(changes: &Value) -> Value {
    let mut policy = json!({"id": "20000000-0000-4000-8000-000000000001", "displayName": "P",
        "state": "enabled", "conditions": {"users": {"includeUsers": ["All"]},
            "applications": {"includeApplications": ["All"]}, "clientAppTypes": ["all"]},
        "grantControls": {"operator": "OR", "builtInControls": ["block"]}});
    for (pointer, value) in changes.as_object().unwrap() {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        policy.pointer_mut(parent).unwrap()[name] = value.clone();
    }
    policy
}

fn ranges(trusted: bool, ranges: &[&str]) -> Value {
    let ranges: Vec<Value> = ranges
        .iter()
        .map(|range| json!({"@odata.type": "#microsoft.graph.iPv4CidrRange", "cidrAddress": range}))
        .collect();
    json!({"@odata.type": "#microsoft.graph.ipNamedLocation", "displayName": "L",
        "isTrusted": trusted, "id": LOCATION, "ipRanges": ranges})
}

fn country(countries: &[&str], unknown: bool, method: &str) -> Value {
    json!({"@odata.type": "#microsoft.graph.countryNamedLocation", "displayName": "C",
        "id": LOCATION, "countriesAndRegions": countries, "countryLookupMethod": method,
        "includeUnknownCountriesAndRegions": unknown})
}

#[test]
fn strict_without_ranges_is_warned_of() {
    let strict = |included: &Value, excluded: &Value| {
        policy(&json!({
            "/conditions/locations": {"includeLocations": included, "excludeLocations": excluded},
            "/sessionControls": {"continuousAccessEvaluation": {"mode": "strictLocation"}},
        }))
    };
    let some = ["192.0.2.0/24"];
    let all = json!(["All"]);
    for (location, reference, expected) in [
        (ranges(false, &some), json!([LOCATION]), false),
        (ranges(true, &some), json!([LOCATION]), false),
        (ranges(false, &[]), json!([LOCATION]), true),
        (ranges(true, &some), json!(["AllTrusted"]), false),
        (ranges(true, &[]), json!(["AllTrusted"]), true),
        (ranges(false, &some), json!(["AllTrusted"]), true),
        (ranges(true, &some), json!([]), true),
    ] {
        let given = [location, strict(&all, &reference)];
        let warned = warnings(&given).contains(&WarningCode::StrictWithoutRanges);
        assert_eq!(warned, expected, "{given:?}");
    }
}

/// The MFA trusted IPs are ranges too, if they are loaded.
#[test]
fn strict_about_the_trusted_ips_needs_their_ranges() {
    for reference in ["00000000-0000-0000-0000-000000000000", "AllTrusted"] {
        let policy = policy(&json!({
            "/conditions/locations": {"includeLocations": ["All"], "excludeLocations": [reference]},
            "/sessionControls": {"continuousAccessEvaluation": {"mode": "strictLocation"}},
        }));
        for loaded in [false, true] {
            let mut read = Documents::new();
            read.add("tenant.json", policy.to_string().as_bytes());
            if loaded {
                read.add_trusted_ips("trusted.txt", "192.0.2.0/24");
            }
            let strict = WarningCode::StrictWithoutRanges;
            let warned = (read.finish().1.warnings.iter()).any(|it| it.code == strict);
            assert_eq!(warned, !loaded, "{reference}");
        }
    }
}

#[test]
fn a_condition_that_includes_nothing_is_warned_of_unless_it_says_none() {
    let code = WarningCode::InvalidCondition;
    for (changes, expected) in [
        (json!({}), 0),
        (json!({"/conditions/users": {"includeUsers": []}}), 1),
        (json!({"/conditions/users": {"includeUsers": ["None"]}}), 0),
        (json!({"/conditions/users": {"includeUsers": "none"}}), 0),
        (
            json!({"/conditions/applications": {"includeApplications": []}}),
            1,
        ),
        (
            json!({"/conditions/applications": {"includeApplications": ["None"]}}),
            0,
        ),
        (
            json!({"/conditions/applications": {"includeApplications": [],
                "includeUserActions": ["urn:user:registersecurityinfo"]}}),
            0,
        ),
        (
            json!({"/conditions/users": {"includeUsers": []},
                "/conditions/clientApplications":
                    {"includeServicePrincipals": ["ServicePrincipalsInMyTenant"]}}),
            0,
        ),
        (
            json!({"/conditions/users": Value::Null,
                "/conditions/clientApplications": {"includeServicePrincipals": []}}),
            1,
        ),
        (
            json!({"/conditions/users": {"includeUsers": []},
                "/conditions/clientApplications": {"includeServicePrincipals": []}}),
            1,
        ),
        (
            json!({"/conditions/clientApplications": {"includeServicePrincipals": []}}),
            0,
        ),
    ] {
        let found = warnings(&[policy(&changes)]);
        let count = found.iter().filter(|found| **found == code).count();
        assert_eq!(count, expected, "{changes}: {found:?}");
    }
}

#[test]
fn several_controls_without_operator_are_warned_of() {
    for (controls, expected) in [
        (json!(["mfa"]), false),
        (json!(["mfa", "compliantDevice"]), true),
    ] {
        let grant = json!({"builtInControls": controls});
        let found = warnings(&[policy(&json!({"/grantControls": grant}))]);
        let warned = found.contains(&WarningCode::OperatorMissing);
        assert_eq!(warned, expected, "{controls}");
    }
}

#[test]
fn a_strength_of_authentication_is_read_from_text_and_object() {
    for (strength, expected) in [
        (json!("strong"), "strong"),
        (json!({"id": "strong"}), "strong"),
        (json!({"displayName": "strong"}), "strong"),
    ] {
        let grant = json!({"operator": "OR", "builtInControls": [],
            "authenticationStrength": strength});
        let mut read = Documents::new();
        let text = policy(&json!({"/grantControls": grant})).to_string();
        read.add("tenant.json", text.as_bytes());
        let (model, report) = read.finish();
        assert!(report.is_ok(), "{report:?}");
        let controls = &model.policies[0].grant.as_ref().unwrap().controls;
        let expected = Control::AuthenticationStrength(expected.parse().unwrap());
        assert_eq!(controls[..], [expected]);
    }
}

/// A policy that switches continuous evaluation off for some requests only is refused: the others
/// would be switched off with them.
#[test]
fn evaluation_is_disabled_without_any_condition_or_not_at_all() {
    let refused = |changes: &Value| {
        let mut policy = policy(&json!({
            "/sessionControls": {"continuousAccessEvaluation": {"mode": "disabled"}},
        }));
        for (name, value) in changes.as_object().unwrap() {
            policy["conditions"][name] = value.clone();
        }
        let mut read = Documents::new();
        let given = Value::from(vec![ranges(true, &["192.0.2.0/24"]), policy]);
        read.add("tenant.json", given.to_string().as_bytes());
        let (model, report) = read.finish();
        assert_eq!(model.policies.is_empty(), !report.is_ok(), "{report:?}");
        !report.is_ok()
    };
    assert!(!refused(&json!({})));
    assert!(!refused(&json!({"users": {"includeUsers": ["ada"]}})));
    for condition in [
        json!({"applications": {"includeApplications": ["Office365"]}}),
        json!({"applications": {"includeApplications": ["All"],
            "excludeApplications": ["Office365"]}}),
        json!({"applications": {"includeApplications": ["All"],
            "applicationFilter": {"mode": "include", "rule": "x"}}}),
        json!({"locations": {"includeLocations": [LOCATION]}}),
        json!({"userRiskLevels": ["high"]}),
        json!({"servicePrincipalRiskLevels": ["high"]}),
        json!({"clientAppTypes": ["browser"]}),
        json!({"platforms": {"includePlatforms": ["android"]}}),
        json!({"devices": {"deviceFilter": {"mode": "include",
            "rule": "device.isCompliant -eq True"}}}),
        json!({"signInRiskLevels": ["high"]}),
    ] {
        assert!(refused(&condition), "{condition}");
    }
}

#[test]
fn session_controls_are_read_one_by_one() {
    let session = |controls: &Value| {
        let mut read = Documents::new();
        let text = policy(&json!({"/sessionControls": controls})).to_string();
        read.add("tenant.json", text.as_bytes());
        let (mut model, report) = read.finish();
        assert!(report.is_ok(), "{report:?}");
        model.policies.remove(0).session
    };
    let read = session(&json!({
        "signInFrequency": {"isEnabled": true, "type": "days", "value": "2"},
        "continuousAccessEvaluation": {"mode": "strictLocation"},
        "persistentBrowser": {"isEnabled": true, "mode": "always"},
        "cloudAppSecurity": {"isEnabled": false},
    }));
    assert_eq!(read.issuer_controls, ["persistentBrowser"]);
    let every = |seconds| Some(SignInFrequency::Every { seconds });
    assert_eq!(read.sign_in_frequency, every(2 * 24 * 3600));
    // PowerShell writes some truths as text.
    let controls = json!({"a": {"isEnabled": "TRUE"}, "b": {"isEnabled": "False"}});
    assert_eq!(session(&controls).issuer_controls, ["a"]);
    let maybe = policy(&json!({"/sessionControls": {"a": {"isEnabled": "maybe"}}}));
    let mut documents = Documents::new();
    documents.add("tenant.json", maybe.to_string().as_bytes());
    assert!(!documents.finish().1.is_ok());
    let read = session(&json!({"signInFrequency": {"type": "hours", "value": 5}}));
    assert_eq!(read.sign_in_frequency, every(5 * 3600));
}

/// What nobody here can judge is named, condition by condition, and nothing else is.
#[test]
fn the_report_names_what_is_not_judged() {
    let named = |changes: &Value| {
        let mut read = Documents::new();
        let given = Value::from(vec![ranges(true, &["192.0.2.0/24"]), policy(changes)]);
        read.add("tenant.json", given.to_string().as_bytes());
        let (_, report) = read.finish();
        assert!(report.is_ok(), "{report:?}");
        let names = report.not_judged.into_iter().map(|named| named.condition);
        names.collect::<Vec<_>>()
    };
    let external = |tenants: &Value| {
        json!({"/conditions/users": {"includeUsers": [], "includeGuestsOrExternalUsers": {
            "guestOrExternalUserTypes": "b2bCollaborationGuest", "externalTenants": tenants}}})
    };
    let some = json!({"@odata.type": "#microsoft.graph.conditionalAccessEnumeratedExternalTenants",
        "membershipKind": "enumerated", "members": ["30000000-0000-4000-8000-000000000001"]});
    let all = json!({"@odata.type": "#microsoft.graph.conditionalAccessAllExternalTenants",
        "membershipKind": "all"});
    for (changes, expected) in [
        (json!({}), vec![]),
        (
            json!({"/conditions/users": {"includeUsers": ["Ada Lovelace"]}}),
            vec!["users"],
        ),
        (
            json!({"/conditions/users": {"includeUsers": ["All"], "excludeUsers": ["Ada Lovelace"]}}),
            vec![],
        ),
        (external(&some), vec!["users.externalTenants"]),
        (external(&all), vec![]),
        (
            json!({"/conditions/users": {"includeUsers": ["None"]},
                "/conditions/clientApplications": {"includeServicePrincipals": ["Robot One"]}}),
            vec!["clientApplications"],
        ),
        (
            json!({"/conditions/users": {"includeUsers": ["None"]},
                "/conditions/clientApplications":
                    {"includeServicePrincipals": ["ServicePrincipalsInMyTenant"]}}),
            vec![],
        ),
        (
            json!({"/conditions/applications": {"includeApplications": ["Files and more"]}}),
            vec!["applications"],
        ),
        (
            json!({"/conditions/applications": {"includeApplications": [],
                "includeUserActions": ["urn:user:registersecurityinfo"]}}),
            vec!["applications.includeUserActions"],
        ),
        (
            json!({"/conditions/locations": {"includeLocations": [LOCATION]}}),
            vec![],
        ),
        (
            json!({"/conditions/locations": {"includeLocations": ["All"],
                "excludeLocations": ["00000000-0000-0000-0000-000000000000"]}}),
            vec!["locations"],
        ),
        (
            json!({"/conditions/platforms": {"includePlatforms": ["android"]}}),
            vec!["platforms"],
        ),
        (
            json!({"/sessionControls": {"signInFrequency": {"frequencyInterval": "everyTime"}}}),
            vec!["sessionControls.signInFrequency"],
        ),
        (
            json!({"/sessionControls": {"signInFrequency": {"type": "hours", "value": 1}}}),
            vec![],
        ),
    ] {
        assert_eq!(named(&changes), expected, "{changes}");
    }
}

/// A country is known of an address only by a table, and by GPS of none.
#[test]
fn countries_are_not_judged_without_a_table_or_by_gps() {
    for (method, table, expected) in [
        ("clientIpAddress", "", true),
        ("clientIpAddress", "FR\t192.0.2.0/24", false),
        ("authenticatorAppGps", "", true),
        ("authenticatorAppGps", "FR\t192.0.2.0/24", true),
    ] {
        let policy = policy(&json!({"/conditions/locations": {"includeLocations": [LOCATION]}}));
        let mut read = Documents::new();
        let given = Value::from(vec![country(&["FR"], false, method), policy]);
        read.add("tenant.json", given.to_string().as_bytes());
        if !table.is_empty() {
            read.add_country_list("countries.tsv", table);
        }
        let (_, report) = read.finish();
        let mut named = report.not_judged.iter().map(|named| &*named.condition);
        assert_eq!(
            named.next(),
            expected.then_some("locations"),
            "{method} {table}"
        );
        assert_eq!(named.next(), None);
    }
}

#[test]
fn a_country_location_that_holds_no_address_is_warned_of() {
    for (countries, unknown, expected) in [
        (&["FR"][..], false, false),
        (&["FR"], true, false),
        (&[], true, false),
        (&[], false, true),
    ] {
        let found = warnings(&[country(countries, unknown, "clientIpAddress")]);
        let warned = found.contains(&WarningCode::EmptyLocation);
        assert_eq!(warned, expected, "{countries:?} {unknown}");
    }
}

/// A word that is not known leaves the condition to the issuer and is warned of; it is never taken
/// for the next best one.
#[test]
fn words_that_are_not_known_are_not_guessed() {
    let filter = |mode: &str| {
        policy(
            &json!({"/conditions/devices": {"deviceFilter": {"mode": mode,
            "rule": "device.isCompliant -eq True"}}}),
        )
    };
    for (mode, known) in [("include", true), ("exclude", true), ("sometimes", false)] {
        let found = warnings(&[filter(mode)]);
        assert_eq!(found.contains(&WarningCode::DeviceRule), !known, "{mode}");
        let mut read = Documents::new();
        read.add("tenant.json", filter(mode).to_string().as_bytes());
        let conditions = read.finish().0.policies.remove(0).conditions;
        assert_eq!(conditions.devices.is_some(), known, "{mode}");
        assert_eq!(conditions.unjudged.is_empty(), known, "{mode}");
    }
    let country = |method: &str| country(&["FR"], false, method);
    for (method, by_gps, warned) in [
        ("clientIpAddress", false, false),
        ("authenticatorAppGps", true, false),
        ("dowsing", true, true),
    ] {
        let found = warnings(&[country(method)]);
        assert_eq!(
            found.contains(&WarningCode::UnknownValue),
            warned,
            "{method}"
        );
        let mut read = Documents::new();
        read.add("tenant.json", country(method).to_string().as_bytes());
        let location = read.finish().0.locations.remove(0);
        let NamedLocationKind::Countries { by_gps: found, .. } = location.kind else {
            panic!("{location:?}")
        };
        assert_eq!(found, by_gps, "{method}");
    }
}
