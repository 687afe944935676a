//! Decisions: the engine against the oracle, on tenants, events and requests that the bytes
//! steer to. A divergence is printed as a vector.

use crate::differential::{Shapes, compare, to_toml};
use crate::generate::steered_case;
use crate::surface::OracleSurface;
use crate::vector::Surface;

/// Requests of a case: enough for loops and answered challenges.
const REQUESTS: usize = 12;

/// Choices of the generator, one byte each; what they leave open is always the same.
pub fn decisions(bytes: &[u8]) {
    let case = steered_case(bytes, REQUESTS);
    let (_, divergence) = compare(&case, &mut Shapes::default());
    if let Some(divergence) = divergence {
        panic!(
            "{divergence:#?}\n{}",
            to_toml(&case, &OracleSurface.run(&case))
        );
    }
}
