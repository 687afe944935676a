//! A token that is kept over publications is decided as one that was read just now.
//!
//! Tokens remember their tenant's snapshot to be fast; nothing that is published, removed or
//! served by another slot afterwards may ever be decided by that memory.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use highwater::compile::Documents;
use highwater::decision::Decision;
use highwater::engine::Engine;
use highwater::event::Event;
use highwater::marks::Keyring;
use highwater::model::TenantModel;
use highwater::reason::Reason;
use highwater::request::Request;
use highwater::settings::{EngineSettings, TenantSettings};
use highwater::timestamp::Timestamp;
use highwater::token::{IssuerProfile, TokenFacts, VerifiedToken};
use proptest::prelude::*;
use serde_json::{Value, json};

const NOW: i64 = 1_763_760_000;
const USERS: [&str; 2] = [
    "60000000-0000-4000-8000-000000000001",
    "60000000-0000-4000-8000-000000000002",
];

/// A tenant that blocks `users` outside `range`, or nobody.
fn model(users: &[&str], range: &str) -> TenantModel {
    let location = json!({
        "@odata.type": "#microsoft.graph.ipNamedLocation", "displayName": "Inside", "isTrusted": true,
        "id": "10000000-0000-4000-8000-000000000001",
        "ipRanges": [{"@odata.type": "#microsoft.graph.iPv4CidrRange", "cidrAddress": range}],
    });
    let policy = json!({
        "id": "20000000-0000-4000-8000-000000000001", "displayName": "Outside", "state": "enabled",
        "conditions": {"users": {"includeUsers": users}, "clientAppTypes": ["all"],
            "applications": {"includeApplications": ["All"]},
            "locations": {"includeLocations": ["All"], "excludeLocations": ["AllTrusted"]}},
        "grantControls": {"operator": "OR", "builtInControls": ["block"]},
    });
    let mut documents = Documents::new();
    documents.add(
        "tenant.json",
        Value::from(vec![location, policy]).to_string().as_bytes(),
    );
    let (model, report) = documents.finish();
    assert!(report.is_ok(), "{report:?}");
    model
}

fn facts(user: &str) -> TokenFacts {
    let claims = json!({"iss": "https://idp.example", "tid": "t", "oid": user, "sub": "s",
        "scp": "read", "aud": "api", "sid": "session", "iat": NOW - 60, "exp": NOW + 3600});
    let profile = IssuerProfile::generic("https://idp.example");
    TokenFacts::from_claims(claims.as_object().unwrap(), &profile).unwrap()
}

fn decide(engine: &Engine, token: &VerifiedToken) -> Vec<Decision> {
    ["192.0.2.7", "198.51.100.7"]
        .into_iter()
        .map(|address| {
            let address = Some(address.parse().unwrap());
            engine.decide(token, &Request::new(Timestamp::from_seconds(NOW), address))
        })
        .collect()
}

#[test]
fn a_kept_token_is_decided_by_what_is_published_now() {
    const NOTHING: &str = "neither of its own nor of any";
    let engine = Engine::new(EngineSettings::default());
    let settings = TenantSettings::default;
    let tenant = || "t".parse().unwrap();
    type Step<'a> = (&'a str, Box<dyn Fn(&Engine) + 'a>);
    let steps: Vec<Step<'_>> = vec![
        ("nothing is published", Box::new(|_| {})),
        (
            "any tenant",
            Box::new(|engine| {
                engine
                    .publish_for_any_tenant(&model(&["All"], "192.0.2.0/24"), settings())
                    .unwrap();
            }),
        ),
        (
            "a tenant of its own",
            Box::new(|engine| {
                engine
                    .publish(tenant(), &model(&USERS[..1], "192.0.2.0/24"), settings())
                    .unwrap();
            }),
        ),
        (
            "another user",
            Box::new(|engine| {
                engine
                    .publish(tenant(), &model(&USERS[1..], "192.0.2.0/24"), settings())
                    .unwrap();
            }),
        ),
        (
            "another range",
            Box::new(|engine| {
                engine
                    .publish(tenant(), &model(&USERS[1..], "198.51.100.0/24"), settings())
                    .unwrap();
            }),
        ),
        (
            "removed, so any tenant again",
            Box::new(|engine| assert!(engine.remove(&tenant()))),
        ),
        (
            "any tenant anew",
            Box::new(|engine| {
                engine
                    .publish_for_any_tenant(&model(&USERS[..1], "198.51.100.0/24"), settings())
                    .unwrap();
            }),
        ),
        (
            "back again",
            Box::new(|engine| {
                engine
                    .publish(tenant(), &model(&["All"], "203.0.113.0/24"), settings())
                    .unwrap();
            }),
        ),
        (
            NOTHING,
            Box::new(|engine| {
                assert!(engine.remove(&tenant()) && engine.remove_for_any_tenant());
                assert!(!engine.remove(&tenant()) && !engine.remove_for_any_tenant());
            }),
        ),
    ];
    // One set of tokens from every moment so far, each kept as it was read.
    let mut kept: Vec<VerifiedToken> = Vec::new();
    let mut seen = Vec::new();
    for (name, publish) in &steps {
        publish(&engine);
        let fresh: Vec<_> = USERS.iter().map(|user| engine.token(facts(user))).collect();
        let expected: Vec<_> = fresh.iter().map(|token| decide(&engine, token)).collect();
        for (index, token) in kept.iter().enumerate() {
            assert_eq!(
                decide(&engine, token),
                expected[index % USERS.len()],
                "{name}: {index}"
            );
            let mut refreshed = token.clone();
            let changed = engine.refresh(&mut refreshed);
            assert_eq!(
                changed,
                *name != NOTHING,
                "{name}: there is something newer"
            );
            assert!(!engine.refresh(&mut refreshed), "{name}: once is enough");
            let copy = engine.refreshed(token);
            assert_eq!(copy.is_some(), changed, "{name}");
            if let Some(copy) = copy {
                assert_eq!(
                    decide(&engine, &copy),
                    expected[index % USERS.len()],
                    "{name}"
                );
                assert!(engine.refreshed(&copy).is_none(), "{name}");
            }
            assert_eq!(
                decide(&engine, &refreshed),
                expected[index % USERS.len()],
                "{name}"
            );
        }
        kept.extend(fresh);
        seen.push(expected);
    }
    // The steps do tell each other apart: otherwise the test could not fail.
    for pair in seen.windows(2) {
        assert_ne!(pair[0], pair[1]);
    }
}

