//! `events`: one line per input, exit code 1 if any was refused.

use crate::run::Folder;

const EVENT: &str = r#"{"time": 1763759900, "tenant": "contoso", "subject": {"user": "ada"}, "effect": "revoke", "source": "idp"}"#;

/// A claims set without a signature.
const CLAIMS: &str = r#"{"iss": "https://idp.example", "aud": "https://rp.example", "jti": "1",
    "iat": 1763759900,
    "sub_id": {"format": "opaque", "id": "ada"},
    "events": {"https://schemas.openid.net/secevent/caep/event-type/session-revoked": {}}}"#;

#[test]
fn engine_events_come_back_and_refusals_have_a_code() {
    let folder = Folder::with(&[("events.jsonl", &format!("{EVENT}\n{{\"events\": 7}}\n"))]);
    let ended = folder.run("events events.jsonl --format json", "");
    assert_eq!(ended.code, 1, "{ended:?}");
    let lines = ended.lines();
    assert_eq!(lines[0]["outcome"], "accepted");
    assert_eq!(lines[0]["input"], "events.jsonl:1");
    assert_eq!(lines[0]["events"][0]["effect"], "revoke");
    assert_eq!(lines[1]["outcome"], "refused");
    assert_eq!(lines[1]["err"], "invalid_request");
    assert_eq!(folder.run("events -", EVENT).code, 0);
}

#[test]
fn unsigned_claims_need_trust() {
    let folder = Folder::with(&[("set.json", CLAIMS)]);
    let ended = folder.run("events set.json --format json", "");
    assert_eq!(ended.code, 1, "{ended:?}");
    assert_eq!(ended.lines()[0]["err"], "authentication_failed");
    let ended = folder.run(
        "events set.json --format json --trust-unsigned --tenant contoso",
        "",
    );
    assert_eq!(ended.code, 0, "{ended:?}");
    let lines = ended.lines();
    let events = lines[0]["events"].as_array().unwrap();
    assert!(events.iter().any(|event| event["subject"]["user"] == "ada"));
}
