//! The gateway as others see it: the real program on free ports, spoken to over HTTP.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod admin;
mod decisions;
mod envoy;
#[cfg(target_os = "linux")]
mod full_disk;
mod gateway;
mod issuer;
mod limits;
mod mesh;
mod operations;
mod traces;

// The store's tests run the same servers.
#[path = "../../../store/tests/support/server.rs"]
mod server;
#[path = "../../../store/tests/support/mod.rs"]
mod support;