#[test]
fn versions_are_counted_from_one_over_all_tenants() {
    let engine = Engine::new(EngineSettings::default());
    let model = model(&["All"], "192.0.2.0/24");
    let settings = TenantSettings::default;
    let publish = |tenant: &str| engine.publish(tenant.parse().unwrap(), &model, settings());
    assert_eq!(publish("t").unwrap(), 1);
    assert_eq!(publish("u").unwrap(), 2);
    assert_eq!(
        engine.publish_for_any_tenant(&model, settings()).unwrap(),
        3
    );
    let version = |tenant: &str| engine.snapshot(&tenant.parse().unwrap()).unwrap().version();
    assert_eq!(["t", "u", "v"].map(version), [1, 2, 3]);
}

#[test]
fn a_token_of_another_engine_is_refused_and_brings_no_snapshot_along() {
    let permissive = Engine::new(EngineSettings::default());
    permissive
        .publish(
            "t".parse().unwrap(),
            &TenantModel::default(),
            TenantSettings::default(),
        )
        .unwrap();
    let token = permissive.token(facts(USERS[0]));
    assert!(
        decide(&permissive, &token)
            .iter()
            .all(|decision| decision.status() == 200)
    );

    let other = Engine::new(EngineSettings::default());
    other
        .publish(
            "t".parse().unwrap(),
            &TenantModel::default(),
            TenantSettings::default(),
        )
        .unwrap();
    for decision in decide(&other, &token) {
        assert_eq!(decision.status(), 403);
        assert!(decision.reasons().contains(Reason::TenantUnknown));
    }
}

#[test]
fn what_is_forgotten_is_counted_and_the_settings_are_those_given() {
    let settings = EngineSettings {
        skew: 7,
        ..EngineSettings::default()
    };
    let engine = Engine::new(settings);
    assert_eq!(engine.settings().skew, 7);
    for user in ["ada", "grace", "edsger"] {
        let event = json!({"time": 0, "tenant": "t", "subject": {"user": user},
            "effect": "revoke", "source": "s"});
        engine.apply(&Event::from_json(&event.to_string()).unwrap());
    }
    let now = Timestamp::from_seconds(NOW);
    assert_eq!(engine.forget_expired(Timestamp::from_seconds(0)), 0);
    assert_eq!(engine.forget_expired(now), 3);
    assert_eq!(engine.forget_expired(now), 0);
}

/// Near each other, or anything.
fn instant() -> impl Strategy<Value = i64> {
    prop_oneof![
        6 => -10_000_i64..10_000,
        1 => any::<i64>(),
        1 => Just(i64::MIN),
        1 => Just(i64::MAX),
    ]
}

