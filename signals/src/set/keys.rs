//! The keys of an issuer: which one may have signed a token, and when to ask again.
//!
//! One reader for security event tokens and for access tokens.
//!
//! A token names its key by `kid`; a key fits only if its type, curve, use and declared
//! algorithm agree with the token's `alg`. If the named key does not verify the signature, no
//! other key is tried: that is what stops a token signed by a forgotten key. An unknown `kid`
//! is how a rotation shows itself, so it asks for the key set again, but not more often than the
//! refresh interval: otherwise anyone could make us call the transmitter at will.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use highwater::timestamp::Timestamp;
use jsonwebtoken::DecodingKey;
use jsonwebtoken::crypto::CryptoProvider;
use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;
use jsonwebtoken::jwk::Jwk;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Algorithm;
use crate::refusal::{ErrorCode, Refusal};

/// The longest JWK Set accepted, in bytes.
pub const MAXIMUM_JWKS_BYTES: usize = 1024 * 1024;

/// The shortest RSA modulus accepted (CAEP Interop 2.6).
pub const MINIMUM_RSA_BITS: usize = 2048;

// The library's process-wide default panics if some other crate enables a second backend, so
// ours is named where it is used.
pub(crate) static CRYPTOGRAPHY: &CryptoProvider = &DEFAULT_PROVIDER;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum KeyKind {
    Rsa,
    P256,
    P384,
    Ed25519,
}

impl KeyKind {
    const fn fits(self, algorithm: Algorithm) -> bool {
        matches!(
            (self, algorithm),
            (
                KeyKind::Rsa,
                Algorithm::RS256 | Algorithm::RS384 | Algorithm::RS512 | Algorithm::PS256
            ) | (KeyKind::P256, Algorithm::ES256)
                | (KeyKind::P384, Algorithm::ES384)
                | (KeyKind::Ed25519, Algorithm::EdDSA)
        )
    }
}

/// One public key.
#[derive(Clone)]
pub struct PublicKey {
    id: Option<String>,
    kind: KeyKind,
    // What the key itself says it is for; `None` if it does not say.
    declared: Option<Algorithm>,
    issuer: Option<String>,
    // Everything that a signature depends on, as text: equal only for the same key.
    identity: Arc<str>,
    decoding: DecodingKey,
}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("PublicKey")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

impl PublicKey {
    /// The key's name.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The issuer whose tokens it signs, where the key set says so: Microsoft Entra's does, with
    /// `{tenantid}` for any tenant.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// A text that is the same for the same key under the same name, and for no other.
    #[must_use]
    pub fn identity(&self) -> &Arc<str> {
        &self.identity
    }

    fn fits(&self, algorithm: Algorithm) -> bool {
        self.kind.fits(algorithm) && self.declared.is_none_or(|declared| declared == algorithm)
    }

    /// Whether `signature` (base64url) over `signing_input` was made with this key.
    #[must_use]
    pub fn verifies(&self, algorithm: Algorithm, signing_input: &str, signature: &str) -> bool {
        // INVARIANT: the key's kind and declaration fit the algorithm, whoever calls.
        if !self.fits(algorithm) {
            return false;
        }
        let Ok(signature) = URL_SAFE_NO_PAD.decode(signature) else {
            return false;
        };
        (CRYPTOGRAPHY.verifier_factory)(&algorithm.library(), &self.decoding).is_ok_and(
            |verifier| {
                verifier
                    .verify(signing_input.as_bytes(), &signature)
                    .is_ok()
            },
        )
    }

    fn read(value: &Value) -> Result<PublicKey, &'static str> {
        let member = |name: &str| value.get(name).and_then(Value::as_str);
        if member("use").is_some_and(|usage| usage != "sig") {
            return Err("not a signature key");
        }
        if let Some(operations) = value.get("key_ops").and_then(Value::as_array)
            && !operations
                .iter()
                .any(|operation| operation.as_str() == Some("verify"))
        {
            return Err("not a verification key");
        }
        let kind = match (member("kty"), member("crv")) {
            (Some("RSA"), _) => KeyKind::Rsa,
            (Some("EC"), Some("P-256")) => KeyKind::P256,
            (Some("EC"), Some("P-384")) => KeyKind::P384,
            (Some("OKP"), Some("Ed25519")) => KeyKind::Ed25519,
            _ => return Err("a key type or curve that no accepted algorithm uses"),
        };
        if kind == KeyKind::Rsa && rsa_bits(member("n").unwrap_or_default()) < MINIMUM_RSA_BITS {
            return Err("an RSA modulus of fewer than 2048 bits");
        }
        let declared = match member("alg") {
            None => None,
            Some(name) => Some(Algorithm::from_name(name).ok_or("declared for another algorithm")?),
        };
        if declared.is_some_and(|declared| !kind.fits(declared)) {
            return Err("declared for an algorithm that its type cannot do");
        }
        // Only the public members reach the library.
        let mut public = serde_json::Map::new();
        for name in ["kty", "crv", "n", "e", "x", "y"] {
            if let Some(text) = value.get(name) {
                public.insert(name.to_owned(), text.clone());
            }
        }
        let identity = serde_json::json!([&public, member("kid"), member("alg"), member("issuer")]);
        let key: Jwk =
            serde_json::from_value(Value::Object(public)).map_err(|_| "members are missing")?;
        Ok(PublicKey {
            id: member("kid").map(str::to_owned),
            kind,
            declared,
            issuer: member("issuer").map(str::to_owned),
            identity: identity.to_string().into(),
            decoding: DecodingKey::from_jwk(&key).map_err(|_| "members are not a public key")?,
        })
    }
}

