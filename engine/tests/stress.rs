//! Writers, publishers and readers at once, at several sizes: what a decision may see meanwhile.
//!
//! On every test run as it is; `tests/thread-sanitizer` runs the same under a sanitizer that sees
//! every access without order. Sizes are counts, so that a slow machine only takes longer.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use highwater::compile::Documents;
use highwater::decision::{Decision, Outcome};
use highwater::engine::Engine;
use highwater::event::Event;
use highwater::model::TenantModel;
use highwater::reason::Reason;
use highwater::request::Request;
use highwater::settings::{EngineSettings, TenantSettings};
use highwater::timestamp::Timestamp;
use highwater::token::{IssuerProfile, TokenFacts, VerifiedToken};
use serde_json::{Value, json};

/// Readers, subjects, publications. The first fits the smallest table of marks, the last makes
/// it grow several times.
const SIZES: [(usize, usize, usize); 3] = [(2, 4, 300), (4, 300, 30), (8, 4000, 4)];

const NOW: i64 = 1_763_760_000;

fn facts(user: &str) -> TokenFacts {
    let claims = json!({"iss": "https://idp.example", "tid": "t", "oid": user, "sub": user,
        "scp": "all", "iat": NOW, "exp": NOW + 3600, "uti": user});
    let profile = IssuerProfile::generic("https://idp.example");
    TokenFacts::from_claims(claims.as_object().unwrap(), &profile).unwrap()
}

fn user(number: usize) -> String {
    format!("user-{number}")
}

fn event(time: i64, user: &str, effect: &str) -> Event {
    let value = json!({"time": time, "tenant": "t", "subject": {"user": user},
        "effect": effect, "source": "idp"});
    Event::from_value(&value).unwrap()
}

/// Two policies that both object at every address outside of the office, or none: half of them
/// would be a mixture of two publications.
fn model(objects: bool) -> TenantModel {
    let policy = |number: usize| {
        json!({"id": format!("20000000-0000-4000-8000-00000000000{number}"),
            "displayName": format!("P{number}"), "state": "enabled",
            "conditions": {"users": {"includeUsers": ["All"]}, "clientAppTypes": ["all"],
                "applications": {"includeApplications": ["All"]},
                "locations": {"includeLocations": ["All"], "excludeLocations": ["AllTrusted"]}},
            "grantControls": {"operator": "OR", "builtInControls": ["block"]}})
    };
    let policies = if objects {
        vec![policy(1), policy(2)]
    } else {
        Vec::new()
    };
    let mut documents = Documents::new();
    documents.add(
        "policies.json",
        Value::from(policies).to_string().as_bytes(),
    );
    let (model, report) = documents.finish();
    assert!(report.is_ok(), "{report:?}");
    model
}

#[test]
fn revocations_publications_and_decisions_at_once() {
    for (readers, subjects, publications) in SIZES {
        let engine = Engine::new(EngineSettings::default());
        let models = [model(true), model(false)];
        let publish =
            |model| engine.publish("t".parse().unwrap(), model, TenantSettings::default());
        publish(&models[0]).unwrap();
        let revoked = AtomicUsize::new(0);
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for reader in 0..readers {
                let (engine, revoked, done) = (&engine, &revoked, &done);
                scope.spawn(move || read(engine, revoked, done, subjects, reader));
            }
            let publisher = scope.spawn(|| {
                for round in 0..publications {
                    publish(&models[round % 2]).unwrap();
                }
            });
            for number in 0..subjects {
                // Details come and go beside the watermark.
                let user = user(number);
                engine.apply(&event(NOW + 1, &user, "block"));
                engine.apply(&event(NOW, &user, "revoke"));
                engine.apply(&event(NOW + 2, &user, "unblock"));
                revoked.store(number + 1, Ordering::Release);
                if number % 512 == 0 {
                    // Nobody alive depends on what is this old, and nothing else goes.
                    engine.apply(&event(5, &user, "refresh"));
                    engine.forget_expired(Timestamp::from_seconds(NOW));
                }
            }
            publisher.join().unwrap();
            done.store(true, Ordering::Release);
        });
        for number in 0..subjects {
            let token = engine.token(facts(&user(number)));
            let decision = engine.decide(&token, &request());
            assert!(
                decision.reasons().contains(Reason::TokenRevoked),
                "{number}"
            );
            assert!(
                !decision.reasons().contains(Reason::SubjectBlocked),
                "{number}"
            );
        }
    }
}

