//! The life of an engine through the C ABI: options, publications, facts in a file, streams.

use highwater_ffi::caller::{Documents, Engine, Request, Token};
use highwater_ffi::decision::highwater_outcome;
use highwater_ffi::documents::highwater_document_kind;
use highwater_ffi::status::highwater_status;
use serde_json::{Value, json};

const NOW: i64 = 1_763_760_100_000;
const TOLERANT: &str = r#"{"settings": {"accept_any_tenant": true}}"#;

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).expect("a report is JSON")
}

fn token(engine: &Engine) -> Token {
    let claims = json!({"iss": "https://idp.example", "tid": "contoso", "sub": "ada",
        "iat": 1_763_760_000, "exp": 1_763_763_600});
    engine.token(&claims.to_string()).expect("a token")
}

fn is_allowed(engine: &Engine, token: &Token, address: &str) -> bool {
    let mut request = Request::new(NOW);
    request
        .from_address(address.parse().expect("an address"))
        .expect("an address");
    let decision = engine.decide(token, &request).expect("a decision");
    decision.raw().outcome == highwater_outcome::Allow as u32
}

/// Blocks everybody outside `network`.
fn documents(network: &str) -> Documents {
    let text = json!([
        {"@odata.type": "#microsoft.graph.ipNamedLocation", "id": "home", "displayName": "Home",
         "isTrusted": true, "ipRanges": [{"cidrAddress": network}]},
        {"id": "outside", "displayName": "Outside", "state": "enabled",
         "conditions": {"users": {"includeUsers": ["All"]},
            "applications": {"includeApplications": ["All"]},
            "locations": {"includeLocations": ["All"], "excludeLocations": ["AllTrusted"]}},
         "grantControls": {"operator": "OR", "builtInControls": ["block"]}}]);
    let mut documents = Documents::new(0).expect("a collection");
    documents
        .add(
            highwater_document_kind::Graph,
            "home.json",
            text.to_string().as_bytes(),
        )
        .expect("a document");
    documents
}

#[test]
fn a_publication_replaces_the_one_before_and_a_refused_one_does_not() {
    let engine = Engine::new("").expect("an engine");
    let token = token(&engine);
    assert!(
        !is_allowed(&engine, &token, "192.0.2.7"),
        "no tenant is configured"
    );
    engine
        .publish("contoso", &documents("192.0.2.0/24"), "")
        .expect("published");
    assert!(is_allowed(&engine, &token, "192.0.2.7"));
    assert!(!is_allowed(&engine, &token, "198.51.100.7"));
    let policies = parsed(&engine.policies("contoso").expect("policies"));
    assert_eq!(
        policies,
        json!([{"id": "outside", "name": "Outside", "state": "enabled"}])
    );

    let mut broken = documents("198.51.100.0/24");
    broken
        .add(highwater_document_kind::Graph, "broken.json", b"{")
        .expect("said later");
    let refused = engine.publish("contoso", &broken, "").expect_err("broken");
    assert_eq!(refused.status, highwater_status::DocumentsRefused);
    assert_eq!(refused.path, "broken.json");
    assert_eq!(parsed(&refused.report)["refused"][0]["file"], "broken.json");
    assert_eq!(broken.check().expect_err("broken").report, refused.report);
    assert!(is_allowed(&engine, &token, "192.0.2.7"), "the former stays");

    let refused = engine
        .publish(
            "contoso",
            &documents("198.51.100.0/24"),
            r#"{"policy_change": "soon"}"#,
        )
        .expect_err("no such setting");
    assert_eq!(refused.status, highwater_status::InvalidSettings);
    assert_eq!(refused.path, "/policy_change");
    let report = engine
        .publish(
            "*",
            &documents("198.51.100.0/24"),
            r#"{"policy_change": "all"}"#,
        )
        .expect("published");
    assert_eq!(parsed(&report)["policies"]["enabled"], 1);
    assert!(
        is_allowed(&engine, &token, "192.0.2.7"),
        "the tenant has its own"
    );
    assert_eq!(engine.remove("contoso"), Ok(true));
    assert_eq!(engine.remove("contoso"), Ok(false));
    assert!(
        is_allowed(&engine, &token, "198.51.100.7"),
        "now every tenant's"
    );

    let renewed = engine
        .renew(&token)
        .expect("a token")
        .expect("was made before");
    assert!(engine.renew(&renewed).expect("a token").is_none());
    assert!(is_allowed(&engine, &renewed, "198.51.100.7"));
    assert_eq!(parsed(&renewed.facts().expect("facts"))["subject"], "ada");
}

