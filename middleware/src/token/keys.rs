//! The keys of one accepted issuer, read by every request that brings a new token.
//!
//! Known keys go on until a fetch says otherwise. A key that is gone takes its cached tokens
//! along: losses are counted, and a token that was verified at another count looks for its key.

use std::sync::atomic::{AtomicU64, Ordering};

use highwater_signals::set::{KeySet, Keys};
use parking_lot::RwLock;

#[cfg(feature = "discovery")]
use super::refresh::Remote;

/// The keys of one issuer over time.
#[derive(Debug)]
pub(super) struct IssuerKeys {
    pub(super) keys: RwLock<Keys>,
    /// How often a fetch came back without a key that was known before.
    pub(super) losses: AtomicU64,
    /// Where new ones come from; `None` for keys that the operator gave.
    #[cfg(feature = "discovery")]
    pub(super) remote: Option<Remote>,
}

/// What is known about the keys of one issuer, for readiness and metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyStatus {
    /// The issuer, as configured.
    pub issuer: String,
    /// How many keys can verify a token of it.
    pub keys: usize,
    /// Whether the last fetch failed, or none was made yet. Known keys go on meanwhile.
    pub unreachable: bool,
}

impl IssuerKeys {
    /// Keys that never change.
    pub(super) fn fixed(set: KeySet) -> IssuerKeys {
        IssuerKeys {
            keys: RwLock::new(Keys::fixed(set)),
            losses: AtomicU64::new(0),
            #[cfg(feature = "discovery")]
            remote: None,
        }
    }

    /// Shows the present keys; `None` before the first fetch.
    pub(super) fn with<R>(&self, read: impl FnOnce(Option<&KeySet>) -> R) -> R {
        read(self.keys.read().current())
    }

    /// Whether this exact key is still published.
    pub(super) fn has(&self, identity: &str) -> bool {
        self.with(|keys| keys.is_some_and(|keys| contains(keys, identity)))
    }

    pub(super) fn losses(&self) -> u64 {
        self.losses.load(Ordering::Acquire)
    }

    pub(super) fn is_unreachable(&self) -> bool {
        self.keys.read().is_unreachable()
    }

    pub(super) fn len(&self) -> usize {
        self.with(|keys| keys.map_or(0, KeySet::len))
    }
}

pub(super) fn contains(keys: &KeySet, identity: &str) -> bool {
    keys.keys().any(|key| **key.identity() == *identity)
}
