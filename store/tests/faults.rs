//! Every call that the store makes to its disk fails once, in every way, in a scripted run; after
//! each, the store recovers to a state that holds everything it acknowledged.

#![allow(clippy::unwrap_used)] // a test may

mod support;

use std::sync::Arc;
use std::time::Duration;

use highwater::identifier::Identifier;
use highwater::ledger::Facts;
use highwater::timestamp::Timestamp;
use highwater_store::simulated::{Disk, Fault};
use highwater_store::{
    Batch, Condition, DiskOptions, DiskStore, Document, Space, Store, StoreError, Value,
};
use support::{event, export, facts, revoke};

fn options() -> DiskOptions {
    DiskOptions {
        threads: 1,
        retry: Duration::from_millis(5),
        ..DiskOptions::default()
    }
}

fn open(disk: &Disk) -> Result<DiskStore, StoreError> {
    DiskStore::open_medium(Box::new(disk.clone()), facts(), &options())
}

/// The script: registers, superseded and repeated ones, values, documents, forgetting, and a
/// compaction. Returns the steps that were acknowledged.
fn script(store: &DiskStore, forget: Forget) -> Vec<usize> {
    let mut acknowledged = Vec::new();
    for step in 0..STEPS {
        if step == FORGET && forget == Forget::Never {
            continue;
        }
        if run_step(store, step).is_ok() {
            acknowledged.push(step);
        }
    }
    acknowledged
}

const STEPS: usize = 9;
const FORGET: usize = 7;

/// Whether the script forgets. Where it does, an expired register may be there or not, so what
/// must be there is only checked strictly where it does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Forget {
    Never,
    Expired,
}

fn run_step(store: &DiskStore, step: usize) -> Result<(), StoreError> {
    let at = Timestamp::from_seconds;
    let commit = |batch: Batch| store.commit(batch).wait();
    match step {
        0 => commit(Batch::new().event(&revoke(1, 1_000_000))),
        1 => commit(
            Batch::new()
                .event(&revoke(1, 1_000_100))
                .event(&revoke(2, 1_000_000))
                .value(Space::PollCursor, "idp", Value::new(*b"cursor 1")),
        ),
        2 => commit(Batch::new().event(&revoke(1, 1_000_050))),
        3 => commit(Batch::new().document(Document::new(
            Identifier::new("contoso").unwrap(),
            vec![7; 9000],
            at(5),
        ))),
        4 => commit((3..60).fold(Batch::new(), |batch, number| {
            batch.event(&revoke(number, 2_000_000))
        })),
        5 => store
            .remember(Space::Replay, "idp jti-1", at(1_500_000))
            .pending
            .wait(),
        6 => commit(
            Batch::new()
                .event(&event(
                    r#"{"device": "d"}"#,
                    r#"{"compliance": "not_compliant"}"#,
                    7,
                ))
                .value(Space::PollCursor, "idp", Value::new(*b"cursor 2")),
        ),
        7 => store.forget(at(1_900_000)).map(|_| ()),
        _ => store.compact(),
    }
}

