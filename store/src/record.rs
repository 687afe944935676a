//! What a store keeps besides registers: small values by key, and documents by tenant.

use std::fmt;
use std::sync::Arc;

use highwater::identifier::TenantId;
use highwater::timestamp::Timestamp;
use sha2::{Digest as _, Sha256};

/// What kind of small value, and thereby whose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Space {
    /// Configuration and state learnt from a transmitter, by issuer.
    Transmitter = 1,
    /// State of a stream with a transmitter, by stream.
    Stream = 2,
    /// Where a poll goes on, by endpoint.
    PollCursor = 3,
    /// Where a Graph delta query goes on, by query.
    DeltaLink = 4,
    /// Security Event Tokens seen already, by issuer and `jti`.
    Replay = 5,
}

impl Space {
    /// Every space.
    pub const ALL: [Space; 5] = [
        Space::Transmitter,
        Space::Stream,
        Space::PollCursor,
        Space::DeltaLink,
        Space::Replay,
    ];

    /// The space's name in dumps.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Space::Transmitter => "transmitter",
            Space::Stream => "stream",
            Space::PollCursor => "poll_cursor",
            Space::DeltaLink => "delta_link",
            Space::Replay => "replay",
        }
    }

    pub(crate) fn from_code(code: u8) -> Option<Space> {
        Space::ALL.into_iter().find(|&space| space as u8 == code)
    }

    pub(crate) fn from_name(name: &str) -> Option<Space> {
        Space::ALL.into_iter().find(|space| space.as_str() == name)
    }
}

/// A small value: bytes that mean something to whoever put them there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// The bytes.
    pub bytes: Arc<[u8]>,
    /// When it may be forgotten; `None`: never.
    pub expires: Option<Timestamp>,
}

impl Value {
    /// A value that stays.
    #[must_use]
    pub fn new(bytes: impl Into<Arc<[u8]>>) -> Value {
        Value {
            bytes: bytes.into(),
            expires: None,
        }
    }

    /// The same value, to be forgotten after `expires`.
    #[must_use]
    pub fn expiring(self, expires: Timestamp) -> Value {
        Value {
            expires: Some(expires),
            ..self
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let expires = self.expires.map_or(i64::MAX, Timestamp::milliseconds);
        [&expires.to_le_bytes()[..], &self.bytes].concat()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Value> {
        let (expires, bytes) = bytes.split_first_chunk::<8>()?;
        let expires = i64::from_le_bytes(*expires);
        Some(Value {
            bytes: bytes.into(),
            expires: (expires != i64::MAX).then(|| Timestamp::from_milliseconds(expires)),
        })
    }
}

/// SHA-256 of a document's bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DocumentDigest(pub [u8; 32]);

impl DocumentDigest {
    /// The digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> DocumentDigest {
        DocumentDigest(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for DocumentDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for DocumentDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// The documents of one tenant (policies, locations, memberships) as one unit: the last that
/// compiled. A store does not look inside.
#[derive(Clone, PartialEq, Eq)]
pub struct Document {
    tenant: TenantId,
    published: Timestamp,
    // INVARIANT: the digest of `bytes`.
    digest: DocumentDigest,
    bytes: Arc<[u8]>,
}

impl Document {
    /// The documents of `tenant` as published at `published`.
    #[must_use]
    pub fn new(tenant: TenantId, bytes: impl Into<Arc<[u8]>>, published: Timestamp) -> Document {
        let bytes = bytes.into();
        Document {
            tenant,
            published,
            digest: DocumentDigest::of(&bytes),
            bytes,
        }
    }

    /// Whose documents these are.
    #[must_use]
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// When they were published: the later publication stands.
    #[must_use]
    pub fn published(&self) -> Timestamp {
        self.published
    }

    /// What names this version.
    #[must_use]
    pub fn digest(&self) -> DocumentDigest {
        self.digest
    }

    /// The bytes as they were given.
    #[must_use]
    pub fn bytes(&self) -> &Arc<[u8]> {
        &self.bytes
    }

    /// Whether these stand against `other` of the same tenant: later publication first, at the
    /// same instant the greater digest, so that all nodes agree.
    #[must_use]
    pub fn outranks(&self, other: &Document) -> bool {
        (self.published, self.digest) > (other.published, other.digest)
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        [
            &self.published.milliseconds().to_le_bytes()[..],
            &self.digest.0,
            &self.bytes,
        ]
        .concat()
    }

    /// Reads what [`Self::encode`] wrote; `None` if the bytes are not those that were digested.
    pub(crate) fn decode(tenant: TenantId, bytes: &[u8]) -> Option<Document> {
        let (published, rest) = bytes.split_first_chunk::<8>()?;
        let (digest, bytes) = rest.split_first_chunk::<32>()?;
        let published = Timestamp::from_milliseconds(i64::from_le_bytes(*published));
        let document = Document::new(tenant, bytes, published);
        (document.digest.0 == *digest).then_some(document)
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Document")
            .field("tenant", &self.tenant)
            .field("published", &self.published)
            .field("digest", &self.digest)
            .field("length", &self.bytes.len())
            .finish()
    }
}
