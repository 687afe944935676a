//! Policies in the form in which the issuer pushes them: the same as one in the usual form.

use highwater::compile::{Documents, Report};
use highwater::model::{Control, GrantOperator, Policy, PolicyState};
use serde_json::{Value, json};

const ID: &str = "20000000-0000-4000-8000-000000000001";
const USER: &str = "60000000-0000-4000-8000-000000000001";

fn synced(details: &Value, identity: &str) -> (Vec<Policy>, Report) {
    let update = json!({"time": "2026-01-02T03:04:05Z", "operation": "update",
        "parameters": {"Identity": identity, "DisplayName": "P"}, "policyDetails": details});
    let mut documents = Documents::new();
    documents.add_synced("stream", update.to_string().as_bytes(), None);
    let (model, report) = documents.finish();
    (model.policies, report)
}

fn policy(details: &Value) -> Policy {
    let (mut policies, report) = synced(details, &format!("tenant\\{ID}"));
    assert!(report.is_ok(), "{report:?}");
    policies.remove(0)
}

fn usual(conditions: &Value) -> Policy {
    let policy = json!({"id": ID, "displayName": "P", "state": "enabled",
        "conditions": conditions, "grantControls": {"operator": "OR", "builtInControls": ["mfa"]}});
    let mut documents = Documents::new();
    documents.add("policy.json", policy.to_string().as_bytes());
    let (mut model, report) = documents.finish();
    assert!(report.is_ok(), "{report:?}");
    model.policies.remove(0)
}

fn condition(conditions: &Value) -> Policy {
    policy(&json!({"State": "Enabled", "Conditions": conditions,
        "Controls": [{"Control": ["Mfa"]}]}))
}

/// Each condition by itself, beside the same in the usual form.
#[test]
fn conditions_are_those_of_the_usual_form() {
    let pushed = condition(&json!({
        "Users": {"Include": [{"Users": ["All"]}],
            "Exclude": [{"Users": ["None", "Guests", USER]}, {"Groups": [ID]}, {"Roles": [ID]}]},
        "Applications": {"Include": [{"Applications": ["Office365"]}],
            "Exclude": [{"Applications": ["None", ID]}]},
        "DevicePlatforms": {"Include": [{"DevicePlatforms": ["All"]}],
            "Exclude": [{"DevicePlatforms": ["iOS"]}]},
        "ClientTypes": {"Include": [{"ClientTypes": ["Browser", "Native"]}]},
    }));
    let expected = usual(&json!({
        "users": {"includeUsers": ["All"], "excludeUsers": ["GuestsOrExternalUsers", USER],
            "excludeGroups": [ID], "excludeRoles": [ID]},
        "applications": {"includeApplications": ["Office365"], "excludeApplications": [ID]},
        "platforms": {"includePlatforms": ["all"], "excludePlatforms": ["iOS"]},
        "clientAppTypes": ["browser", "mobileAppsAndDesktopClients"],
    }));
    assert_eq!(pushed.conditions, expected.conditions);

    let pushed = condition(&json!({
        "Users": {"Include": [{"Users": ["None"]}]},
        "Applications": {"Include": [{"Applications": ["None"], "Acrs": ["c1"]}]},
        "Locations": {"Include": [{"Locations": ["All"]}],
            "Exclude": [{"Locations": ["AllTrusted"]}]},
    }));
    let expected = usual(&json!({
        "users": {"includeUsers": ["None"]},
        "applications": {"includeApplications": [],
            "includeAuthenticationContextClassReferences": ["c1"]},
        "locations": {"includeLocations": ["All"], "excludeLocations": ["AllTrusted"]},
    }));
    assert_eq!(pushed.conditions.users, expected.conditions.users);
    assert_eq!(
        pushed.conditions.applications,
        expected.conditions.applications
    );
    assert_eq!(pushed.conditions.locations, expected.conditions.locations);
}

/// A value or a list that is not understood leaves its whole condition to the issuer.
#[test]
fn what_is_not_understood_is_not_judged() {
    for (conditions, name) in [
        (
            json!({"DevicePlatforms": {"Include": [{"DevicePlatforms": ["Toaster"]}]}}),
            "DevicePlatforms",
        ),
        (
            json!({"ClientTypes": {"Include": [{"ClientTypes": ["Toaster"]}]}}),
            "ClientTypes",
        ),
        (
            json!({"ClientTypes": {"Include": [{"ClientTypes": ["Browser"]}],
                "Exclude": [{"ClientTypes": ["Native"]}]}}),
            "ClientTypes",
        ),
        (
            json!({"SignInRisks": {"Include": [{"SignInRisks": ["High"]}]}}),
            "SignInRisks",
        ),
        (
            json!({"Users": {"Include": [{"Users": ["All"], "Moods": ["good"]}]}}),
            "Users.Moods",
        ),
    ] {
        let read = condition(&conditions).conditions;
        let names: Vec<&str> = read.unjudged.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, [name], "{conditions}");
        assert!(read.platforms.is_none() && read.client_app_types.is_none());
    }
    let empty = json!({"Users": {"Include": [{"Users": ["All"], "Moods": []}]},
        "ClientTypes": {"Include": [{"ClientTypes": ["Browser"]}], "Exclude": []}});
    let read = condition(&empty).conditions;
    assert!(read.unjudged.is_empty(), "{read:?}");
    assert!(read.client_app_types.is_some());
}

#[test]
fn states_controls_and_sessions_are_read() {
    for (state, expected) in [
        ("Enabled", PolicyState::Enabled),
        ("Disabled", PolicyState::Disabled),
        ("Reporting", PolicyState::ReportOnly),
    ] {
        assert_eq!(policy(&json!({"State": state})).state, expected);
    }
    assert!(
        !synced(&json!({"State": "Asleep"}), &format!("t\\{ID}"))
            .1
            .is_ok()
    );
    assert!(!synced(&json!({"State": "Enabled"}), "").1.is_ok());

    let grant = |controls: Value| policy(&json!({"State": "Enabled", "Controls": controls})).grant;
    assert_eq!(grant(json!([])), None);
    let either = grant(json!([{"Control": ["Mfa", "Block"]}])).unwrap();
    assert_eq!(either.operator, GrantOperator::Or);
    assert_eq!(either.controls[..], [Control::Mfa, Control::Block]);
    let both =
        grant(json!([{"Control": ["Mfa"]}, {"Control": ["RequireCompliantDevice", "Block"]}]));
    let both = both.unwrap();
    assert_eq!(both.operator, GrantOperator::And);
    assert_eq!(both.controls[0], Control::Mfa);
    assert!(matches!(&both.controls[1], Control::Unknown(_)));

    let read = policy(
        &json!({"State": "Enabled", "SessionControls": ["CloudAppSecurity"],
        "SignInFrequency": "NotSet", "PersistentBrowserSessionMode": "Always"}),
    );
    let names = ["CloudAppSecurity", "PersistentBrowserSessionMode"];
    assert_eq!(read.session.issuer_controls, names);
}
