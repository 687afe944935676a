//! The ledger: every register with its origin, kept in step with the marks that are read.
//!
//! A resource provider learns facts in any order, twice, late, and on several nodes at once. So
//! each fact is a register whose merge is a join: take the state with the later time, at the
//! same time the more restrictive one. Nothing has to arrive in order, replaying is harmless,
//! and two nodes that saw the same events hold the same bytes.
//!
//! Writers on different subjects do not wait for each other; readers of the marks never wait.
//!
//! | operation | cost |
//! |---|---|
//! | [`Facts::apply`], [`Facts::merge`] | registers of the one subject, times the parts of a conjunction |
//! | [`Facts::concerning`] | registers that concern the token |
//! | [`Facts::entries`], [`Facts::forget_expired`] | all registers |

mod counters;
mod entry;
mod facts;
#[cfg(test)]
mod laws;
mod names;
mod projection;
mod retention;
mod streams;

pub use counters::CounterValues;
pub use entry::{Entry, RegisterKey};
pub use facts::{Applied, Facts};
pub use retention::Retention;
pub use streams::StreamStatus;
