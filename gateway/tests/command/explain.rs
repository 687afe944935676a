//! `explain`: the answer of `decide` with everything behind it.

use serde_json::json;

use crate::run::{contoso, request};

const EVENT: &str = r#"{"time": 1763759900, "tenant": "contoso", "subject": {"user": "ada"},
    "effect": "revoke", "source": "idp", "id": "jti-1", "reason": {"en": "left"}}"#;

#[test]
fn json_has_policies_address_locations_and_marks() {
    let folder = contoso();
    std::fs::write(folder.path("event.json"), EVENT).unwrap();
    let requests = request("out", "198.51.100.1") + &request("in", "192.0.2.1");
    let ended = folder.run(
        "explain --documents documents --events event.json --format json",
        &requests,
    );
    assert_eq!(ended.code, 0, "{ended:?}");
    let lines = ended.lines();
    let (out, inside) = (&lines[0], &lines[1]);
    assert_eq!(out["id"], "out");
    assert_eq!(out["decision"], "challenge");
    assert_eq!(out["reasons"], json!(["token_revoked", "location_blocked"]));
    assert!(out["www_authenticate"].is_string() && out["claims"].is_object());
    let policy = &out["policies"][0];
    assert_eq!(policy["id"], "block");
    assert_eq!(policy["displayName"], "Block outside");
    assert_eq!(
        (&policy["state"], &policy["result"]),
        (&json!("enabled"), &json!("failure"))
    );
    assert_eq!(
        policy["conditionsSatisfied"],
        json!(["users", "application", "ipAddressSeenByResourceProvider"])
    );
    assert_eq!(policy["conditionsNotSatisfied"], json!([]));
    assert_eq!(policy["conditionsUnknown"], json!([]));
    assert!(policy["note"].is_string());
    assert_eq!(
        out["address"],
        json!({"observed": "198.51.100.1", "issuerSeen": null})
    );
    assert_eq!(out["locations"], json!([]));
    assert_eq!(out["marks"][0]["dimension"], "user");
    assert_eq!(out["marks"][0]["register"], "revoked_before");
    assert_eq!(out["marks"][0]["source"], "idp");
    assert_eq!(out["marks"][0]["event"], "jti-1");
    assert_eq!(out["marks"][0]["reason"], json!({"en": "left"}));
    assert_eq!(inside["policies"][0]["result"], "notApplied");
    assert_eq!(
        inside["locations"],
        json!([{"id": "office", "displayName": "Office", "prefix": "192.0.2.0/24"}])
    );
}

#[test]
fn people_read_who_where_why_and_what_comes_of_it() {
    let folder = contoso();
    let ended = folder.run(
        "explain --documents documents",
        &request("a", "198.51.100.1"),
    );
    assert_eq!(ended.code, 1, "{ended:?}");
    for text in [
        "challenge 401  a  location_blocked",
        "“Block outside” blocks it: 198.51.100.1 is in no named location",
        "the issuer is told 198.51.100.1",
        "who    user ada",
        "✗ Block outside  failure  ✓ users  ✓ application  ✓ location",
        "WWW-Authenticate: Bearer ",
    ] {
        assert!(ended.stdout.contains(text), "{text}: {}", ended.stdout);
    }
    assert!(
        !ended.stdout.contains('\u{1b}'),
        "colours without a terminal"
    );
}

#[test]
fn a_malformed_request_is_explained_in_its_place() {
    let folder = contoso();
    let requests = "{\"id\": \"b\"}\n".to_owned() + &request("in", "192.0.2.1");
    let ended = folder.run("explain --documents documents --format json", &requests);
    assert_eq!(ended.code, 2);
    assert!(ended.lines()[0]["error"]["message"].is_string());
    assert_eq!(ended.lines()[1]["decision"], "allow");
}
