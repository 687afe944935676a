//! The tables of a store file, how a file is made, and how one is opened without trusting it.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::{
    Builder, Database, DatabaseError, ReadableDatabase, StorageBackend, StorageError,
    TableDefinition, TableError,
};

use super::medium::{Faults, Watched};
use crate::StoreError;

/// The version of everything below. A file of another version is refused, never guessed at.
pub const SCHEMA: u32 = 1;

/// `schema` → [`SCHEMA`]. Its presence makes a redb file one of ours.
pub(crate) const HIGHWATER: TableDefinition<'_, &str, u32> = TableDefinition::new("highwater");
/// Registers, see [`codec`](crate::codec).
pub(crate) const REGISTERS: Bytes = TableDefinition::new("registers");
/// Small values: space and key → expiry and bytes.
pub(crate) const VALUES: Bytes = TableDefinition::new("values");
/// Documents: tenant → publication, digest and bytes.
pub(crate) const DOCUMENTS: Bytes = TableDefinition::new("documents");

pub(crate) type Bytes = TableDefinition<'static, &'static [u8], &'static [u8]>;

/// Makes an empty store in an empty medium.
///
/// # Errors
/// The medium refuses, or is not empty.
pub fn initialise(path: &Path, backend: Box<dyn StorageBackend>) -> Result<(), StoreError> {
    let (watched, faults) = Watched::new(backend);
    let make = || -> Result<(), redb::Error> {
        let database = Builder::new().create_with_backend(watched)?;
        let mut transaction = database.begin_write()?;
        transaction.set_two_phase_commit(true);
        transaction
            .open_table(HIGHWATER)?
            .insert("schema", SCHEMA)?;
        for table in [REGISTERS, VALUES, DOCUMENTS] {
            transaction.open_table(table)?;
        }
        transaction.commit()?;
        Ok(database.close()?)
    };
    make().map_err(|error| refusal(path, &faults, &error))
}

/// Makes an empty store file. It appears under its name only once it is complete, so that no
/// crash leaves half of one behind.
pub(crate) fn create(path: &Path) -> Result<(), StoreError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".creating");
    let unfinished = PathBuf::from(name);
    let file = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(&unfinished)
        .map_err(|error| StoreError::io(&unfinished, "create it", error))?;
    let backend = redb::backends::FileBackend::new(file)
        .map_err(|error| StoreError::damaged(&unfinished, error))?;
    initialise(&unfinished, Box::new(backend))?;
    let sync = |path: &Path| fs::File::open(path).and_then(|file| file.sync_all());
    sync(&unfinished).map_err(|error| StoreError::io(&unfinished, "flush it", error))?;
    // Linking fails if the name is taken meanwhile: two processes never make one store.
    fs::hard_link(&unfinished, path)
        .and_then(|()| fs::remove_file(&unfinished))
        .map_err(|error| StoreError::io(path, "give it its name", error))?;
    let directory = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    sync(directory).map_err(|error| StoreError::io(directory, "flush the directory", error))
}

/// Opens a store after verifying every page of it.
pub(crate) fn open(
    path: &Path,
    backend: Box<dyn StorageBackend>,
    cache_bytes: usize,
) -> Result<(Database, Arc<Faults>), StoreError> {
    let (watched, faults) = Watched::new(backend);
    // redb promises no panic when it checks a file; damage that breaks the promise must still
    // not take the host down.
    let opened = catch_unwind(AssertUnwindSafe(|| {
        Builder::new()
            .set_cache_size(cache_bytes)
            .set_check_integrity_on_open(true)
            .create_with_backend(watched)
    }))
    .map_err(|_| StoreError::damaged(path, "its structure makes no sense"))?;
    let database = opened.map_err(|error| match error {
        DatabaseError::UpgradeRequired(_) => StoreError::Foreign {
            path: path.to_owned(),
            reason: error.to_string(),
        },
        DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
            StoreError::InUse {
                path: path.to_owned(),
            }
        }
        other => refusal(path, &faults, &other.into()),
    })?;
    check_schema(path, &database, &faults)?;
    Ok((database, faults))
}

fn check_schema(path: &Path, database: &Database, faults: &Faults) -> Result<(), StoreError> {
    let find = || -> Result<Option<u32>, redb::Error> {
        match database.begin_read()?.open_table(HIGHWATER) {
            Ok(table) => Ok(table.get("schema")?.map(|found| found.value())),
            Err(
                TableError::TableDoesNotExist(_)
                | TableError::TableTypeMismatch { .. }
                | TableError::TableIsMultimap(_),
            ) => Ok(None),
            Err(error) => Err(error.into()),
        }
    };
    match find().map_err(|error| refusal(path, faults, &error))? {
        Some(SCHEMA) => Ok(()),
        Some(found) => Err(StoreError::WrongVersion {
            path: path.to_owned(),
            found,
            supported: SCHEMA,
        }),
        None => Err(StoreError::Foreign {
            path: path.to_owned(),
            reason: "it is a redb database of another program".to_owned(),
        }),
    }
}

/// What an error of redb means here.
pub(crate) fn refusal(path: &Path, faults: &Faults, error: &redb::Error) -> StoreError {
    use std::io::ErrorKind;
    let path = path.to_owned();
    let Some(fault) = faults.first() else {
        let reason = error.to_string();
        return match error {
            // redb reads past the end of what it was given: the file is too short.
            redb::Error::Corrupted(_) | redb::Error::Io(_) => StoreError::Damaged { path, reason },
            _ => StoreError::Failed { path, reason },
        };
    };
    let reason = format!("{}: {}", fault.operation, fault.message);
    match (fault.operation, fault.kind) {
        ("writing" | "resizing", ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => {
            StoreError::Full { path, reason }
        }
        (_, ErrorKind::UnexpectedEof) => StoreError::Damaged {
            path,
            reason: "it is cut off".to_owned(),
        },
        _ => StoreError::Failed { path, reason },
    }
}

/// An error of redb's lower layer, as its general one.
pub(crate) fn general(error: StorageError) -> redb::Error {
    error.into()
}
