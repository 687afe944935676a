//! Where a report says that something stands, and how much of it a report says.

#![allow(clippy::unwrap_used)] // a test may panic in its helpers too

use highwater::compile::{Documents, Refused, Report, Warning, WarningCode};
use serde_json::{Value, json};

const ID: &str = "20000000-0000-4000-8000-000000000001";

fn policy(state: &str) -> Value {
    json!({"id": ID, "displayName": "P", "state": state,
        "conditions": {"users": {"includeUsers": ["All"]},
            "applications": {"includeApplications": ["All"]}},
        "grantControls": {"operator": "OR", "builtInControls": ["mfa"]}})
}

fn location(range: &str) -> Value {
    json!({"id": ID, "displayName": "L", "isTrusted": true,
        "ipRanges": [{"cidrAddress": range}, {"cidrAddress": "2001:db8::/32"}]})
}

/// A file `first.json` with an element before the first document, and one with the second alone.
fn both(first: &Value, second: &Value) -> Report {
    let mut documents = Documents::new();
    let other = json!({"id": "other", "ipRanges": ["192.0.2.0/24", "2001:db8::/32"]});
    documents.add("first.json", json!([other, first]).to_string().as_bytes());
    documents.add("second.json", second.to_string().as_bytes());
    documents.finish().1
}

/// Whoever has to choose between two documents of one id wants to know where the other one is.
#[test]
fn of_two_documents_of_one_id_both_are_named() {
    for (document, changed) in [
        (policy("enabled"), policy("disabled")),
        (location("192.0.2.0/24"), location("198.51.100.0/24")),
    ] {
        let report = both(&document, &document);
        assert_eq!(report.refused, []);
        let same = Warning {
            file: "second.json".to_owned(),
            path: String::new(),
            code: WarningCode::DuplicateDocument,
            message: "the same document as first.json#/1".to_owned(),
        };
        assert_eq!(report.warnings, [same]);
        assert_eq!(report.policies.enabled + report.locations, 2);

        let report = both(&document, &changed);
        let refused = Refused {
            file: "second.json".to_owned(),
            path: String::new(),
            reason: format!("the id `{ID}` already belongs to other content, first.json#/1"),
            remedy: "keep the document that is in force, or read the files as updates in order"
                .to_owned(),
        };
        assert_eq!(report.refused, [refused]);
        assert_eq!(report.warnings, []);
    }
}

/// One update of a policy with these details.
fn update(identity: &str, details: &Value) -> Value {
    json!({"time": "2026-01-02T03:04:05Z", "operation": "update",
        "parameters": {"Identity": identity, "DisplayName": "P"}, "policyDetails": details})
}

#[test]
fn refused_updates_are_named_by_line_and_pointer() {
    let mut without_time = update(ID, &Value::Null);
    without_time["time"] = json!("yesterday");
    let networks = |members: &Value| json!({"KnownNetworkPolicies": members});
    let ranges = networks(&json!({"NetworkId": ID, "CidrIpRanges": ["192.0.2.0/24", "home"]}));
    for (line, path, reason) in [
        ("not JSON".to_owned(), "line 2: ", "not JSON"),
        (without_time.to_string(), "line 2: /time", ""),
        (
            update("tenant\\", &json!({"State": "Enabled"})).to_string(),
            "line 2: /policyDetails",
            "policy details without `Identity`",
        ),
        (
            update("", &ranges).to_string(),
            "line 2: /policyDetails",
            "policy details without `Identity`",
        ),
        (
            update(ID, &ranges).to_string(),
            "line 2: /policyDetails/KnownNetworkPolicies/CidrIpRanges/1",
            "`home` is no IPv4 or IPv6 address",
        ),
        (
            update(ID, &networks(&json!({"NetworkId": 7}))).to_string(),
            "line 2: /policyDetails/KnownNetworkPolicies/NetworkId",
            "expected text, found a number",
        ),
        (
            update(ID, &networks(&json!({"CidrIpRanges": ["192.0.2.0/24"]}))).to_string(),
            "line 2: /policyDetails/KnownNetworkPolicies",
            "known networks without `NetworkId`",
        ),
        (
            update(ID, &networks(&json!({"NetworkId": " "}))).to_string(),
            "line 2: /policyDetails/KnownNetworkPolicies",
            "known networks without `NetworkId`",
        ),
        (
            update(ID, &json!({"State": "Asleep"})).to_string(),
            "line 2: /policyDetails/State",
            "`Asleep` is no state",
        ),
        (
            update(ID, &json!({"State": "Enabled", "Conditions": 7})).to_string(),
            "line 2: /policyDetails/Conditions",
            "expected an object, found a number",
        ),
    ] {
        let mut documents = Documents::new();
        documents.add_synced("stream", format!("\n{line}\n").as_bytes(), None);
        let (_, report) = documents.finish();
        let [refused] = &report.refused[..] else {
            panic!("{line}: {report:?}");
        };
        assert_eq!((&*refused.file, &*refused.path), ("stream", path), "{line}");
        assert!(refused.reason.contains(reason), "{refused:?}");
        assert!(!refused.remedy.is_empty());
    }
}

