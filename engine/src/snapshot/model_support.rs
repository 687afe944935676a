//! What the models of both checkers publish and remember.

use std::sync::Arc;

use super::TenantSnapshot;
use super::policy_table::ScopeMask;
use super::slot::{Prepared, TenantSlot};

/// A snapshot that is known by its version.
pub(super) fn snapshot(version: u64) -> Arc<TenantSnapshot> {
    Arc::new(TenantSnapshot {
        version,
        ..TenantSnapshot::empty()
    })
}

/// As `Engine::refresh` does it.
pub(super) fn prepare(slot: &Arc<TenantSlot>) -> Option<Prepared> {
    let generation = slot.generation();
    let prepared = Prepared::new(Arc::clone(slot), generation, |_| ScopeMask::default());
    prepared.map(|(prepared, _)| prepared)
}
