//! What can go wrong with a store, and what to do about it.
//!
//! Everything is cloneable, because one failed commit fails every event of its group.

use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why a store refuses to open, to write or to read.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file does not exist and was not to be created.
    #[error("`{}` does not exist; check the path, or let the store create it", .path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The file exists and was to be created.
    #[error("`{}` exists already; open it, or choose another path", .path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The file is something else.
    #[error("`{}` is not a Highwater store: {reason}", .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What was found instead.
        reason: String,
    },
    /// The file was written by another version.
    #[error(
        "`{}` has schema {found}, this version reads schema {supported}; open it with the \
         version that wrote it, `dump` it and `import` the dump here", .path.display()
    )]
    WrongVersion {
        /// The file.
        path: PathBuf,
        /// The schema of the file.
        found: u32,
        /// The schema that this version reads and writes.
        supported: u32,
    },
    /// The file was a store and is damaged.
    #[error(
        "`{}` is damaged: {reason}; restore a copy, or start a new store and resynchronise it \
         from another node or its transmitters", .path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What does not add up.
        reason: String,
    },
    /// Another process has the file open.
    #[error("`{}` is open in another process; stop that one first", .path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The disk is full. Decisions go on; events are refused until there is space again.
    #[error(
        "no space left for `{}`: {reason}; free space, and the store goes on by itself",
        .path.display()
    )]
    Full {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        reason: String,
    },
    /// Writing failed. Decisions go on; events are refused until the store is reopened.
    #[error(
        "`{}` refuses writes since an operation on it failed: {reason}; check the disk, then \
         reopen the store", .path.display()
    )]
    Failed {
        /// The file.
        path: PathBuf,
        /// The operation that failed.
        reason: String,
    },
    /// The operating system refused something around the file.
    #[error("`{}`: cannot {action}: {source}", .path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What the operating system said.
        source: Arc<std::io::Error>,
    },
    /// The store was closed while the event waited.
    #[error("the store is closed")]
    Closed,
    /// A line of a dump cannot be imported.
    #[error("line {line} of the dump: {reason}")]
    Import {
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
}

impl StoreError {
    /// Whether the same call may succeed later without anybody reopening the store: what a
    /// server answers with 503 and a short `Retry-After`.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, StoreError::Full { .. })
    }

    #[cold]
    pub(crate) fn io(path: &Path, action: &'static str, source: std::io::Error) -> StoreError {
        StoreError::Io {
            path: path.to_owned(),
            action,
            source: Arc::new(source),
        }
    }

    #[cold]
    pub(crate) fn damaged(path: &Path, reason: impl ToString) -> StoreError {
        StoreError::Damaged {
            path: path.to_owned(),
            reason: reason.to_string(),
        }
    }
}
