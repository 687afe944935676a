//! What looks at Highwater from outside.
//!
//! [`oracle`] is the slow evaluator that is too simple to be wrong; everything else compares
//! the engine's surfaces with it or with recorded answers.

#![forbid(unsafe_code)]

pub mod oracle;
