//! Why: the whole trace of one decision, in Graph's vocabulary (semantics §8).

use std::net::IpAddr;

use serde::Serialize;
use serde_json::Value;

use crate::decision::{Decision, PolicyIndex};
use crate::engine::Engine;
use crate::evaluate::{Condition, Observer, Truth, Verdict};
use crate::model::PolicyState;
use crate::request::Request;
use crate::snapshot::TenantSnapshot;
use crate::snapshot::policy_table::CompiledPolicy;
use crate::timestamp::Timestamp;
use crate::token::VerifiedToken;

/// Everything that led to a decision.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// The decision itself.
    #[serde(skip)]
    pub decision: Decision,
    /// Every policy of the tenant.
    pub policies: Vec<PolicyExplanation>,
    /// Where the client was seen.
    pub address: Addresses,
    /// The named locations that contain the observed address.
    pub locations: Vec<LocationExplanation>,
    /// The registers that concern the token.
    pub marks: Vec<MarkExplanation>,
}

/// What one policy says.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyExplanation {
    /// `id`.
    pub id: String,
    /// `displayName`.
    pub display_name: String,
    /// `state`.
    pub state: &'static str,
    /// `appliedConditionalAccessPolicyResult`.
    pub result: &'static str,
    /// Conditions that match.
    pub conditions_satisfied: Vec<String>,
    /// Conditions that do not match.
    pub conditions_not_satisfied: Vec<String>,
    /// Conditions that nobody here can judge.
    pub conditions_unknown: Vec<String>,
    /// The policy's own violations, the strongest first.
    pub reasons: Vec<&'static str>,
    /// What else a person should know.
    pub note: &'static str,
}

/// Where the client was seen.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Addresses {
    /// By this resource provider.
    pub observed: Option<IpAddr>,
    /// By the issuer, when it issued the token.
    pub issuer_seen: Option<IpAddr>,
}

/// A named location that contains the observed address.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LocationExplanation {
    /// `id`.
    pub id: String,
    /// `displayName`.
    pub display_name: String,
    /// The longest of its prefixes that covers the address.
    pub prefix: Option<String>,
}

/// A register that concerns the token.
#[derive(Clone, Debug, Serialize)]
pub struct MarkExplanation {
    /// The members of its subject, joined by `+`; `tenant` for the whole tenant.
    pub dimension: String,
    /// The register.
    pub register: &'static str,
    /// What it says.
    pub effect: crate::event::Effect,
    /// T.
    pub since: Timestamp,
    /// Who said so.
    pub source: String,
    /// The event's id.
    pub event: Option<String>,
    /// Why, in the reporter's words.
    pub reason: Option<Value>,
}

impl Engine {
    /// Says what [`Engine::decide`] would decide now and why, without remembering a challenge.
    ///
    /// Takes time in the number of policies and registers; not for the hot path.
    #[must_use]
    pub fn explain(&self, token: &VerifiedToken, request: &Request<'_>) -> Explanation {
        let mut trace = Trace {
            policies: Vec::new(),
        };
        let (decision, snapshot) = self.observe(token, request, &mut trace);
        self.explanation(token, request, decision, snapshot.as_deref(), trace)
    }

    /// Decides as [`Engine::decide`], and says why.
    #[must_use]
    pub fn decide_and_explain(&self, token: &VerifiedToken, request: &Request<'_>) -> Explanation {
        let mut trace = Trace {
            policies: Vec::new(),
        };
        let (decision, snapshot) = self.decide_observed(token, request, &mut trace);
        self.explanation(token, request, decision, snapshot.as_deref(), trace)
    }

