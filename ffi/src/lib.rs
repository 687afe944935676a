//! The C ABI of Highwater: everything that the engine decides, for services in other languages.
//!
//! `ffi/README.md` is the contract; `ffi/include/highwater.h` is generated from this crate and
//! says the same in C. Types and functions are named here as C sees them.
//!
//! # Shape
//! Every entry does the same four things: it checks its pointers (`handle`, `text`), runs its
//! body under a net for panics (`handle`), reports a failure by status and message (`error`), and
//! writes its out-parameters last. So a body is ordinary safe Rust between a few `unsafe` lines
//! that read what C handed over.

#![allow(non_camel_case_types)] // the names are C's
#![deny(clippy::missing_safety_doc)]

// tests/header.rs has the order of the header.
pub mod address;
#[cfg(feature = "caller")]
#[doc(hidden)]
pub mod caller;
pub mod decide;
pub mod decision;
pub mod documents;
pub mod engine;
pub mod error;
pub mod events;
pub mod exchange;
pub mod feed;
mod handle;
pub mod header;
pub mod log;
mod options;
pub mod prepared;
pub mod publish;
pub mod request;
pub mod signals;
mod size;
pub mod status;
pub mod text;
pub mod token;
pub mod version;