#[test]
fn warnings_of_updates_are_named_by_line_and_pointer() {
    let policy = update(
        ID,
        &json!({"State": "Enabled", "Conditions": {
            "Users": {"Include": [{"Users": ["All"]}], "Exclude": [{"Groups": ["<RING>"]}]}}}),
    );
    let ranges = update(
        ID,
        &json!({"KnownNetworkPolicies": {"NetworkId": "ranges",
            "CidrIpRanges": ["2001:db8::/32", "192.0.2.7/24"]}}),
    );
    let countries = update(
        ID,
        &json!({"KnownNetworkPolicies": {"NetworkId": "countries", "CountryIsoCodes": ["UK"]}}),
    );
    let nothing = update(ID, &Value::Null);
    let lines = [policy, ranges, countries, nothing].map(|line| line.to_string());
    let mut documents = Documents::new();
    documents.add_synced("stream", lines.join("\n").as_bytes(), None);
    let (_, report) = documents.finish();
    assert_eq!(report.refused, []);
    let warned = report.warnings.iter().map(|it| (&*it.path, it.code));
    assert_eq!(
        warned.collect::<Vec<_>>(),
        [
            (
                "line 2: /policyDetails/KnownNetworkPolicies/CidrIpRanges/1",
                WarningCode::HostBits
            ),
            (
                "line 3: /policyDetails/KnownNetworkPolicies/CountryIsoCodes/0",
                WarningCode::UnknownCountry
            ),
            (
                "line 1: /policyDetails/Conditions/Users/Exclude/0/Groups/0",
                WarningCode::UnresolvedReference
            ),
            ("line 4", WarningCode::NoContent),
            ("line 3", WarningCode::NoCountryTable),
        ]
    );
}

/// A thousand warnings of one file are written out; the last of them says that there are more.
#[test]
fn a_file_with_too_many_warnings_is_cut_short() {
    let warnings = |count: usize| {
        let mut ranges = vec!["192.0.2.7"; count];
        ranges.push("2001:db8::/32");
        let location = json!({"id": ID, "ipRanges": ranges});
        let mut documents = Documents::new();
        documents.add("file.json", location.to_string().as_bytes());
        // What one file has too much of is not taken from the next one.
        documents.add("next.json", br#"{"id": "next", "ipRanges": []}"#);
        let (_, report) = documents.finish();
        assert_eq!(report.refused, []);
        let last = report.warnings.last().unwrap();
        assert_eq!(
            (&*last.file, last.code),
            ("next.json", WarningCode::EmptyLocation)
        );
        let of_file = report.warnings.into_iter();
        of_file
            .filter(|warning| warning.file == "file.json")
            .map(|warning| (warning.code, warning.message))
            .collect::<Vec<_>>()
    };
    let few = warnings(999);
    assert_eq!(few.len(), 999);
    assert!(
        few.iter()
            .all(|(code, _)| *code == WarningCode::BareAddress)
    );
    for count in [1_001, 1_500] {
        let many = warnings(count);
        assert_eq!(many.len(), 1_000);
        assert_eq!(many[..999], few);
        let more = "more than 1000 warnings in this file".to_owned();
        assert_eq!(many[999], (WarningCode::More, more));
    }
}
