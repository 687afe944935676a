//! Claims challenges: telling a client which token would do, in words that it understands.
//!
//! `401` is only worth more than `403` if the client can act on it, and the clients that exist
//! disagree about nearly everything a challenge may look like: separators, quoting, padding,
//! the alphabet of base64. So what is written is narrow, one form inside the intersection of
//! all known parsers, and what is read is wide, everything that known servers send. Writing
//! allocates nothing; reading takes linear time and never fails, it only finds less.
//!
//! `docs/challenge.md` has the form and the clients behind each rule.

mod claims;
mod encoding;
mod parse;
mod parsed;
mod text;
mod write;

pub use claims::ClaimsDocument;
pub use parse::parse;
pub use parsed::ParsedChallenge;
pub use write::{BufferTooSmall, Challenge, HeaderTooLong, InvalidToken, TokenRequired};
