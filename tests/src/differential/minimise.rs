//! Making a failing case small: take away whatever is not needed for the failure.

use std::panic::AssertUnwindSafe;

use serde_json::Value;

use super::{Divergence, Shapes, compare};
use crate::vector::{Case, Step};

/// The smallest case found that still diverges, with its divergence.
#[must_use]
pub fn minimise(case: Case, divergence: Divergence) -> (Case, Divergence) {
    minimise_with(case, divergence, |case| {
        compare(case, &mut Shapes::default()).1
    })
}

/// The same for any kind of failure that `find` tells of. A candidate on which `find` panics,
/// because its documents no longer compile, shows nothing.
#[must_use]
pub fn minimise_with<F>(
    mut case: Case,
    mut found: F,
    find: impl Fn(&Case) -> Option<F>,
) -> (Case, F) {
    let fails = |candidate: &Case| {
        std::panic::catch_unwind(AssertUnwindSafe(|| find(candidate))).unwrap_or(None)
    };
    'smaller: loop {
        for candidate in candidates(&case) {
            if let Some(again) = fails(&candidate) {
                (case, found) = (candidate, again);
                continue 'smaller;
            }
        }
        return (case, found);
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate;

    /// The whole of a case that is not needed for its failure goes.
    #[test]
    fn what_is_not_needed_for_the_failure_goes() {
        let blocks = |case: &Case| {
            case.documents
                .policies
                .iter()
                .any(|policy| policy["grantControls"]["builtInControls"][0] == "block")
        };
        let mapped = |case: &Case| {
            case.steps.iter().any(|step| match step {
                Step::Request { line, .. } => line["ip"]
                    .as_str()
                    .is_some_and(|ip| ip.starts_with("::ffff:")),
                Step::Event(_) => false,
            })
        };
        let find = |case: &Case| (blocks(case) && mapped(case)).then_some(());
        let case = (0..)
            .map(generate::case)
            .find(|case| find(case).is_some() && case.documents.policies.len() > 2)
            .unwrap();
        let (small, ()) = minimise_with(case, (), find);
        assert_eq!((small.documents.policies.len(), small.steps.len()), (1, 1));
        assert!(small.documents.locations.is_empty());
        let Step::Request { line, .. } = &small.steps[0] else {
            panic!("the event was not needed");
        };
        let left: Vec<_> = line.as_object().unwrap().keys().collect();
        assert_eq!(left, ["ip"]);
    }
}