/// Every acknowledged step is in what was found.
#[track_caller]
fn check(found: &DiskStore, acknowledged: &[usize], forget: Forget, context: &str) {
    let reference = facts();
    let expected = highwater_store::MemoryStore::new(Arc::clone(&reference));
    for &step in acknowledged {
        replay(&expected, step);
    }
    let contains = |found: &Facts, wanted: &Facts| {
        let found = found.entries(None);
        wanted.entries(None).into_iter().all(|wanted| {
            found
                .iter()
                .any(|entry| entry.is_same_register(&wanted) && !wanted.outranks(entry))
                // Forgetting was asked for: an expired register may be gone already.
                || forget == Forget::Expired
                    && wanted.time() < Timestamp::from_seconds(1_500_000)
                    && wanted.register().expires()
        })
    };
    assert!(
        contains(found.facts(), &reference),
        "{context}: acknowledged {acknowledged:?}, found {}",
        export(found.facts())
    );
    let cursor = found.value(Space::PollCursor, "idp");
    let cursor = cursor.as_ref().map(|value| &*value.bytes);
    if acknowledged.contains(&6) {
        assert_eq!(cursor, Some(&b"cursor 2"[..]), "{context}");
    } else if acknowledged.contains(&1) {
        assert!(cursor.is_some(), "{context}");
    }
    if cursor == Some(b"cursor 1") || cursor == Some(b"cursor 2") {
        // One batch, one fate: with the cursor came the event.
        let has = |number| {
            found.facts().entries(None).iter().any(|entry| {
                entry
                    .subject()
                    .member(highwater::event::Dimension::User)
                    .map(|user| user.as_str())
                    == Some(&support::user(number))
            })
        };
        assert!(
            has(2) || forget == Forget::Expired,
            "{context}: a batch was torn"
        );
    }
    if acknowledged.contains(&3) {
        assert_eq!(found.documents().len(), 1, "{context}");
        assert_eq!(found.documents()[0].bytes().len(), 9000, "{context}");
    }
    if acknowledged.contains(&5) && forget == Forget::Never {
        assert!(
            found.value(Space::Replay, "idp jti-1").is_some(),
            "{context}"
        );
    }
}

fn replay(store: &highwater_store::MemoryStore, step: usize) {
    match step {
        0 => drop(store.apply(&revoke(1, 1_000_000))),
        1 => {
            drop(store.apply(&revoke(1, 1_000_100)));
            drop(store.apply(&revoke(2, 1_000_000)));
        }
        4 => (3..60).for_each(|number| drop(store.apply(&revoke(number, 2_000_000)))),
        6 => drop(store.apply(&event(
            r#"{"device": "d"}"#,
            r#"{"compliance": "not_compliant"}"#,
            7,
        ))),
        _ => {}
    }
}

/// Calls that opening, the script and closing make when nothing fails.
fn calls_of_a_run(forget: Forget) -> u64 {
    let disk = Disk::with_store();
    let before = disk.calls();
    let store = open(&disk).unwrap();
    assert!(script(&store, forget).len() >= STEPS - 1);
    drop(store);
    disk.calls() - before
}

fn run_with(fault: Fault, call: u64, forget: Forget) -> (Disk, Vec<usize>) {
    let disk = Disk::with_store();
    disk.fail_at(call, fault);
    let acknowledged = match open(&disk) {
        Ok(store) => script(&store, forget),
        Err(_) => Vec::new(),
    };
    (disk, acknowledged)
}

#[test]
fn after_any_single_failure_a_restart_finds_what_was_acknowledged() {
    for (fault, forget) in [
        (Fault::Error, Forget::Never),
        (Fault::Error, Forget::Expired),
        (Fault::Short, Forget::Never),
        (Fault::Full, Forget::Never),
    ] {
        for call in 0..calls_of_a_run(forget) {
            let (disk, acknowledged) = run_with(fault, call, forget);
            let context = format!("{fault:?} at call {call}, forget {forget:?}");
            let store = open(&disk.after_restart())
                .unwrap_or_else(|error| panic!("{context}: does not open again: {error}"));
            check(&store, &acknowledged, forget, &context);
        }
    }
}

#[test]
fn after_dying_at_any_call_a_power_cut_leaves_what_was_acknowledged() {
    for call in 0..calls_of_a_run(Forget::Never) {
        let (disk, acknowledged) = run_with(Fault::Dies, call, Forget::Never);
        let mut random = call.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut coin = move |_| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random & 1 == 0
        };
        // Nothing, everything, and several random choices of the unflushed sectors survive.
        for round in 0..5 {
            let cut = match round {
                0 => disk.after_power_cut(|_| false),
                1 => disk.after_power_cut(|_| true),
                _ => disk.after_power_cut(&mut coin),
            };
            let context = format!("dies at call {call}, round {round}");
            let store = open(&cut)
                .unwrap_or_else(|error| panic!("{context}: does not open again: {error}"));
            check(&store, &acknowledged, Forget::Never, &context);
        }
    }
}

