//! Documents become a model, a model becomes a snapshot.

mod countries;
mod to_snapshot;

pub use to_snapshot::SnapshotError;
