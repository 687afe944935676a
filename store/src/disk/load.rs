//! From a file back into memory: every register through the same join as the day it came.
//!
//! One thread reads, several decode and join: reading is sequential, joining is what costs.

use std::num::NonZero;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use highwater::identifier::Identifier;
use highwater::ledger::Facts;
use parking_lot::Mutex;
use redb::{Database, ReadableDatabase, ReadableTable};

use super::medium::Faults;
use super::tables::{Bytes, DOCUMENTS, REGISTERS, VALUES, refusal};
use crate::codec;
use crate::{Document, Space, StoreError, Value};

/// Rows handed over at once.
const CHUNK: usize = 1024;

type Row = (Vec<u8>, Vec<u8>);

/// What a file holds besides registers.
pub(crate) struct Loaded {
    pub(crate) registers: usize,
    pub(crate) values: Vec<(Space, String, Value)>,
    pub(crate) documents: Vec<Document>,
}

/// Reads a whole store; every register goes to `facts`.
pub(crate) fn load(
    path: &Path,
    database: &Database,
    faults: &Faults,
    facts: &Facts,
    threads: usize,
) -> Result<Loaded, StoreError> {
    let registers = load_registers(path, database, faults, facts, threads)?;
    let mut values = Vec::new();
    each(path, database, faults, VALUES, |key, bytes| {
        values.push(value(path, key, bytes)?);
        Ok(())
    })?;
    let mut documents = Vec::new();
    each(path, database, faults, DOCUMENTS, |key, bytes| {
        documents.push(document(path, key, bytes)?);
        Ok(())
    })?;
    Ok(Loaded {
        registers,
        values,
        documents,
    })
}

/// How many threads decode unless told otherwise.
pub(crate) fn default_threads() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

/// Calls `visit` for every row of a table.
pub(crate) fn each(
    path: &Path,
    database: &Database,
    faults: &Faults,
    table: Bytes,
    mut visit: impl FnMut(&[u8], &[u8]) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let failed = |error: redb::Error| refusal(path, faults, &error);
    let transaction = database
        .begin_read()
        .map_err(|error| failed(error.into()))?;
    let table = transaction
        .open_table(table)
        .map_err(|error| failed(error.into()))?;
    for row in table.iter().map_err(|error| failed(error.into()))? {
        let (key, value) = row.map_err(|error| failed(error.into()))?;
        visit(key.value(), value.value())?;
    }
    Ok(())
}

pub(crate) fn value(
    path: &Path,
    key: &[u8],
    bytes: &[u8],
) -> Result<(Space, String, Value), StoreError> {
    let decode = || {
        let (code, key) = key.split_first()?;
        let key = std::str::from_utf8(key).ok()?.to_owned();
        Some((Space::from_code(*code)?, key, Value::decode(bytes)?))
    };
    decode().ok_or_else(|| {
        let key = String::from_utf8_lossy(key);
        StoreError::damaged(path, format!("the value `{key}` makes no sense"))
    })
}

pub(crate) fn document(path: &Path, key: &[u8], bytes: &[u8]) -> Result<Document, StoreError> {
    let decode = || {
        let tenant = Identifier::new(std::str::from_utf8(key).ok()?).ok()?;
        Document::decode(tenant, bytes)
    };
    decode().ok_or_else(|| {
        let tenant = String::from_utf8_lossy(key);
        let reason = format!("the documents of tenant `{tenant}` do not match their digest");
        StoreError::damaged(path, reason)
    })
}

fn load_registers(
    path: &Path,
    database: &Database,
    faults: &Faults,
    facts: &Facts,
    threads: usize,
) -> Result<usize, StoreError> {
    let (sender, receiver) = sync_channel::<Vec<Row>>(2 * threads);
    let receiver = Arc::new(Mutex::new(receiver));
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.max(1))
            .map(|_| {
                let receiver = Arc::clone(&receiver);
                scope.spawn(move || join_rows(path, facts, &receiver))
            })
            .collect();
        drop(receiver);
        let mut chunk = Vec::with_capacity(CHUNK);
        let read = each(path, database, faults, REGISTERS, |key, value| {
            chunk.push((key.to_vec(), value.to_vec()));
            if chunk.len() == CHUNK {
                // Nobody receives any more: the workers know why.
                let full = std::mem::replace(&mut chunk, Vec::with_capacity(CHUNK));
                let _ = sender.send(full);
            }
            Ok(())
        });
        let _ = sender.send(chunk);
        drop(sender);
        let mut joined = 0;
        for worker in workers {
            joined += worker
                .join()
                .map_err(|_| StoreError::damaged(path, "a register broke its reader"))??;
        }
        read.map(|()| joined)
    })
}

fn join_rows(
    path: &Path,
    facts: &Facts,
    receiver: &Mutex<Receiver<Vec<Row>>>,
) -> Result<usize, StoreError> {
    let mut joined = 0;
    loop {
        let Ok(rows) = receiver.lock().recv() else {
            return Ok(joined);
        };
        for (key, value) in &rows {
            let entry =
                codec::decode(key, value).map_err(|error| StoreError::damaged(path, error))?;
            facts.merge(entry);
        }
        joined += rows.len();
    }
}
