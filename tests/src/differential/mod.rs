//! Engine against oracle on generated cases, and what to do when they differ.

mod minimise;
mod write;

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use highwater::decision::NAMED_POLICIES;

pub use minimise::minimise;
pub use write::to_toml;

use crate::surface::{EngineSurface, OracleSurface};
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
    let oracle = OracleSurface.run(case);
    for answer in &oracle {
        shapes.note(answer);
    }
    let divergence = [
        EngineSurface::Explaining,
        EngineSurface::Deciding,
        EngineSurface::Batched,
    ]
    .into_iter()
    .find_map(|mut surface| {
        let engine = surface.run(case);
        let request = oracle
            .iter()
            .zip(&engine)
            .position(|(oracle, engine)| !agree(oracle, engine))?;
        Some(Divergence {
            request,
            surface: surface.name(),
            oracle: oracle[request].clone(),
            engine: engine[request].clone(),
        })
    });
    (oracle.len(), divergence)
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
