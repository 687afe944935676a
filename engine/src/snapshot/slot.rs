//! Where a tenant's present snapshot is published, and how a token remembers it.
//!
//! Finding the tenant and asking its policies whom they concern depends on the token and the
//! snapshot alone, so it is done once per token. A decision then only checks that nothing newer
//! was published: one load of one counter that hardly ever changes.
//!
//! # Consistency
//!
//! A publication stores the snapshot first and counts up after. A reader that sees the old count
//! may use what it remembers: it decides as if it had come before the publication. Once `publish`
//! has returned, every reader sees the new count.

//!
//! # Why the orders are what they are
//!
//! - `publish` stores the pointer, then adds to the count with Release; whoever reads that count
//!   with Acquire reads that pointer or a later one. Relaxed on either side would let a reader
//!   remember the old snapshot under the new count, and keep it for good.
//! - `Prepared::new` is given a count that was read *before* the pointer. The other way round, a
//!   publication in between would be remembered as seen.
//! - The count is a sum, so two publications that race leave a count that neither of them saw
//!   before the other's pointer was in place.
//!
//! `loom_model.rs` tries every interleaving of these steps.

use std::sync::Arc;

use super::TenantSnapshot;
use super::policy_table::ScopeMask;
use crate::hint;
use crate::primitive::{ArcSwapOption, AtomicU64, Ordering};

/// The place of one tenant. Lives as long as somebody remembers it.
#[derive(Debug)]
pub(crate) struct TenantSlot {
    /// Counts up with every change of `snapshot`.
    generation: AtomicU64,
    snapshot: ArcSwapOption<TenantSnapshot>,
}

impl Default for TenantSlot {
    fn default() -> Self {
        TenantSlot {
            generation: AtomicU64::new(0),
            snapshot: ArcSwapOption::default(),
        }
    }
}

impl TenantSlot {
    /// The present snapshot; `None` once the tenant was removed. Never waits.
    pub(crate) fn load(&self) -> Option<Arc<TenantSnapshot>> {
        self.snapshot.load_full()
    }

    /// The present count of changes.
    #[inline]
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Whether something is published here.
    pub(crate) fn is_taken(&self) -> bool {
        self.snapshot.load().is_some()
    }

    /// Replaces the snapshot unless a later one is there already.
    pub(crate) fn publish(&self, snapshot: Arc<TenantSnapshot>) {
        self.snapshot.rcu(|known| match known {
            Some(known) if known.version() > snapshot.version() => Some(known.clone()),
            _ => Some(snapshot.clone()),
        });
        self.invalidate();
    }

    /// Removes the snapshot. Whether there was one.
    pub(crate) fn clear(&self) -> bool {
        let was_there = self.snapshot.swap(None).is_some();
        self.invalidate();
        was_there
    }

    /// Makes everybody look again.
    pub(crate) fn invalidate(&self) {
        self.generation.fetch_add(1, Ordering::Release);
    }
}

/// What a token remembers of its tenant, in half a cache line.
#[derive(Clone, Debug)]
pub(crate) struct Prepared {
    slot: Arc<TenantSlot>,
    generation: u64,
    snapshot: Arc<TenantSnapshot>,
    quiet: u64,
}

impl Prepared {
    /// Remembers the present snapshot of `slot`, beside what `ask` finds out about it.
    /// `generation` is a count that was read before the slot was chosen: if a publication comes
    /// in between, the memory is old at once.
    pub(crate) fn new(
        slot: Arc<TenantSlot>,
        generation: u64,
        ask: impl FnOnce(&TenantSnapshot) -> ScopeMask,
    ) -> Option<(Prepared, ScopeMask)> {
        let snapshot = slot.load()?;
        let mask = ask(&snapshot);
        let prepared = Prepared {
            slot,
            generation,
            snapshot,
            quiet: match mask.quiet.first() {
                Some(&(0, word)) => word,
                _ => 0,
            },
        };
        Some((prepared, mask))
    }

    /// Where the snapshot is.
    #[inline]
    pub(crate) fn address(&self) -> *const TenantSnapshot {
        &raw const *self.snapshot
    }

    /// Asks for the slot and the snapshot.
    #[inline]
    pub(crate) fn prefetch(&self) {
        hint::prefetch(&*self.slot);
        self.snapshot.prefetch();
    }

    /// Whether it is about exactly this snapshot.
    #[inline]
    pub(crate) fn is_of(&self, snapshot: &TenantSnapshot) -> bool {
        std::ptr::eq(&*self.snapshot, snapshot)
    }

    /// Word 0 of [`ScopeMask::quiet`].
    #[inline]
    pub(crate) fn quiet(&self) -> u64 {
        self.quiet
    }

    /// The snapshot, if it is still the present one.
    #[inline]
    pub(crate) fn current(&self) -> Option<&Arc<TenantSnapshot>> {
        (self.slot.generation() == self.generation).then_some(&self.snapshot)
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    fn snapshot(version: u64) -> Arc<TenantSnapshot> {
        Arc::new(TenantSnapshot {
            version,
            ..TenantSnapshot::empty()
        })
    }

    #[test]
    fn a_publication_outdates_what_was_remembered() {
        let slot = Arc::new(TenantSlot::default());
        assert!(Prepared::new(slot.clone(), slot.generation(), |_| ScopeMask::default()).is_none());
        slot.publish(snapshot(1));
        let (prepared, _) =
            Prepared::new(slot.clone(), slot.generation(), |_| ScopeMask::default()).unwrap();
        assert_eq!(prepared.current().unwrap().version(), 1);
        slot.publish(snapshot(2));
        assert!(prepared.current().is_none());
        // A publication that comes late does not bring the older snapshot back.
        slot.publish(snapshot(1));
        assert_eq!(slot.load().unwrap().version(), 2);
        assert!(slot.clear());
        assert!(!slot.clear());
    }
}
