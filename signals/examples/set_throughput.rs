//! How many tokens one core takes: verified, interpreted and applied to a ledger, beside the
//! signature alone.
//!
//! `cargo run --release -p highwater-signals --example set_throughput`

#![allow(clippy::unwrap_used, reason = "a measurement on keys of its own")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine as _;
use highwater::ledger::{Facts, Retention};
use highwater::marks::Keyring;
use highwater::timestamp::Timestamp;
use highwater_signals::directory::NoDirectory;
use highwater_signals::emit::{Emitter, OutgoingEvent, SetDraft};
use highwater_signals::set::{Algorithm, Compact, KeyLookup, KeySet};
use highwater_signals::subject::Name;
use highwater_signals::{Receiver, TransmitterConfig, Voucher};

const ISSUER: &str = "https://idp.example";
const AUDIENCE: &str = "https://rs.example/signals";
const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const TOKENS: usize = 512;
const ROUNDS: usize = 7;
const AT_LEAST: Duration = Duration::from_millis(200);

fn pem(der: &[u8]) -> Vec<u8> {
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n").into_bytes()
}

fn private_key(algorithm: Algorithm) -> Vec<u8> {
    if algorithm == Algorithm::ES256 {
        let random = aws_lc_rs::rand::SystemRandom::new();
        let pair = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        return pem(pair.as_ref());
    }
    let pair = aws_lc_rs::rsa::KeyPair::generate(KeySize::Rsa2048).unwrap();
    let der: aws_lc_rs::encoding::Pkcs8V1Der<'_> = pair.as_der().unwrap();
    pem(der.as_ref())
}

/// The time that this thread has spent on a core, where the system tells; else `None`.
fn on_core() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ')
        .next()?
        .parse()
        .ok()
        .map(Duration::from_nanos)
}

/// The median rate over several rounds of at least some time each, and the spread. Rates are per
/// second on a core, so that other work on the machine does not count.
fn rate(name: &str, mut one: impl FnMut(usize)) {
    let mut rates: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let (started, before) = (Instant::now(), on_core());
            let spent = || match (before, on_core()) {
                (Some(before), Some(now)) => now.saturating_sub(before),
                _ => started.elapsed(),
            };
            let mut done = 0;
            while done < TOKENS || spent() < AT_LEAST {
                for _ in 0..64 {
                    one(done % TOKENS);
                    done += 1;
                }
            }
            done as f64 / spent().as_secs_f64()
        })
        .collect();
    rates.sort_by(f64::total_cmp);
    println!(
        "{name:<46} {:>9.0} /s   {:>7.2} us   (min {:.0}, max {:.0})",
        rates[ROUNDS / 2],
        1e6 / rates[ROUNDS / 2],
        rates[0],
        rates[ROUNDS - 1]
    );
}

fn facts() -> Facts {
    Facts::new(Keyring::from_seed([1, 2]), Retention::default())
}

fn measure(algorithm: Algorithm) {
    let emitter = Emitter::from_pem(ISSUER, algorithm, "k", &private_key(algorithm)).unwrap();
    let jwks = emitter.jwks().unwrap();
    let keys = KeySet::from_value(&jwks).unwrap();
    let KeyLookup::Found(key) = keys.find(Some("k"), algorithm) else {
        panic!("no key");
    };
    let drafts: Vec<SetDraft> = (0..TOKENS)
        .map(|index| {
            let mut draft = SetDraft::new(
                format!("24c63fb56e5a2d77a6b512616ca{index:05}"),
                AUDIENCE,
                NOW,
                Name::IssSub {
                    iss: ISSUER.to_owned(),
                    sub: format!("99beb27c-c1c2-4955-882a-e0dc4997{index:04x}"),
                },
                OutgoingEvent::SessionRevoked,
            );
            draft.event_timestamp = Some(NOW.plus_seconds(-30));
            draft.reason_admin = vec![("en".to_owned(), "Landspeed Policy Violation".to_owned())];
            draft
        })
        .collect();
    let tokens: Vec<String> = drafts
        .iter()
        .map(|draft| emitter.sign(draft).unwrap())
        .collect();
    let claims: Vec<String> = drafts
        .iter()
        .map(|draft| draft.claims(ISSUER).to_string())
        .collect();
    let compacts: Vec<Compact<'_>> = tokens
        .iter()
        .map(|token| Compact::parse(token.as_bytes()).unwrap())
        .collect();
    let mut config: TransmitterConfig = serde_json::from_value(serde_json::json!({
        "name": "idp", "issuer": ISSUER, "audience": AUDIENCE,
    }))
    .unwrap();
    config.jwks = Some(jwks);
    let receiver = Receiver::new([config]).unwrap();
    println!("{algorithm}, {} bytes a token", tokens[0].len());

    rate(
        "  signature alone, as the library is called here",
        |index| {
            let compact = &compacts[index];
            assert!(key.verifies(algorithm, compact.signing_input, compact.signature));
        },
    );
    rate("  verified", |index| {
        black_box(receiver.verify(tokens[index].as_bytes(), NOW).unwrap());
    });
    let ledger = facts();
    rate("  verified, interpreted and applied", |index| {
        let set = receiver.verify(tokens[index].as_bytes(), NOW).unwrap();
        for event in receiver.interpret(&set, &NoDirectory).unwrap().events {
            black_box(ledger.apply(&event));
        }
    });
    assert_eq!(ledger.len(), TOKENS, "every token left its register");
    let ledger = facts();
    rate("  the same without the signature", |index| {
        let voucher = Voucher::host("measured");
        let set = receiver
            .vouch(claims[index].as_bytes(), NOW, voucher)
            .unwrap();
        for event in receiver.interpret(&set, &NoDirectory).unwrap().events {
            black_box(ledger.apply(&event));
        }
    });
}

/// What the cryptography costs without any library around it.
fn floor() {
    let random = aws_lc_rs::rand::SystemRandom::new();
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    let pair =
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref()).unwrap();
    let message = [7_u8; 600];
    let signature = pair.sign(&random, &message).unwrap();
    let public = aws_lc_rs::signature::ParsedPublicKey::new(
        &aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED,
        pair.public_key().as_ref(),
    )
    .unwrap();
    rate("ES256 floor: parsed key, no library", |_| {
        public.verify_sig(&message, signature.as_ref()).unwrap();
    });
}

fn main() {
    floor();
    measure(Algorithm::ES256);
    measure(Algorithm::RS256);
}
