//! Who may have signed a token, and what everybody else is told.

#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use common::{
    AUDIENCE, ISSUER, NOW, code, config, draft, emitter, knowing, push, receiver, with_header,
};
use highwater::event::Effect;
use highwater::timestamp::Timestamp;
use highwater_signals::set::{Algorithm, KeySet};
use highwater_signals::{Receiver, Voucher};
use serde_json::{Value, json};

#[test]
fn every_algorithm_goes_from_our_emitter_to_our_receiver() {
    for algorithm in Algorithm::ALL {
        let emitter = emitter(algorithm, "k1");
        let token = emitter.sign(&draft("j")).unwrap();
        let mut receiver = receiver(&json!({}));
        let (response, found) = push(&mut receiver, &token, Some(&emitter.jwks().unwrap()), NOW);
        assert_eq!(response.status, 202, "{algorithm}");
        assert_eq!(found.unwrap().events[0].effect, Effect::Revoke);
    }
}

#[test]
fn a_rotated_key_is_fetched_once_and_not_at_a_strangers_pace() {
    let old = emitter(Algorithm::ES256, "old");
    let new = emitter(Algorithm::ES256, "new");
    let stranger = emitter(Algorithm::ES256, "stranger");
    let mut receiver = knowing(&json!({}), &old.jwks().unwrap());
    let published = new.jwks().unwrap();
    let token = new.sign(&draft("1")).unwrap();
    assert_eq!(
        push(&mut receiver, &token, Some(&published), NOW).0.status,
        202
    );
    // The fetch was just now: another unknown key does not cause a second one. Nor is it refused
    // for good: it may have been published a moment ago.
    let token = stranger.sign(&draft("2")).unwrap();
    let (response, _) = push(&mut receiver, &token, None, NOW.plus_seconds(1));
    assert_eq!(response.status, 503);
    assert_eq!(response.headers, [("retry-after", "59".to_owned())]);
    let later = NOW.plus_seconds(60);
    let (response, _) = push(&mut receiver, &token, Some(&published), later);
    assert_eq!(code(&response), "invalid_key");
    // The old key is withdrawn.
    let token = old.sign(&draft("3")).unwrap();
    let later = NOW.plus_seconds(120);
    let (response, _) = push(&mut receiver, &token, Some(&published), later);
    assert_eq!(code(&response), "invalid_key");
}

#[test]
fn unreachable_keys_are_no_reason_to_lose_a_token() {
    let emitter = emitter(Algorithm::ES256, "k");
    let token = emitter.sign(&draft("1")).unwrap();
    let mut receiver = receiver(&json!({}));
    let (response, _) = push(&mut receiver, &token, None, NOW);
    assert_eq!(response.status, 503);
    let later = NOW.plus_seconds(60);
    let (response, _) = push(&mut receiver, &token, Some(&emitter.jwks().unwrap()), later);
    assert_eq!(response.status, 202);
}

#[test]
fn another_key_of_the_same_name_does_not_vouch() {
    let real = emitter(Algorithm::ES256, "k");
    let other = emitter(Algorithm::ES256, "k");
    let spare = emitter(Algorithm::ES256, "spare");
    let mut published = other.jwks().unwrap();
    // The right key is published too, under another name: it is not tried.
    let mut right = real.jwks().unwrap()["keys"][0].clone();
    right["kid"] = json!("elsewhere");
    for key in [right, spare.jwks().unwrap()["keys"][0].clone()] {
        published["keys"].as_array_mut().unwrap().push(key);
    }
    let mut receiver = knowing(&json!({}), &published);
    let (response, _) = push(&mut receiver, &real.sign(&draft("1")).unwrap(), None, NOW);
    assert_eq!(code(&response), "authentication_failed");
}

#[test]
fn the_header_cannot_choose_another_algorithm() {
    let rsa = emitter(Algorithm::RS256, "k");
    let token = rsa.sign(&draft("1")).unwrap();
    let mut receiver = knowing(&json!({}), &rsa.jwks().unwrap());
    for (algorithm, expected) in [
        ("HS256", "invalid_request"),
        ("none", "invalid_request"),
        ("ES256", "invalid_key"),
        // Same key type, other padding: the key says what it is for.
        ("PS256", "invalid_key"),
        ("RS512", "invalid_key"),
    ] {
        let forged = with_header(
            &token,
            &json!({ "alg": algorithm, "kid": "k", "typ": "secevent+jwt" }),
        );
        let (response, _) = push(&mut receiver, &forged, None, NOW);
        assert_eq!(code(&response), expected, "{algorithm}");
    }
    let mut interop = knowing(&json!({ "profile": "caep-interop" }), &rsa.jwks().unwrap());
    assert_eq!(push(&mut interop, &token, None, NOW).0.status, 202);
    let other = emitter(Algorithm::ES256, "k");
    let mut interop = knowing(
        &json!({ "profile": "caep-interop" }),
        &other.jwks().unwrap(),
    );
    let (response, _) = push(&mut interop, &other.sign(&draft("1")).unwrap(), None, NOW);
    assert_eq!(code(&response), "invalid_request");
}

