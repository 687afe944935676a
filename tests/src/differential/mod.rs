//! Engine against oracle on generated cases, and what to do when they differ.

mod minimise;
mod write;

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
#[cfg(feature = "members")]
use std::path::Path;

use highwater::decision::NAMED_POLICIES;
#[cfg(feature = "members")]
use highwater::timestamp::Timestamp;

pub use minimise::{minimise, minimise_with};
pub use write::to_toml;

#[cfg(feature = "members")]
use crate::surface::{CSurface, RestartedOracle, RestartedSurface};
use crate::surface::{EngineSurface, OracleSurface, ReadCase};
#[cfg(feature = "members")]
use crate::vector::Step;
use crate::vector::{Answer, Case, Surface};

/// Two answers to one request that should be the same.
#[derive(Clone, Debug)]
pub struct Divergence {
    /// Which request of the case, from 0.
    pub request: usize,
    /// Which way of asking the engine.
    pub surface: &'static str,
    /// The oracle's answer.
    pub oracle: Answer,
    /// The other surface's answer.
    pub engine: Answer,
}

/// Distinct shapes of answers: outcome, reasons, flags and what every policy said.
#[derive(Debug, Default)]
pub struct Shapes(HashSet<u64>);

impl Shapes {
    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes the shapes of another set in.
    pub fn merge(&mut self, other: Shapes) {
        self.0.extend(other.0);
    }

    fn note(&mut self, answer: &Answer) {
        let mut hasher = DefaultHasher::new();
        answer.decision.hash(&mut hasher);
        answer.reasons.hash(&mut hasher);
        answer.flags.hash(&mut hasher);
        answer.results.hash(&mut hasher);
        self.0.insert(hasher.finish());
    }
}

/// Runs a case through the oracle and every way of asking the engine: the number of decisions of
/// each, and the first that differs.
pub fn compare(case: &Case, shapes: &mut Shapes) -> (usize, Option<Divergence>) {
    let read = ReadCase::new(case);
    let oracle = OracleSurface.run_read(&read);
    for answer in &oracle {
        shapes.note(answer);
    }
    let divergence = [
        EngineSurface::Explaining,
        EngineSurface::Deciding,
        EngineSurface::Batched,
    ]
    .into_iter()
    .find_map(|surface| first_difference(surface.name(), &oracle, &surface.run_read(&read)));
    (oracle.len(), divergence)
}

/// The same through the C ABI. Not a case that asks at the instant 0: there that is a request
/// that nobody filled in, and refused.
#[cfg(feature = "members")]
pub fn compare_c_abi(case: &Case) -> (usize, Option<Divergence>) {
    if case.steps.iter().any(asks_at_zero) {
        return (0, None);
    }
    let oracle = OracleSurface.run_read(&ReadCase::new(case));
    let divergence = [CSurface::Deciding, CSurface::Batched]
        .into_iter()
        .find_map(|mut surface| first_difference(surface.name(), &oracle, &surface.run(case)));
    (oracle.len(), divergence)
}

#[cfg(feature = "members")]
fn asks_at_zero(step: &Step) -> bool {
    let Step::Request { line, .. } = step else {
        return false;
    };
    serde_json::from_value(line["now"].clone()).is_ok_and(|now: Timestamp| now.milliseconds() == 0)
}

/// The same for an engine that is stopped in the middle of the case and started again over what
/// it kept in `file`, which must not exist.
#[cfg(feature = "members")]
pub fn compare_restarted(case: &Case, file: &Path) -> (usize, Option<Divergence>) {
    let read = ReadCase::new(case);
    let oracle = RestartedOracle.run_read(&read);
    let engine = RestartedSurface { file }.run_read(&read);
    (
        oracle.len(),
        first_difference(RestartedSurface::NAME, &oracle, &engine),
    )
}

fn first_difference(
    surface: &'static str,
    oracle: &[Answer],
    engine: &[Answer],
) -> Option<Divergence> {
    assert_eq!(
        oracle.len(),
        engine.len(),
        "{surface}: an answer for every request"
    );
    let request = oracle
        .iter()
        .zip(engine)
        .position(|(oracle, engine)| !agree(oracle, engine))?;
    Some(Divergence {
        request,
        surface,
        oracle: oracle[request].clone(),
        engine: engine[request].clone(),
    })
}

/// Whether two answers are the same, as far as both surfaces say. A decision names only its
/// first policies; the explanation has them all.
fn agree(oracle: &Answer, engine: &Answer) -> bool {
    oracle.decision == engine.decision
        && oracle.reasons == engine.reasons
        && oracle.flags == engine.flags
        && oracle
            .policies
            .iter()
            .take(NAMED_POLICIES)
            .eq(engine.policies.iter())
        && (engine.results.is_none() || oracle.results == engine.results)
        && oracle.claims == engine.claims
}
