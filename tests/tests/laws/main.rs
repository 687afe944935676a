//! What must hold for every tenant, event, token and request: each law with the paragraph of
//! `docs/semantics.md` that it stands for. Cases come from the same generator as the
//! differential run; a failing seed is one argument to `generate::case`. Laws about registers
//! alone, without decisions, are in `engine/src/ledger/laws.rs`.

mod facts;
mod outcome;
mod policies;

use highwater::decision::{Decision, Outcome};
use highwater::engine::Engine;
use highwater::event::{Dimension, Effect, Event};
use highwater::explain::Explanation;
use highwater::identifier::{Identifier, TenantId};
use highwater::reason::Reason;
use highwater::settings::{EngineSettings, UnknownWithoutCapability};
use highwater::timestamp::Timestamp;
use highwater_tests::generate::{self, Random, names};
use highwater_tests::request_line::RequestLine;
use highwater_tests::surface;
use highwater_tests::vector::{Case, Step, TENANT};
use proptest::prelude::*;
use serde_json::{Value, json};

/// What was decided, and which policies have a violation.
type Judged = (Decision, Vec<String>);

/// Twenty-four cases a law, or as many as `PROPTEST_CASES` says.
fn laws() -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES").ok();
    ProptestConfig {
        cases: asked.and_then(|cases| cases.parse().ok()).unwrap_or(24),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

fn events(case: &Case) -> Vec<Event> {
    case.steps
        .iter()
        .filter_map(|step| match step {
            Step::Event(event) => Some(event.clone()),
            Step::Request { .. } => None,
        })
        .collect()
}

fn lines(case: &Case) -> Vec<Value> {
    case.steps
        .iter()
        .filter_map(|step| match step {
            Step::Request { line, .. } => Some(line.clone()),
            Step::Event(_) => None,
        })
        .collect()
}

/// The tenant of the case, without any event.
fn engine(case: &Case) -> Engine {
    let engine = Engine::new(case.engine.clone());
    let tenant = TenantId::new(TENANT).expect("the constant is an identifier");
    engine
        .publish(tenant, &surface::model(case), case.tenant.clone())
        .expect("a case fits a snapshot");
    engine
}

fn engine_with(case: &Case, events: &[Event]) -> Engine {
    let engine = engine(case);
    for event in events {
        engine.apply(event);
    }
    engine
}

/// Explains each line as if it were the first: nothing is remembered.
fn explain(engine: &Engine, case: &Case, lines: &[Value]) -> Vec<Option<Explanation>> {
    lines
        .iter()
        .map(|line| {
            let read = RequestLine::read(line, &case.issuer).ok()?;
            let token = engine.token(read.token.clone());
            Some(engine.explain(&token, &read.request()))
        })
        .collect()
}

/// What [`explain`] says, in short.
fn judge(engine: &Engine, case: &Case, lines: &[Value]) -> Vec<Option<Judged>> {
    explain(engine, case, lines)
        .into_iter()
        .map(|explanation| {
            let explanation = explanation?;
            let violated = explanation
                .policies
                .iter()
                .filter(|policy| policy.result == "failure")
                .map(|policy| policy.display_name.clone())
                .collect();
            Some((explanation.decision, violated))
        })
        .collect()
}

fn is_refused(judged: &Option<Judged>) -> bool {
    judged
        .as_ref()
        .is_some_and(|(decision, _)| decision.outcome() != Outcome::Allow)
}

fn shuffled(events: &[Event], random: &mut Random) -> Vec<Event> {
    let mut events = events.to_vec();
    for index in (1..events.len()).rev() {
        events.swap(index, random.below(index + 1));
    }
    events
}

/// The marks against a token; `None` where the decision did not get there.
fn marks_of(judged: &Option<Judged>) -> Option<Vec<Reason>> {
    let (decision, _) = judged.as_ref()?;
    let reasons = decision.reasons();
    let unread = [
        Reason::TokenExpired,
        Reason::TokenNotYetValid,
        Reason::TenantUnknown,
    ];
    if unread.into_iter().any(|reason| reasons.contains(reason)) {
        return None;
    }
    let marks = [
        Reason::SubjectPurged,
        Reason::SessionDenied,
        Reason::TokenDenied,
        Reason::SubjectBlocked,
        Reason::TokenRevoked,
        Reason::TokenStale,
        Reason::AssuranceLowered,
    ];
    Some(
        marks
            .into_iter()
            .filter(|&reason| reasons.contains(reason))
            .collect(),
    )
}
