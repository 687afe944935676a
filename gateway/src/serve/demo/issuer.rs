//! The issuer of the demonstration: a key that nobody keeps, and tokens signed with it.

use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use highwater::identifier::Identifier;
use highwater::timestamp::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::json;

use crate::failure::Failure;

/// The issuer, as `highwater.toml` names it.
const ISSUER: &str = "https://demo.highwater.example";
/// The tenant, as `highwater.toml` names it.
pub(super) const TENANT: &str = "demo";
const AUDIENCE: &str = "api://demo";
const KEY: &str = "demo";
/// Where everybody signed in.
const OFFICE: &str = "203.0.113.7";

/// Who a token is for.
pub(super) enum Holder {
    /// A person.
    User(Identifier),
    /// A program.
    Workload(Identifier),
}

/// Signs tokens with a key made at start.
pub(super) struct Issuer {
    key: EncodingKey,
    /// The uncompressed point of the public key.
    point: Vec<u8>,
    issued: AtomicU64,
}

impl Issuer {
    /// An issuer with a new key.
    ///
    /// # Errors
    /// The system has no randomness to make one.
    pub(super) fn new() -> Result<Issuer, Failure> {
        let failed = |_| Failure::Broken("cannot make the key of the demonstration".to_owned());
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(failed)?;
        let document = pair.to_pkcs8v1().map_err(failed)?;
        Ok(Issuer {
            key: EncodingKey::from_ec_der(document.as_ref()),
            point: pair.public_key().as_ref().to_vec(),
            issued: AtomicU64::new(0),
        })
    }

    /// Its public key as a JWK Set.
    pub(super) fn key_set(&self) -> String {
        // 0x04, x and y (SEC 1, section 2.3.3).
        let (x, y) = self.point[1..].split_at((self.point.len() - 1) / 2);
        let text = |number: &[u8]| URL_SAFE_NO_PAD.encode(number);
        json!({"keys": [{
            "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": KEY,
            "x": text(x), "y": text(y),
        }]})
        .to_string()
    }

    /// A token for an hour.
    pub(super) fn token(
        &self,
        holder: &Holder,
        is_capable: bool,
        now: Timestamp,
    ) -> Result<String, jsonwebtoken::errors::Error> {
        let (kind, subject) = match holder {
            Holder::User(user) => ("user", user),
            Holder::Workload(workload) => ("app", workload),
        };
        let number = self.issued.fetch_add(1, Ordering::Relaxed);
        let mut claims = json!({
            "iss": ISSUER, "aud": AUDIENCE, "tid": TENANT, "oid": subject, "sub": subject,
            "idtyp": kind, "azp": "demo-client", "sid": format!("session-of-{subject}"),
            "jti": format!("demo-{number}"), "ipaddr": OFFICE,
            "iat": now.seconds(), "nbf": now.seconds(), "exp": now.plus_seconds(3600).seconds(),
        });
        if is_capable {
            claims["xms_cc"] = json!(["cp1"]);
        }
        let mut header = Header::new(Algorithm::ES256);
        header.typ = Some("at+jwt".to_owned());
        header.kid = Some(KEY.to_owned());
        jsonwebtoken::encode(&header, &claims, &self.key)
    }
}
