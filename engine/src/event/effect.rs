//! What an event changes, and which register holds it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What an event says about its subject.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Effect {
    /// Tokens issued at or before T are refused.
    Revoke,
    /// Tokens issued at or before T must be exchanged: their claims are stale.
    Refresh,
    /// A session or token is refused for good; a later `iat` does not revive it.
    Deny,
    /// The subject is refused until its source unblocks it.
    Block,
    /// The source lifts its own block.
    Unblock,
    /// The exact identifier is gone for ever.
    Purge,
    /// The subject's assessed risk is now this.
    Risk(RiskLevel),
    /// The device's compliance is now this.
    Compliance(Compliance),
    /// The strength of the subject's authentication is now this.
    Assurance {
        /// The scale on which `level` is measured, such as `nist-aal`.
        namespace: String,
        /// The level reached on that scale.
        level: String,
    },
    /// The state of the reporting stream itself. Has no subject.
    Stream(StreamState),
}

impl Effect {
    /// The register that this effect is written to.
    #[must_use]
    pub fn register(&self) -> RegisterKind {
        match self {
            Effect::Revoke => RegisterKind::RevokedBefore,
            Effect::Refresh => RegisterKind::RefreshBefore,
            Effect::Deny => RegisterKind::Denied,
            Effect::Block | Effect::Unblock => RegisterKind::Blocked,
            Effect::Purge => RegisterKind::Purged,
            Effect::Risk(_) => RegisterKind::Risk,
            Effect::Compliance(_) => RegisterKind::Compliance,
            Effect::Assurance { .. } => RegisterKind::Assurance,
            Effect::Stream(_) => RegisterKind::Stream,
        }
    }
}

/// The kinds of register in the ledger (semantics §1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegisterKind {
    /// Join: max of T. Tokens issued at or before T are refused.
    RevokedBefore,
    /// Join: max of T. Tokens issued at or before T are stale.
    RefreshBefore,
    /// Join: max of T, never cleared.
    Denied,
    /// Last writer by T, tie: on. Once per source.
    Blocked,
    /// Join: max of T, never cleared.
    Purged,
    /// Last writer by T, tie: higher. Once per source.
    Risk,
    /// Last writer by T, tie: not compliant. Once per source.
    Compliance,
    /// Last writer by T, tie: lower. Once per source and namespace.
    Assurance,
    /// Last writer by T, tie: worse. Once per source.
    Stream,
}

impl RegisterKind {
    /// The register's name in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            RegisterKind::RevokedBefore => "revoked_before",
            RegisterKind::RefreshBefore => "refresh_before",
            RegisterKind::Denied => "denied",
            RegisterKind::Blocked => "blocked",
            RegisterKind::Purged => "purged",
            RegisterKind::Risk => "risk",
            RegisterKind::Compliance => "compliance",
            RegisterKind::Assurance => "assurance",
            RegisterKind::Stream => "stream",
        }
    }

    /// Whether the register keeps the latest writer per source instead of a maximum.
    #[must_use]
    pub const fn is_last_writer(self) -> bool {
        matches!(
            self,
            RegisterKind::Blocked
                | RegisterKind::Risk
                | RegisterKind::Compliance
                | RegisterKind::Assurance
                | RegisterKind::Stream
        )
    }

    /// Whether the register may be forgotten once no token that it could refuse is alive.
    #[must_use]
    pub const fn expires(self) -> bool {
        matches!(
            self,
            RegisterKind::RevokedBefore | RegisterKind::RefreshBefore | RegisterKind::Denied
        )
    }
}

impl fmt::Display for RegisterKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Assessed risk, in rising order.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum RiskLevel {
    /// No risk known; also the value of a register that nobody wrote.
    #[default]
    None = 0,
    /// Low risk.
    Low = 1,
    /// Medium risk.
    Medium = 2,
    /// High risk.
    High = 3,
}

impl RiskLevel {
    /// Every level, in rising order.
    pub const ALL: [RiskLevel; 4] = [
        RiskLevel::None,
        RiskLevel::Low,
        RiskLevel::Medium,
        RiskLevel::High,
    ];

    /// The level's name in events and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            RiskLevel::None => "none",
            RiskLevel::Low => "low",
            RiskLevel::Medium => "medium",
            RiskLevel::High => "high",
        }
    }
}

impl fmt::Display for RiskLevel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Whether a device meets its organisation's policies; the later variant is the worse one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Compliance {
    /// The device meets the policies.
    Compliant = 0,
    /// The device does not meet the policies.
    NotCompliant = 1,
}

impl Compliance {
    /// The state's name in events and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Compliance::Compliant => "compliant",
            Compliance::NotCompliant => "not_compliant",
        }
    }
}

/// What a stream's transmitter says of the stream; later variants are worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum StreamState {
    /// Events flow.
    Enabled = 0,
    /// Events are held back and may be dropped.
    Paused = 1,
    /// Events are neither sent nor held.
    Disabled = 2,
}

impl StreamState {
    /// The state's name in events and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            StreamState::Enabled => "enabled",
            StreamState::Paused => "paused",
            StreamState::Disabled => "disabled",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As in events and exports.
    #[track_caller]
    fn is_named(value: impl Serialize, name: &str) {
        assert_eq!(serde_json::to_value(value).unwrap(), name);
    }

    #[test]
    fn what_is_shown_is_what_is_written() {
        for kind in [
            RegisterKind::RevokedBefore,
            RegisterKind::RefreshBefore,
            RegisterKind::Denied,
            RegisterKind::Blocked,
            RegisterKind::Purged,
            RegisterKind::Risk,
            RegisterKind::Compliance,
            RegisterKind::Assurance,
            RegisterKind::Stream,
        ] {
            is_named(kind, kind.as_str());
            is_named(kind, &kind.to_string());
        }
        for level in RiskLevel::ALL {
            is_named(level, level.as_str());
            is_named(level, &level.to_string());
        }
        for compliance in [Compliance::Compliant, Compliance::NotCompliant] {
            is_named(compliance, compliance.as_str());
        }
        for state in [
            StreamState::Enabled,
            StreamState::Paused,
            StreamState::Disabled,
        ] {
            is_named(state, state.as_str());
        }
    }
}
