//! Who sends events: some as Security Event Tokens under a key that changes, some plain.

use std::sync::LazyLock;

use base64::Engine as _;
use highwater::event::{Event, RiskLevel};
use highwater::timestamp::Timestamp;
use highwater_signals::directory::NoDirectory;
use highwater_signals::emit::{Emitter, OutgoingEvent, Principal, SetDraft};
use highwater_signals::set::verify::VerifyError;
use highwater_signals::set::{Algorithm, KeySet};
use highwater_signals::subject::Name;
use highwater_signals::{Receiver, TransmitterConfig};
use serde_json::{Value, json};

use crate::generate::{self, Random, names};
use crate::vector::TENANT;

const ISSUER: &str = "https://transmitter.example";
const AUDIENCE: &str = "https://receiver.example";
const NAME: &str = "transmitter";

/// The keys that are used one after the other. Known to everybody: nothing real trusts them.
static KEYS: LazyLock<Vec<(Emitter, Value)>> = LazyLock::new(|| {
    let keys = (1..=4_u8).map(|number| {
        let pem = ed25519_pem([number; 32]);
        let emitter = Emitter::from_pem(ISSUER, Algorithm::EdDSA, format!("key-{number}"), &pem)
            .expect("32 bytes are a key");
        let jwks = emitter.jwks().expect("the key has a public half");
        (emitter, jwks)
    });
    keys.collect()
});

/// PKCS#8 around the 32 bytes of a private key (RFC 8410, section 7).
fn ed25519_pem(seed: [u8; 32]) -> Vec<u8> {
    const HEAD: [u8; 16] = [
        0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04,
        0x20,
    ];
    let text = base64::engine::general_purpose::STANDARD.encode([&HEAD[..], &seed].concat());
    format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n").into_bytes()
}

/// What is sent.
#[derive(Clone, Debug)]
pub(super) enum Message {
    /// An event as the engine reads it.
    Plain(Box<Event>),
    /// A signed Security Event Token.
    Token {
        /// `jti`.
        id: String,
        /// Compact serialisation.
        body: String,
        /// Its claims, to be signed again.
        claims: Value,
    },
}

/// The transmitter with the key that it signs with now.
pub(super) struct Transmitter {
    current: usize,
    sent: u64,
}

impl Transmitter {
    pub(super) fn new() -> Transmitter {
        Transmitter {
            current: 0,
            sent: 0,
        }
    }

    /// Signs with another key from now on; receivers find out by themselves.
    pub(super) fn rotate(&mut self) {
        self.current = (self.current + 1) % KEYS.len();
    }

    /// A receiver that has never fetched a key.
    pub(super) fn receiver(&self) -> Receiver {
        let config: TransmitterConfig = serde_json::from_value(json!({
            "name": NAME, "issuer": ISSUER, "audience": AUDIENCE, "tenant": TENANT,
            "jwks_uri": "https://transmitter.example/jwks",
            "authority": {"scope": "tenant", "tenants": ["*"]},
        }))
        .expect("the configuration is a constant");
        Receiver::new([config]).expect("the configuration is a constant")
    }

    pub(super) fn message(&mut self, random: &mut Random, now: i64) -> Message {
        if random.chance(65) {
            return Message::Plain(Box::new(generate::event(random)));
        }
        self.sent += 1;
        let id = format!("token-{}", self.sent);
        let subject = Name::IssSub {
            iss: ISSUER.to_owned(),
            sub: (*random.pick(&names::SUBJECTS)).to_owned(),
        };
        let event = match random.below(3) {
            0 => OutgoingEvent::RiskLevelChange {
                principal: Principal::User,
                current_level: *random.pick(&[RiskLevel::Low, RiskLevel::Medium, RiskLevel::High]),
                previous_level: None,
                risk_reason: None,
            },
            1 => OutgoingEvent::CredentialChange {
                credential_type: "password".to_owned(),
                change_type: "revoke".to_owned(),
            },
            _ => OutgoingEvent::SessionRevoked,
        };
        let mut draft = SetDraft::new(
            id.clone(),
            AUDIENCE,
            Timestamp::from_seconds(now),
            subject,
            event,
        );
        if random.chance(50) {
            let earlier = now - random.below(200) as i64;
            draft.event_timestamp = Some(Timestamp::from_seconds(earlier));
        }
        let claims = draft.claims(ISSUER);
        Message::Token {
            id,
            body: self.sign(&claims),
            claims,
        }
    }

    fn sign(&self, claims: &Value) -> String {
        KEYS[self.current]
            .0
            .sign_claims(claims)
            .expect("the key signs")
    }

    /// What a receiver makes of a message: `None` if it cannot take it now. A key that it does
    /// not know it fetches, if it may and nobody stops it.
    ///
    /// # Panics
    /// The receiver refuses for good what is in order.
    pub(super) fn read(
        &self,
        message: &Message,
        receiver: &mut Receiver,
        may_fetch_keys: bool,
        now: Timestamp,
    ) -> Option<Vec<Event>> {
        let (body, claims) = match message {
            Message::Plain(event) => return Some(vec![(**event).clone()]),
            Message::Token { body, claims, .. } => (body, claims),
        };
        let mut verified = receiver.verify(body.as_bytes(), now);
        if matches!(verified, Err(VerifyError::UnknownKey { .. })) {
            let transmitter = receiver.transmitter_mut(NAME)?;
            if !may_fetch_keys || !transmitter.keys.begin(now) {
                return None;
            }
            transmitter.finish_keys(KeySet::from_value(&KEYS[self.current].1), now);
            // Signed with a key that was replaced since: the transmitter signs again.
            let again = self.sign(claims);
            verified = receiver.verify(again.as_bytes(), now);
        }
        let set = verified.ok()?;
        let read = receiver.interpret(&set, &NoDirectory);
        let events = read.map(|read| read.events);
        assert!(
            events.as_ref().is_ok_and(|events| !events.is_empty()),
            "a token that is in order says nothing: {events:?}"
        );
        events.ok()
    }
}
