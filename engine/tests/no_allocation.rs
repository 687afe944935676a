//! Deciding and writing a challenge touch no heap, whatever the outcome.
//!
//! In a file of its own: the counting allocator is the whole program's.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod counting;

use std::net::IpAddr;

use counting::allocations;
use highwater::challenge::{Challenge, ClaimsDocument, InvalidToken};
use highwater::compile::Documents;
use highwater::decision::{Decision, Outcome};
use highwater::engine::Engine;
use highwater::event::Event;
use highwater::request::Request;
use highwater::settings::{EngineSettings, TenantSettings};
use highwater::timestamp::Timestamp;
use highwater::token::{IssuerProfile, TokenFacts, VerifiedToken};
use serde_json::{Value, json};

#[test]
fn writing_allocates_nothing() {
    let additional = json!({"step": ["é>", 1.5, {"a": null}]});
    let claims = ClaimsDocument {
        not_before: Some(1_763_760_000),
        resource_seen_address: Some("2001:db8::7".parse().unwrap()),
        authentication_context: Some("c1"),
        additional: additional.as_object(),
    };
    let challenge = Challenge::new("https://idp.example/ü", "api://orders", claims)
        .with_description("The claims of the access token are out of date");
    let denial = InvalidToken::new("https://idp.example", "api://orders", "It has expired");
    let mut buffer = [0; Challenge::MAXIMUM_LENGTH];
    let expected = challenge.header_value();

    let before = allocations();
    let length = challenge.write_into(&mut buffer);
    let count = allocations() - before;
    assert_eq!(&buffer[..length.unwrap()], expected.as_bytes());
    assert_eq!(count, 0);

    let before = allocations();
    let length = denial.write_into(&mut buffer);
    let count = allocations() - before;
    assert!(length.is_ok());
    assert_eq!(count, 0);

    // The allocator does count.
    let before = allocations();
    drop(challenge.header_value());
    assert!(allocations() > before);
}

const NOW: i64 = 1_763_760_100;

fn documents() -> Value {
    json!([
        {"@odata.type": "#microsoft.graph.ipNamedLocation", "id": "10000000-0000-4000-8000-000000000001",
         "displayName": "Office", "isTrusted": true, "ipRanges": [
            {"@odata.type": "#microsoft.graph.iPv4CidrRange", "cidrAddress": "203.0.113.0/24"},
            {"@odata.type": "#microsoft.graph.iPv6CidrRange", "cidrAddress": "2001:db8::/32"}]},
        {"id": "20000000-0000-4000-8000-000000000001", "displayName": "Block outside", "state": "enabled",
         "conditions": {"users": {"includeUsers": ["All"], "excludeGroups": ["30000000-0000-4000-8000-000000000001"]},
            "applications": {"includeApplications": ["All"]}, "clientAppTypes": ["all"],
            "locations": {"includeLocations": ["All"], "excludeLocations": ["AllTrusted"]}},
         "grantControls": {"operator": "OR", "builtInControls": ["block"]}},
        {"id": "20000000-0000-4000-8000-000000000002", "displayName": "Risk", "state": "enabled",
         "conditions": {"users": {"includeUsers": ["All"]}, "applications": {"includeApplications": ["All"]},
            "clientAppTypes": ["all"], "userRiskLevels": ["high"]},
         "grantControls": {"operator": "AND", "builtInControls": ["mfa", "compliantDevice"]}},
    ])
}

fn token(engine: &Engine, user: &str, capable: bool) -> VerifiedToken {
    let claims = json!({"iss": "https://sts.windows.net/t/", "tid": "t", "oid": user, "sub": "s",
        "iat": NOW - 600, "exp": NOW + 3000, "sid": format!("session-{user}"), "uti": user,
        "azp": "app", "deviceid": "device", "groups": [], "xms_cc": if capable { "cp1" } else { "" }});
    let profile = IssuerProfile::entra("https://sts.windows.net/*/");
    engine.token(TokenFacts::from_claims(claims.as_object().unwrap(), &profile).unwrap())
}

#[test]
fn deciding_allocates_nothing_whatever_the_outcome() {
    let engine = Engine::new(EngineSettings::default());
    let mut reader = Documents::new();
    reader.add("policies.json", documents().to_string().as_bytes());
    let (model, report) = reader.finish();
    assert!(report.is_ok(), "{report:?}");
    engine
        .publish("t".parse().unwrap(), &model, TenantSettings::default())
        .unwrap();
    for event in [
        json!({"time": NOW, "tenant": "t", "subject": {"user": "revoked"}, "effect": "revoke", "source": "idp"}),
        json!({"time": NOW, "tenant": "t", "subject": {"user": "risky"}, "effect": {"risk": "high"}, "source": "idp"}),
        json!({"time": NOW, "tenant": "t", "subject": {"user": "x", "device": "device"}, "effect": "revoke", "source": "idp"}),
    ] {
        engine.apply(&Event::from_value(&event).unwrap());
    }
    let inside: IpAddr = "203.0.113.7".parse().unwrap();
    let outside: IpAddr = "2001:db9::7".parse().unwrap();
    for (user, capable, address, expected) in [
        ("ada", true, inside, Outcome::Allow),
        ("ada", true, outside, Outcome::Challenge),
        ("eve", false, outside, Outcome::Deny),
        ("revoked", true, inside, Outcome::Challenge),
        ("revoked", false, inside, Outcome::Deny),
        ("risky", true, inside, Outcome::Challenge),
    ] {
        let token = token(&engine, user, capable);
        // More often than the loop budget allows: the last ones are loops.
        for round in 0..5 {
            let request = Request::new(Timestamp::from_seconds(NOW), Some(address));
            let before = allocations();
            let decision = engine.decide(&token, &request);
            let count = allocations() - before;
            assert_eq!(count, 0, "{user} {address} round {round}");
            let looped = expected == Outcome::Challenge && round >= 3;
            let expected = if looped { Outcome::Deny } else { expected };
            assert_eq!(
                decision.outcome(),
                expected,
                "{user} {address} round {round}: {decision:?}"
            );
        }
    }
    // In batches, with tokens whose memory of the tenant is outdated too, in and out of place.
    let capable = ["ada", "risky"].map(|user| token(&engine, user, true));
    let mut tokens = ["ada", "revoked", "risky", "eve"]
        .map(|user| token(&engine, user, false))
        .to_vec();
    let again = engine.publish("t".parse().unwrap(), &model, TenantSettings::default());
    assert!(again.is_ok());
    tokens.extend(["ada", "eve"].map(|user| token(&engine, user, false)));
    tokens.extend(capable);
    let requests: Vec<_> = tokens
        .iter()
        .cycle()
        .take(100)
        .enumerate()
        .map(|(index, token)| {
            let address = [Some(inside), Some(outside), None][index % 3];
            (token, Request::new(Timestamp::from_seconds(NOW), address))
        })
        .collect();
    let mut decisions = vec![Decision::UNDECIDED; requests.len()];
    let before = allocations();
    engine.decide_batch(&requests, &mut decisions);
    assert_eq!(allocations(), before);
    for outcome in [Outcome::Allow, Outcome::Deny] {
        assert!(
            decisions
                .iter()
                .any(|decision| decision.outcome() == outcome)
        );
    }
    for ((token, request), decision) in requests.iter().zip(&decisions) {
        // Challenges count; what is refused stays refused.
        let alone = engine.decide(token, request);
        assert_eq!(
            decision.outcome() == Outcome::Allow,
            alone.outcome() == Outcome::Allow
        );
    }
}
