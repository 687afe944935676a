//! Highwater decides, for every request, whether an access token is still good.
//!
//! Documents become a model, the model becomes one immutable snapshot, and a request against
//! that snapshot is a total, allocation-free function.

// Unsafe code lives in `hint` and in `snapshot::prefix_table::processor`, and nowhere else.
#![deny(unsafe_code)]

// In the order in which the data flows.
mod batch;
pub mod challenge;
pub mod compile;
pub mod decision;
pub mod engine;
pub mod evaluate;
pub mod event;
pub mod exchange;
pub mod explain;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod hint;
pub mod identifier;
pub mod ledger;
pub mod marks;
pub mod model;
mod primitive;
pub mod reason;
pub mod request;
pub mod settings;
pub mod snapshot;
pub mod timestamp;
pub mod token;
mod wire;

/// The version of the decision semantics (`docs/semantics.md`). It counts up when the same
/// documents, facts, token and request may be decided otherwise; the crate's version does not.
pub const SEMANTICS_VERSION: u32 = 1;

/// The README's example, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