#[test]
fn after_a_failed_flush_nothing_is_acknowledged_until_the_store_is_reopened() {
    let mut failed = 0;
    for call in 0..200 {
        let disk = Disk::with_store();
        let store = open(&disk).unwrap();
        store.apply(&revoke(1, 1)).wait().unwrap();
        disk.fail_at(call, Fault::Error);
        let outcome = store.apply(&revoke(2, 1)).wait();
        if !disk.has_failed() {
            break;
        }
        if outcome.is_ok() {
            // A call after the commit, such as giving space back: redb may go on or refuse.
            continue;
        }
        failed += 1;
        assert!(matches!(store.status().condition, Condition::Failed(_)));
        // Refused, yet in force; and a repetition is refused as well.
        assert_eq!(store.facts().len(), 2);
        for event in [revoke(2, 1), revoke(1, 1), revoke(3, 1)] {
            let refused = store.apply(&event).wait().unwrap_err();
            assert!(matches!(refused, StoreError::Failed { .. }), "{refused}");
            assert!(!refused.is_transient());
        }
        assert_eq!(store.facts().len(), 3);
        store.reopen().unwrap();
        store.apply(&revoke(2, 1)).wait().unwrap();
        drop(store);
        let found = open(&disk.after_power_cut(|_| false)).unwrap();
        assert_eq!(found.facts().len(), 3, "call {call}");
    }
    assert!(failed >= 3, "only {failed} calls of a commit failed");
}

#[test]
fn on_a_full_disk_decisions_go_on_and_the_store_heals_by_itself() {
    let disk = Disk::with_store();
    let store = open(&disk).unwrap();
    store.apply(&revoke(1, 1)).wait().unwrap();
    disk.set_full(true);
    let refused = store.apply(&revoke(2, 1)).wait().unwrap_err();
    assert!(matches!(refused, StoreError::Full { .. }), "{refused}");
    assert!(refused.is_transient());
    assert_eq!(store.status().condition.as_str(), "full");
    assert_eq!(store.facts().len(), 2, "refused, yet in force");
    assert!(
        store.apply(&revoke(2, 1)).wait().is_err(),
        "a repetition is refused too"
    );
    disk.set_full(false);
    let mut attempts = 0;
    while store.status().condition.error().is_some() {
        attempts += 1;
        assert!(attempts < 5000, "the store does not heal");
        std::thread::sleep(Duration::from_millis(2));
    }
    store.apply(&revoke(2, 1)).wait().unwrap();
    assert_eq!(store.status().waiting, 0);
    assert!(store.status().failures >= 1);
    drop(store);
    assert_eq!(
        open(&disk.after_power_cut(|_| false))
            .unwrap()
            .facts()
            .len(),
        2
    );
}

#[test]
fn what_was_forgotten_while_the_store_refused_is_forgotten_on_disk_later() {
    let disk = Disk::with_store();
    let store = open(&disk).unwrap();
    // More than are deleted in one transaction.
    let batch = (0..5000).fold(Batch::new(), |batch, number| {
        batch.event(&revoke(number, 1))
    });
    store.commit(batch).wait().unwrap();
    disk.set_full(true);
    store.apply(&revoke(9001, 1)).wait().unwrap_err();
    store.apply(&revoke(9002, 2_000_000)).wait().unwrap_err();
    let refused = store
        .forget(Timestamp::from_seconds(1_900_000))
        .unwrap_err();
    assert!(refused.is_transient(), "{refused}");
    assert_eq!(store.facts().len(), 1, "forgotten here at once");
    assert_eq!(store.status().forgot_at, None, "not to its end");
    disk.set_full(false);
    store.reopen().unwrap();
    assert_eq!(store.status().waiting, 0);
    drop(store);
    // Neither what was on disk nor what waited to be written stays behind.
    assert_eq!(open(&disk.after_restart()).unwrap().facts().len(), 1);
}
