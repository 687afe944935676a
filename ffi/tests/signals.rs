//! Security events through the C ABI: signed, vouched for, read from files, and fed by a
//! directory.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use highwater::timestamp::Timestamp;
use highwater_ffi::caller::{Engine, Feed, Request};
use highwater_ffi::status::highwater_status;
use highwater_signals::emit::{Emitter, OutgoingEvent, SetDraft};
use highwater_signals::set::Algorithm;
use highwater_signals::subject::Name;
use serde_json::{Value, json};

const ISSUER: &str = "https://idp.example";
const NOW: i64 = 1_763_760_100_000;

fn engine() -> Engine {
    let options = json!({
        "settings": {"accept_any_tenant": true},
        "transmitters": [{"name": "idp", "issuer": ISSUER, "audience": "https://rs.example"}],
    });
    Engine::new(&options.to_string()).expect("the options are right")
}

/// The status that ada's token is answered with.
fn status(engine: &Engine, issuer: &str, now: i64) -> u16 {
    let claims = json!({"iss": issuer, "sub": "ada", "iat": 1_763_760_000, "exp": 1_763_769_000});
    let token = engine.token(&claims.to_string()).expect("a token");
    let decision = engine.decide(&token, &Request::new(now));
    decision.expect("a decision").raw().status
}

fn emitter(key_id: &str) -> Emitter {
    let random = SystemRandom::new();
    let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
        .expect("a fresh key");
    let text = base64::engine::general_purpose::STANDARD.encode(key.as_ref());
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n");
    Emitter::from_pem(ISSUER, Algorithm::ES256, key_id, pem.as_bytes()).expect("an emitter")
}

fn revocation(id: &str) -> SetDraft {
    let subject = Name::IssSub {
        iss: ISSUER.to_owned(),
        sub: "ada".to_owned(),
    };
    let issued = Timestamp::from_milliseconds(NOW);
    let event = OutgoingEvent::SessionRevoked;
    SetDraft::new(id, "https://rs.example", issued, subject, event)
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).expect("a report is JSON")
}

