//! One question of a gateway: may this request pass?
//!
//! ```text
//! bearer token ──► verified (signature once per token) ─┐
//! headers, peer ──► address of the client ──────────────┼──► engine ──► Verdict ──► answer
//! original path ──► authentication contexts ────────────┘
//! ```
//!
//! What speaks HTTP ([`forward`]) and gRPC ([`envoy`]) asks the same [`Judge`]. A verdict header
//! that a client sends is read by nobody.

mod answer;
mod envoy;
mod forward;
mod judge;
mod path;
mod target;
mod tokens;

pub(super) use envoy::routes as envoy_routes;
pub(super) use forward::answer as forward_auth;
pub(crate) use judge::{Decided, Judge};
