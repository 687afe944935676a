//! What a connection is doing: how many requests began on it, and how many are under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Shared by a connection's stream, its services and its driver.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    begun: AtomicU64,
    under_way: AtomicU32,
}

impl Pulse {
    /// A request begins; it ends when the guard is dropped.
    pub(super) fn begin(self: &Arc<Pulse>) -> UnderWay {
        self.begun.fetch_add(1, Ordering::Relaxed);
        self.under_way.fetch_add(1, Ordering::Relaxed);
        UnderWay(Arc::clone(self))
    }

    /// How many requests have begun.
    pub(super) fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    /// Whether no request is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.under_way.load(Ordering::Relaxed) == 0
    }
}

/// A request under way.
pub(super) struct UnderWay(Arc<Pulse>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}