fn rsa_bits(modulus: &str) -> usize {
    let Ok(bytes) = URL_SAFE_NO_PAD.decode(modulus) else {
        return 0;
    };
    let Some(first) = bytes.iter().position(|&byte| byte != 0) else {
        return 0;
    };
    (bytes.len() - first) * 8 - bytes[first].leading_zeros() as usize
}

/// What a key set knows about a token's key.
#[derive(Debug)]
pub enum KeyLookup<'a> {
    /// The one key that may have signed the token.
    Found(&'a PublicKey),
    /// A key of this name exists, but it may not sign with this algorithm.
    Unfit,
    /// No such key, or none that is unambiguous.
    Unknown,
}

/// A JWK Set, reduced to the keys that can verify a signature.
#[derive(Clone, Debug, Default)]
pub struct KeySet {
    keys: Vec<PublicKey>,
    skipped: Vec<String>,
}

impl KeySet {
    /// Reads a JWK Set. Keys that no accepted algorithm can use are left out and listed, because
    /// key sets are shared with other purposes.
    ///
    /// # Errors
    /// No JWK Set at all.
    pub fn parse(json: &[u8]) -> Result<KeySet, KeyError> {
        if json.len() > MAXIMUM_JWKS_BYTES {
            return Err(KeyError::TooLong { length: json.len() });
        }
        let document: Value =
            serde_json::from_slice(json).map_err(|error| KeyError::Json(error.to_string()))?;
        KeySet::from_value(&document)
    }

    /// Reads a JWK Set from a JSON value.
    ///
    /// # Errors
    /// No member `keys`.
    pub fn from_value(document: &Value) -> Result<KeySet, KeyError> {
        let listed = document
            .get("keys")
            .and_then(Value::as_array)
            .ok_or(KeyError::NoKeys)?;
        let mut set = KeySet::default();
        for (index, value) in listed.iter().enumerate() {
            match PublicKey::read(value) {
                Ok(key) => set.keys.push(key),
                Err(reason) => set.skipped.push(format!("/keys/{index}: {reason}")),
            }
        }
        Ok(set)
    }

    /// The keys left out, each with its JSON Pointer and the reason.
    #[must_use]
    pub fn skipped(&self) -> &[String] {
        &self.skipped
    }

    /// The keys that can verify a signature.
    pub fn keys(&self) -> impl Iterator<Item = &PublicKey> {
        self.keys.iter()
    }

    /// How many keys can verify a signature.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether no key can verify a signature.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The key for a token that names `key_id` and `algorithm`. Without a name, the only key
    /// that fits; if several fit, none: trying them in turn would let any of them vouch.
    #[must_use]
    pub fn find(&self, key_id: Option<&str>, algorithm: Algorithm) -> KeyLookup<'_> {
        let mut named = self
            .keys
            .iter()
            .filter(|key| key_id.is_none() || key.id() == key_id)
            .peekable();
        if named.peek().is_none() {
            return KeyLookup::Unknown;
        }
        let mut fitting = named.filter(|key| key.fits(algorithm));
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => KeyLookup::Found(key),
            (None, _) if key_id.is_some() => KeyLookup::Unfit,
            _ => KeyLookup::Unknown,
        }
    }
}

/// Why a document is no key set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Longer than [`MAXIMUM_JWKS_BYTES`].
    #[error("the key set has {length} bytes, at most {MAXIMUM_JWKS_BYTES} are read")]
    TooLong {
        /// The length found.
        length: usize,
    },
    /// Not JSON.
    #[error("the key set is not JSON: {0}")]
    Json(String),
    /// No array `keys`.
    #[error("the document has no array `keys`; is it a JWK Set?")]
    NoKeys,
}

