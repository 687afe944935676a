//! Tokens: what the claims say, and the proof that somebody vouched for them.
//!
//! Claims are read once, when a token is first seen; a malformed claim is an error there and
//! never a silent default. What is evaluated is a [`VerifiedToken`], which only its
//! [`assertion`](VerifiedToken::assertion) makes: one grep lists every place that vouches.

mod claims;
mod issuer;
mod profiles;
mod verified;

pub use claims::{ClaimError, GroupClaim, SubjectKind, TokenFacts};
pub use issuer::{Anchor, ClaimNames, IssuerKind, IssuerProfile};
pub use profiles::IssuerProfiles;
pub use verified::VerifiedToken;
pub(crate) use verified::mix;
