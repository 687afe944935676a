//! The store on one machine: a redb file, one thread that writes it, everything else in memory.

mod load;
pub mod medium;
mod tables;
mod writer;

pub use tables::{SCHEMA, initialise};

pub(crate) use load::{document, each, value};
pub(crate) use tables::{DOCUMENTS, REGISTERS, VALUES, create, open};

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use highwater::identifier::TenantId;
use highwater::ledger::Facts;
use highwater::timestamp::Timestamp;

use self::medium::{FileMedium, Medium};
use self::writer::Writer;
use crate::core::{Core, Queue, through_core};
use crate::pending::{Pending, Ticket};
use crate::store::{Batch, Follower, Forgotten, Remembered, Store, StoreStatus};
use crate::{Document, Space, StoreError, Value};

/// What to do about a file that is not there, or is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Creation {
    /// Open the file, or make it. [`StoreStatus::is_new`] tells which it was: report it, because
    /// a data directory that vanished looks like a first start.
    #[default]
    IfMissing,
    /// Open the file; it has to be there.
    Never,
    /// Make the file; it must not be there.
    Always,
}

/// How a store on disk behaves.
#[derive(Clone, Debug)]
pub struct DiskOptions {
    /// What to do if the file is missing. Default: make it.
    pub creation: Creation,
    /// Memory for pages of the file, in bytes. Default 64 MiB. Decisions never read the file, so
    /// this only speeds up writes to large stores.
    pub cache_bytes: usize,
    /// Flush twice per commit. Default off: one flush, and a checksum decides after a crash
    /// whether the commit was complete. Effect: half the commits per second. Hazard of leaving
    /// it off: redb's checksum is no cryptographic one, so who can choose every byte of a commit
    /// *and* cut the power in the middle of it could leave a damaged page that looks whole.
    pub two_phase_commit: bool,
    /// How long to wait before trying a full disk again. Default one second.
    pub retry: Duration,
    /// Threads that rebuild the marks when the store is opened. Default: one per core.
    pub threads: usize,
}

impl Default for DiskOptions {
    fn default() -> Self {
        DiskOptions {
            creation: Creation::IfMissing,
            cache_bytes: 64 << 20,
            two_phase_commit: false,
            retry: Duration::from_secs(1),
            threads: load::default_threads(),
        }
    }
}

/// A store in a file. Dropping it writes what waits, then closes the file.
pub struct DiskStore {
    core: Arc<Core>,
    path: PathBuf,
    is_new: bool,
    restored: usize,
    writer: Option<JoinHandle<()>>,
}

impl DiskStore {
    /// Opens the store at `path`, verifies every page of it and joins its registers into
    /// `facts`: decisions are then what they were before.
    ///
    /// # Errors
    /// What is wrong with the file, and what to do. A file that is damaged, cut off or foreign is
    /// never taken for an empty store.
    pub fn open(
        path: impl AsRef<Path>,
        facts: Arc<Facts>,
        options: &DiskOptions,
    ) -> Result<DiskStore, StoreError> {
        let path = path.as_ref();
        let exists = path
            .try_exists()
            .map_err(|error| StoreError::io(path, "look for it", error))?;
        let is_new = match (exists, options.creation) {
            (true, Creation::Always) => {
                return Err(StoreError::Exists {
                    path: path.to_owned(),
                });
            }
            (false, Creation::Always | Creation::IfMissing) => {
                create(path)?;
                true
            }
            (true, _) | (false, Creation::Never) => false,
        };
        let medium = Box::new(FileMedium::new(path));
        DiskStore::start(medium, facts, options, is_new)
    }

    /// Opens a store that lies on something else than a plain file.
    ///
    /// # Errors
    /// As [`DiskStore::open`].
    pub fn open_medium(
        medium: Box<dyn Medium>,
        facts: Arc<Facts>,
        options: &DiskOptions,
    ) -> Result<DiskStore, StoreError> {
        DiskStore::start(medium, facts, options, false)
    }

    fn start(
        medium: Box<dyn Medium>,
        facts: Arc<Facts>,
        options: &DiskOptions,
        is_new: bool,
    ) -> Result<DiskStore, StoreError> {
        let path = medium.path().to_owned();
        let (database, faults) = open(&path, medium.open()?, options.cache_bytes)?;
        let loaded = load::load(&path, &database, &faults, &facts, options.threads)?;
        let core = Arc::new(Core::new(facts, Some(Queue::new())));
        core.restore(loaded.values, loaded.documents);
        let writer = Writer {
            core: Arc::clone(&core),
            medium,
            path: path.clone(),
            cache_bytes: options.cache_bytes,
            two_phase_commit: options.two_phase_commit,
            retry: options.retry,
            open: Some((database, faults)),
        };
        let writer = std::thread::Builder::new()
            .name("highwater-store".to_owned())
            .spawn(move || writer.run())
            .map_err(|error| StoreError::io(&path, "start the thread that writes", error))?;
        Ok(DiskStore {
            core,
            path,
            is_new,
            restored: loaded.registers,
            writer: Some(writer),
        })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many registers the file held when it was opened.
    #[must_use]
    pub fn restored(&self) -> usize {
        self.restored
    }

    /// Writes what waits and closes the file.
    ///
    /// # Errors
    /// Why the last writes are not durable.
    pub fn close(self) -> Result<(), StoreError> {
        let pending = self.core.promise(&mut self.core.inner.lock(), 0);
        drop(self);
        pending.wait()
    }

    fn ask(
        &self,
        slot: impl FnOnce(&mut Queue) -> &mut Option<Arc<Ticket>>,
    ) -> Result<(), StoreError> {
        let ticket = {
            let mut inner = self.core.inner.lock();
            let Some(queue) = &mut inner.queue else {
                return Ok(());
            };
            Arc::clone(slot(queue).get_or_insert_default())
        };
        self.core.work.notify_one();
        Pending::new(0, ticket).wait()
    }
}

impl Store for DiskStore {
    through_core!();

    fn compact(&self) -> Result<(), StoreError> {
        self.ask(|queue| &mut queue.compact)
    }

    fn reopen(&self) -> Result<(), StoreError> {
        self.ask(|queue| &mut queue.reopen)
    }

    fn status(&self) -> StoreStatus {
        let bytes = std::fs::metadata(&self.path).map(|metadata| metadata.len());
        self.core.status(self.is_new, bytes.ok())
    }
}

impl Drop for DiskStore {
    fn drop(&mut self) {
        if let Some(queue) = &mut self.core.inner.lock().queue {
            queue.close = true;
        }
        self.core.work.notify_one();
        if let Some(writer) = self.writer.take() {
            // The writer does not panic; if it did, there is nothing left to wait for.
            let _ = writer.join();
        }
    }
}
