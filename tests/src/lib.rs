//! What looks at Highwater from outside.
//!
//! [`oracle`] is the slow evaluator that is too simple to be wrong; [`vector`] reads recorded
//! decisions; [`surface`] are the ways of asking, which all have to give the same answer.

#![forbid(unsafe_code)]

pub mod differential;
#[cfg(feature = "members")]
pub mod fuzzing;
pub mod generate;
pub mod oracle;
pub mod request_line;
#[cfg(feature = "members")]
pub mod simulation;
pub mod surface;
pub mod vector;
