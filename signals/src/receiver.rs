//! The receiver: every transmitter that we listen to, and the way from bytes to effects.

use highwater::identifier::Identifier;
use highwater::timestamp::Timestamp;

use crate::directory::Directory;
use crate::event_map::{Interpretation, interpret};
use crate::refusal::{ErrorCode, Refusal};
use crate::set::verify::{VerifyError, media_type, signed};
use crate::set::{Claims, Compact, KeptSet, VerifiedSet, Voucher};
use crate::transmitter::{Transmitter, TransmitterConfig, TransmitterError};

/// Every transmitter that this receiver takes events from.
#[derive(Clone, Debug, Default)]
pub struct Receiver {
    transmitters: Vec<Transmitter>,
}

impl Receiver {
    /// Checks the configuration of every transmitter.
    ///
    /// # Errors
    /// The first one that cannot be used, or two that cannot be told apart.
    pub fn new(
        configs: impl IntoIterator<Item = TransmitterConfig>,
    ) -> Result<Receiver, TransmitterError> {
        let mut transmitters: Vec<Transmitter> = Vec::new();
        for config in configs {
            let transmitter = Transmitter::new(config)?;
            let config = transmitter.config();
            for other in &transmitters {
                let refuse = |member: &str, message: &str| {
                    Err(TransmitterError {
                        transmitter: config.name.to_string(),
                        member: member.to_owned(),
                        message: message.to_owned(),
                    })
                };
                if other.config().name == config.name {
                    return refuse("name", "two transmitters have this name");
                }
                if other.config().issuer == config.issuer && other.is_audience(&config.audience) {
                    return refuse(
                        "audience",
                        "another transmitter has the same issuer and audience",
                    );
                }
            }
            transmitters.push(transmitter);
        }
        Ok(Receiver { transmitters })
    }

    /// The transmitters.
    #[must_use]
    pub fn transmitters(&self) -> &[Transmitter] {
        &self.transmitters
    }

    /// A transmitter by its name.
    #[must_use]
    pub fn transmitter(&self, name: &str) -> Option<&Transmitter> {
        self.transmitters
            .iter()
            .find(|transmitter| transmitter.config().name.as_str() == name)
    }

    /// A transmitter by its name, to give it keys or to expect a state.
    #[must_use]
    pub fn transmitter_mut(&mut self, name: &str) -> Option<&mut Transmitter> {
        self.transmitters
            .iter_mut()
            .find(|transmitter| transmitter.config().name.as_str() == name)
    }

    /// Verifies a compact token.
    ///
    /// # Errors
    /// A refusal, or the key that is not known.
    pub fn verify(&self, body: &[u8], now: Timestamp) -> Result<VerifiedSet, VerifyError> {
        let compact = Compact::parse(body)?;
        media_type(&compact)?;
        let claims = Claims::parse(&compact.payload)?;
        let transmitter = self.route(&claims)?;
        signed(transmitter, &compact, claims, now)
    }

    /// Takes a claims set that is not signed, on the word of `voucher`.
    ///
    /// # Errors
    /// As [`VerifiedSet::new`].
    pub fn vouch(
        &self,
        claims: &[u8],
        now: Timestamp,
        voucher: Voucher,
    ) -> Result<VerifiedSet, Refusal> {
        let claims = Claims::parse(claims)?;
        VerifiedSet::new(self.route(&claims)?, claims, now, voucher)
    }

    /// Takes back a token that was verified earlier and kept by the host, who vouches for the
    /// place where it was.
    ///
    /// # Errors
    /// The transmitter is no longer configured, or no longer so that it would be taken.
    pub fn restore(&self, kept: &KeptSet) -> Result<VerifiedSet, Refusal> {
        let claims = Claims::parse(kept.claims.to_string().as_bytes())?;
        let transmitter = self.transmitter(kept.transmitter.as_str()).ok_or_else(|| {
            Refusal::new(
                ErrorCode::InvalidIssuer,
                "events of this issuer are not taken here",
            )
            .with_detail(kept.transmitter.to_string())
        })?;
        let voucher = Voucher::host("verified earlier and kept by the host");
        VerifiedSet::new(transmitter, claims, kept.verified_at, voucher)
    }

    /// Finds out what a token changes.
    ///
    /// # Errors
    /// As [`interpret`].
    pub fn interpret(
        &self,
        set: &VerifiedSet,
        directory: &dyn Directory,
    ) -> Result<Interpretation, Refusal> {
        let expected_state = self
            .transmitter(set.transmitter().name.as_str())
            .and_then(|transmitter| transmitter.expected_state.as_deref());
        interpret(set, directory, expected_state)
    }

    /// Whom the claims say they are from, before anything is believed: it only chooses the keys.
    fn route(&self, claims: &Claims) -> Result<&Transmitter, Refusal> {
        let mut candidates = self
            .transmitters
            .iter()
            .filter(|transmitter| transmitter.config().issuer == claims.issuer)
            .peekable();
        let first = candidates.peek().copied().ok_or_else(|| {
            Refusal::new(
                ErrorCode::InvalidIssuer,
                "events of this issuer are not taken here",
            )
            .with_detail(claims.issuer.clone())
        })?;
        Ok(candidates
            .find(|transmitter| transmitter.is_audience(&claims.audience))
            .unwrap_or(first))
    }

    /// The transmitters whose keys are due for a fetch in the background.
    pub fn due_keys(&self, now: Timestamp) -> impl Iterator<Item = &Identifier> {
        self.transmitters
            .iter()
            .filter(move |transmitter| transmitter.keys.is_due(now))
            .map(|transmitter| &transmitter.config().name)
    }
}
