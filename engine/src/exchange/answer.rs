//! One answer as a JSON document.

use serde::Serialize;
use serde_json::Value;

use crate::challenge::{Challenge, InvalidToken};
use crate::decision::{Decision, Outcome, PolicyIndex};
use crate::engine::Engine;
use crate::evaluate::{Observer, Verdict};
use crate::explain::Explanation;
use crate::reason::Reason;
use crate::request::Request;
use crate::snapshot::policy_table::CompiledPolicy;
use crate::token::{TokenFacts, VerifiedToken};

/// What a decision comes to, with everything the host has to send.
#[derive(Clone, Debug, Serialize)]
pub struct Answer {
    /// The request's own name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// `allow`, `challenge` or `deny`.
    pub decision: Outcome,
    /// 200, 401 or 403.
    pub status: u16,
    /// Why, the strongest first.
    pub reasons: Vec<Reason>,
    /// The policies with a violation, in the order of the documents.
    pub policies: Vec<AnsweredPolicy>,
    /// A violation was let pass because the client cannot answer a challenge.
    #[serde(skip_serializing_if = "is_false")]
    pub uncovered: bool,
    /// An event stream was stale, paused or disabled.
    #[serde(skip_serializing_if = "is_false")]
    pub degraded: bool,
    /// The header to send.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub www_authenticate: Option<String>,
    /// The claims that the header asks for, decoded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claims: Option<Value>,
}

/// A policy with a violation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AnsweredPolicy {
    /// `id`.
    pub id: String,
    /// `displayName`.
    pub name: String,
    /// `failure`.
    pub result: &'static str,
}
fn is_false(value: &bool) -> bool {
    !value
}

impl Engine {
    /// Decides as [`Engine::decide`], and says what the host has to send.
    #[must_use]
    pub fn answer(
        &self,
        id: Option<String>,
        token: &VerifiedToken,
        request: &Request<'_>,
    ) -> Answer {
        let mut violated = Violated::default();
        let (decision, _) = self.decide_observed(token, request, &mut violated);
        violated.policies.sort_by_key(|(index, _)| *index);
        let policies = violated
            .policies
            .into_iter()
            .map(|(_, policy)| policy)
            .collect();
        Answer::new(id, &decision, policies, token.facts(), request)
    }
}

impl Explanation {
    /// What the host has to send. `token` and `request` are those that were explained.
    #[must_use]
    pub fn answer(
        &self,
        id: Option<String>,
        token: &VerifiedToken,
        request: &Request<'_>,
    ) -> Answer {
        let policies = self
            .policies
            .iter()
            .filter(|policy| policy.result == FAILURE)
            .map(|policy| AnsweredPolicy {
                id: policy.id.clone(),
                name: policy.display_name.clone(),
                result: FAILURE,
            })
            .collect();
        Answer::new(id, &self.decision, policies, token.facts(), request)
    }
}

impl Answer {
    fn new(
        id: Option<String>,
        decision: &Decision,
        policies: Vec<AnsweredPolicy>,
        token: &TokenFacts,
        request: &Request<'_>,
    ) -> Answer {
        let challenge = Challenge::for_decision(decision, token, request);
        let www_authenticate = match &challenge {
            Some(challenge) => Some(challenge.header_value()),
            None => InvalidToken::for_decision(decision, token, request)
                .map(|denial| denial.header_value()),
        };
        Answer {
            id,
            decision: decision.outcome(),
            status: decision.status(),
            reasons: decision.reasons().iter().collect(),
            policies,
            uncovered: decision.is_uncovered(),
            degraded: decision.is_degraded(),
            www_authenticate,
            claims: challenge.map(|challenge| challenge.claims().to_value()),
        }
    }
}

const FAILURE: &str = "failure";

/// Collects the policies that object.
#[derive(Default)]
struct Violated {
    policies: Vec<(PolicyIndex, AnsweredPolicy)>,
}

impl Observer for Violated {
    const THOROUGH: bool = false;

    fn policy(&mut self, index: PolicyIndex, policy: &CompiledPolicy, verdict: &Verdict) {
        if verdict.is_enforced_in(policy.state) {
            let policy = AnsweredPolicy {
                id: policy.id.to_string(),
                name: policy.display_name.clone(),
                result: FAILURE,
            };
            self.policies.push((index, policy));
        }
    }
}
