//! Laws of reading documents: it ends, nothing disappears, and every place named exists.

#![allow(clippy::unwrap_used)] // a test may panic in its helpers too

use highwater::compile::{Documents, Report};
use highwater::model::TenantModel;
use proptest::prelude::*;
use serde_json::{Value, json};

const ADA: &str = "aaaaaaaa-0000-4000-8000-000000000001";
const GROUP: &str = "bbbbbbbb-0000-4000-8000-000000000001";
const OFFICE: &str = "cccccccc-0000-4000-8000-000000000001";

fn read(document: &Value) -> (TenantModel, Report) {
    let mut documents = Documents::new();
    documents.add("file.json", document.to_string().as_bytes());
    documents.finish()
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-zA-Z/~ ]{0,6}".prop_map(Value::from),
        Just(json!("All")),
        Just(json!(ADA)),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec(("[a-z~/@]{1,5}", inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn sample() -> Value {
    json!({"value": [{
        "displayName": "Test",
        "state": "enabled",
        "conditions": {
            "users": {"includeUsers": [ADA], "excludeGroups": [GROUP],
                "includeGuestsOrExternalUsers": {"guestOrExternalUserTypes": "internalGuest",
                    "externalTenants": {"membershipKind": "all"}}},
            "applications": {"includeApplications": ["All"], "includeUserActions": []},
            "clientApplications": {"includeServicePrincipals": [ADA]},
            "locations": {"includeLocations": ["All"], "excludeLocations": [OFFICE]},
            "platforms": {"includePlatforms": ["all"]},
            "devices": {"deviceFilter": {"mode": "include", "rule": "device.model -eq \"x\""}},
            "userRiskLevels": ["high"],
            "clientAppTypes": ["browser"],
        },
        "sessionControls": {"signInFrequency": {"isEnabled": true, "type": "hours", "value": 4},
            "continuousAccessEvaluation": {"mode": "strictLocation"}},
    }, {"id": OFFICE, "ipRanges": [{"cidrAddress": "192.0.2.0/24"}], "isTrusted": true}]})
}

/// Every place of a document.
fn places(value: &Value, here: &str, places: &mut Vec<String>) {
    places.push(here.to_owned());
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                self::places(item, &format!("{here}/{index}"), places);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                let name = name.replace('~', "~0").replace('/', "~1");
                self::places(member, &format!("{here}/{name}"), places);
            }
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_part_may_be_anything(place in any::<prop::sample::Index>(), part in any_json()) {
        let mut document = sample();
        let mut all = Vec::new();
        places(&document, "", &mut all);
        *document.pointer_mut(place.get(&all[..]).as_str()).unwrap() = part;
        let (model, report) = read(&document);
        for path in report.refused.iter().map(|it| &it.path)
            .chain(report.warnings.iter().map(|it| &it.path))
        {
            prop_assert!(document.pointer(path).is_some(), "{path} in {document}");
        }
        // Nothing disappears: what does not compile is refused.
        if report.is_ok() && document["value"].as_array().is_some_and(|items| items.len() == 2) {
            prop_assert_eq!(model.policies.len(), 1);
        }
    }

    #[test]
    fn any_bytes_may_be_a_file(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut documents = Documents::new();
        documents.add("x", &bytes);
        documents.add_synced("y", &bytes, None);
        documents.add_country_database("z", &bytes);
        let (model, _) = documents.finish();
        prop_assert_eq!(model.policies.len(), 0);
    }
}
