//! A file system that is really full: decisions go on, events are refused for the time being,
//! and the store goes on by itself once there is space.
//!
//! Needs root to mount a small file system in memory. Without, the test is skipped with a
//! notice, but fails where `CI` is set.
#![allow(clippy::unwrap_used)] // a test may

mod support;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use highwater::decision::Outcome;
use highwater::engine::Engine;
use highwater::request::Request;
use highwater::settings::EngineSettings;
use highwater::timestamp::Timestamp;
use highwater::token::{IssuerProfile, TokenFacts};
use highwater_store::{Batch, DiskOptions, DiskStore, Store, StoreError};
use support::{Mount, TENANT, eventually, export, facts, revoke, user};

const TIME: i64 = 1_763_760_000;

#[test]
fn on_a_full_file_system_decisions_go_on_and_events_wait_for_space() {
    let directory = tempfile::tempdir().unwrap();
    let mount = directory.path().join("mount");
    let Some(_mount) = Mount::tmpfs(&mount, "8M") else {
        return;
    };
    let options = DiskOptions {
        retry: Duration::from_millis(20),
        ..DiskOptions::default()
    };
    let path = mount.join("ledger");
    let store = DiskStore::open(&path, facts(), &options).unwrap();
    let settings = EngineSettings {
        accept_any_tenant: true,
        ..EngineSettings::default()
    };
    let engine = Engine::with_facts(settings, Arc::clone(store.facts()));
    store.apply(&revoke(0, TIME)).wait().unwrap();

    let ballast = mount.join("ballast");
    fill(&ballast);
    let mut number = 0;
    let refused = loop {
        number += 1;
        assert!(number < 100_000, "the file never grew");
        let batch = (0..100).fold(Batch::new(), |batch, index| {
            batch.event(&revoke(number * 1000 + index, TIME))
        });
        if let Err(refused) = store.commit(batch).wait() {
            break refused;
        }
    };
    assert!(matches!(refused, StoreError::Full { .. }), "{refused}");
    assert!(refused.is_transient(), "what a server answers with 503");
    assert!(refused.to_string().contains("free space"), "{refused}");
    let status = store.status();
    assert_eq!(status.condition.as_str(), "full");
    assert!(status.waiting >= 100 && status.failures >= 1, "{status:?}");

    // Refused, yet in force: nobody gets in because a disk is full.
    assert!(!is_allowed(&engine, number * 1000));
    let latest = 77_000_000;
    assert!(is_allowed(&engine, latest));
    assert!(store.apply(&revoke(latest, TIME)).wait().is_err());
    assert!(!is_allowed(&engine, latest));
    assert!(store.reopen().is_err(), "still full");

    fs::remove_file(&ballast).unwrap();
    eventually("the store goes on by itself", || {
        store.status().condition.as_str() == "ready"
    });
    store.apply(&revoke(latest, TIME)).wait().unwrap();
    assert_eq!(store.status().waiting, 0);
    let expected = export(store.facts());
    store.close().unwrap();
    let store = DiskStore::open(&path, facts(), &options).unwrap();
    assert_eq!(export(store.facts()), expected);
}

/// Takes all the space that is left.
fn fill(ballast: &Path) {
    let mut file = fs::File::create(ballast).unwrap();
    while file.write_all(&[0; 4096]).is_ok() {}
}

fn is_allowed(engine: &Engine, number: u64) -> bool {
    let profile: IssuerProfile =
        serde_json::from_value(serde_json::json!({"issuer": "https://idp.example/"})).unwrap();
    let claims = serde_json::json!({
        "iss": "https://idp.example/", "tid": TENANT, "sub": user(number), "aud": "api://orders",
        "iat": TIME - 60, "exp": TIME + 3600,
    });
    let facts = TokenFacts::from_claims(claims.as_object().unwrap(), &profile).unwrap();
    let request = Request::new(Timestamp::from_seconds(TIME + 1), None);
    engine.decide(&engine.token(facts), &request).outcome() == Outcome::Allow
}
