//! An issuer for tests: a key made for each of them, and tokens signed with it.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::gateway::{Gateway, OFFICE_ONLY};

/// Accepts the issuer's tokens for `api`, decides tenant `contoso` by `office.json`.
pub(crate) const CONFIGURATION: &str = r#"
[token]
audiences = ["api"]

[[issuer]]
issuer = "https://idp.example"
answers_challenges = true
jwks_file = "keys.json"

[[tenant]]
id = "contoso"
documents = ["office.json"]
"#;

pub(crate) struct Issuer {
    key: EncodingKey,
    point: Vec<u8>,
}

impl Issuer {
    pub(crate) fn new() -> Issuer {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        Issuer {
            key: EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref()),
            point: pair.public_key().as_ref().to_vec(),
        }
    }

    pub(crate) fn key_set(&self) -> String {
        let (x, y) = self.point[1..].split_at(32);
        let text = |number: &[u8]| URL_SAFE_NO_PAD.encode(number);
        json!({"keys": [{"kty": "EC", "crv": "P-256", "alg": "ES256", "kid": "k1",
                         "x": text(x), "y": text(y)}]})
        .to_string()
    }

    /// A token with these claims over the usual ones; `null` takes one away.
    pub(crate) fn token(&self, claims: Value) -> String {
        let now = now();
        let mut all = json!({
            "iss": "https://idp.example", "aud": "api", "tid": "contoso", "oid": "ada",
            "sub": "ada", "idtyp": "user", "azp": "app", "sid": "session", "jti": "token-1",
            "iat": now - 10, "exp": now + 3600, "ipaddr": "203.0.113.7",
        });
        for (name, value) in claims.as_object().unwrap() {
            all[name] = value.clone();
        }
        all.as_object_mut()
            .unwrap()
            .retain(|_, value| !value.is_null());
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some("k1".to_owned());
        jsonwebtoken::encode(&header, &all, &self.key).unwrap()
    }

    /// A gateway that accepts its tokens, with more configuration.
    pub(crate) fn gateway(&self, more: &str) -> Gateway {
        self.gateway_with(more, &[])
    }

    /// A gateway that accepts its tokens, with more configuration and files.
    pub(crate) fn gateway_with(&self, more: &str, files: &[(&str, &str)]) -> Gateway {
        let keys = self.key_set();
        let mut all = vec![("office.json", OFFICE_ONLY), ("keys.json", keys.as_str())];
        all.extend(files);
        Gateway::start(&format!("{CONFIGURATION}{more}"), &all)
    }
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs()
}
