//! Settings: what the operator decides, per engine and per tenant, with safe defaults.

use serde::{Deserialize, Serialize};

use crate::ledger::Retention;

/// Settings of the whole engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EngineSettings {
    /// Tolerated difference between clocks, in seconds. Default 60.
    pub skew: i64,
    /// The longest lifetime of any token that can arrive, in seconds. Default 28 h. Registers
    /// are kept at least this long; too short a value forgets revocations while tokens live.
    pub longest_token_lifetime: i64,
    /// The longest lifetime of any session, in seconds. Default 90 days. A denied session is
    /// remembered at least this long, because its issuer may go on serving it.
    pub longest_session_lifetime: i64,
    /// Added to the longest token lifetime before a register is forgotten, in seconds. Default
    /// 1 h.
    pub retention_margin: i64,
    /// Evaluate tokens of tenants that are not configured: marks apply, no policies. Default
    /// off.
    pub accept_any_tenant: bool,
    /// How often the same client is challenged.
    pub loop_budget: LoopBudget,
    /// How many challenges are remembered for the loop budget, of each kind. Default 16,384. The
    /// memory is taken whole when the engine is made, 256 bytes for each, so 4 MiB by default; the
    /// number is rounded up to a power of two, 4 at least and 2^24 at most. Where it is too small
    /// for the clients that are challenged within [`LoopBudget::window`], the challenge of longest
    /// ago is forgotten, and its client may be challenged more often than the budget says.
    pub remembered_challenges: usize,
    /// While an event stream is stale, refuse tokens older than this many seconds. Default off.
    pub stale_token_age: Option<i64>,
    /// Status without `cp1` for the revocation family. Default 401.
    pub revocation_status: DenyStatus,
    /// Status without `cp1` for the policy family. Default 403.
    pub policy_status: DenyStatus,
}

impl Default for EngineSettings {
    fn default() -> Self {
        EngineSettings {
            skew: 60,
            longest_token_lifetime: 28 * 3600,
            longest_session_lifetime: 90 * 24 * 3600,
            retention_margin: 3600,
            accept_any_tenant: false,
            loop_budget: LoopBudget::default(),
            remembered_challenges: 1 << 14,
            stale_token_age: None,
            revocation_status: DenyStatus::Unauthorized,
            policy_status: DenyStatus::Forbidden,
        }
    }
}

impl EngineSettings {
    /// How long registers are kept under these settings.
    #[must_use]
    pub fn retention(&self) -> Retention {
        Retention {
            token_lifetime_seconds: self.longest_token_lifetime,
            session_lifetime_seconds: self.longest_session_lifetime,
            skew_seconds: self.retention_margin,
        }
    }
}

/// How often a client is challenged for the same thing (semantics §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LoopBudget {
    /// Challenges per token. Default 3.
    pub per_token: u32,
    /// Different tokens challenged per tenant, subject and observed address. Default 8.
    pub per_subject: u32,
    /// The window in seconds. Default 600.
    pub window: i64,
}

impl Default for LoopBudget {
    fn default() -> Self {
        LoopBudget {
            per_token: 3,
            per_subject: 8,
            window: 600,
        }
    }
}

/// The HTTP status of a denial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub enum DenyStatus {
    /// 401: a new token may help.
    Unauthorized,
    /// 403: a new token would not help.
    Forbidden,
}

impl From<DenyStatus> for u16 {
    fn from(status: DenyStatus) -> u16 {
        match status {
            DenyStatus::Unauthorized => 401,
            DenyStatus::Forbidden => 403,
        }
    }
}

impl TryFrom<u16> for DenyStatus {
    type Error = String;

    fn try_from(status: u16) -> Result<Self, String> {
        match status {
            401 => Ok(DenyStatus::Unauthorized),
            403 => Ok(DenyStatus::Forbidden),
            other => Err(format!(
                "`{other}` is no status of a denial; use 401 or 403"
            )),
        }
    }
}

/// Settings of one tenant, part of its snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TenantSettings {
    /// What a policy that changed after the token was issued does. Default `block`.
    pub policy_change: PolicyChange,
    /// Whether an answered challenge counts as the issuer's decision. Default on.
    pub answered_challenge: bool,
    /// Without `cp1`, what to do where only the issuer could decide. Default `allow`.
    pub unknown_without_capability: UnknownWithoutCapability,
}

impl Default for TenantSettings {
    fn default() -> Self {
        TenantSettings {
            policy_change: PolicyChange::default(),
            answered_challenge: true,
            unknown_without_capability: UnknownWithoutCapability::default(),
        }
    }
}

/// Which changed policies are enforced before the token is exchanged (semantics §4.6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyChange {
    /// None: changes wait for the next token.
    Off,
    /// Those that block.
    #[default]
    Block,
    /// All that the token does not already satisfy.
    All,
}

/// What to do without `cp1` where only the issuer could decide (semantics §5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownWithoutCapability {
    /// Allow, flagged `uncovered`: the issuer decides again within the token's lifetime.
    #[default]
    Allow,
    /// Deny.
    Deny,
}
