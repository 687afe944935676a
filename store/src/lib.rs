//! The ledger of Highwater made durable on one machine and shared between machines.
//!
//! A revocation that a crash forgets is a breach. A [`Store`] puts an event in force at once and
//! says when it is durable; only then is it acknowledged. The same trait serves a store that
//! only remembers ([`MemoryStore`]), one in a file ([`DiskStore`]), and either of them shared
//! between nodes over NATS JetStream (feature `nats`).
//!
//! ```
//! use std::sync::Arc;
//! use highwater::engine::Engine;
//! use highwater::event::Event;
//! use highwater::ledger::{Facts, Retention};
//! use highwater::marks::Keyring;
//! use highwater::settings::EngineSettings;
//! use highwater_store::{DiskOptions, DiskStore, Store};
//!
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path().join("ledger.highwater");
//! let facts = || Arc::new(Facts::new(Keyring::random(), Retention::default()));
//! let store = DiskStore::open(&path, facts(), &DiskOptions::default())?;
//! let event = Event::from_json(
//!     r#"{"time": 1763760000, "tenant": "contoso", "subject": {"user": "ada"},
//!         "effect": "revoke", "source": "idp"}"#,
//! )?;
//! let pending = store.apply(&event); // in force
//! pending.wait()?; // durable: acknowledge it
//! store.close()?;
//!
//! let store = DiskStore::open(&path, facts(), &DiskOptions::default())?;
//! assert_eq!(store.facts().len(), 1);
//!
//! // An engine over the same facts decides by what the store holds, and by what it takes later.
//! let engine = Engine::with_facts(EngineSettings::default(), Arc::clone(store.facts()));
//! assert_eq!(engine.facts().len(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Guarantees
//! - An event whose [`Pending`] resolved survives `kill -9` and a power cut.
//! - Everything of one [`Batch`] is there after a crash, or nothing.
//! - No register ever moves backwards, in memory, on disk or between nodes.
//! - After a failed write or flush nothing more is acknowledged until the file was opened again
//!   and verified. Decisions go on all the while.
//! - A damaged, cut-off or foreign file is an error, never an empty store.

#![forbid(unsafe_code)]

mod clock;
pub mod codec;
mod core;
pub mod disk;
mod error;
mod housekeeping;
mod memory;
pub mod mesh;
#[cfg(feature = "nats")]
pub mod nats;
pub mod operator;
mod pending;
mod readiness;
mod record;
#[doc(hidden)]
pub mod simulated;
mod store;

pub use disk::{Creation, DiskOptions, DiskStore};
pub use error::StoreError;
pub use housekeeping::{Housekeeping, HousekeepingOptions};
pub use memory::MemoryStore;
pub use pending::Pending;
pub use readiness::Concern;
pub use record::{Document, DocumentDigest, Space, Value};
pub use store::{Batch, Condition, Follower, Forgotten, Remembered, Store, StoreStatus};
