//! The oracle as a surface.

use highwater::identifier::TenantId;
use serde_json::{Value, json};

use super::{ReadCase, flags, word};
use crate::oracle::{AskedClaims, Oracle};
use crate::request_line::RequestLine;
use crate::vector::{Answer, Case, Step, Surface, TENANT};

/// Asks the oracle.
#[derive(Debug, Default)]
pub struct OracleSurface;

impl Surface for OracleSurface {
    fn name(&self) -> &'static str {
        "oracle"
    }

    fn run(&mut self, case: &Case) -> Vec<Answer> {
        self.run_read(&ReadCase::new(case))
    }
}

impl OracleSurface {
    /// As [`Surface::run`], of a case that was read before.
    #[must_use]
    pub fn run_read(&self, read: &ReadCase<'_>) -> Vec<Answer> {
        run(read, |_, _| {})
    }
}

/// Runs a case; `before` is shown the number of each step before it is taken.
pub(super) fn run(read: &ReadCase<'_>, mut before: impl FnMut(usize, &mut Oracle)) -> Vec<Answer> {
    let mut oracle = Oracle::new(read.settings());
    let tenant = TenantId::new(TENANT).expect("the constant is an identifier");
    oracle.load(tenant, read.model.clone(), read.case.tenant.clone());
    let mut answers = Vec::new();
    for (number, (step, line)) in read.steps().enumerate() {
        before(number, &mut oracle);
        match (step, line) {
            (Step::Event(event), _) => oracle.apply(event.clone()),
            (Step::Request { .. }, Some(line)) => {
                answers.push(decide(&mut oracle, &line.line, &read.names));
            }
            (Step::Request { .. }, None) => answers.push(Answer::error()),
        }
    }
    answers
}

pub(super) fn decide(oracle: &mut Oracle, line: &RequestLine, names: &[String]) -> Answer {
    let decision = oracle.decide(&line.token, &line.request());
    Answer {
        decision: word(decision.outcome, decision.status),
        reasons: decision
            .reasons
            .iter()
            .map(|reason| reason.as_str().to_owned())
            .collect(),
        policies: decision
            .violated
            .iter()
            .map(|&index| names[index].clone())
            .collect(),
        flags: Some(flags(decision.uncovered, decision.degraded)),
        claims: decision.claims.as_ref().map(claims),
        header: None,
        results: Some(
            names
                .iter()
                .cloned()
                .zip(
                    decision
                        .policies
                        .iter()
                        .map(|policy| policy.result.to_owned()),
                )
                .collect(),
        ),
    }
}

/// Section 7.
fn claims(asked: &AskedClaims) -> Value {
    let mut token = json!({
        "nbf": {"essential": true, "value": asked.not_before.to_string()},
    });
    if let Some(address) = asked.address {
        token["xms_rp_ipaddr"] = json!({"value": address.to_string()});
    }
    if let Some(context) = &asked.authentication_context {
        token["acrs"] = json!({"essential": true, "value": context});
    }
    json!({"access_token": token})
}
