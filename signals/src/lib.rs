//! What identity providers really send, as Highwater events.
//!
//! ```text
//! SET ──► set (verified) ──► event_map (subject, payload, authority) ──► Vec<Event>
//! Graph page ──► graph ──────────────────────────────────────────────► Vec<Event>
//! ```
//!
//! Nothing here opens a socket, waits or reads a clock: `now` is an argument, and delivery is
//! described as requests and responses that the host carries ([`delivery`]).

#![forbid(unsafe_code)]

pub mod delivery;
pub mod directory;
pub mod emit;
pub mod event_map;
pub mod event_type;
pub mod graph;
pub mod intake;
pub mod receiver;
pub mod refusal;
pub mod set;
pub mod subject;
pub mod time;
pub mod transmitter;

pub use event_map::{Interpretation, Notice};
pub use event_type::EventType;
pub use receiver::Receiver;
pub use refusal::{ErrorBody, ErrorCode, Refusal};
pub use set::{VerifiedSet, Voucher};
pub use transmitter::{Transmitter, TransmitterConfig};