fn request() -> Request<'static> {
    let outside = "198.51.100.7".parse().unwrap();
    Request::new(Timestamp::from_seconds(NOW + 10), Some(outside))
}

/// Decides alone and in batches, with tokens that it keeps over publications.
fn read(engine: &Engine, revoked: &AtomicUsize, done: &AtomicBool, subjects: usize, reader: usize) {
    let numbers: Vec<usize> = (0..subjects.min(40))
        .map(|step| (reader * 7 + step * 101) % subjects)
        .collect();
    let mut tokens: Vec<VerifiedToken> = numbers
        .iter()
        .map(|&number| engine.token(facts(&user(number))))
        .collect();
    let mut was_revoked = vec![false; tokens.len()];
    let mut check = |position: usize, certain: usize, decision: &Decision| {
        let number = numbers[position];
        let is_revoked = decision.reasons().contains(Reason::TokenRevoked);
        assert!(
            is_revoked || number >= certain,
            "what was reported is in force"
        );
        assert!(is_revoked || !was_revoked[position], "and stays");
        was_revoked[position] = is_revoked;
        assert!(
            decision.policy_count() == 0 || decision.policy_count() == 2,
            "{} policies: a mixture of two publications",
            decision.policy_count()
        );
        let objections = is_revoked
            || decision.policy_count() > 0
            || decision.reasons().contains(Reason::SubjectBlocked);
        assert_eq!(
            objections,
            decision.outcome() != Outcome::Allow,
            "{decision:?}"
        );
    };
    let mut round = 0;
    loop {
        let last = done.load(Ordering::Acquire);
        for (position, token) in tokens.iter().enumerate() {
            let certain = revoked.load(Ordering::Acquire);
            let decision = engine.decide(token, &request());
            check(position, certain, &decision);
        }
        let certain = revoked.load(Ordering::Acquire);
        let requests: Vec<_> = tokens.iter().map(|token| (token, request())).collect();
        let mut decisions = vec![Decision::UNDECIDED; requests.len()];
        engine.decide_batch(&requests, &mut decisions);
        for (position, decision) in decisions.iter().enumerate() {
            check(position, certain, decision);
        }
        round += 1;
        if round % 3 == reader % 3 {
            for token in &mut tokens {
                engine.refresh(token);
            }
        }
        if last {
            return;
        }
    }
}

/// Two nodes that tell each other everything while both are written to end in the same bytes.
#[test]
fn nodes_that_exchange_registers_under_load_end_the_same() {
    for (writers, subjects, _) in SIZES {
        let subjects = subjects.min(400);
        let nodes = [
            Engine::new(EngineSettings::default()),
            Engine::new(EngineSettings::default()),
        ];
        std::thread::scope(|scope| {
            for writer in 0..writers {
                let nodes = &nodes;
                scope.spawn(move || {
                    for number in 0..subjects {
                        let effect =
                            ["revoke", "block", "unblock", "refresh"][(writer + number) % 4];
                        let time = NOW + ((writer * 31 + number) % 17) as i64;
                        nodes[writer % 2].apply(&event(time, &user(number % 50), effect));
                    }
                });
            }
            for (from, to) in [(0, 1), (1, 0)] {
                let nodes = &nodes;
                scope.spawn(move || {
                    for _ in 0..10 {
                        for entry in nodes[from].facts().entries(None) {
                            nodes[to].facts().merge(entry);
                        }
                    }
                });
            }
        });
        for (from, to) in [(0, 1), (1, 0)] {
            for entry in nodes[from].facts().entries(None) {
                nodes[to].facts().merge(entry);
            }
        }
        let [left, right] = nodes.map(|node| node.facts().entries(None));
        assert!(!left.is_empty());
        assert_eq!(left, right);
    }
}
