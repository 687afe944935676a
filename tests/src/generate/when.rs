//! Cases moved in time: to where a representation of seconds ends.
//!
//! Marks are kept in 32 unsigned bits where they fit, other systems keep signed ones, and
//! everything before 1970 is negative. A case that is moved as a whole means the same.

use highwater::timestamp::Timestamp;
use serde_json::{Value, json};

use crate::vector::{Case, Step};

/// Seconds around which something may change: 1970, January 2038, February 2106, and the last
/// second but one that the hot table of marks holds.
pub(super) const ENDS: [i64; 4] = [0, 1 << 31, 1 << 32, (1 << 32) - 2];

/// Moves everything in `case` by `seconds`.
pub(super) fn shift(case: &mut Case, seconds: i64) {
    for policy in &mut case.documents.policies {
        let modified = policy["modifiedDateTime"]
            .as_str()
            .and_then(|text| Timestamp::from_rfc3339(text).ok());
        if let Some(modified) = modified {
            policy["modifiedDateTime"] = json!(modified.plus_seconds(seconds).to_string());
        }
    }
    for step in &mut case.steps {
        match step {
            Step::Event(event) => event.time = event.time.plus_seconds(seconds),
            Step::Request { line, .. } => {
                move_number(&mut line["now"], seconds);
                for name in ["iat", "exp", "nbf", "auth_time"] {
                    if let Some(value) = line["token"].get_mut(name) {
                        move_number(value, seconds);
                    }
                }
            }
        }
    }
}

fn move_number(value: &mut Value, seconds: i64) {
    if let Some(number) = value.as_i64() {
        *value = json!(number + seconds);
    } else if let Some(number) = value.as_f64() {
        *value = json!(number + seconds as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate;
    use crate::surface::OracleSurface;
    use crate::vector::Surface;

    /// A case that is moved means the same, as far as instants are not part of the answer.
    #[test]
    fn a_moved_case_is_decided_the_same() {
        for seed in 0..40 {
            let case = generate::case(seed);
            let mut moved = case.clone();
            shift(&mut moved, 1000);
            let answers = |case: &Case| -> Vec<_> {
                let answers = OracleSurface.run(case);
                answers
                    .into_iter()
                    .map(|answer| (answer.decision, answer.reasons, answer.results))
                    .collect()
            };
            let (before, after) = (answers(&case), answers(&moved));
            // Tokens from before 1970 cannot be read; moved, they can.
            if before.iter().all(|(decision, ..)| decision != "error") {
                assert_eq!(before, after, "seed {seed}");
            }
        }
    }
}
