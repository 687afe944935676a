//! Security Event Tokens (RFC 8417): the compact form, the claims, the keys, the checks.
//!
//! The way in has one door per stage: [`compact`] takes the text apart without believing any of
//! it, [`keys`] finds the one key that may have signed it, [`verify`] turns it into a
//! [`VerifiedSet`], and nothing else in this crate accepts anything less.

pub mod algorithm;
pub mod claims;
pub mod compact;
pub mod keys;
pub mod verify;

pub use algorithm::Algorithm;
pub use claims::Claims;
pub use compact::{Compact, Header};
pub use keys::{KeyLookup, KeySet, Keys};
pub use verify::{KeptSet, VerifiedSet, Voucher};
