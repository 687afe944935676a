//! Forgetting in the background, so that a ledger does not grow for ever.
//!
//! One thread per store asks now and then for what no living token depends on. Forgetting cannot
//! be taken back, so the time of day has to be believable.

use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::Store;
use crate::clock::{AgreedClock, wall_clock};

/// How often, and what is worth a compaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HousekeepingOptions {
    /// Pause between two walks through the registers. Default ten minutes. Effect: memory and
    /// disk hold what expired for so much longer. Each walk holds up writers of one subject in
    /// 64 at a time, and decisions never.
    pub every: Duration,
    /// Give free space back to the disk once as many registers and values were forgotten as are
    /// left, in files of at least so many bytes. Default 16 MiB: smaller files are not worth the
    /// pause. Writes wait during a compaction, seconds per gigabyte; `u64::MAX`: never.
    pub compact_from_bytes: u64,
}

impl Default for HousekeepingOptions {
    fn default() -> Self {
        HousekeepingOptions {
            every: Duration::from_secs(600),
            compact_from_bytes: 16 << 20,
        }
    }
}

/// Keeps a store small until it is dropped, or the store is.
///
/// What it does is seen in [`StoreStatus`](crate::StoreStatus): `forgot_at`, `forgotten`,
/// `compactions` and `bytes`.
///
/// ```
/// # use std::sync::Arc;
/// # use highwater::ledger::{Facts, Retention};
/// # use highwater::marks::Keyring;
/// # use highwater_store::{Housekeeping, HousekeepingOptions, MemoryStore, Store};
/// let facts = Arc::new(Facts::new(Keyring::random(), Retention::default()));
/// let store: Arc<dyn Store> = Arc::new(MemoryStore::new(facts));
/// let housekeeping = Housekeeping::start(&store, HousekeepingOptions::default())?;
/// // Before the store is closed: waits for what is under way.
/// drop(housekeeping);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Housekeeping {
    stop: Arc<Stop>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Stop {
    is_asked: Mutex<bool>,
    asked: Condvar,
}

impl Housekeeping {
    /// Starts the thread. It does not keep the store open: whoever drops the last `Arc` of the
    /// store ends it. The first walk comes after [`HousekeepingOptions::every`].
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn start(
        store: &Arc<dyn Store>,
        options: HousekeepingOptions,
    ) -> std::io::Result<Housekeeping> {
        let stop = Arc::new(Stop::default());
        let asked = Arc::clone(&stop);
        let mut keeper = Keeper {
            store: Arc::downgrade(store),
            options,
            forgotten: 0,
            clock: AgreedClock::new(wall_clock(), Instant::now()),
        };
        let thread = std::thread::Builder::new()
            .name("highwater-housekeeping".to_owned())
            .spawn(move || while asked.sleep(options.every) && keeper.walk() {})?;
        Ok(Housekeeping {
            stop,
            thread: Some(thread),
        })
    }
}

impl Drop for Housekeeping {
    fn drop(&mut self) {
        *self.stop.is_asked.lock() = true;
        self.stop.asked.notify_all();
        if let Some(thread) = self.thread.take() {
            // The keeper does not panic; if it did, there is nothing left to wait for.
            let _ = thread.join();
        }
    }
}

impl Stop {
    /// Sleeps, and says whether to go on.
    fn sleep(&self, pause: Duration) -> bool {
        let mut is_asked = self.is_asked.lock();
        if !*is_asked {
            self.asked.wait_for(&mut is_asked, pause);
        }
        !*is_asked
    }
}

struct Keeper {
    store: Weak<dyn Store>,
    options: HousekeepingOptions,
    /// Forgotten since the last compaction: what is free inside the file.
    forgotten: u64,
    clock: AgreedClock,
}

impl Keeper {
    /// One walk. Whether the store is still there.
    fn walk(&mut self) -> bool {
        let Some(store) = self.store.upgrade() else {
            return false;
        };
        let now = wall_clock();
        if !self.clock.agrees(now, Instant::now()) {
            return true;
        }
        // A store that refuses says so in its status; there will be another walk.
        if let Ok(forgotten) = store.forget(now) {
            self.forgotten += forgotten.total();
            if self.is_worth_compacting(&*store) && store.compact().is_ok() {
                self.forgotten = 0;
            }
        }
        true
    }

    fn is_worth_compacting(&self, store: &dyn Store) -> bool {
        let is_large = |bytes: u64| bytes >= self.options.compact_from_bytes;
        self.forgotten > 0
            && self.forgotten >= store.facts().len() as u64
            && store.status().bytes.is_some_and(is_large)
    }
}
