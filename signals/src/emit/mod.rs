//! The other half of the conversation: telling the issuer what was seen here.
//!
//! A resource provider sees things that no issuer can: that a session is used from two places,
//! that a device no longer answers. It says so with the same Security Event Tokens that it
//! receives; whatever is built here is accepted by this crate's own receiver.

mod payload;

pub use payload::{InitiatingEntity, OutgoingEvent, Principal};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use highwater::timestamp::Timestamp;
use jsonwebtoken::EncodingKey;
use serde_json::{Map, Value, json};

use crate::set::Algorithm;
use crate::set::keys::CRYPTOGRAPHY;
use crate::subject::SubjectId;

/// What is to be said in one token.
#[derive(Clone, Debug, PartialEq)]
pub struct SetDraft {
    /// `jti`: unique among all tokens of this issuer. The caller makes it, because randomness is
    /// a resource like time.
    pub id: String,
    /// `aud`: the receivers.
    pub audience: Vec<String>,
    /// `iat`.
    pub issued_at: Timestamp,
    /// `txn`, if the token belongs to a transaction.
    pub transaction: Option<String>,
    /// About whom.
    pub subject: SubjectId,
    /// What happened.
    pub event: OutgoingEvent,
    /// When it happened, if that is not when the token is issued.
    pub event_timestamp: Option<Timestamp>,
    /// Who brought it about.
    pub initiating_entity: Option<InitiatingEntity>,
    /// Why, for administrators, by language.
    pub reason_admin: Vec<(String, String)>,
    /// Why, for the user, by language.
    pub reason_user: Vec<(String, String)>,
}

impl SetDraft {
    /// A token that says only what is necessary.
    #[must_use]
    pub fn new(
        id: impl Into<String>,
        audience: impl Into<String>,
        issued_at: Timestamp,
        subject: impl Into<SubjectId>,
        event: OutgoingEvent,
    ) -> SetDraft {
        SetDraft {
            id: id.into(),
            audience: vec![audience.into()],
            issued_at,
            transaction: None,
            subject: subject.into(),
            event,
            event_timestamp: None,
            initiating_entity: None,
            reason_admin: Vec::new(),
            reason_user: Vec::new(),
        }
    }

    /// The claims set, as `issuer` says it.
    #[must_use]
    pub fn claims(&self, issuer: &str) -> Value {
        let mut payload = self.event.payload();
        if let Some(at) = self.event_timestamp {
            payload.insert("event_timestamp".to_owned(), json!(at));
        }
        if let Some(entity) = self.initiating_entity {
            payload.insert("initiating_entity".to_owned(), json!(entity.as_str()));
        }
        for (name, texts) in [
            ("reason_admin", &self.reason_admin),
            ("reason_user", &self.reason_user),
        ] {
            if !texts.is_empty() {
                let texts: Map<String, Value> = texts
                    .iter()
                    .map(|(language, text)| (language.clone(), json!(text)))
                    .collect();
                payload.insert(name.to_owned(), Value::Object(texts));
            }
        }
        let mut claims = json!({
            "iss": issuer,
            "jti": self.id,
            // Whole seconds: some receivers read nothing else.
            "iat": self.issued_at.seconds(),
            "aud": match self.audience.as_slice() {
                [one] => json!(one),
                several => json!(several),
            },
            "sub_id": self.subject.to_value(),
            "events": { self.event.uri(): payload },
        });
        if let Some(transaction) = &self.transaction {
            claims["txn"] = json!(transaction);
        }
        claims
    }
}

/// Signs tokens for one issuer.
#[derive(Clone)]
pub struct Emitter {
    issuer: String,
    algorithm: Algorithm,
    key_id: String,
    key: EncodingKey,
}

impl std::fmt::Debug for Emitter {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Emitter")
            .field("issuer", &self.issuer)
            .field("algorithm", &self.algorithm)
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

/// Why a token cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EmitError {
    /// The private key cannot be read.
    #[error("the private key is not a PEM key for {algorithm}: {reason}")]
    Key {
        /// The algorithm it was to be used with.
        algorithm: Algorithm,
        /// What the reader says.
        reason: String,
    },
    /// Signing failed.
    #[error("the token cannot be signed: {0}")]
    Signature(String),
}