    fn explanation(
        &self,
        token: &VerifiedToken,
        request: &Request<'_>,
        decision: Decision,
        snapshot: Option<&TenantSnapshot>,
        trace: Trace,
    ) -> Explanation {
        let facts = token.facts();
        let observed = request.canonical_address();
        Explanation {
            decision,
            policies: trace.policies,
            address: Addresses {
                observed,
                issuer_seen: facts.issuer_seen_address,
            },
            locations: match (snapshot, observed) {
                (Some(snapshot), Some(address)) => locations(snapshot, address),
                _ => Vec::new(),
            },
            marks: self
                .facts()
                .concerning(&facts.tenant, |dimension| facts.carried(dimension))
                .iter()
                .map(|entry| MarkExplanation {
                    dimension: match entry.subject().dimensions() {
                        members if members.is_empty() => "tenant".to_owned(),
                        members => members
                            .iter()
                            .map(|d| d.as_str())
                            .collect::<Vec<_>>()
                            .join("+"),
                    },
                    register: entry.register().as_str(),
                    effect: entry.effect().clone(),
                    since: entry.time(),
                    source: entry.provenance().source.to_string(),
                    event: entry.provenance().id.clone(),
                    reason: entry.provenance().reason.as_deref().map(|text| {
                        serde_json::from_str(text).unwrap_or_else(|_| Value::from(text))
                    }),
                })
                .collect(),
        }
    }
}

fn locations(snapshot: &TenantSnapshot, address: IpAddr) -> Vec<LocationExplanation> {
    let table = snapshot.locations();
    table
        .containing(table.place(address))
        .map(|(name, prefix)| LocationExplanation {
            id: name.id.to_string(),
            display_name: name.display_name.clone(),
            prefix: prefix.map(|prefix| prefix.to_string()),
        })
        .collect()
}

struct Trace {
    policies: Vec<PolicyExplanation>,
}

impl Observer for Trace {
    const THOROUGH: bool = true;

    fn policy(&mut self, _: PolicyIndex, policy: &CompiledPolicy, verdict: &Verdict) {
        let with = |truth| conditions_with(truth, policy, verdict);
        let is_enabled = policy.state != PolicyState::Disabled;
        self.policies.push(PolicyExplanation {
            id: policy.id.to_string(),
            display_name: policy.display_name.clone(),
            state: match policy.state {
                PolicyState::Enabled => "enabled",
                PolicyState::ReportOnly => "enabledForReportingButNotEnforced",
                PolicyState::Disabled => "disabled",
            },
            result: result(policy, verdict),
            conditions_satisfied: with(Truth::True),
            conditions_not_satisfied: with(Truth::False),
            conditions_unknown: with(Truth::Unknown),
            reasons: if is_enabled {
                verdict
                    .violations
                    .iter()
                    .map(|reason| reason.as_str())
                    .collect()
            } else {
                Vec::new()
            },
            note: if is_enabled {
                verdict.note.as_str()
            } else {
                ""
            },
        });
    }
}

fn result(policy: &CompiledPolicy, verdict: &Verdict) -> &'static str {
    let violated = !verdict.violations.is_empty();
    match (policy.state, verdict.matches) {
        (PolicyState::Disabled, _) => "notEnabled",
        (PolicyState::Enabled, _) if violated => "failure",
        (PolicyState::Enabled, Truth::True) => "success",
        (PolicyState::Enabled, Truth::False) => "notApplied",
        (PolicyState::ReportOnly, _) if violated && policy.blocks() => "reportOnlyFailure",
        (PolicyState::ReportOnly, _) if violated => "reportOnlyInterrupted",
        (PolicyState::ReportOnly, Truth::True) => "reportOnlySuccess",
        (PolicyState::ReportOnly, Truth::False) => "reportOnlyNotApplied",
        (PolicyState::Enabled | PolicyState::ReportOnly, Truth::Unknown) => "unknown",
    }
}

fn conditions_with(truth: Truth, policy: &CompiledPolicy, verdict: &Verdict) -> Vec<String> {
    let mut names = Vec::new();
    for condition in Condition::ALL {
        if verdict.conditions.get(condition) != Some(truth) {
            continue;
        }
        match condition {
            Condition::IssuerDecided => names.extend(policy.unjudged.iter().cloned()),
            _ => names.push(condition.as_str().to_owned()),
        }
    }
    names
}
