//! Reason codes: why a request was not simply allowed. Published, stable, one table.

use std::fmt;

use serde::{Serialize, Serializer};

/// One reason. The order is that of strength, the strongest first (semantics §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Reason {
    /// The token's `exp` has passed.
    TokenExpired = 0,
    /// The token's `nbf` lies ahead.
    TokenNotYetValid = 1,
    /// The token's tenant is not configured.
    TenantUnknown = 2,
    /// The client was challenged too often for the same violation.
    ChallengeLoop = 3,
    /// The exact identifier was purged.
    SubjectPurged = 4,
    /// The session is refused for good.
    SessionDenied = 5,
    /// The token is refused for good.
    TokenDenied = 6,
    /// The user, workload, device, application or tenant is blocked.
    SubjectBlocked = 7,
    /// The token was issued at or before a revocation.
    TokenRevoked = 8,
    /// A policy blocks access from the observed address.
    LocationBlocked = 9,
    /// A policy has demands at the observed address that the issuer did not see.
    LocationChanged = 10,
    /// A policy applies at the subject's present risk.
    RiskTooHigh = 11,
    /// A policy wants a compliant device and the device is not.
    DeviceNotCompliant = 12,
    /// Authentication was assessed as weaker than the token says.
    AssuranceLowered = 13,
    /// The operation needs an authentication context that the token lacks.
    AuthContextRequired = 14,
    /// The last sign-in is older than a policy accepts.
    SignInTooOld = 15,
    /// A policy was changed after the token was issued and now applies.
    PolicyChanged = 16,
    /// An event stream is stale and the token is older than the operator accepts meanwhile.
    StreamStale = 17,
    /// A policy applies here, and whether it applies in full only the issuer knows.
    ConditionsUnknown = 18,
    /// The token's claims are out of date.
    TokenStale = 19,
}

/// Which way a violation is answered without claims challenges (semantics §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// A new token would do: 401 by default.
    Revocation,
    /// A new token alone would not do: 403 by default.
    Policy,
}

impl Reason {
    /// Every reason, the strongest first.
    pub const ALL: [Reason; 20] = [
        Reason::TokenExpired,
        Reason::TokenNotYetValid,
        Reason::TenantUnknown,
        Reason::ChallengeLoop,
        Reason::SubjectPurged,
        Reason::SessionDenied,
        Reason::TokenDenied,
        Reason::SubjectBlocked,
        Reason::TokenRevoked,
        Reason::LocationBlocked,
        Reason::LocationChanged,
        Reason::RiskTooHigh,
        Reason::DeviceNotCompliant,
        Reason::AssuranceLowered,
        Reason::AuthContextRequired,
        Reason::SignInTooOld,
        Reason::PolicyChanged,
        Reason::StreamStale,
        Reason::ConditionsUnknown,
        Reason::TokenStale,
    ];

