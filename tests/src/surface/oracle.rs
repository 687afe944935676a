//! The oracle as a surface.

use highwater::identifier::TenantId;
use serde_json::{Value, json};

use super::{flags, model, word};
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
        let model = model(case);
        let names: Vec<String> = model
            .policies
            .iter()
            .map(|policy| policy.display_name.clone())
            .collect();
        let mut oracle = Oracle::new(case.engine.clone());
        let tenant = TenantId::new(TENANT).expect("the constant is an identifier");
        oracle.load(tenant, model, case.tenant.clone());
        let mut answers = Vec::new();
        for step in &case.steps {
            match step {
                Step::Event(event) => oracle.apply(event.clone()),
                Step::Request { line, .. } => answers.push(decide(case, &mut oracle, line, &names)),
            }
        }
        answers
    }
}

fn decide(case: &Case, oracle: &mut Oracle, line: &Value, names: &[String]) -> Answer {
    let Ok(read) = RequestLine::read(line, &case.issuer) else {
        return Answer::error();
    };
    let decision = oracle.decide(&read.token, &read.request());
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
