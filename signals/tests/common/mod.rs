//! Keys, transmitters and tokens for the tests.

#![allow(dead_code, reason = "each test uses some of it")]

pub(crate) mod graph;
pub(crate) mod mapping;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
};
use base64::Engine as _;
use highwater::timestamp::Timestamp;
use highwater_signals::delivery::push::{PushEndpoint, PushRequest, PushResponse, PushStep};
use highwater_signals::directory::NoDirectory;
use highwater_signals::emit::{Emitter, OutgoingEvent, SetDraft};
use highwater_signals::set::{Algorithm, KeySet};
use highwater_signals::subject::Name;
use highwater_signals::{Interpretation, Receiver, TransmitterConfig};
use serde_json::{Value, json};

pub(crate) const ISSUER: &str = "https://idp.example";
pub(crate) const AUDIENCE: &str = "https://rs.example/signals";
pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn pem(label: &str, der: &[u8]) -> Vec<u8> {
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n").into_bytes()
}

/// A fresh private key in PEM.
pub(crate) fn private_key(algorithm: Algorithm) -> Vec<u8> {
    let random = aws_lc_rs::rand::SystemRandom::new();
    match algorithm {
        Algorithm::RS256 | Algorithm::RS384 | Algorithm::RS512 | Algorithm::PS256 => {
            let pair = aws_lc_rs::rsa::KeyPair::generate(KeySize::Rsa2048).unwrap();
            let der: aws_lc_rs::encoding::Pkcs8V1Der<'_> = pair.as_der().unwrap();
            pem("PRIVATE KEY", der.as_ref())
        }
        Algorithm::ES256 => pem(
            "PRIVATE KEY",
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
                .unwrap()
                .as_ref(),
        ),
        Algorithm::ES384 => pem(
            "PRIVATE KEY",
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &random)
                .unwrap()
                .as_ref(),
        ),
        Algorithm::EdDSA => pem(
            "PRIVATE KEY",
            Ed25519KeyPair::generate_pkcs8(&random).unwrap().as_ref(),
        ),
    }
}

pub(crate) fn emitter(algorithm: Algorithm, key_id: &str) -> Emitter {
    Emitter::from_pem(ISSUER, algorithm, key_id, &private_key(algorithm)).unwrap()
}

/// The usual transmitter with some members changed.
pub(crate) fn config(changes: &Value) -> TransmitterConfig {
    let mut config = json!({ "name": "idp", "issuer": ISSUER, "audience": AUDIENCE });
    for (name, value) in changes.as_object().unwrap() {
        config[name] = value.clone();
    }
    serde_json::from_value(config).unwrap()
}

pub(crate) fn receiver(changes: &Value) -> Receiver {
    Receiver::new([config(changes)]).unwrap()
}

/// A receiver that has fetched these keys long ago.
pub(crate) fn knowing(changes: &Value, jwks: &Value) -> Receiver {
    let mut receiver = receiver(changes);
    let past = NOW.plus_seconds(-3600);
    let transmitter = receiver.transmitter_mut("idp").unwrap();
    assert!(transmitter.keys.begin(past));
    transmitter.finish_keys(KeySet::from_value(jwks), past);
    receiver
}

pub(crate) fn user(sub: &str) -> Name {
    Name::IssSub {
        iss: ISSUER.to_owned(),
        sub: sub.to_owned(),
    }
}

pub(crate) fn draft(id: &str) -> SetDraft {
    SetDraft::new(
        id,
        AUDIENCE,
        NOW,
        user("ada"),
        OutgoingEvent::SessionRevoked,
    )
}

pub(crate) fn request(body: &[u8]) -> PushRequest<'_> {
    PushRequest {
        method: "POST",
        content_type: Some("application/secevent+jwt"),
        authorization: None,
        body,
    }
}

/// What a push comes to; keys, if they are wanted, are `published`.
pub(crate) fn push(
    receiver: &mut Receiver,
    token: &str,
    published: Option<&Value>,
    now: Timestamp,
) -> (PushResponse, Option<Interpretation>) {
    let endpoint = PushEndpoint::default();
    for _ in 0..2 {
        match endpoint.receive(receiver, &request(token.as_bytes()), &NoDirectory, now) {
            PushStep::Respond(response) => return (response, None),
            PushStep::Persist(delivery) => {
                return (delivery.answer(true), Some(delivery.interpretation));
            }
            PushStep::AwaitKeys {
                retry_after_seconds,
                ..
            } => return (PushResponse::unavailable(retry_after_seconds), None),
            PushStep::FetchKeys { transmitter } => {
                let keys = published.unwrap_or(&Value::Null);
                receiver
                    .transmitter_mut(&transmitter)
                    .unwrap()
                    .finish_keys(KeySet::from_value(keys), now);
            }
        }
    }
    panic!("the keys are wanted twice");
}

/// The error code of an answer.
pub(crate) fn code(response: &PushResponse) -> String {
    assert_eq!(response.status, 400, "{response:?}");
    let body: Value = serde_json::from_slice(&response.body).unwrap();
    body["err"].as_str().unwrap().to_owned()
}

/// A token whose header is rewritten, the signature kept.
pub(crate) fn with_header(token: &str, header: &Value) -> String {
    let encoded = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(header.to_string());
    let (_, rest) = token.split_once('.').unwrap();
    format!("{encoded}.{rest}")
}
