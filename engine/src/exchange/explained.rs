//! One answer with everything behind it, as a JSON document.

use serde::Serialize;
use serde_json::Value;

use super::Answer;
use crate::decision::Outcome;
use crate::explain::{
    Addresses, Explanation, LocationExplanation, MarkExplanation, PolicyExplanation,
};
use crate::reason::Reason;

/// An [`Answer`] whose policies are all those of the tenant, with the rest of the
/// [`Explanation`].
#[derive(Clone, Debug, Serialize)]
pub struct ExplainedAnswer<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    decision: Outcome,
    status: u16,
    reasons: &'a [Reason],
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    uncovered: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    degraded: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    www_authenticate: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    claims: Option<&'a Value>,
    policies: &'a [PolicyExplanation],
    address: &'a Addresses,
    locations: &'a [LocationExplanation],
    marks: &'a [MarkExplanation],
}

impl<'a> ExplainedAnswer<'a> {
    /// Puts together an answer and the explanation that it was made of.
    #[must_use]
    pub fn new(answer: &'a Answer, explanation: &'a Explanation) -> ExplainedAnswer<'a> {
        ExplainedAnswer {
            id: answer.id.as_deref(),
            decision: answer.decision,
            status: answer.status,
            reasons: &answer.reasons,
            uncovered: answer.uncovered,
            degraded: answer.degraded,
            www_authenticate: answer.www_authenticate.as_deref(),
            claims: answer.claims.as_ref(),
            policies: &explanation.policies,
            address: &explanation.address,
            locations: &explanation.locations,
            marks: &explanation.marks,
        }
    }
}