#[test]
fn facts_in_a_file_outlive_the_engine() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("facts.highwater");
    let path = path.to_str().expect("a path");
    let never = r#"{"settings": {"accept_any_tenant": true}, "store": {"creation": "never"}}"#;
    let refused = Engine::open(path, never).expect_err("not there");
    assert_eq!(refused.status, highwater_status::StoreMissing);

    let engine = Engine::open(path, TOLERANT).expect("made");
    let event = |effect: &str, seconds: i64| {
        json!({"time": seconds, "tenant": "contoso", "subject": {"user": "ada"},
            "effect": effect, "source": "operator"})
    };
    let events = json!([
        event("revoke", 1_763_760_050),
        event("block", 1_763_760_060)
    ]);
    assert_eq!(engine.apply(&events.to_string()), Ok(2));
    assert_eq!(engine.apply(&events.to_string()), Ok(0), "known already");
    let half = json!([
        event("unblock", 1_763_760_070),
        event("explode", 1_763_760_080)
    ]);
    let refused = engine.apply(&half.to_string()).expect_err("no such effect");
    assert_eq!(refused.status, highwater_status::InvalidEvent);
    assert!(refused.path.starts_with("/1"), "{}", refused.path);
    let in_use = Engine::open(path, TOLERANT).expect_err("open already");
    assert_eq!(in_use.status, highwater_status::StoreInUse);
    drop(engine);

    let engine = Engine::open(path, never).expect("there now");
    let status = parsed(&engine.status(NOW).expect("a status"));
    assert_eq!(status["facts"]["registers"], 2);
    assert_eq!(status["store"]["condition"], "ready");
    assert_eq!(status["store"]["is_new"], false);
    let token = token(&engine);
    let request = Request::new(NOW);
    let decision = engine.decide(&token, &request).expect("a decision");
    assert_eq!(decision.reasons(), ["subject_blocked", "token_revoked"]);
    let long_after = NOW + 365 * 24 * 3600 * 1000;
    assert_eq!(engine.forget_expired(NOW), Ok(0));
    assert!(engine.forget_expired(long_after).expect("forgotten") >= 1);
    drop(engine);

    std::fs::write(path, b"something else entirely").expect("a file");
    let foreign = Engine::open(path, TOLERANT).expect_err("no store");
    assert!(matches!(
        foreign.status,
        highwater_status::StoreForeign | highwater_status::StoreDamaged
    ));
}

#[test]
fn a_silent_stream_degrades_and_is_heard_of_again() {
    let engine = Engine::new(TOLERANT).expect("an engine");
    let token = token(&engine);
    let degraded = |now| {
        let decision = engine.decide(&token, &Request::new(now));
        decision.expect("a decision").raw().degraded
    };
    engine.watch_stream("idp", 60, NOW).expect("watched");
    assert_eq!((degraded(NOW + 60_000), degraded(NOW + 61_000)), (0, 1));
    engine.observe_stream("idp", NOW + 50_000).expect("heard");
    assert_eq!((degraded(NOW + 110_000), degraded(NOW + 111_000)), (0, 1));
    let status = parsed(&engine.status(NOW + 111_000).expect("a status"));
    assert_eq!(status["degraded"], true);
    assert_eq!(status["streams"][0]["stale_after_seconds"], 60);
}

#[test]
fn a_token_of_another_engine_is_refused() {
    let (one, other) = (
        Engine::new(TOLERANT).expect("an engine"),
        Engine::new(TOLERANT).expect("an engine"),
    );
    let token = token(&one);
    assert!(is_allowed(&one, &token, "192.0.2.7"));
    assert!(!is_allowed(&other, &token, "192.0.2.7"));
    drop(one);
    assert!(
        !is_allowed(&other, &token, "192.0.2.7"),
        "a token outlives its engine"
    );
}

#[test]
fn documents_come_from_files_and_folders_and_all_or_none_of_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path();
    let deep = root.join("b/c");
    std::fs::create_dir_all(&deep).expect("folders");
    let location = |id: &str, network: &str| {
        json!({"@odata.type": "#microsoft.graph.ipNamedLocation", "id": id, "displayName": id,
            "isTrusted": true, "ipRanges": [{"cidrAddress": network}]})
        .to_string()
    };
    std::fs::write(root.join("a.json"), location("a", "192.0.2.0/24")).expect("a file");
    std::fs::write(deep.join("d.JSON"), location("d", "198.51.100.0/24")).expect("a file");
    std::fs::write(root.join("notes.txt"), "no document").expect("a file");
    std::fs::write(root.join("trusted.txt"), "203.0.113.0/24\n").expect("a file");
    let root = root.to_str().expect("a path");
    let graph = highwater_document_kind::Graph;

    let mut documents = Documents::new(0).expect("a collection");
    documents.add_path(graph, root).expect("a folder");
    documents
        .add_path(
            highwater_document_kind::TrustedIps,
            &format!("{root}/trusted.txt"),
        )
        .expect("a list");
    let report = parsed(&documents.check().expect("nothing is refused"));
    assert_eq!(
        (&report["files"], &report["locations"]),
        (&json!(3), &json!(2))
    );

    let missing = format!("{root}/nowhere.json");
    let refused = documents.add_path(graph, &missing).expect_err("not there");
    assert_eq!(refused.status, highwater_status::UnreadableFile);
    assert_eq!(refused.path, missing);
    let empty = deep.join("e");
    std::fs::create_dir(&empty).expect("a folder");
    let empty = empty.to_str().expect("a path");
    let refused = documents
        .add_path(graph, empty)
        .expect_err("no document in it");
    assert_eq!(refused.status, highwater_status::UnreadableFile);
    assert_eq!(parsed(&documents.check().expect("as before")), report);
}

#[test]
fn what_is_refused_is_left_out_only_when_somebody_says_so() {
    let engine = Engine::new("").expect("an engine");
    let token = token(&engine);
    let mut broken = documents("192.0.2.0/24");
    broken
        .add(highwater_document_kind::Graph, "broken.json", b"{")
        .expect("said later");
    assert!(engine.publish("contoso", &broken, "").is_err());
    assert!(
        !is_allowed(&engine, &token, "192.0.2.7"),
        "nothing is published"
    );
    let report = engine
        .publish_without_refused("contoso", &broken)
        .expect("published all the same");
    assert_eq!(parsed(&report)["refused"].as_array().map(Vec::len), Some(1));
    assert!(is_allowed(&engine, &token, "192.0.2.7"));
    assert!(
        !is_allowed(&engine, &token, "198.51.100.7"),
        "the rest is enforced"
    );
    engine.reopen().expect("in memory there is nothing to do");
}