#[test]
fn every_changed_byte_is_noticed() {
    let emitter = emitter(Algorithm::ES256, "k");
    let token = emitter.sign(&draft("1")).unwrap();
    let mut receiver = knowing(&json!({}), &emitter.jwks().unwrap());
    for index in 0..token.len() {
        let mut bytes = token.clone().into_bytes();
        bytes[index] = if bytes[index] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        let (response, _) = push(&mut receiver, &changed, None, NOW);
        assert_ne!(response.status, 202, "byte {index}");
    }
}

#[test]
fn other_tokens_are_not_taken_for_event_tokens() {
    let emitter = emitter(Algorithm::ES256, "k");
    let mut receiver = knowing(&json!({}), &emitter.jwks().unwrap());
    let token = emitter.sign(&draft("1")).unwrap();
    for kind in ["at+jwt", "application/at+jwt", "logout+jwt", "JWT"] {
        let header = json!({ "alg": "ES256", "kid": "k", "typ": kind });
        let (response, _) = push(&mut receiver, &with_header(&token, &header), None, NOW);
        assert_eq!(code(&response), "invalid_request", "{kind}");
    }
    let logout = json!({ "http://schemas.openid.net/event/backchannel-logout": {} });
    for (claim, value) in [
        ("exp", json!(1_900_000_000)),
        ("sub", json!("ada")),
        ("events", logout),
        ("sub_id", Value::Null),
        ("aud", Value::Null),
        ("jti", Value::Null),
        ("iat", json!(NOW.seconds() + 61)),
    ] {
        let mut claims = draft("1").claims(ISSUER);
        claims[claim] = value;
        let token = emitter.sign_claims(&claims).unwrap();
        let (response, _) = push(&mut receiver, &token, None, NOW);
        assert_eq!(code(&response), "invalid_request", "{claim}");
    }
    for (claim, value, expected) in [
        ("aud", json!("https://another.example"), "invalid_audience"),
        ("aud", json!([AUDIENCE.to_uppercase()]), "invalid_audience"),
        ("iss", json!("https://idp.example/"), "invalid_issuer"),
    ] {
        let mut claims = draft("1").claims(ISSUER);
        claims[claim] = value;
        let token = emitter.sign_claims(&claims).unwrap();
        let (response, _) = push(&mut receiver, &token, None, NOW);
        assert_eq!(code(&response), expected, "{claim}");
    }
    assert!(highwater_signals::set::compact::is_security_event(
        "secevent+jwt"
    ));
}

#[test]
fn answers_do_not_give_configuration_away() {
    let emitter = emitter(Algorithm::ES256, "k");
    let mut receiver = knowing(&json!({}), &emitter.jwks().unwrap());
    let mut claims = draft("1").claims(ISSUER);
    claims["aud"] = json!("https://another.example");
    let token = emitter.sign_claims(&claims).unwrap();
    let (response, _) = push(&mut receiver, &token, None, NOW);
    let body = String::from_utf8(response.body).unwrap();
    assert!(!body.contains("rs.example"), "{body}");
}

#[test]
fn configured_keys_are_used_and_never_fetched() {
    let known = emitter(Algorithm::ES256, "known");
    let stranger = emitter(Algorithm::ES256, "stranger");
    let mut receiver = receiver(&json!({ "jwks": known.jwks().unwrap() }));
    let token = known.sign(&draft("1")).unwrap();
    assert_eq!(push(&mut receiver, &token, None, NOW).0.status, 202);
    // Nobody could publish another one, so there is nothing to wait for.
    let token = stranger.sign(&draft("2")).unwrap();
    let (response, _) = push(&mut receiver, &token, None, NOW);
    assert_eq!(code(&response), "invalid_key");
}

#[test]
fn whoever_vouches_for_a_token_is_named() {
    let emitter = emitter(Algorithm::ES256, "k");
    let receiver = knowing(&json!({}), &emitter.jwks().unwrap());
    let token = emitter.sign(&draft("1")).unwrap();
    let set = receiver.verify(token.as_bytes(), NOW).unwrap();
    assert_eq!(set.voucher().to_string(), "ES256 signature by key `k`");
    let claims = draft("1").claims(ISSUER).to_string();
    let voucher = Voucher::host("kept by the gateway");
    let set = receiver.vouch(claims.as_bytes(), NOW, voucher).unwrap();
    assert_eq!(set.voucher().to_string(), "kept by the gateway");
}

#[test]
fn keys_are_due_where_they_are_fetched_and_old() {
    let emitter = emitter(Algorithm::ES256, "k");
    let published = emitter.jwks().unwrap();
    let configured = config(&json!({ "name": "fixed", "audience": "other", "jwks": published }));
    let mut receiver = Receiver::new([config(&json!({})), configured]).unwrap();
    let due = |receiver: &Receiver, now: Timestamp| {
        let names = receiver.due_keys(now);
        names.map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(due(&receiver, NOW), ["idp"]);
    let transmitter = receiver.transmitter_mut("idp").unwrap();
    transmitter.finish_keys(KeySet::from_value(&published), NOW);
    assert_eq!(due(&receiver, NOW.plus_seconds(3600)), [""; 0]);
    assert_eq!(due(&receiver, NOW.plus_seconds(12 * 3600)), ["idp"]);
}
