//! What an operator does with a store file: check it, dump it, import a dump, make it smaller.
//!
//! A dump is JSON Lines: a head, one line per register (the event that won it, so that anything
//! that reads events can read a dump), value and document, and a foot with the counts, without
//! which an import refuses: a dump that was cut off must not pass for a smaller store.

use std::fmt;
use std::io::{BufRead, Write};
use std::path::Path;
use std::sync::Arc;

use highwater::identifier::Identifier;
use highwater::ledger::{Entry, Facts, Retention};
use highwater::marks::Keyring;
use highwater::timestamp::Timestamp;
use serde::{Deserialize, Serialize};

use crate::disk::medium::{FileMedium, Medium};
use crate::disk::{self, Creation, DOCUMENTS, DiskOptions, DiskStore, REGISTERS, SCHEMA, VALUES};
use crate::{Batch, Document, DocumentDigest, Space, Store, StoreError, Value, codec};

const CACHE_BYTES: usize = 64 << 20;

/// Lines committed together by [`import`].
const CHUNK: usize = 4096;

/// What a store file holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contents {
    /// Registers.
    pub registers: u64,
    /// Small values.
    pub values: u64,
    /// Documents, one per tenant.
    pub documents: u64,
}

impl fmt::Display for Contents {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} registers, {} values, {} documents",
            self.registers, self.values, self.documents
        )
    }
}

/// Opens a file, verifies every page and decodes every row. After an unclean end, opening also
/// repairs what the end left unfinished.
///
/// # Errors
/// What is wrong with the file.
pub fn check(path: &Path) -> Result<Contents, StoreError> {
    let mut contents = Contents::default();
    visit(path, |row| {
        match row {
            Row::Register(_) => contents.registers += 1,
            Row::Value(..) => contents.values += 1,
            Row::Document(_) => contents.documents += 1,
        }
        Ok(())
    })?;
    Ok(contents)
}

/// Writes everything that a file holds as JSON Lines.
///
/// # Errors
/// What is wrong with the file, or with `out`.
pub fn dump(path: &Path, out: &mut dyn Write) -> Result<Contents, StoreError> {
    let mut contents = Contents::default();
    let mut line = |line: &Line| {
        serde_json::to_writer(&mut *out, line)
            .map_err(std::io::Error::from)
            .and_then(|()| out.write_all(b"\n"))
            .map_err(|error| StoreError::io(path, "write its dump", error))
    };
    line(&Line::HighwaterDump { schema: SCHEMA })?;
    visit(path, |row| {
        line(&match row {
            Row::Register(entry) => {
                contents.registers += 1;
                Line::Register(entry)
            }
            Row::Value(space, key, value) => {
                contents.values += 1;
                Line::Value {
                    space: space.as_str().to_owned(),
                    key,
                    expires: value.expires,
                    bytes: Payload::from_bytes(&value.bytes),
                }
            }
            Row::Document(document) => {
                contents.documents += 1;
                Line::Document {
                    tenant: document.tenant().clone(),
                    published: document.published(),
                    digest: document.digest().to_string(),
                    bytes: Payload::from_bytes(document.bytes()),
                }
            }
        })
    })?;
    line(&Line::End(contents))?;
    Ok(contents)
}

/// Joins a dump into a file, which is made if it is missing. Registers join, so importing twice,
/// or into a store in use before, does no harm.
///
/// # Errors
/// The first line that cannot be imported, a dump without its end, or what is wrong with the
/// file. What came before stays imported.
pub fn import(path: &Path, dump: &mut dyn BufRead) -> Result<Contents, StoreError> {
    let store = open(path, Creation::IfMissing)?;
    let mut contents = Contents::default();
    let mut end = None;
    let mut batch = Batch::new();
    for (index, text) in dump.lines().enumerate() {
        let refuse = |reason: String| StoreError::Import {
            line: index + 1,
            reason,
        };
        let text = text.map_err(|error| refuse(error.to_string()))?;
        let line: Line = serde_json::from_str(&text).map_err(|error| refuse(error.to_string()))?;
        if end.is_some() {
            return Err(refuse("something follows the end of the dump".to_owned()));
        }
        match (index, line) {
            (0, Line::HighwaterDump { schema }) if schema <= SCHEMA => continue,
            (0, Line::HighwaterDump { schema }) => {
                let reason = format!("schema {schema} is newer than {SCHEMA}, which this reads");
                return Err(refuse(reason));
            }
            (0, _) | (_, Line::HighwaterDump { .. }) => {
                return Err(refuse("a dump has one head, and begins with it".to_owned()));
            }
            (_, Line::Register(entry)) => {
                contents.registers += 1;
                batch = batch.register(*entry);
            }
            (
                _,
                Line::Value {
                    space,
                    key,
                    expires,
                    bytes,
                },
            ) => {
                contents.values += 1;
                let space = Space::from_name(&space)
                    .ok_or_else(|| refuse(format!("space `{space}` is unknown")))?;
                let bytes: Arc<[u8]> = bytes.into_bytes().map_err(refuse)?.into();
                batch = batch.value(space, key, Value { bytes, expires });
            }
            (
                _,
                Line::Document {
                    tenant,
                    published,
                    digest,
                    bytes,
                },
            ) => {
                contents.documents += 1;
                let bytes = bytes.into_bytes().map_err(refuse)?;
                if DocumentDigest::of(&bytes).to_string() != digest {
                    return Err(refuse(format!("the bytes do not match digest `{digest}`")));
                }
                batch = batch.document(Document::new(tenant, bytes, published));
            }
            (_, Line::End(counts)) => end = Some(counts),
        }
        if (index + 1) % CHUNK == 0 {
            store.commit(std::mem::take(&mut batch)).wait()?;
        }
    }
    store.commit(batch).wait()?;
    match end {
        Some(counts) if counts == contents => store.close().map(|()| contents),
        Some(counts) => Err(StoreError::Import {
            line: 0,
            reason: format!("its end counts {counts}, but it holds {contents}"),
        }),
        None => Err(StoreError::Import {
            line: 0,
            reason: format!("it is cut off after {contents}"),
        }),
    }
}

