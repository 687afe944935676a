//! From claims to a token that may be acted on.
//!
//! The order of checks is fixed, so that the answer to a bad token does not depend on luck:
//! the media type, the algorithm, the key, the signature; then issuer, required and forbidden
//! claims, `iat`, audience. Subject, payload and authority follow when the token is interpreted.

use std::sync::Arc;

use highwater::identifier::Identifier;
use highwater::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Algorithm, Claims, Compact, KeyLookup};
use crate::refusal::{ErrorCode, Refusal};
use crate::transmitter::{Checked, Profile, Transmitter, TransmitterConfig};

/// The event type of OpenID Connect back-channel logout: a token with it is not a SET, however
/// much it looks like one.
const LOGOUT_TOKEN: &str = "http://schemas.openid.net/event/backchannel-logout";

/// Who says that a token is authentic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voucher(VoucherKind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum VoucherKind {
    Signature {
        algorithm: Algorithm,
        key_id: Option<String>,
    },
    Host(String),
}

impl Voucher {
    /// The host vouches, for the reason that it gives: an operator's command, our own store.
    #[must_use]
    pub fn host(reason: impl Into<String>) -> Voucher {
        Voucher(VoucherKind::Host(reason.into()))
    }
}

impl std::fmt::Display for Voucher {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            VoucherKind::Signature { algorithm, key_id } => write!(
                formatter,
                "{algorithm} signature by key `{}`",
                key_id.as_deref().unwrap_or("(unnamed)")
            ),
            VoucherKind::Host(reason) => formatter.write_str(reason),
        }
    }
}

/// A token that is authentic, meant for us, and from a transmitter that we listen to.
///
/// Nothing less can be interpreted. [`VerifiedSet::new`] is the only way to make one, and it
/// demands to know who vouches.
#[derive(Clone, Debug)]
pub struct VerifiedSet {
    claims: Claims,
    transmitter: Arc<Checked>,
    voucher: Voucher,
    verified_at: Timestamp,
}

impl VerifiedSet {
    /// Checks the claims of a token for whose origin `voucher` stands.
    ///
    /// # Errors
    /// Another issuer, a claim that is missing or forbidden, an `iat` in the future, an
    /// audience that is not us.
    pub fn new(
        transmitter: &Transmitter,
        claims: Claims,
        now: Timestamp,
        voucher: Voucher,
    ) -> Result<VerifiedSet, Refusal> {
        let config = transmitter.config();
        let profile = transmitter.profile();
        //= https://openid.net/specs/openid-sharedsignals-framework-1_0-final.html#section-4.1.6
        // The issuer of the token is the issuer of the stream, exactly.
        if claims.issuer != config.issuer {
            return Err(Refusal::new(
                ErrorCode::InvalidIssuer,
                "events of this issuer are not taken here",
            ));
        }
        forbidden_claims(&claims, profile)?;
        if claims.issued_at > now.plus_seconds(config.clock_skew_seconds) {
            return Err(Refusal::invalid_request("`iat` is in the future")
                .with_detail(format!("iat {} at {now}", claims.issued_at)));
        }
        audience(&claims, transmitter)?;
        if profile.requires_sub_id && claims.subject.is_none() {
            return Err(Refusal::invalid_request(
                "the required claim `sub_id` is missing",
            ));
        }
        if profile.single_event && claims.events.len() > 1 {
            return Err(Refusal::invalid_request(
                "the token states several events; the profile allows one",
            ));
        }
        Ok(VerifiedSet {
            claims,
            transmitter: Arc::clone(transmitter.checked()),
            voucher,
            verified_at: now,
        })
    }

    /// The claims.
    #[must_use]
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// The configuration of the transmitter.
    #[must_use]
    pub fn transmitter(&self) -> &TransmitterConfig {
        &self.transmitter.config
    }

    /// Who vouches for the token.
    #[must_use]
    pub fn voucher(&self) -> &Voucher {
        &self.voucher
    }

    /// When the token was verified.
    #[must_use]
    pub fn verified_at(&self) -> Timestamp {
        self.verified_at
    }

    /// The token in a form that can be kept, for [`Receiver::restore`](crate::Receiver::restore).
    #[must_use]
    pub fn kept(&self) -> KeptSet {
        KeptSet {
            transmitter: self.transmitter().name.clone(),
            claims: self.claims.to_value(),
            verified_at: self.verified_at,
        }
    }

