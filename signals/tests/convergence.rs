//! Late, repeated, reordered, divided: whatever happens on the way, every node ends up knowing
//! the same.

#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use common::{AUDIENCE, ISSUER, NOW};
use highwater::ledger::{Facts, Retention};
use highwater::marks::Keyring;
use highwater_signals::directory::{Directory, DirectoryMap, Principal, Unresolved};
use highwater_signals::subject::Name;
use highwater_signals::{EventType, Receiver, Voucher};
use proptest::prelude::*;
use serde_json::{Value, json};

fn receiver() -> Receiver {
    common::receiver(&json!({
        "tenant": "t",
        "authority": { "scope": "tenant", "may_unblock": true, "may_change_identifiers": true,
            "tenants": ["t"] },
        "subjects": { "email": "itself", "phone_number": "itself", "account": "itself", "scim": "itself" },
    }))
}

fn facts() -> Facts {
    Facts::new(Keyring::from_seed([1, 2]), Retention::default())
}

fn learn(facts: &Facts, receiver: &Receiver, directory: &dyn Directory, claims: &Value) {
    let set = receiver
        .vouch(claims.to_string().as_bytes(), NOW, Voucher::host("a test"))
        .unwrap();
    for event in receiver.interpret(&set, directory).unwrap().events {
        facts.apply(&event);
    }
}

fn known(facts: &Facts) -> Vec<String> {
    facts
        .entries(None)
        .iter()
        .map(|entry| serde_json::to_string(entry).unwrap())
        .collect()
}

fn payload(event: EventType, choice: u8) -> Value {
    let choice = usize::from(choice);
    match event {
        EventType::CredentialChange => json!({
            "credential_type": "password",
            "change_type": (["create", "update", "revoke"][choice % 3]),
        }),
        EventType::RiskLevelChange => json!({
            "principal": "USER",
            "current_level": (["LOW", "MEDIUM", "HIGH"][choice % 3]),
        }),
        EventType::OktaUserRiskChange | EventType::OktaDeviceRiskChange => json!({
            "current_level": (["low", "medium", "high", "none"][choice % 4]),
        }),
        EventType::DeviceComplianceChange => json!({
            "current_status": (["compliant", "not-compliant"][choice % 2]),
            "previous_status": (["not-compliant", "compliant"][choice % 2]),
        }),
        EventType::AssuranceLevelChange => json!({
            "namespace": "NIST-AAL",
            "current_level": (["nist-aal1", "nist-aal2"][choice % 2]),
        }),
        EventType::StreamUpdated => json!({
            "status": (["enabled", "paused", "disabled"][choice % 3]),
        }),
        EventType::TokenClaimsChange => json!({ "claims": { "role": choice % 2 } }),
        EventType::IdentifierChanged => json!({ "new-value": "new@example.com" }),
        _ => json!({}),
    }
}

fn subject(event: EventType, choice: u8) -> Value {
    let user = json!({ "format": "opaque", "id": format!("user{}", choice % 3) });
    let session = json!({ "format": "opaque", "id": format!("session{}", choice % 2) });
    if event.is_about_stream() {
        return json!({ "format": "opaque", "id": "stream" });
    }
    match choice % 6 {
        0 => json!({ "format": "email", "email": "ada@example.com" }),
        1 => json!({ "format": "complex", "user": user, "session": session }),
        2 => {
            json!({ "format": "complex", "user": user, "tenant": { "format": "opaque", "id": "t" } })
        }
        3 => json!({ "format": "iss_sub", "iss": ISSUER, "sub": "sub" }),
        _ => user,
    }
}