#[test]
fn a_signed_event_waits_for_its_keys_and_then_revokes() {
    let engine = engine();
    let emitter = emitter("k1");
    let token = emitter.sign(&revocation("j1")).expect("a signature");
    assert_eq!(engine.due_keys(NOW), Ok(r#"["idp"]"#.to_owned()));

    let refused = engine.receive(&token, NOW).expect_err("no key is known");
    assert_eq!(refused.status, highwater_status::UnknownKey);
    assert_eq!(
        (refused.path.as_str(), refused.report.as_str()),
        ("idp", "")
    );
    // While somebody fetches them, nobody else has to.
    let refused = engine.receive(&token, NOW).expect_err("no key is known");
    assert_eq!(refused.status, highwater_status::UnknownKey);
    assert_eq!(refused.path, "");
    assert_eq!(status(&engine, ISSUER, NOW), 200);

    let keys = emitter.jwks().expect("public keys").to_string();
    engine.set_keys("idp", &keys, NOW).expect("keys are taken");
    let report = parsed(&engine.receive(&token, NOW).expect("the token is taken"));
    assert_eq!(report["outcome"], "accepted");
    assert_eq!(
        (&report["changed"], &report["incomplete"]),
        (&json!(1), &json!(false))
    );
    assert_eq!(report["events"][0]["effect"], "revoke");
    assert_eq!(status(&engine, ISSUER, NOW), 401);

    // A second delivery is answered as the first one, and is no news.
    let again = parsed(&engine.receive(&token, NOW).expect("the token is taken"));
    assert_eq!(again["changed"], 0);
    assert_eq!(engine.due_keys(NOW), Ok("[]".to_owned()));
}

#[test]
fn what_is_refused_says_so_in_the_words_of_rfc_8935() {
    let engine = engine();
    let emitter = emitter("k1");
    let keys = emitter.jwks().expect("public keys").to_string();
    engine.set_keys("idp", &keys, NOW).expect("keys are taken");
    let token = emitter.sign(&revocation("j1")).expect("a signature");
    let (signed, signature) = token.rsplit_once('.').expect("three parts");
    let other = match signature.as_bytes()[0] {
        b'A' => "B",
        _ => "A",
    };
    let forged = format!("{signed}.{other}{}", &signature[1..]);
    for (token, code) in [
        (forged.as_str(), "authentication_failed"),
        ("not a token", "invalid_request"),
    ] {
        let refused = engine.receive(token, NOW).expect_err(token);
        assert_eq!(refused.status, highwater_status::SignalRefused);
        assert_eq!(refused.path, code);
        assert_eq!(parsed(&refused.report)["err"], code);
        assert!(!refused.message.is_empty());
    }
    assert_eq!(status(&engine, ISSUER, NOW), 200);

    let refused = engine.set_keys("idp", "{}", NOW).expect_err("no keys");
    assert_eq!(refused.status, highwater_status::InvalidJson);
    engine
        .set_keys("idp", "", NOW)
        .expect("a failed fetch is no mistake");
    engine
        .receive(&token, NOW)
        .expect("the keys before it stay");
}

#[test]
fn claims_are_taken_on_the_word_of_the_host() {
    let engine = engine();
    let claims = revocation("j1").claims(ISSUER).to_string();
    assert!(engine.receive(&claims, NOW).is_err(), "not signed");
    let report = engine.receive_trusted(&claims, NOW).expect("vouched for");
    assert_eq!(parsed(&report)["changed"], 1);
    assert_eq!(status(&engine, ISSUER, NOW), 401);
    let status = parsed(&engine.status(NOW).expect("a status"));
    assert_eq!(status["streams"][0]["source"], "idp");
}

#[test]
fn a_file_is_applied_whole_or_not_at_all() {
    let engine = engine();
    let event = json!({"time": 1_763_760_050, "tenant": ISSUER, "subject": {"user": "ada"},
        "effect": "revoke", "source": "operator"});
    let unsigned = revocation("j1").claims("https://unknown.example");
    let file = format!("{event}\n{unsigned}\n");
    let refused = engine
        .ingest(
            r#"{"source": "file"}"#,
            "events.jsonl",
            file.as_bytes(),
            NOW,
        )
        .expect_err("unsigned claims");
    assert_eq!(refused.status, highwater_status::SignalRefused);
    assert_eq!(refused.path, "events.jsonl:2");
    let report = parsed(&refused.report);
    assert_eq!(report[0]["outcome"], "accepted");
    assert_eq!(report[1]["err"], "authentication_failed");
    assert_eq!(status(&engine, ISSUER, NOW), 200, "nothing was applied");

    let trusting = r#"{"source": "file", "trust_unsigned": true}"#;
    engine
        .ingest(trusting, "events.jsonl", file.as_bytes(), NOW)
        .expect("trusted");
    assert_eq!(status(&engine, ISSUER, NOW), 401);
    let refused = engine.ingest("{}", "x", b"", NOW).expect_err("no source");
    assert_eq!(refused.status, highwater_status::InvalidArgument);
}

#[test]
fn a_feed_tells_what_changed_and_goes_on_where_it_ended() {
    let engine = engine();
    let options = |state: Value| {
        json!({"kind": "users", "graph": {"tenant": ISSUER}, "interval_seconds": 30, "state": state})
            .to_string()
    };
    let mut feed = Feed::new(&options(json!({}))).expect("a feed");
    let action = parsed(&feed.next(NOW).expect("an action"));
    let url = action["send"]["url"].as_str().expect("an address");
    assert!(
        url.starts_with("https://graph.microsoft.com/v1.0/users/delta?"),
        "{url}"
    );

    let failed = feed
        .respond(&engine, 500, b"", NOW)
        .expect("a failure is no refusal");
    assert!(parsed(&failed)["failure"].is_string());
    assert!(parsed(&feed.next(NOW).expect("an action"))["wait"].is_number());

    feed.lost(NOW).expect("no response came");

    let later = NOW + 60_000;
    let page = json!({
        "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#users",
        "value": [{"id": "ada", "accountEnabled": false}],
        "@odata.deltaLink": "https://graph.microsoft.com/v1.0/users/delta?$deltatoken=1",
    });
    let outcome = feed
        .respond(&engine, 200, page.to_string().as_bytes(), later)
        .expect("a page");
    let outcome = parsed(&outcome);
    let effects: Vec<_> = outcome["events"]
        .as_array()
        .expect("events")
        .iter()
        .map(|event| event["effect"].as_str().expect("an effect"))
        .collect();
    assert!(effects.contains(&"block"), "{effects:?}");
    assert_eq!(outcome["changed"], effects.len());
    assert_eq!(outcome["complete"], true);
    assert_eq!(status(&engine, ISSUER, later), 401);

    let state = parsed(&feed.state().expect("a state"));
    let next = Feed::new(&options(state)).expect("a feed with a memory");
    let action = parsed(&next.next(later).expect("an action"));
    assert_eq!(
        action["send"]["url"],
        "https://graph.microsoft.com/v1.0/users/delta?$deltatoken=1"
    );
}
