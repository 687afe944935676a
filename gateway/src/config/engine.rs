//! `[engine]`: settings of the whole engine, and what tenants have unless they say otherwise.

use highwater::settings::{
    DenyStatus, EngineSettings, LoopBudget, PolicyChange, TenantSettings, UnknownWithoutCapability,
};
use serde::Deserialize;

use super::seconds::Seconds;

/// `[engine]`. What is not said keeps the engine's default.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct EngineSection {
    skew: Option<Seconds>,
    longest_token_lifetime: Option<Seconds>,
    longest_session_lifetime: Option<Seconds>,
    retention_margin: Option<Seconds>,
    accept_any_tenant: Option<bool>,
    loop_budget: LoopBudgetSection,
    remembered_challenges: Option<usize>,
    stale_token_age: Option<Seconds>,
    revocation_status: Option<DenyStatus>,
    policy_status: Option<DenyStatus>,
    policy_change: Option<PolicyChange>,
    answered_challenge: Option<bool>,
    unknown_without_capability: Option<UnknownWithoutCapability>,
}

/// `[engine.loop_budget]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct LoopBudgetSection {
    per_token: Option<u32>,
    per_subject: Option<u32>,
    window: Option<Seconds>,
}

impl EngineSection {
    /// The engine's settings.
    pub(crate) fn settings(&self) -> EngineSettings {
        let default = EngineSettings::default();
        let seconds = |value: Option<Seconds>, default| value.map_or(default, |value| value.0);
        let budget = &self.loop_budget;
        EngineSettings {
            skew: seconds(self.skew, default.skew),
            longest_token_lifetime: seconds(
                self.longest_token_lifetime,
                default.longest_token_lifetime,
            ),
            longest_session_lifetime: seconds(
                self.longest_session_lifetime,
                default.longest_session_lifetime,
            ),
            retention_margin: seconds(self.retention_margin, default.retention_margin),
            accept_any_tenant: self.accept_any_tenant.unwrap_or(default.accept_any_tenant),
            loop_budget: LoopBudget {
                per_token: budget.per_token.unwrap_or(default.loop_budget.per_token),
                per_subject: budget
                    .per_subject
                    .unwrap_or(default.loop_budget.per_subject),
                window: seconds(budget.window, default.loop_budget.window),
            },
            remembered_challenges: self
                .remembered_challenges
                .unwrap_or(default.remembered_challenges),
            stale_token_age: self
                .stale_token_age
                .map(|age| age.0)
                .or(default.stale_token_age),
            revocation_status: self.revocation_status.unwrap_or(default.revocation_status),
            policy_status: self.policy_status.unwrap_or(default.policy_status),
        }
    }

    /// What a tenant has unless it says otherwise.
    pub(crate) fn tenant_settings(&self) -> TenantSettings {
        let default = TenantSettings::default();
        TenantSettings {
            policy_change: self.policy_change.unwrap_or(default.policy_change),
            answered_challenge: self
                .answered_challenge
                .unwrap_or(default.answered_challenge),
            unknown_without_capability: self
                .unknown_without_capability
                .unwrap_or(default.unknown_without_capability),
        }
    }
}