    pub(crate) fn profile(&self) -> &Profile {
        &self.transmitter.profile
    }
}

/// A verified token as it is kept while its subject cannot be resolved. It carries no signature:
/// whoever restores it vouches for the place where it was kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeptSet {
    /// The transmitter's name.
    pub transmitter: Identifier,
    /// The claims.
    pub claims: Value,
    /// When it was verified.
    pub verified_at: Timestamp,
}

fn forbidden_claims(claims: &Claims, profile: &Profile) -> Result<(), Refusal> {
    if claims.events.iter().any(|(uri, _)| uri == LOGOUT_TOKEN) {
        return Err(Refusal::invalid_request(
            "a back-channel logout token is not a Security Event Token",
        ));
    }
    //= https://openid.net/specs/openid-sharedsignals-framework-1_0-final.html#section-4.1
    // `sub` and `exp` would make the token usable as an access or ID token.
    if claims.has_expiry && !profile.allows_exp {
        return Err(Refusal::invalid_request(
            "`exp` must not be in a Security Event Token",
        ));
    }
    if claims.sub.is_some() && !profile.allows_sub {
        return Err(Refusal::invalid_request(
            "`sub` must not be in a Security Event Token; use `sub_id`",
        ));
    }
    Ok(())
}

fn audience(claims: &Claims, transmitter: &Transmitter) -> Result<(), Refusal> {
    if claims.audience.is_empty() {
        return Err(Refusal::invalid_request(
            "the claim `aud` is missing; without it a token could be passed on to anybody",
        ));
    }
    if transmitter.is_audience(&claims.audience) {
        return Ok(());
    }
    Err(Refusal::new(
        ErrorCode::InvalidAudience,
        "`aud` does not name this receiver",
    )
    .with_detail(format!(
        "aud {:?}, expected one of {:?}",
        claims.audience,
        transmitter.config().audience
    )))
}

/// Why a token is not verified.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// It never will be.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Its key is not known; perhaps it is after the keys are fetched again.
    #[error("the key `{}` of transmitter `{transmitter}` is not known", key_id.as_deref().unwrap_or("(unnamed)"))]
    UnknownKey {
        /// The name of the transmitter.
        transmitter: String,
        /// The key that the token names.
        key_id: Option<String>,
    },
}

/// Checks what can be checked of a header before it is known who speaks.
pub(crate) fn media_type(compact: &Compact<'_>) -> Result<(), Refusal> {
    if compact.header.media_type.is_some() && !compact.header.says_security_event() {
        return Err(Refusal::invalid_request(
            "`typ` is not `secevent+jwt`: the token is of another kind",
        ));
    }
    Ok(())
}

/// Verifies a token of `transmitter`.
pub(crate) fn signed(
    transmitter: &Transmitter,
    compact: &Compact<'_>,
    claims: Claims,
    now: Timestamp,
) -> Result<VerifiedSet, VerifyError> {
    let header = &compact.header;
    if header.media_type.is_none() && transmitter.profile().requires_typ {
        return Err(Refusal::invalid_request("`typ` is missing; send `secevent+jwt`").into());
    }
    if !transmitter.algorithms().contains(&header.algorithm) {
        return Err(
            Refusal::invalid_request("the token is not signed with an accepted algorithm").into(),
        );
    }
    let unknown = || VerifyError::UnknownKey {
        transmitter: transmitter.config().name.to_string(),
        key_id: header.key_id.clone(),
    };
    let keys = transmitter.keys.current().ok_or_else(unknown)?;
    let key = match keys.find(header.key_id.as_deref(), header.algorithm) {
        KeyLookup::Found(key) => key,
        KeyLookup::Unknown => return Err(unknown()),
        KeyLookup::Unfit => {
            return Err(Refusal::new(
                ErrorCode::InvalidKey,
                "the token's key is not for its algorithm",
            )
            .into());
        }
    };
    if !key.verifies(header.algorithm, compact.signing_input, compact.signature) {
        return Err(Refusal::new(
            ErrorCode::AuthenticationFailed,
            "the signature does not fit the token and its key",
        )
        .into());
    }
    let voucher = Voucher(VoucherKind::Signature {
        algorithm: header.algorithm,
        key_id: header.key_id.clone(),
    });
    Ok(VerifiedSet::new(transmitter, claims, now, voucher)?)
}
