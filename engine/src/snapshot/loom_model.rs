//! Every interleaving of publications with tokens that remember them, as far as the memory model
//! allows.
//!
//! Run: `RUSTFLAGS="--cfg loom" cargo test -p highwater --release --lib loom_model`.

use std::sync::Arc;

use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;

use super::model_support::{prepare, snapshot};
use super::slot::TenantSlot;

fn slot_with(version: u64) -> Arc<TenantSlot> {
    let slot = Arc::new(TenantSlot::default());
    slot.publish(snapshot(version));
    slot
}

#[test]
fn who_hears_of_a_publication_decides_with_it() {
    loom::model(|| {
        let slot = slot_with(1);
        let told = Arc::new(AtomicBool::new(false));
        let before = prepare(&slot).unwrap();
        let publisher = {
            let (slot, told) = (Arc::clone(&slot), Arc::clone(&told));
            thread::spawn(move || {
                slot.publish(snapshot(2));
                told.store(true, Ordering::Release);
            })
        };
        let heard = told.load(Ordering::Acquire);
        let used = match before.current() {
            Some(remembered) => remembered.version(),
            None => slot.load().unwrap().version(),
        };
        assert!(used == 2 || !heard, "the publication had returned");
        publisher.join().unwrap();
        assert!(before.current().is_none());
    });
}

#[test]
fn an_old_snapshot_is_never_remembered_as_the_new_one() {
    loom::model(|| {
        let slot = slot_with(1);
        let publisher = {
            let slot = Arc::clone(&slot);
            thread::spawn(move || slot.publish(snapshot(2)))
        };
        let prepared = prepare(&slot).unwrap();
        publisher.join().unwrap();
        if let Some(remembered) = prepared.current() {
            assert_eq!(remembered.version(), 2);
        }
    });
}

#[test]
fn of_two_publications_the_later_version_stays_and_is_noticed() {
    loom::model(|| {
        let slot = slot_with(1);
        let publishers: Vec<_> = [2, 3]
            .map(|version| {
                let slot = Arc::clone(&slot);
                thread::spawn(move || slot.publish(snapshot(version)))
            })
            .into();
        let prepared = prepare(&slot).unwrap();
        for publisher in publishers {
            publisher.join().unwrap();
        }
        assert_eq!(slot.load().unwrap().version(), 3);
        if let Some(remembered) = prepared.current() {
            assert_eq!(remembered.version(), 3);
        }
    });
}

#[test]
fn a_removed_tenant_is_not_remembered() {
    loom::model(|| {
        let slot = slot_with(1);
        let remover = {
            let slot = Arc::clone(&slot);
            thread::spawn(move || slot.clear())
        };
        let prepared = prepare(&slot);
        assert!(remover.join().unwrap());
        // Nothing that still counts as present was remembered.
        assert!(prepared.is_none_or(|prepared| prepared.current().is_none()));
    });
}
