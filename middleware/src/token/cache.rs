//! Verified tokens by the digest of their text.
//!
//! A digest, so that a dump of memory holds no token twice and keys have one size. Only what was
//! verified gets in; what is over its time or lost its key gets out, at the latest when it is
//! asked for. Bounded by weight: the length of the token, which bounds what was read out of it.

use std::sync::Arc;

use highwater::timestamp::Timestamp;
use highwater::token::VerifiedToken;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use sha2::{Digest as _, Sha256};

/// SHA-256 of the token's text.
pub(super) type Digest = [u8; 32];

pub(super) fn digest(token: &str) -> Digest {
    Sha256::digest(token.as_bytes()).into()
}

/// A verified token and what it depends on.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) token: Arc<VerifiedToken>,
    /// When it is over, the tolerance between clocks included.
    pub(super) until: Timestamp,
    /// Which of the validator's issuers verified it.
    pub(super) issuer: usize,
    /// The key that signed it.
    pub(super) key: Arc<str>,
    /// How often that issuer had lost a key when the token was verified.
    pub(super) losses: u64,
    weight: u64,
}

impl Entry {
    pub(super) fn new(
        token: VerifiedToken,
        skew: i64,
        issuer: usize,
        key: Arc<str>,
        losses: u64,
        text: &str,
    ) -> Entry {
        Entry {
            until: token.facts().expires.plus_seconds(skew),
            token: Arc::new(token),
            issuer,
            key,
            losses,
            weight: WITHOUT_TEXT + text.len() as u64,
        }
    }

    /// The same token, prepared for what is published now.
    pub(super) fn with_token(&self, token: VerifiedToken) -> Entry {
        Entry {
            token: Arc::new(token),
            ..self.clone()
        }
    }
}

/// What an entry takes beside what was read out of the token, in bytes.
const WITHOUT_TEXT: u64 = 1024;

#[derive(Clone, Copy, Debug)]
struct ByLength;

impl Weighter<Digest, Arc<Entry>> for ByLength {
    fn weight(&self, _: &Digest, entry: &Arc<Entry>) -> u64 {
        entry.weight
    }
}

/// Verified tokens, bounded.
#[derive(Debug)]
pub(super) struct TokenCache(Cache<Digest, Arc<Entry>, ByLength>);

impl TokenCache {
    /// At most about `bytes` of memory.
    pub(super) fn new(bytes: u64) -> TokenCache {
        let usual = WITHOUT_TEXT + 1500;
        let entries = usize::try_from(bytes / usual).unwrap_or(usize::MAX);
        TokenCache(Cache::with_weighter(entries.max(1), bytes, ByLength))
    }

    pub(super) fn find(&self, digest: &Digest) -> Option<Arc<Entry>> {
        self.0.get(digest)
    }

    pub(super) fn insert(&self, digest: Digest, entry: Entry) {
        self.0.insert(digest, Arc::new(entry));
    }

    pub(super) fn remove(&self, digest: &Digest) {
        self.0.remove(digest);
    }

    /// Keeps only what `keep` says.
    pub(super) fn retain(&self, keep: impl Fn(&Entry) -> bool) {
        self.0.retain(|_, entry| keep(entry));
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn weight(&self) -> u64 {
        self.0.weight()
    }
}
