//! Highwater decides, for every request, whether an access token is still good.
//!
//! Documents become a model, the model becomes one immutable snapshot, and a request against
//! that snapshot is a total, allocation-free function.

#![forbid(unsafe_code)]

pub mod snapshot;