prop_compose! {
    fn token()(
        event in prop::sample::select(EventType::all().collect::<Vec<_>>()),
        (who, what, age) in (0_u8..12, 0_u8..12, 0_i64..50),
        (id, shape) in (0_u32..1000, 0_u8..3),
    ) -> Value {
        let happened = NOW.seconds() - age * 10;
        let mut claims = json!({
            "iss": ISSUER, "aud": AUDIENCE, "jti": format!("j{id}"), "iat": NOW.seconds() - age,
            "sub_id": subject(event, who),
            "events": { event.uri(): payload(event, what) },
        });
        // The instant, in each of the places and units in which it comes.
        match shape {
            0 => claims["events"][event.uri()]["event_timestamp"] = json!(happened),
            1 => claims["events"][event.uri()]["event_timestamp"] = json!(happened * 1000 + 500),
            _ => claims["toe"] = json!(happened),
        }
        claims
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Any order, with repetitions, gives the same ledger, to the byte.
    #[test]
    fn order_and_repetition_do_not_matter(
        tokens in prop::collection::vec(token(), 1..24),
        order in prop::collection::vec(any::<prop::sample::Index>(), 0..64),
    ) {
        let receiver = receiver();
        let directory = DirectoryMap::new();
        let straight = facts();
        for token in &tokens {
            learn(&straight, &receiver, &directory, token);
        }
        let crooked = facts();
        for index in &order {
            learn(&crooked, &receiver, &directory, index.get(&tokens));
        }
        for token in tokens.iter().rev() {
            learn(&crooked, &receiver, &directory, token);
        }
        prop_assert_eq!(known(&straight), known(&crooked));
    }

    /// Two nodes that each saw some of the stream agree once each has the other's registers, and
    /// agree with a node that saw everything.
    #[test]
    fn two_receivers_agree(
        tokens in prop::collection::vec((token(), 0_u8..3), 1..24),
    ) {
        let receiver = receiver();
        let directory = DirectoryMap::new();
        let (one, other, all) = (facts(), facts(), facts());
        for (token, to) in &tokens {
            learn(&all, &receiver, &directory, token);
            if *to != 1 {
                learn(&one, &receiver, &directory, token);
            }
            if *to != 0 {
                learn(&other, &receiver, &directory, token);
            }
        }
        let from_one = one.entries(None);
        for entry in other.entries(None) {
            one.merge(entry);
        }
        for entry in from_one {
            other.merge(entry);
        }
        prop_assert_eq!(known(&one), known(&all));
        prop_assert_eq!(known(&other), known(&all));
    }

    /// A name that the directory learns late has the effect that it would have had at once.
    #[test]
    fn late_resolution_ends_as_early_resolution(
        tokens in prop::collection::vec(token(), 1..12),
        learnt_after in 0_usize..12,
    ) {
        let receiver = common::receiver(&json!({
            "tenant": "t",
            "authority": { "scope": "tenant", "may_unblock": true, "tenants": ["t"] },
        }));
        let tenant = highwater::identifier::Identifier::new("t").unwrap();
        let mut full = DirectoryMap::new();
        full.bind(
            tenant,
            Name::email("ada@example.com"),
            Principal::user(highwater::identifier::Identifier::new("object").unwrap()),
            highwater::timestamp::Timestamp::MINIMUM,
        );
        let early = facts();
        for token in &tokens {
            learn(&early, &receiver, &full, token);
        }
        let late = facts();
        let mut waiting = Unresolved::new(100, 3600);
        for (index, token) in tokens.iter().enumerate() {
            let set = receiver
                .vouch(token.to_string().as_bytes(), NOW, Voucher::host("a test"))
                .unwrap();
            let empty = DirectoryMap::new();
            let directory = if index < learnt_after { &empty } else { &full };
            let found = receiver.interpret(&set, directory).unwrap();
            for event in &found.events {
                late.apply(event);
            }
            if found.is_incomplete() {
                prop_assert!(waiting.keep(set));
            }
        }
        for set in waiting.take(NOW) {
            for event in receiver.interpret(&set, &full).unwrap().events {
                late.apply(&event);
            }
            waiting.resolved();
        }
        prop_assert_eq!(waiting.counts().kept, waiting.counts().resolved);
        prop_assert_eq!(known(&early), known(&late));
    }
}
