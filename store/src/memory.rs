//! A store that only remembers: for embedders who persist elsewhere, and for tests.

use std::sync::Arc;

use highwater::identifier::TenantId;
use highwater::ledger::Facts;
use highwater::timestamp::Timestamp;

use crate::core::{Core, through_core};
use crate::store::{Batch, Follower, Forgotten, Remembered, Store, StoreStatus};
use crate::{Document, Pending, Space, StoreError, Value};

/// A store whose end is the end of the process. Every [`Pending`] is resolved when it is made.
pub struct MemoryStore {
    core: Core,
}

impl MemoryStore {
    /// A store around `facts`.
    #[must_use]
    pub fn new(facts: Arc<Facts>) -> MemoryStore {
        MemoryStore {
            core: Core::new(facts, None),
        }
    }
}

impl Store for MemoryStore {
    through_core!();

    fn compact(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn reopen(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn status(&self) -> StoreStatus {
        self.core.status(true, None)
    }
}