proptest! {
    /// Semantics §3, step 1, with the window that a token keeps and the one it is asked for.
    #[test]
    fn a_window_is_as_wide_as_clocks_may_differ(
        not_before in proptest::option::of(instant()),
        expires in instant(),
        now in instant(),
        skew in prop_oneof![0_i64..20, Just(0), Just(i64::MAX)],
    ) {
        let at = Timestamp::from_milliseconds;
        let mut facts = facts(USERS[0]);
        facts.not_before = not_before.map(at);
        facts.expires = at(expires);
        let engine = Engine::new(EngineSettings { skew, ..EngineSettings::default() });
        engine
            .publish_for_any_tenant(&TenantModel::default(), TenantSettings::default())
            .unwrap();
        let kept = engine.token(facts.clone());
        let unprepared = VerifiedToken::assertion(facts, engine.keyring());

        let skew = (i128::from(skew) * 1_000).min(i64::MAX.into());
        let end = (i128::from(expires) + skew).min(i64::MAX.into());
        let start = i128::from(not_before.unwrap_or(i64::MIN)) - skew;
        let expected = if i128::from(now) >= end {
            Some(Reason::TokenExpired)
        } else {
            (i128::from(now) < start).then_some(Reason::TokenNotYetValid)
        };
        for token in [&kept, &unprepared] {
            let decision = engine.decide(token, &Request::new(at(now), None));
            let found: Vec<Reason> = decision.reasons().iter().collect();
            prop_assert_eq!(found, Vec::from_iter(expected));
        }
    }
}

fn report(engine: &Engine, time: i64, subject: &Value, effect: &str) {
    let event = json!({"time": time, "tenant": "t", "subject": subject, "effect": effect,
        "source": "idp"});
    engine.apply(&Event::from_value(&event).unwrap());
}

/// Alone and in a batch, twice each: the second time with what the first left behind.
fn statuses(engine: &Engine, token: &VerifiedToken) -> [u16; 4] {
    let address = Some("192.0.2.7".parse().unwrap());
    let request = Request::new(Timestamp::from_seconds(NOW), address);
    let mut batch = [Decision::UNDECIDED; 2];
    engine.decide_batch(
        &[(token, request.clone()), (token, request.clone())],
        &mut batch,
    );
    let alone = || engine.decide(token, &request).status();
    [alone(), alone(), batch[0].status(), batch[1].status()]
}

#[test]
fn what_happens_to_a_token_that_nothing_was_known_about_is_seen_at_once() {
    let engine = Engine::new(EngineSettings::default());
    let settings = TenantSettings::default();
    let model = model(&USERS, "192.0.2.0/24");
    engine
        .publish("t".parse().unwrap(), &model, settings)
        .unwrap();
    let token = engine.token(facts(USERS[0]));
    assert_eq!(statuses(&engine, &token), [200; 4]);
    // Others, and what the token is younger than: looked up, and kept again.
    report(&engine, NOW, &json!({"user": USERS[1]}), "revoke");
    assert_eq!(statuses(&engine, &token), [200; 4]);
    report(&engine, NOW - 3600, &json!({"user": USERS[0]}), "revoke");
    assert_eq!(statuses(&engine, &token), [200; 4]);
    // The first subject of a new shape.
    let copy = token.clone();
    let both = json!({"user": USERS[0], "session": "session"});
    report(&engine, NOW, &both, "revoke");
    for token in [&token, &copy] {
        assert_eq!(statuses(&engine, token), [401; 4]);
    }
}

#[test]
fn what_one_engine_knows_nothing_about_another_may_know() {
    // The same secret, tenant and user; only the second has heard of an event.
    let engines = [(); 2]
        .map(|()| Engine::with_keyring(EngineSettings::default(), Keyring::from_seed([1, 2])));
    let model = model(&USERS, "192.0.2.0/24");
    for engine in &engines {
        let settings = TenantSettings::default();
        engine
            .publish("t".parse().unwrap(), &model, settings)
            .unwrap();
        report(engine, NOW, &json!({"user": USERS[1]}), "revoke");
    }
    let token = engines[0].token(facts(USERS[0]));
    assert_eq!(statuses(&engines[0], &token), [200; 4]);
    report(&engines[1], NOW, &json!({"user": USERS[0]}), "revoke");
    assert_eq!(statuses(&engines[1], &token), [401; 4]);
    assert_eq!(statuses(&engines[0], &token), [200; 4]);
}

#[test]
fn a_policy_newer_than_the_token_is_asked_although_nothing_was_known_before() {
    let engine = Engine::new(EngineSettings::default());
    let publish = |model: &TenantModel| {
        let settings = TenantSettings::default();
        engine
            .publish("t".parse().unwrap(), model, settings)
            .unwrap();
    };
    let mut model = model(&USERS, "192.0.2.0/24");
    publish(&model);
    let mut token = engine.token(facts(USERS[0]));
    assert_eq!(statuses(&engine, &token), [200; 4]);
    // From now on the policy blocks everywhere.
    model.policies[0].modified = Some(Timestamp::from_seconds(NOW - 30));
    model.policies[0].conditions.locations = None;
    publish(&model);
    engine.refresh(&mut token);
    assert_eq!(statuses(&engine, &token), [403; 4]);
}