impl Emitter {
    /// An emitter with a private key in PEM (PKCS#8; RSA also PKCS#1).
    ///
    /// # Errors
    /// A key that cannot be read, or is of another kind than the algorithm needs.
    pub fn from_pem(
        issuer: impl Into<String>,
        algorithm: Algorithm,
        key_id: impl Into<String>,
        pem: &[u8],
    ) -> Result<Emitter, EmitError> {
        let key = match algorithm {
            Algorithm::RS256 | Algorithm::RS384 | Algorithm::RS512 | Algorithm::PS256 => {
                EncodingKey::from_rsa_pem(pem)
            }
            Algorithm::ES256 | Algorithm::ES384 => EncodingKey::from_ec_pem(pem),
            Algorithm::EdDSA => EncodingKey::from_ed_pem(pem),
        }
        .map_err(|error| EmitError::Key {
            algorithm,
            reason: error.to_string(),
        })?;
        let emitter = Emitter {
            issuer: issuer.into(),
            algorithm,
            key_id: key_id.into(),
            key,
        };
        // A key on the wrong curve shows itself only when it is used.
        emitter.signature(b"").map_err(|error| EmitError::Key {
            algorithm,
            reason: error.to_string(),
        })?;
        Ok(emitter)
    }

    /// The issuer.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Signs a token: compact JWS with `typ: secevent+jwt`.
    ///
    /// # Errors
    /// The key refuses.
    pub fn sign(&self, draft: &SetDraft) -> Result<String, EmitError> {
        self.sign_claims(&draft.claims(&self.issuer))
    }

    /// Signs a claims set as it is.
    ///
    /// # Errors
    /// The key refuses.
    pub fn sign_claims(&self, claims: &Value) -> Result<String, EmitError> {
        let header = json!({
            "alg": self.algorithm.as_str(),
            "kid": self.key_id,
            "typ": "secevent+jwt",
        });
        let mut token = URL_SAFE_NO_PAD.encode(header.to_string());
        token.push('.');
        token.push_str(&URL_SAFE_NO_PAD.encode(claims.to_string()));
        let signature = self.signature(token.as_bytes())?;
        token.push('.');
        token.push_str(&URL_SAFE_NO_PAD.encode(signature));
        Ok(token)
    }

    fn signature(&self, message: &[u8]) -> Result<Vec<u8>, EmitError> {
        let refused = |error: &dyn std::fmt::Display| EmitError::Signature(error.to_string());
        (CRYPTOGRAPHY.signer_factory)(&self.algorithm.library(), &self.key)
            .map_err(|error| refused(&error))?
            .try_sign(message)
            .map_err(|error| refused(&error))
    }

    /// The public key as a JWK Set, to be published where receivers look for it.
    ///
    /// # Errors
    /// The key has no public half that can be written.
    pub fn jwks(&self) -> Result<Value, EmitError> {
        let refused = |reason: String| EmitError::Key {
            algorithm: self.algorithm,
            reason,
        };
        let utilities = &CRYPTOGRAPHY.key_utils;
        let private = self.key.as_bytes();
        let mut key = match self.algorithm {
            Algorithm::RS256 | Algorithm::RS384 | Algorithm::RS512 | Algorithm::PS256 => {
                let (n, e) = (utilities.rsa_pub_components_from_private_key)(private)
                    .map_err(|error| refused(error.to_string()))?;
                json!({
                    "kty": "RSA",
                    "n": URL_SAFE_NO_PAD.encode(n),
                    "e": URL_SAFE_NO_PAD.encode(e),
                })
            }
            Algorithm::ES256 | Algorithm::ES384 => {
                let (_, x, y) = (utilities.ec_pub_components_from_private_key)(
                    private,
                    self.algorithm.library(),
                )
                .map_err(|error| refused(error.to_string()))?;
                json!({
                    "kty": "EC",
                    "crv": if self.algorithm == Algorithm::ES256 { "P-256" } else { "P-384" },
                    "x": URL_SAFE_NO_PAD.encode(x),
                    "y": URL_SAFE_NO_PAD.encode(y),
                })
            }
            Algorithm::EdDSA => {
                let x = (utilities.ed_pub_components_from_private_key)(
                    private,
                    &jsonwebtoken::jwk::EllipticCurve::Ed25519,
                )
                .map_err(|error| refused(error.to_string()))?;
                json!({ "kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(x) })
            }
        };
        key["kid"] = json!(self.key_id);
        key["alg"] = json!(self.algorithm.as_str());
        key["use"] = json!("sig");
        Ok(json!({ "keys": [key] }))
    }
}