    /// The published code.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Reason::TokenExpired => "token_expired",
            Reason::TokenNotYetValid => "token_not_yet_valid",
            Reason::TenantUnknown => "tenant_unknown",
            Reason::ChallengeLoop => "challenge_loop",
            Reason::SubjectPurged => "subject_purged",
            Reason::SessionDenied => "session_denied",
            Reason::TokenDenied => "token_denied",
            Reason::SubjectBlocked => "subject_blocked",
            Reason::TokenRevoked => "token_revoked",
            Reason::LocationBlocked => "location_blocked",
            Reason::LocationChanged => "location_changed",
            Reason::RiskTooHigh => "risk_too_high",
            Reason::DeviceNotCompliant => "device_not_compliant",
            Reason::AssuranceLowered => "assurance_lowered",
            Reason::AuthContextRequired => "auth_context_required",
            Reason::SignInTooOld => "sign_in_too_old",
            Reason::PolicyChanged => "policy_changed",
            Reason::StreamStale => "stream_stale",
            Reason::ConditionsUnknown => "conditions_unknown",
            Reason::TokenStale => "token_stale",
        }
    }

    /// The reason with this published code.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Reason> {
        Reason::ALL
            .into_iter()
            .find(|reason| reason.as_str() == code)
    }

    /// One sentence for people and logs, free of commas and quotes so that it can stand in a
    /// header.
    #[must_use]
    pub const fn description(self) -> &'static str {
        match self {
            Reason::TokenExpired => "The access token has expired",
            Reason::TokenNotYetValid => "The access token is not valid yet",
            Reason::TenantUnknown => "The tenant of the access token is not served here",
            Reason::ChallengeLoop => "The client was challenged too often without effect",
            Reason::SubjectPurged => "The account no longer exists",
            Reason::SessionDenied => "The session was ended",
            Reason::TokenDenied => "The access token was revoked",
            Reason::SubjectBlocked => "The account or device or application is blocked",
            Reason::TokenRevoked => "The access token was issued before a revocation",
            Reason::LocationBlocked => "Access from this network location is blocked by policy",
            Reason::LocationChanged => "The network location changed since the token was issued",
            Reason::RiskTooHigh => "The assessed risk is too high for this access",
            Reason::DeviceNotCompliant => "The device is not compliant",
            Reason::AssuranceLowered => "The strength of the authentication was lowered",
            Reason::AuthContextRequired => "This operation needs a stronger authentication context",
            Reason::SignInTooOld => "The last sign-in is too long ago",
            Reason::PolicyChanged => "A policy changed since the token was issued",
            Reason::StreamStale => "Security events are delayed and the token is too old meanwhile",
            Reason::ConditionsUnknown => "The issuer must evaluate its policies again",
            Reason::TokenStale => "The claims of the access token are out of date",
        }
    }

    /// The family that decides how a client without `cp1` is answered.
    #[must_use]
    pub const fn family(self) -> Family {
        match self {
            Reason::TokenExpired
            | Reason::TokenNotYetValid
            | Reason::SubjectPurged
            | Reason::SessionDenied
            | Reason::TokenDenied
            | Reason::SubjectBlocked
            | Reason::TokenRevoked
            | Reason::StreamStale
            | Reason::TokenStale => Family::Revocation,
            Reason::TenantUnknown
            | Reason::ChallengeLoop
            | Reason::LocationBlocked
            | Reason::LocationChanged
            | Reason::RiskTooHigh
            | Reason::DeviceNotCompliant
            | Reason::AssuranceLowered
            | Reason::AuthContextRequired
            | Reason::SignInTooOld
            | Reason::PolicyChanged
            | Reason::ConditionsUnknown => Family::Policy,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A set of reasons, one bit each; iterates strongest first.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ReasonSet(u32);

impl ReasonSet {
    /// No reason.
    pub const EMPTY: ReasonSet = ReasonSet(0);

    /// The set as bits, `1 << reason`.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// The set with these bits; `None` if one of them stands for no reason.
    #[must_use]
    pub const fn from_bits(bits: u32) -> Option<ReasonSet> {
        match bits >> Reason::ALL.len() {
            0 => Some(ReasonSet(bits)),
            _ => None,
        }
    }

    /// This set and `reason`.
    #[must_use]
    pub const fn with(self, reason: Reason) -> ReasonSet {
        ReasonSet(self.0 | 1 << reason as u32)
    }

    /// Everything in either set.
    #[must_use]
    pub const fn union(self, other: ReasonSet) -> ReasonSet {
        ReasonSet(self.0 | other.0)
    }

    /// Whether `reason` is in the set.
    #[must_use]
    pub const fn contains(self, reason: Reason) -> bool {
        self.0 & (1 << reason as u32) != 0
    }

    /// Whether there is no reason.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The strongest reason.
    #[must_use]
    pub fn strongest(self) -> Option<Reason> {
        Reason::ALL.get(self.0.trailing_zeros() as usize).copied()
    }

    /// The reasons, the strongest first.
    pub fn iter(self) -> impl Iterator<Item = Reason> {
        Reason::ALL
            .into_iter()
            .filter(move |&reason| self.contains(reason))
    }
}

impl FromIterator<Reason> for ReasonSet {
    fn from_iter<I: IntoIterator<Item = Reason>>(reasons: I) -> Self {
        reasons.into_iter().fold(ReasonSet::EMPTY, ReasonSet::with)
    }
}

impl fmt::Debug for ReasonSet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_codes_and_bits_agree() {
        for (index, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index);
            assert_eq!(Reason::from_code(reason.as_str()), Some(reason));
            assert!(!reason.description().contains([',', '"', '\\']));
        }
        let set: ReasonSet = [Reason::TokenStale, Reason::TokenRevoked]
            .into_iter()
            .collect();
        assert_eq!(set.strongest(), Some(Reason::TokenRevoked));
        assert_eq!(set.iter().last(), Some(Reason::TokenStale));
        assert_eq!(ReasonSet::EMPTY.strongest(), None);
        assert_eq!(ReasonSet::from_bits(set.bits()), Some(set));
        assert_eq!(ReasonSet::from_bits(1 << Reason::ALL.len()), None);
    }
}
