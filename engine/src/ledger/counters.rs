//! What the ledger has done so far, for metrics.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts since the ledger was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CounterValues {
    /// Events and entries that changed a register.
    pub changed: u64,
    /// Events and entries that were known already, or superseded.
    pub unchanged: u64,
    /// Registers forgotten because no token alive depends on them.
    pub forgotten: u64,
    /// Events whose time lay in the future and was held back.
    pub clamped: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) changed: AtomicU64,
    pub(super) unchanged: AtomicU64,
    pub(super) forgotten: AtomicU64,
    pub(super) clamped: AtomicU64,
}

impl Counters {
    pub(super) fn values(&self) -> CounterValues {
        let value = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        CounterValues {
            changed: value(&self.changed),
            unchanged: value(&self.unchanged),
            forgotten: value(&self.forgotten),
            clamped: value(&self.clamped),
        }
    }
}

/// Counts one more.
pub(super) fn count(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::Relaxed);
}
