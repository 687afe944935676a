//! Making a failing case small: take away whatever is not needed for the failure.

use serde_json::Value;

use super::{Divergence, Shapes, compare};
use crate::vector::{Case, Step};

/// The smallest case found that still diverges, with its divergence.
#[must_use]
pub fn minimise(mut case: Case, mut divergence: Divergence) -> (Case, Divergence) {
    loop {
        let mut smaller = None;
        for candidate in candidates(&case) {
            if let Some(found) = diverges(&candidate) {
                smaller = Some((candidate, found));
                break;
            }
        }
        match smaller {
            Some((candidate, found)) => (case, divergence) = (candidate, found),
            None => return (case, divergence),
        }
    }
}

fn diverges(case: &Case) -> Option<Divergence> {
    // A case whose documents no longer compile shows nothing.
    std::panic::catch_unwind(|| compare(case, &mut Shapes::default()).1).ok()?
}

/// Every case that is one thing smaller, the largest things first.
fn candidates(case: &Case) -> Vec<Case> {
    let mut candidates = Vec::new();
    let half = case.steps.len() / 2;
    if half > 1 {
        for range in [0..half, half..case.steps.len()] {
            let mut smaller = case.clone();
            smaller.steps = case.steps[range].to_vec();
            candidates.push(smaller);
        }
    }
    for index in (0..case.steps.len()).rev() {
        let mut smaller = case.clone();
        smaller.steps.remove(index);
        candidates.push(smaller);
    }
    for index in 0..case.documents.policies.len() {
        let mut smaller = case.clone();
        smaller.documents.policies.remove(index);
        candidates.push(smaller);
    }
    for index in 0..case.documents.locations.len() {
        let mut smaller = case.clone();
        smaller.documents.locations.remove(index);
        candidates.push(smaller);
    }
    let mut with = |change: &dyn Fn(&mut Case)| {
        let mut smaller = case.clone();
        change(&mut smaller);
        candidates.push(smaller);
    };
    if case.documents.memberships.is_some() {
        with(&|case| case.documents.memberships = None);
    }
    if case.documents.trusted_ips.is_some() {
        with(&|case| case.documents.trusted_ips = None);
    }
    if case.documents.countries.is_some() {
        with(&|case| case.documents.countries = None);
    }
    for (index, policy) in case.documents.policies.iter().enumerate() {
        for smaller in smaller_values(policy) {
            with(&|case| case.documents.policies[index] = smaller.clone());
        }
    }
    for (index, location) in case.documents.locations.iter().enumerate() {
        for smaller in smaller_values(location) {
            with(&|case| case.documents.locations[index] = smaller.clone());
        }
    }
    for (index, step) in case.steps.iter().enumerate() {
        if let Step::Request { line, expected } = step {
            for smaller in smaller_values(line) {
                with(&|case| {
                    case.steps[index] = Step::Request {
                        line: smaller.clone(),
                        expected: expected.clone(),
                    };
                });
            }
        }
    }
    candidates
}

/// The value with one member or element less, at any depth.
fn smaller_values(value: &Value) -> Vec<Value> {
    let mut smaller = Vec::new();
    match value {
        Value::Object(members) => {
            for name in members.keys() {
                let mut without = members.clone();
                without.remove(name);
                smaller.push(Value::Object(without));
            }
            for (name, member) in members {
                for inner in smaller_values(member) {
                    let mut with = members.clone();
                    with.insert(name.clone(), inner);
                    smaller.push(Value::Object(with));
                }
            }
        }
        Value::Array(items) => {
            for index in 0..items.len() {
                let mut without = items.clone();
                without.remove(index);
                smaller.push(Value::Array(without));
            }
        }
        _ => {}
    }
    smaller
}