/// When a transmitter's keys are fetched again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RefreshPolicy {
    /// The shortest time between two fetches, in seconds. Shorter lets strangers make us call
    /// the transmitter more often; longer delays a rotation.
    pub minimum_interval_seconds: i64,
    /// The age, in seconds, from which keys are fetched again unasked. A key withdrawn by the
    /// transmitter is trusted for at most this long.
    pub maximum_age_seconds: i64,
}

impl Default for RefreshPolicy {
    fn default() -> RefreshPolicy {
        RefreshPolicy {
            minimum_interval_seconds: 60,
            maximum_age_seconds: 12 * 3600,
        }
    }
}

/// The keys of one transmitter over time.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    set: Option<KeySet>,
    policy: RefreshPolicy,
    fixed: bool,
    fetched: Option<Timestamp>,
    attempted: Option<Timestamp>,
    fetching: bool,
    failed: bool,
}

impl Keys {
    /// Keys that are fetched when they are needed.
    #[must_use]
    pub fn fetched(policy: RefreshPolicy) -> Keys {
        Keys {
            policy,
            ..Keys::default()
        }
    }

    /// Keys that the operator configured; never fetched.
    #[must_use]
    pub fn fixed(set: KeySet) -> Keys {
        Keys {
            set: Some(set),
            fixed: true,
            ..Keys::default()
        }
    }

    /// The current key set, if there is one.
    #[must_use]
    pub fn current(&self) -> Option<&KeySet> {
        self.set.as_ref()
    }

    /// Whether the keys are old enough to be fetched again in the background.
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.due_at().is_some_and(|due| due <= now)
    }

    fn may_attempt(&self, now: Timestamp) -> bool {
        !self.fixed
            && self.attempted.is_none_or(|attempted| {
                attempted.plus_seconds(self.policy.minimum_interval_seconds) <= now
            })
    }

    /// Asks for a fetch because of an unknown key. `true`: fetch now and report the result to
    /// [`Keys::finish`]. `false`: too soon after the last attempt, or nothing to fetch.
    pub fn begin(&mut self, now: Timestamp) -> bool {
        let allowed = self.may_attempt(now);
        if allowed {
            self.attempted = Some(now);
            self.fetching = true;
        }
        allowed
    }

    /// The result of a fetch. A failed one keeps the keys that are known.
    pub fn finish(&mut self, result: Result<KeySet, KeyError>, now: Timestamp) {
        self.fetching = false;
        match result {
            Ok(set) => {
                self.set = Some(set);
                self.fetched = Some(now);
                self.failed = false;
            }
            Err(_) => self.failed = true,
        }
    }

    /// Whether the last fetch failed, or none was made yet.
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        self.failed || self.set.is_none()
    }

    /// When the keys are due to be fetched again unasked, if nothing happens before.
    #[must_use]
    pub fn due_at(&self) -> Option<Timestamp> {
        if self.fixed {
            return None;
        }
        let aged = match self.fetched {
            None => Timestamp::MINIMUM,
            Some(fetched) => fetched.plus_seconds(self.policy.maximum_age_seconds),
        };
        let allowed = match self.attempted {
            None => Timestamp::MINIMUM,
            Some(attempted) => attempted.plus_seconds(self.policy.minimum_interval_seconds),
        };
        Some(aged.max(allowed))
    }

    /// The refusal of a token that arrived at `arrived` and whose key is not known; `None` while
    /// that cannot be said: nobody has asked the transmitter since, or its keys could not be
    /// read. Refusing then would lose the first tokens after a rotation, and anyone could bring
    /// that about by asking for a fetch just before it.
    #[must_use]
    pub fn unknown_key(&self, arrived: Timestamp) -> Option<Refusal> {
        let asked_since = self.fixed || self.attempted.is_some_and(|asked| asked >= arrived);
        (asked_since && !self.fetching && !self.is_unreachable()).then(|| {
            Refusal::new(
                ErrorCode::InvalidKey,
                "the token's key is not among the transmitter's published keys",
            )
        })
    }

    /// In how many seconds the transmitter may be asked again, at least one.
    #[must_use]
    pub fn next_attempt_seconds(&self, now: Timestamp) -> u32 {
        let next = self.attempted.map_or(now, |attempted| {
            attempted.plus_seconds(self.policy.minimum_interval_seconds)
        });
        let seconds = (next.milliseconds() - now.milliseconds() + 999) / 1000;
        u32::try_from(seconds.max(1)).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests;
