//! Many nodes, one ledger: what a node tells the others and does with what it hears.
//!
//! The bus holds the last value per register and numbers its changes. That is less than it
//! sounds: a last value is not a maximum, a message may come twice, late or never, and a server
//! may lose its leader. So a node joins before it publishes and publishes only against the
//! revision that it joined with; follows the numbers and reads again what is missing; and reads
//! everything when it starts. Since registers only join, at-least-once is enough.
//!
//! [`Node`] is all of that without a network: calls in, answers out. The NATS driver (feature
//! `nats`) and the simulation in `tests/convergence.rs` drive the same code.
//!
//! | on the bus | key | last value |
//! |---|---|---|
//! | register | `r.` digest of the register's key | its state |
//! | documents | `d.` digest of the tenant | publication, digest and number of chunks |
//! | chunk | `c.` digest of the documents `.` publication `.` number | bytes |
//! | heartbeat | `h.` node | the revision that the node has applied |

mod message;
mod node;
mod outbox;

#[cfg(feature = "nats")]
pub(crate) use message::{CHUNK, chunk_key, chunks_key};
pub use message::{Key, Message, MessageError, Pointer};
pub use node::{Conflict, Heard, MeshStatus, Node, Plan};
pub use outbox::{Outbox, Outgoing, Publication};
