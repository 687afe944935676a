//! Loose documents, untrusted: bytes to text, text to JSON, JSON to the documents inside.
//!
//! Nothing here knows what a policy means. It knows how people export one: in which encoding,
//! in which container, in which letter case; and where in the file each part stands, so that
//! every later complaint can say so.

mod encoding;
mod find;
mod json;
mod node;

pub(crate) use encoding::decode;
pub(crate) use find::{Found, Kind, MAXIMUM_COMPLAINTS, find};
pub(crate) use json::{Json, parse};
pub(crate) use node::{Node, Refusal};
