//! A store that is looked after forgets by itself, gives the space back, and says so.
#![allow(clippy::unwrap_used)] // a test may

mod support;

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use highwater::timestamp::Timestamp;
use highwater_store::{
    Batch, DiskOptions, DiskStore, Housekeeping, HousekeepingOptions, MemoryStore, Space, Store,
    Value,
};
use support::{event, eventually, facts, revoke};

const OFTEN: HousekeepingOptions = HousekeepingOptions {
    every: Duration::from_millis(5),
    compact_from_bytes: 64 << 10,
};

/// Long ago: nothing of that time is alive.
const PAST: i64 = 1_000_000;

#[test]
fn what_expired_goes_by_itself_and_its_space_with_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger");
    let store = DiskStore::open(&path, facts(), &DiskOptions::default()).unwrap();
    let expired = Value::new([]).expiring(Timestamp::from_seconds(PAST));
    let batch = (0..5000)
        .fold(Batch::new(), |batch, number| {
            batch.event(&revoke(number, PAST))
        })
        .event(&event(r#"{"user": "mallory"}"#, "\"block\"", PAST))
        .value(Space::Replay, "jti-1", expired)
        .value(Space::PollCursor, "idp", Value::new(*b"7"));
    store.commit(batch).wait().unwrap();
    let full = fs::metadata(&path).unwrap().len();
    assert_eq!(store.status().bytes, Some(full));
    assert_eq!(store.status().forgot_at, None);

    let store: Arc<dyn Store> = Arc::new(store);
    let housekeeping = Housekeeping::start(&store, OFTEN).unwrap();
    eventually(
        "everything expired is forgotten and the file is small",
        || {
            let status = store.status();
            status.forgotten == 5001 && status.compactions == 1
        },
    );
    assert_eq!(store.facts().len(), 1, "a block stays");
    assert!(store.value(Space::Replay, "jti-1").is_none());
    assert!(store.value(Space::PollCursor, "idp").is_some());
    let small = store.status().bytes.unwrap();
    assert!(small < full / 2, "{full} bytes became {small}");
    let forgot_at = store.status().forgot_at.unwrap();
    eventually("it goes on", || {
        store.status().forgot_at.unwrap() > forgot_at
    });
    assert_eq!(store.status().compactions, 1, "nothing new to give back");
    drop(housekeeping);

    drop(store);
    let store = DiskStore::open(&path, facts(), &DiskOptions::default()).unwrap();
    assert_eq!(store.restored(), 1, "forgotten on disk as well");
}

#[test]
fn it_ends_with_the_store() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new(facts()));
    let housekeeping = Housekeeping::start(&store, OFTEN).unwrap();
    drop(store.apply(&revoke(1, PAST)));
    eventually("memory forgets as well", || store.facts().is_empty());
    let watched = Arc::downgrade(&store);
    drop(store);
    eventually("nobody keeps the store open", || {
        watched.strong_count() == 0
    });
    // Its thread has ended or is about to: this returns.
    drop(housekeeping);
}
