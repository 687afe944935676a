//! An issuer of the tests: keys made on the spot, tokens with any header and claims, and a server
//! that publishes the keys and counts who asks.

#![allow(dead_code, reason = "each test uses some of it")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RsaKeyPair,
};
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parking_lot::Mutex;
use serde_json::{Value, json};

pub(crate) const ISSUER: &str = "https://idp.example";
pub(crate) const AUDIENCE: &str = "api://orders";
pub(crate) const NOW: i64 = 1_763_760_000;

enum Pair {
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(Box<RsaKeyPair>),
}

/// One signing key.
pub(crate) struct SigningKey {
    pub(crate) id: String,
    pub(crate) algorithm: &'static str,
    pair: Pair,
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl SigningKey {
    pub(crate) fn new(algorithm: &'static str, id: &str) -> SigningKey {
        let pair = match algorithm {
            "ES256" => {
                Pair::P256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
            }
            "EdDSA" => Pair::Ed25519(Ed25519KeyPair::generate().unwrap()),
            "RS256" | "PS256" => {
                Pair::Rsa(Box::new(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()))
            }
            other => panic!("no key for {other}"),
        };
        SigningKey {
            id: id.to_owned(),
            algorithm,
            pair,
        }
    }

    /// The public half as a JWK.
    pub(crate) fn jwk(&self) -> Value {
        let mut jwk = match &self.pair {
            Pair::P256(pair) => {
                let point = pair.public_key().as_ref();
                json!({"kty": "EC", "crv": "P-256", "x": encode(&point[1..33]), "y": encode(&point[33..])})
            }
            Pair::Ed25519(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": encode(pair.public_key().as_ref())})
            }
            Pair::Rsa(pair) => {
                let key = pair.public_key();
                let (n, e) = (key.modulus(), key.exponent());
                json!({"kty": "RSA", "n": encode(n.big_endian_without_leading_zero()),
                    "e": encode(e.big_endian_without_leading_zero())})
            }
        };
        jwk["kid"] = json!(self.id);
        jwk["use"] = json!("sig");
        jwk
    }

    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        let input = format!(
            "{}.{}",
            encode(header.to_string().as_bytes()),
            encode(claims.to_string().as_bytes())
        );
        let random = SystemRandom::new();
        let message = input.as_bytes();
        let signature = match &self.pair {
            Pair::P256(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
            Pair::Rsa(pair) => {
                let padding: &dyn aws_lc_rs::signature::RsaEncoding = match self.algorithm {
                    "RS256" => &aws_lc_rs::signature::RSA_PKCS1_SHA256,
                    _ => &aws_lc_rs::signature::RSA_PSS_SHA256,
                };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(padding, &random, message, &mut signature)
                    .unwrap();
                signature
            }
        };
        format!("{input}.{}", encode(&signature))
    }

    /// A token with the usual header.
    pub(crate) fn token(&self, claims: &Value) -> String {
        let header = json!({"alg": self.algorithm, "kid": self.id, "typ": "JWT"});
        self.sign(&header, claims)
    }
}

/// Claims of a usual token, with some changed; `null` removes.
pub(crate) fn claims(changes: &Value) -> Value {
    let mut claims = json!({
        "iss": ISSUER, "sub": "ada", "aud": AUDIENCE, "jti": "t1", "scp": "orders.read",
        "iat": NOW - 60, "nbf": NOW - 60, "exp": NOW + 3600,
    });
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims
}

pub(crate) fn jwks(keys: &[&SigningKey]) -> Value {
    json!({"keys": keys.iter().map(|key| key.jwk()).collect::<Vec<_>>()})
}

/// Publishes a key set on a free loopback port.
pub(crate) struct KeyServer {
    pub(crate) address: SocketAddr,
    state: Arc<Published>,
}

struct Published {
    keys: Mutex<Option<Value>>,
    metadata: Mutex<Value>,
    delay: Mutex<Duration>,
    gate: Arc<tokio::sync::Mutex<()>>,
    fetches: AtomicUsize,
}

impl KeyServer {
    pub(crate) async fn start(keys: Value) -> KeyServer {
        let state = Arc::new(Published {
            keys: Mutex::new(Some(keys)),
            metadata: Mutex::default(),
            delay: Mutex::default(),
            gate: Arc::default(),
            fetches: AtomicUsize::new(0),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (jwks, metadata) = (Arc::clone(&state), Arc::clone(&state));
        let router = axum::Router::new()
            .route(
                "/jwks",
                axum::routing::get(move || async move {
                    jwks.fetches.fetch_add(1, Ordering::SeqCst);
                    let delay = *jwks.delay.lock();
                    tokio::time::sleep(delay).await;
                    drop(jwks.gate.lock().await);
                    match &*jwks.keys.lock() {
                        Some(keys) => (StatusCode::OK, keys.to_string()),
                        None => (StatusCode::BAD_GATEWAY, "down".to_owned()),
                    }
                }),
            )
            .route(
                "/{*path}",
                axum::routing::get(move || async move { metadata.metadata.lock().to_string() }),
            );
        tokio::spawn(async move { axum::serve(listener, router).await });
        KeyServer { address, state }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Publishes other keys; `None` is an outage.
    pub(crate) fn publish(&self, keys: Option<Value>) {
        *self.state.keys.lock() = keys;
    }

    pub(crate) fn publish_metadata(&self, metadata: Value) {
        *self.state.metadata.lock() = metadata;
    }

    pub(crate) fn answer_after(&self, delay: Duration) {
        *self.state.delay.lock() = delay;
    }

    /// Answers nobody while the guard lives.
    pub(crate) async fn hold(&self) -> tokio::sync::OwnedMutexGuard<()> {
        Arc::clone(&self.state.gate).lock_owned().await
    }

    pub(crate) fn fetches(&self) -> usize {
        self.state.fetches.load(Ordering::SeqCst)
    }
}
