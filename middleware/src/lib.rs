//! Continuous access evaluation for Rust services: who is calling, from where, and may they
//! still.
//!
//! Everything that stands between an HTTP request and a decision of the engine:
//! [`client_address`] tells which address to believe, [`token`] which token.

#![forbid(unsafe_code)]

// In the order in which a request passes.
pub mod client_address;
pub mod token;
