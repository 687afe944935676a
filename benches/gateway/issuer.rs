//! An issuer and transmitter of our own: one key, tokens and reports signed with it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::Outcome;

pub(crate) const ISSUER: &str = "https://idp.example";

pub(crate) struct Issuer {
    key: EncodingKey,
    point: Vec<u8>,
}

impl Issuer {
    pub(crate) fn new() -> Outcome<Issuer> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
        Ok(Issuer {
            key: EncodingKey::from_ec_der(pair.to_pkcs8v1()?.as_ref()),
            point: pair.public_key().as_ref().to_vec(),
        })
    }

    /// Its JWK Set.
    pub(crate) fn keys(&self) -> String {
        let (x, y) = self.point[1..].split_at(32);
        let text = |number: &[u8]| URL_SAFE_NO_PAD.encode(number);
        json!({"keys": [{"kty": "EC", "crv": "P-256", "alg": "ES256", "kid": "k1",
                         "x": text(x), "y": text(y)}]})
        .to_string()
    }

    /// A file with so many tokens, one to a line, each of another user.
    pub(crate) fn tokens(&self, folder: &Path, name: &str, count: usize) -> Outcome<PathBuf> {
        let mut text = String::new();
        for number in 0..count {
            writeln!(text, "{}", self.token(&format!("{name}-{number}"))?)?;
        }
        let path = folder.join(name);
        std::fs::write(&path, text)?;
        Ok(path)
    }

    /// A token of `user`, from the office.
    pub(crate) fn token(&self, user: &str) -> Outcome<String> {
        let now = now();
        self.sign(
            "at+jwt",
            &json!({
                "iss": ISSUER, "aud": "api", "tid": "contoso", "oid": user, "sub": user,
                "idtyp": "user", "azp": "client", "sid": format!("session-{user}"),
                "jti": format!("token-{user}"), "iat": now - 10, "exp": now + 86_400,
                "ipaddr": "203.0.113.7", "xms_cc": ["cp1"],
            }),
        )
    }

    /// A report that every session of `user` is over.
    pub(crate) fn report(&self, user: &str) -> Outcome<String> {
        let subject = json!({"format": "iss_sub", "iss": ISSUER, "sub": user});
        self.sign(
            "secevent+jwt",
            &json!({
                "iss": ISSUER, "aud": "https://gateway.example", "jti": format!("report-{user}"),
                "iat": now(), "sub_id": subject,
                "events": {"https://schemas.openid.net/secevent/caep/event-type/session-revoked":
                           {"event_timestamp": now()}},
            }),
        )
    }

    fn sign(&self, kind: &str, claims: &Value) -> Outcome<String> {
        let mut header = Header::new(Algorithm::ES256);
        header.typ = Some(kind.to_owned());
        header.kid = Some("k1".to_owned());
        Ok(jsonwebtoken::encode(&header, claims, &self.key)?)
    }
}

pub(crate) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}
