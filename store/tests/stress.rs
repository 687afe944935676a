//! Many threads commit at once, at several sizes: whatever was acknowledged is there after the
//! store was closed and opened again, whichever commits shared a transaction.
//!
//! `tests/thread-sanitizer` runs the same under the thread sanitizer.
#![allow(clippy::unwrap_used)] // a test may

mod support;

use std::sync::atomic::{AtomicBool, Ordering};

use highwater::timestamp::Timestamp;
use highwater_store::{Batch, DiskOptions, DiskStore, Space, Store, Value};
use support::{event, export, facts, revoke, user};

/// Threads that write, and how often each does.
const SIZES: [(u64, u64); 3] = [(2, 60), (4, 30), (16, 8)];

#[test]
fn what_was_acknowledged_is_there_after_reopening() {
    for (threads, commits) in SIZES {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        let store = DiskStore::open(&path, facts(), &DiskOptions::default()).unwrap();
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let writers: Vec<_> = (0..threads)
                .map(|thread| {
                    let store = &store;
                    scope.spawn(move || write(store, thread, commits))
                })
                .collect();
            // Somebody looks and tidies up meanwhile.
            scope.spawn(|| {
                while !done.load(Ordering::Acquire) {
                    assert_eq!(store.status().failures, 0);
                    let _ = store.values(Space::Stream);
                    store.forget(Timestamp::from_seconds(1000)).unwrap();
                }
            });
            for writer in writers {
                writer.join().unwrap();
            }
            done.store(true, Ordering::Release);
        });
        let before = export(store.facts());
        store.close().unwrap();

        let again = facts();
        let store = DiskStore::open(&path, again.clone(), &DiskOptions::default()).unwrap();
        assert_eq!(export(&again), before);
        for thread in 0..threads {
            let cursor = store.value(Space::PollCursor, &thread.to_string()).unwrap();
            assert_eq!(*cursor.bytes, *(commits - 1).to_string().as_bytes());
        }
        // Every register of its own, and the one that all of them wrote.
        let registers = again.entries(None);
        assert_eq!(registers.len() as u64, threads * commits + 1);
        store.close().unwrap();
    }
}

fn write(store: &DiskStore, thread: u64, commits: u64) {
    for commit in 0..commits {
        let own = thread * commits + commit + 1;
        let time = i64::try_from(1_763_760_000 + commit).unwrap();
        let shared = event(&format!(r#"{{"user": "{}"}}"#, user(0)), "\"revoke\"", time);
        let batch = Batch::new().event(&revoke(own, time)).event(&shared).value(
            Space::PollCursor,
            thread.to_string(),
            Value::new(commit.to_string().into_bytes()),
        );
        let pending = store.commit(batch);
        assert!(pending.changed() > 0);
        // In force at once, durable when this returns; now and then nobody waits.
        if commit % 4 != 3 {
            pending.wait().unwrap();
        }
    }
}
