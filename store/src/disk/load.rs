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
use crate::codec::Decoder;
use crate::{Document, Space, StoreError, Value};

/// Rows handed over at once.
const CHUNK: usize = 1024;

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
    let (sender, receiver) = sync_channel::<Rows>(2 * threads);
    let receiver = Arc::new(Mutex::new(receiver));
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.max(1))
            .map(|_| {
                let receiver = Arc::clone(&receiver);
                scope.spawn(move || join_rows(path, facts, &receiver))
            })
            .collect();
        drop(receiver);
        let mut rows = Rows::default();
        let read = each(path, database, faults, REGISTERS, |key, value| {
            rows.push(key, value);
            if rows.len() == CHUNK {
                // Nobody receives any more: the workers know why.
                let _ = sender.send(std::mem::take(&mut rows));
            }
            Ok(())
        });
        let _ = sender.send(rows);
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
    receiver: &Mutex<Receiver<Rows>>,
) -> Result<usize, StoreError> {
    let mut decoder = Decoder::default();
    let mut joined = 0;
    loop {
        let Ok(rows) = receiver.lock().recv() else {
            return Ok(joined);
        };
        for (key, value) in rows.iter() {
            let entry = decoder
                .decode(key, value)
                .map_err(|error| StoreError::damaged(path, error))?;
            facts.merge(entry);
        }
        joined += rows.len();
    }
}

/// Rows handed from the thread that reads to those that join: one piece of memory for all.
#[derive(Default)]
struct Rows {
    bytes: Vec<u8>,
    /// Where the key and the value of each row end.
    ends: Vec<(usize, usize)>,
}

impl Rows {
    fn push(&mut self, key: &[u8], value: &[u8]) {
        self.bytes.extend_from_slice(key);
        let end = self.bytes.len();
        self.bytes.extend_from_slice(value);
        self.ends.push((end, self.bytes.len()));
    }

    fn len(&self) -> usize {
        self.ends.len()
    }

    fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut start = 0;
        self.ends.iter().map(move |&(key_end, end)| {
            let row = (&self.bytes[start..key_end], &self.bytes[key_end..end]);
            start = end;
            row
        })
    }
}
