//! A store that only remembers: for embedders who persist elsewhere, and for tests.

use std::sync::Arc;

use highwater::identifier::TenantId;
use highwater::ledger::Facts;
use highwater::timestamp::Timestamp;

use crate::core::Core;
use crate::store::{Batch, Condition, Follower, Forgotten, Remembered, Store, StoreStatus};
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
    fn facts(&self) -> &Arc<Facts> {
        &self.core.facts
    }

    fn commit(&self, batch: Batch) -> Pending {
        self.core.commit(batch)
    }

    fn remember(&self, space: Space, key: &str, expires: Timestamp) -> Remembered {
        self.core.remember(space, key, expires)
    }

    fn value(&self, space: Space, key: &str) -> Option<Value> {
        self.core.value(space, key)
    }

    fn values(&self, space: Space) -> Vec<(String, Value)> {
        self.core.values(space)
    }

    fn document(&self, tenant: &TenantId) -> Option<Document> {
        self.core.document(tenant)
    }

    fn documents(&self) -> Vec<Document> {
        self.core.documents()
    }

    fn forget(&self, now: Timestamp) -> Result<Forgotten, StoreError> {
        self.core.forget(now)
    }

    fn reopen(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn status(&self) -> StoreStatus {
        StoreStatus {
            condition: Condition::Ready,
            is_new: true,
            waiting: 0,
            commits: 0,
            written: 0,
            failures: 0,
        }
    }

    fn follow(&self, follower: Arc<dyn Follower>) {
        self.core.follow(follower);
    }
}
