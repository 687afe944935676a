//! When keys are fetched, and what a fetch changes.
//!
//! [`Keys`] decides, as for security event tokens: on an unknown key at most once per cooldown
//! however many ask, and unasked when they are old. A fetch that fails changes nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use highwater::timestamp::Timestamp;
use highwater_signals::set::keys::{KeyError, RefreshPolicy};
use highwater_signals::set::{KeySet, Keys};
use parking_lot::RwLock;

use super::cache::TokenCache;
use super::fetch::{Fetcher, KeyFetchError};
use super::keys::{IssuerKeys, contains};

/// Where keys come from, and when they are asked for.
#[derive(Debug)]
pub(super) struct Remote {
    fetcher: Fetcher,
    /// When to fetch unasked, in milliseconds; [`i64::MAX`] while a fetch is under way.
    due: AtomicI64,
    /// Held while a fetch is under way, so that everybody waits for the same one.
    under_way: Arc<tokio::sync::Mutex<()>>,
    /// Places for those who wait, so that a slow issuer and a flood of unknown keys do not keep
    /// every connection busy.
    waiting: tokio::sync::Semaphore,
}

/// How many requests wait for the keys of one issuer; more are answered with those that are
/// known.
const MAXIMUM_WAITING: usize = 1024;

impl IssuerKeys {
    /// Keys that are fetched when they are needed.
    pub(super) fn fetched(fetcher: Fetcher, policy: RefreshPolicy) -> IssuerKeys {
        let keys = Keys::fetched(policy);
        IssuerKeys {
            remote: Some(Remote {
                fetcher,
                due: AtomicI64::new(due(&keys)),
                under_way: Arc::default(),
                waiting: tokio::sync::Semaphore::new(MAXIMUM_WAITING),
            }),
            keys: RwLock::new(keys),
            losses: AtomicU64::new(0),
        }
    }

    /// Whether it is time to fetch unasked. `true` for one caller only, until the next time.
    pub(super) fn take_due(&self, now: Timestamp) -> bool {
        let Some(remote) = &self.remote else {
            return false;
        };
        let due = remote.due.load(Ordering::Relaxed);
        due <= now.milliseconds()
            && remote
                .due
                .compare_exchange(due, i64::MAX, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    /// Waits for the fetch that is under way, or makes one if it is allowed. Dropping the future
    /// does not end the fetch: who asks and hangs up must not keep keys from the others.
    pub(super) async fn fetch(
        self: &Arc<Self>,
        now: Timestamp,
        cache: &Arc<TokenCache>,
        issuer: usize,
    ) -> Result<(), KeyFetchError> {
        let Some(remote) = &self.remote else {
            return Ok(());
        };
        let Ok(_place) = remote.waiting.try_acquire() else {
            return Ok(());
        };
        let guard = Arc::clone(&remote.under_way).lock_owned().await;
        if !self.keys.write().begin(now) {
            remote.due.store(due(&self.keys.read()), Ordering::Relaxed);
            return Ok(());
        }
        let (keys, cache) = (Arc::clone(self), Arc::clone(cache));
        let fetch = tokio::spawn(async move {
            let _guard = guard;
            let Some(remote) = &keys.remote else {
                return Ok(());
            };
            let result = remote.fetcher.fetch().await;
            if keys.finish(&result, now) {
                cache.retain(|entry| entry.issuer != issuer || keys.has(&entry.key));
            }
            remote.due.store(due(&keys.keys.read()), Ordering::Relaxed);
            result.map(drop)
        });
        // The runtime is shutting down, or the fetch panicked: nothing was learned.
        fetch.await.unwrap_or(Ok(()))
    }

    /// Takes the result of a fetch. Whether a key was lost.
    fn finish(&self, result: &Result<KeySet, KeyFetchError>, now: Timestamp) -> bool {
        let mut keys = self.keys.write();
        let lost = match (keys.current(), result) {
            (Some(known), Ok(fetched)) => {
                known.keys().any(|key| !contains(fetched, key.identity()))
            }
            _ => false,
        };
        keys.finish(result.clone().map_err(|_| KeyError::NoKeys), now);
        if lost {
            // Counted while the keys are locked: who verified with the old ones reads the old
            // count, and is asked again.
            self.losses.fetch_add(1, Ordering::Release);
        }
        lost
    }
}

fn due(keys: &Keys) -> i64 {
    keys.due_at().map_or(i64::MAX, Timestamp::milliseconds)
}
