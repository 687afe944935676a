//! From the text in an `Authorization` header to a token that the engine decides about.
//!
//! ```text
//! bearer ──► digest ──► cache ── hit ──────────────────────────────► VerifiedToken
//!                         └─ miss ─► verify (issuer, key, signature) ──► cache ─┘
//!                                      └─ unknown key ─► keys (fetched once, for everybody)
//! ```
//!
//! The signature is paid once per token. What is refused is never remembered, so nobody fills the
//! cache with tokens that no issuer signed.

pub mod bearer;
mod cache;
mod error;
#[cfg(feature = "discovery")]
mod fetch;
mod issuer;
mod keys;
#[cfg(feature = "discovery")]
mod refresh;
mod validator;
mod verify;

pub use error::{TokenError, TokenErrorKind};
#[cfg(feature = "discovery")]
pub use fetch::KeyFetchError;
pub use issuer::{AcceptedIssuer, Authorization, IssuerError, KeySource, TokenType};
pub use keys::KeyStatus;
pub use validator::{TokenValidator, TokenValidatorBuilder};
