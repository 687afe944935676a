//! Messages of the bus as bytes, and the keys under which they are the last value.

use std::fmt;

use highwater::identifier::{Identifier, TenantId};
use highwater::ledger::Entry;
use highwater::timestamp::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::codec::{self, Encoded};
use crate::{Document, DocumentDigest};

/// The largest piece of a document in one message: well below the megabyte that servers allow.
pub(crate) const CHUNK: usize = 256 << 10;

/// Where a message is the last value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key {
    /// One register, by the first 128 bits of the SHA-256 of its key.
    Register(u128),
    /// The documents of one tenant, by the first 128 bits of the SHA-256 of its name.
    Document(u128),
}

impl Key {
    /// The key of a register.
    #[must_use]
    pub fn of_register(encoded: &Encoded) -> Key {
        Key::Register(digest(&encoded.key))
    }

    /// The key of a tenant's documents.
    #[must_use]
    pub fn of_tenant(tenant: &TenantId) -> Key {
        Key::Document(digest(tenant.as_str().as_bytes()))
    }

    /// Reads what [`fmt::Display`] wrote; `None` for keys of chunks, heartbeats and others.
    #[must_use]
    pub fn parse(text: &str) -> Option<Key> {
        let (kind, digits) = text.split_once('.')?;
        if digits.len() != 32 {
            return None;
        }
        let number = u128::from_str_radix(digits, 16).ok()?;
        match kind {
            "r" => Some(Key::Register(number)),
            "d" => Some(Key::Document(number)),
            _ => None,
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Key::Register(number) => write!(formatter, "r.{number:032x}"),
            Key::Document(number) => write!(formatter, "d.{number:032x}"),
        }
    }
}

/// What the keys of all chunks of one publication begin with. A publication that was replaced
/// never comes back, so its chunks can go; the same bytes may, in a later publication, and have
/// chunks of their own.
#[cfg(feature = "nats")]
pub(crate) fn chunks_key(pointer: &Pointer) -> String {
    let published = pointer.published.milliseconds();
    format!("c.{}.{published}", pointer.digest)
}

/// The key of one chunk.
#[cfg(feature = "nats")]
pub(crate) fn chunk_key(pointer: &Pointer, number: u32) -> String {
    format!("{}.{number}", chunks_key(pointer))
}

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// The state of a register.
    Register(Box<Entry>),
    /// Where the documents of a tenant are.
    Document(Pointer),
}

/// Documents by name: what is published once their chunks are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointer {
    /// Whose documents.
    pub tenant: TenantId,
    /// When they were published.
    pub published: Timestamp,
    /// What the chunks have to add up to.
    pub digest: DocumentDigest,
    /// How many chunks there are.
    pub chunks: u32,
}

impl Pointer {
    /// The pointer to `document`.
    #[must_use]
    pub fn to(document: &Document) -> Pointer {
        Pointer {
            tenant: document.tenant().clone(),
            published: document.published(),
            digest: document.digest(),
            chunks: u32::try_from(document.bytes().len().div_ceil(CHUNK)).unwrap_or(u32::MAX),
        }
    }

    /// Whether the documents stand against `other`, by the order of [`Document::outranks`].
    #[must_use]
    pub fn outranks(&self, other: &Document) -> bool {
        (self.published, self.digest) > (other.published(), other.digest())
    }
}

/// Why bytes are no message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no message of this version: {0}")]
pub struct MessageError(String);

// First byte of every message. Numbers are never used again for something else.
const REGISTER: u8 = 1;
const DOCUMENT: u8 = 2;

impl Message {
    /// Writes the state of a register.
    #[must_use]
    pub fn encode_register(encoded: &Encoded) -> Vec<u8> {
        // INVARIANT: a key has at most nine texts of at most 2048 bytes each.
        let length = u16::try_from(encoded.key.len()).unwrap_or(u16::MAX);
        [
            &[REGISTER][..],
            &length.to_le_bytes(),
            &encoded.key,
            &encoded.value,
        ]
        .concat()
    }

    /// Writes where documents are.
    #[must_use]
    pub fn encode_pointer(pointer: &Pointer) -> Vec<u8> {
        [
            &[DOCUMENT][..],
            &pointer.published.milliseconds().to_le_bytes(),
            &pointer.digest.0,
            &pointer.chunks.to_le_bytes(),
            pointer.tenant.as_str().as_bytes(),
        ]
        .concat()
    }

    /// Reads a message and checks that it is about `key`.
    ///
    /// # Errors
    /// Bytes that are no message, or that belong under another key.
    pub fn decode(key: Key, bytes: &[u8]) -> Result<Message, MessageError> {
        let refuse = |reason: &str| MessageError(reason.to_owned());
        let (kind, rest) = bytes.split_first().ok_or_else(|| refuse("it is empty"))?;
        let (found, message) = match *kind {
            REGISTER => {
                let (length, rest) = rest
                    .split_first_chunk::<2>()
                    .ok_or_else(|| refuse("it is cut off"))?;
                let (name, value) = rest
                    .split_at_checked(usize::from(u16::from_le_bytes(*length)))
                    .ok_or_else(|| refuse("it is cut off"))?;
                let entry =
                    codec::decode(name, value).map_err(|error| refuse(&error.to_string()))?;
                (
                    Key::Register(digest(name)),
                    Message::Register(Box::new(entry)),
                )
            }
            DOCUMENT => {
                let pointer = pointer(rest).ok_or_else(|| refuse("it is no pointer"))?;
                (Key::of_tenant(&pointer.tenant), Message::Document(pointer))
            }
            other => return Err(refuse(&format!("its kind is {other}"))),
        };
        if found != key {
            return Err(refuse("it belongs under another key"));
        }
        Ok(message)
    }
}

fn pointer(bytes: &[u8]) -> Option<Pointer> {
    let (published, rest) = bytes.split_first_chunk::<8>()?;
    let (digest, rest) = rest.split_first_chunk::<32>()?;
    let (chunks, tenant) = rest.split_first_chunk::<4>()?;
    Some(Pointer {
        tenant: Identifier::new(std::str::from_utf8(tenant).ok()?).ok()?,
        published: Timestamp::from_milliseconds(i64::from_le_bytes(*published)),
        digest: DocumentDigest(*digest),
        chunks: u32::from_le_bytes(*chunks),
    })
}

fn digest(bytes: &[u8]) -> u128 {
    let digest: [u8; 32] = Sha256::digest(bytes).into();
    let mut half = [0; 16];
    half.copy_from_slice(&digest[..16]);
    u128::from_be_bytes(half)
}
