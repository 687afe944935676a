//! What lies below redb: a file, or anything a test puts there.
//!
//! Two things are added to redb's own file access. Whatever fails is remembered with the
//! operation that failed, because a full disk heals by itself and a failed flush does not. And
//! before a file is trusted, its cached pages are dropped: after a failed flush the kernel may
//! show pages that never reached the disk, and a store that builds on those loses them with the
//! next power cut.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use redb::backends::FileBackend;
use redb::{BackendError, StorageBackend};

use crate::StoreError;

/// Something that holds the bytes of one store and can be opened again and again.
pub trait Medium: Send + 'static {
    /// What errors call it.
    fn path(&self) -> &Path;

    /// Opens the bytes of an existing store.
    ///
    /// # Errors
    /// They are not there, not those of a store, or in use.
    fn open(&self) -> Result<Box<dyn StorageBackend>, StoreError>;
}

/// A file.
#[derive(Clone, Debug)]
pub struct FileMedium {
    path: PathBuf,
}

/// How every redb file begins.
const MAGIC: [u8; 9] = *b"redb\x1A\x0A\xA9\x0D\x0A";

impl FileMedium {
    /// The file at `path`.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> FileMedium {
        FileMedium { path: path.into() }
    }
}

impl Medium for FileMedium {
    fn path(&self) -> &Path {
        &self.path
    }

    fn open(&self) -> Result<Box<dyn StorageBackend>, StoreError> {
        let path = &self.path;
        let mut file = match OpenOptions::new().read(true).write(true).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(StoreError::Missing { path: path.clone() });
            }
            Err(error) => return Err(StoreError::io(path, "open it", error)),
        };
        inspect(path, &mut file)?;
        trust_only_the_disk(path, &file)?;
        // An independent handle: closing the one above must not give up redb's locks.
        drop(file);
        let backend = OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .map(FileBackend::new)
            .map_err(|error| StoreError::io(path, "open it", error))?
            .map_err(|error| match error {
                redb::DatabaseError::DatabaseAlreadyOpen => {
                    StoreError::InUse { path: path.clone() }
                }
                other => StoreError::damaged(path, other),
            })?;
        Ok(Box::new(backend))
    }
}

/// Refuses what redb would take for an empty store or could not name.
fn inspect(path: &Path, file: &mut File) -> Result<(), StoreError> {
    let foreign = |reason: &str| StoreError::Foreign {
        path: path.to_owned(),
        reason: reason.to_owned(),
    };
    let metadata = file
        .metadata()
        .map_err(|error| StoreError::io(path, "read its size", error))?;
    if !metadata.is_file() {
        return Err(foreign("it is not a regular file"));
    }
    if metadata.len() == 0 {
        return Err(StoreError::damaged(path, "it is empty"));
    }
    let mut start = Vec::with_capacity(MAGIC.len());
    file.take(MAGIC.len() as u64)
        .read_to_end(&mut start)
        .map_err(|error| StoreError::io(path, "read it", error))?;
    if start.len() < MAGIC.len() && MAGIC.starts_with(&start) {
        let reason = format!("it is cut off after {} bytes", start.len());
        return Err(StoreError::damaged(path, reason));
    }
    if start != MAGIC {
        return Err(foreign("it does not begin like one"));
    }
    Ok(())
}

fn trust_only_the_disk(path: &Path, file: &File) -> Result<(), StoreError> {
    file.sync_all()
        .map_err(|error| StoreError::io(path, "flush it before use", error))?;
    #[cfg(target_os = "linux")]
    rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::DontNeed)
        .map_err(|error| StoreError::io(path, "drop its cached pages", error.into()))?;
    Ok(())
}

/// The first operation that failed since the medium was opened.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    first: Mutex<Option<Fault>>,
}

#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) operation: &'static str,
    pub(crate) kind: ErrorKind,
    pub(crate) message: String,
}

impl Faults {
    pub(crate) fn first(&self) -> Option<Fault> {
        self.first.lock().clone()
    }

    fn note<T>(&self, operation: &'static str, result: io::Result<T>) -> io::Result<T> {
        if let Err(error) = &result {
            self.first.lock().get_or_insert_with(|| Fault {
                operation,
                kind: error.kind(),
                message: error.to_string(),
            });
        }
        result
    }
}

/// Notes what fails below, and is otherwise the backend below.
#[derive(Debug)]
pub(crate) struct Watched {
    below: Box<dyn StorageBackend>,
    faults: Arc<Faults>,
}

impl Watched {
    pub(crate) fn new(below: Box<dyn StorageBackend>) -> (Watched, Arc<Faults>) {
        let faults = Arc::new(Faults::default());
        let watched = Watched {
            below,
            faults: Arc::clone(&faults),
        };
        (watched, faults)
    }
}

impl StorageBackend for Watched {
    fn len(&self) -> io::Result<u64> {
        self.faults.note("reading the size", self.below.len())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.faults.note("reading", self.below.read(offset, out))
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.faults.note("resizing", self.below.set_len(length))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.faults.note("flushing", self.below.sync_data())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.faults.note("writing", self.below.write(offset, data))
    }

    fn close(&self) -> io::Result<()> {
        self.below.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.below.try_lock_range(start, end)
    }

    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, BackendError> {
        self.below.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.below.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.below.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.below.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.below.query_lock_range(start, end)
    }
}
