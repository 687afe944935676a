//! More publishers and readers than every interleaving could be tried of: schedules at random.
//!
//! Run: `RUSTFLAGS="--cfg shuttle" cargo test -p highwater --release --lib shuttle_model`.

use std::sync::Arc;

use shuttle::sync::atomic::{AtomicU64, Ordering};
use shuttle::{check_pct, check_random, thread};

use super::model_support::{prepare, snapshot};
use super::slot::{Prepared, TenantSlot};

/// How many schedules of each kind.
const SCHEDULES: usize = 20_000;
/// How many changes of thread a schedule is built around, where they are chosen by priority.
const DEPTH: usize = 3;

const PUBLISHERS: u64 = 3;
const READERS: usize = 4;

/// Three publish versions in no order; four read with what they remember, and refresh it. Who was told
/// of a version decides with it or a later one.
fn publishers_and_readers() {
    let slot = Arc::new(TenantSlot::default());
    slot.publish(snapshot(1));
    let told = Arc::new(AtomicU64::new(1));
    let mut threads: Vec<_> = (0..PUBLISHERS)
        .map(|number| {
            let (slot, told) = (Arc::clone(&slot), Arc::clone(&told));
            thread::spawn(move || {
                for version in [2 + number, 2 + PUBLISHERS + number] {
                    slot.publish(snapshot(version));
                    told.fetch_max(version, Ordering::SeqCst);
                }
            })
        })
        .collect();
    threads.extend((0..READERS).map(|_| {
        let (slot, told) = (Arc::clone(&slot), Arc::clone(&told));
        thread::spawn(move || {
            let mut remembered = prepare(&slot);
            for _ in 0..3 {
                let known = told.load(Ordering::SeqCst);
                let present = remembered.as_ref().and_then(Prepared::current);
                let used = match present {
                    Some(snapshot) => snapshot.version(),
                    None => {
                        remembered = prepare(&slot);
                        slot.load().map_or(u64::MAX, |snapshot| snapshot.version())
                    }
                };
                assert!(used >= known, "version {known} had been published");
            }
        })
    }));
    threads
        .into_iter()
        .for_each(|thread| thread.join().expect("a thread that ends"));
    let last = 1 + 2 * PUBLISHERS;
    assert_eq!(slot.load().expect("a snapshot").version(), last);
    let remembered = prepare(&slot).expect("a snapshot");
    assert_eq!(
        remembered.current().expect("the present one").version(),
        last
    );
    assert!(slot.clear() && remembered.current().is_none());
}

#[test]
fn three_publishers_and_four_readers_at_random() {
    check_random(publishers_and_readers, SCHEDULES);
}

#[test]
fn three_publishers_and_four_readers_by_priority() {
    check_pct(publishers_and_readers, SCHEDULES, DEPTH);
}