/// Forgets what no living token depends on at `now` and gives the space back to the disk.
/// Returns the size before and after, in bytes.
///
/// # Errors
/// What is wrong with the file.
pub fn compact(
    path: &Path,
    retention: Retention,
    now: Timestamp,
) -> Result<(u64, u64), StoreError> {
    let size = || {
        std::fs::metadata(path)
            .map(|metadata| metadata.len())
            .map_err(|error| StoreError::io(path, "read its size", error))
    };
    let facts = Arc::new(Facts::new(Keyring::random(), retention));
    let options = DiskOptions {
        creation: Creation::Never,
        ..DiskOptions::default()
    };
    let store = DiskStore::open(path, facts, &options)?;
    let before = size()?;
    store.forget(now)?;
    store.compact()?;
    store.close()?;
    Ok((before, size()?))
}

enum Row {
    Register(Box<Entry>),
    Value(Space, String, Value),
    Document(Document),
}

fn visit(
    path: &Path,
    mut visit: impl FnMut(Row) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let medium = FileMedium::new(path);
    let (database, faults) = disk::open(path, medium.open()?, CACHE_BYTES)?;
    disk::each(path, &database, &faults, REGISTERS, |key, value| {
        let entry = codec::decode(key, value).map_err(|error| StoreError::damaged(path, error))?;
        visit(Row::Register(Box::new(entry)))
    })?;
    disk::each(path, &database, &faults, VALUES, |key, value| {
        let (space, key, value) = disk::value(path, key, value)?;
        visit(Row::Value(space, key, value))
    })?;
    disk::each(path, &database, &faults, DOCUMENTS, |key, value| {
        visit(Row::Document(disk::document(path, key, value)?))
    })
}

fn open(path: &Path, creation: Creation) -> Result<DiskStore, StoreError> {
    let facts = Arc::new(Facts::new(Keyring::random(), Retention::default()));
    let options = DiskOptions {
        creation,
        ..DiskOptions::default()
    };
    DiskStore::open(path, facts, &options)
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Line {
    HighwaterDump {
        schema: u32,
    },
    Register(Box<Entry>),
    Value {
        space: String,
        key: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires: Option<Timestamp>,
        #[serde(flatten)]
        bytes: Payload,
    },
    Document {
        tenant: Identifier,
        published: Timestamp,
        digest: String,
        #[serde(flatten)]
        bytes: Payload,
    },
    End(Contents),
}

/// Bytes in a line of JSON: readable where they are text, exact where they are not.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Payload {
    Text(String),
    Hex(String),
}

impl Payload {
    fn from_bytes(bytes: &[u8]) -> Payload {
        match std::str::from_utf8(bytes) {
            Ok(text) => Payload::Text(text.to_owned()),
            Err(_) => Payload::Hex(bytes.iter().map(|byte| format!("{byte:02x}")).collect()),
        }
    }

    fn into_bytes(self) -> Result<Vec<u8>, String> {
        let hex = match self {
            Payload::Text(text) => return Ok(text.into_bytes()),
            Payload::Hex(hex) => hex,
        };
        let digits: Option<Vec<u8>> = hex
            .chars()
            .map(|digit| {
                digit
                    .to_digit(16)
                    .and_then(|digit| u8::try_from(digit).ok())
            })
            .collect();
        match digits {
            Some(digits) if digits.len() % 2 == 0 => Ok(digits
                .chunks(2)
                .map(|pair| pair[0] << 4 | pair[1])
                .collect()),
            _ => Err("`hex` is not an even number of hexadecimal digits".to_owned()),
        }
    }
}
