//! What all stores share: facts, small values and documents in memory, and the group of writes
//! that goes to disk next.
//!
//! One lock orders everything that changes. A register is joined in memory and put into the
//! group under the same lock, so the disk sees the states of a register in the order in which
//! memory took them, and an event that changes nothing knows which write it has to wait for.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use highwater::identifier::TenantId;
use highwater::ledger::Facts;
use highwater::timestamp::Timestamp;
use parking_lot::{Condvar, Mutex};

use crate::codec;
use crate::pending::{Pending, Ticket};
use crate::store::{Batch, Condition, Follower, Forgotten, Origin, Remembered, StoreStatus};
use crate::{Document, Space, StoreError, Value};

/// Shared by the callers and the writer of one store.
pub(crate) struct Core {
    pub(crate) facts: Arc<Facts>,
    pub(crate) inner: Mutex<Inner>,
    /// Tells the writer that there is something to do.
    pub(crate) work: Condvar,
    pub(crate) counts: Counts,
}

/// What happened since the store was opened.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) commits: AtomicU64,
    pub(crate) written: AtomicU64,
    pub(crate) failures: AtomicU64,
    pub(crate) compactions: AtomicU64,
    forgotten: AtomicU64,
}

/// Everything under the lock.
pub(crate) struct Inner {
    values: BTreeMap<(Space, String), Value>,
    documents: BTreeMap<TenantId, Document>,
    follower: Option<Arc<dyn Follower>>,
    /// The instant of the last forgetting that came to its end.
    forgot_at: Option<Timestamp>,
    /// `None` in a store that only remembers.
    pub(crate) queue: Option<Queue>,
}

/// Between the callers and the writer.
pub(crate) struct Queue {
    /// What is written next, and who waits for it.
    pub(crate) group: Group,
    /// Who waits for what is being written now.
    pub(crate) in_flight: Option<Arc<Ticket>>,
    pub(crate) condition: Condition,
    /// Who waits for the file to be opened again.
    pub(crate) reopen: Option<Arc<Ticket>>,
    /// Who waits for the file to be made smaller.
    pub(crate) compact: Option<Arc<Ticket>>,
    pub(crate) close: bool,
}

/// Writes that become durable together.
#[derive(Default)]
pub(crate) struct Group {
    pub(crate) ticket: Arc<Ticket>,
    pub(crate) writes: Writes,
}

/// The last change per key, in the order of the keys: how a B-tree likes it best.
#[derive(Default)]
pub(crate) struct Writes {
    pub(crate) registers: BTreeMap<Vec<u8>, Change>,
    pub(crate) values: BTreeMap<Vec<u8>, Change>,
    pub(crate) documents: BTreeMap<Vec<u8>, Change>,
}

pub(crate) enum Change {
    Put(Vec<u8>),
    Delete,
    /// Delete unless the stored register is alive at this instant: another event may have
    /// revived it since it was forgotten.
    DeleteIfExpired(Timestamp),
}

impl Core {
    pub(crate) fn new(facts: Arc<Facts>, queue: Option<Queue>) -> Core {
        Core {
            facts,
            inner: Mutex::new(Inner {
                values: BTreeMap::new(),
                documents: BTreeMap::new(),
                follower: None,
                forgot_at: None,
                queue,
            }),
            work: Condvar::new(),
            counts: Counts::default(),
        }
    }

    pub(crate) fn commit(&self, batch: Batch) -> Pending {
        // Encoded before the lock is taken: what waits for the lock should wait briefly.
        let is_durable = self.inner.lock().queue.is_some();
        let registers: Vec<_> = batch
            .registers
            .into_iter()
            .map(|entry| (is_durable.then(|| codec::encode(&entry)), entry))
            .collect();
        let mut changed = 0;
        let mut inner = self.inner.lock();
        let inner = &mut *inner;
        let tell = match batch.origin {
            Origin::Here => inner.follower.clone(),
            Origin::OtherNode => None,
        };
        for (encoded, entry) in registers {
            let told = tell.as_ref().map(|follower| (follower, entry.clone()));
            if !self.facts.merge(entry) {
                continue;
            }
            changed += 1;
            if let Some((follower, entry)) = told {
                follower.register_changed(&entry);
            }
            if let (Some(queue), Some(encoded)) = (&mut inner.queue, encoded) {
                let change = Change::Put(encoded.value);
                queue.group.writes.registers.insert(encoded.key, change);
            }
        }
        for (space, key, value) in batch.values {
            changed += usize::from(inner.set_value(space, key, value));
        }
        for document in batch.documents {
            if inner.set_document(&document) {
                changed += 1;
                if let Some(follower) = &tell {
                    follower.document_changed(&document);
                }
            }
        }
        self.promise(inner, changed)
    }

    pub(crate) fn remember(&self, space: Space, key: &str, expires: Timestamp) -> Remembered {
        let mut inner = self.inner.lock();
        let is_new = !inner.values.contains_key(&(space, key.to_owned()));
        if is_new {
            let value = Value::new([]).expiring(expires);
            inner.set_value(space, key.to_owned(), Some(value));
        }
        Remembered {
            is_new,
            pending: self.promise(&mut inner, usize::from(is_new)),
        }
    }

    pub(crate) fn value(&self, space: Space, key: &str) -> Option<Value> {
        let inner = self.inner.lock();
        inner.values.get(&(space, key.to_owned())).cloned()
    }

    pub(crate) fn values(&self, space: Space) -> Vec<(String, Value)> {
        let inner = self.inner.lock();
        inner
            .values
            .range((space, String::new())..)
            .take_while(|((found, _), _)| *found == space)
            .map(|((_, key), value)| (key.clone(), value.clone()))
            .collect()
    }

    pub(crate) fn document(&self, tenant: &TenantId) -> Option<Document> {
        self.inner.lock().documents.get(tenant).cloned()
    }

    pub(crate) fn documents(&self) -> Vec<Document> {
        self.inner.lock().documents.values().cloned().collect()
    }

    pub(crate) fn follow(&self, follower: Arc<dyn Follower>) {
        self.inner.lock().follower = Some(follower);
    }

    /// Takes over what a file holds, without writing it again.
    pub(crate) fn restore(&self, values: Vec<(Space, String, Value)>, documents: Vec<Document>) {
        let mut inner = self.inner.lock();
        for (space, key, value) in values {
            inner.values.insert((space, key), value);
        }
        for document in documents {
            inner.documents.insert(document.tenant().clone(), document);
        }
    }

    pub(crate) fn forget(&self, now: Timestamp) -> Result<Forgotten, StoreError> {
        let is_durable = self.inner.lock().queue.is_some();
        let mut keys = Vec::new();
        let registers = self.facts.forget_expired_with(now, |entry| {
            if is_durable {
                keys.push(codec::encode(entry).key);
            }
        });
        let values = {
            let mut inner = self.inner.lock();
            let expired: Vec<(Space, String)> = inner
                .values
                .iter()
                .filter(|(_, value)| value.expires.is_some_and(|expires| now > expires))
                .map(|(key, _)| key.clone())
                .collect();
            for (space, key) in &expired {
                inner.set_value(*space, key.clone(), None);
            }
            expired.len()
        };
        // Small groups: an event that arrives meanwhile does not wait for all of them. Where the
        // store refuses, all are queued before that is said.
        let mut outcome = Ok(());
        for keys in keys.chunks(4096) {
            let mut inner = self.inner.lock();
            if let Some(queue) = &mut inner.queue {
                for key in keys {
                    let registers = &mut queue.group.writes.registers;
                    self.delete_if_expired(registers, key.clone(), now);
                }
            }
            let pending = self.promise(&mut inner, keys.len());
            drop(inner);
            outcome = outcome.and(pending.wait());
        }
        outcome?;
        self.inner.lock().forgot_at = Some(now);
        let forgotten = Forgotten { registers, values };
        count(&self.counts.forgotten, forgotten.total());
        Ok(forgotten)
    }

    fn delete_if_expired(
        &self,
        registers: &mut BTreeMap<Vec<u8>, Change>,
        key: Vec<u8>,
        now: Timestamp,
    ) {
        // What waits to be written may be what was forgotten, or have come since.
        if let Some(Change::Put(value)) = registers.get(&key)
            && !self.has_expired(&key, value, now)
        {
            return;
        }
        registers.insert(key, Change::DeleteIfExpired(now));
    }

    /// Whether a stored register may be forgotten at `now`.
    pub(crate) fn has_expired(&self, key: &[u8], value: &[u8], now: Timestamp) -> bool {
        let retention = self.facts.retention();
        codec::decode(key, value).is_ok_and(|entry| retention.has_expired(&entry, now))
    }

    /// Puts back what could not be written; what came later stands.
    pub(crate) fn put_back(&self, waiting: &mut Writes, earlier: Writes) {
        for (key, change) in earlier.registers {
            match (waiting.registers.get(&key), &change) {
                (None, _) => {}
                // Forgotten while it was being written, or revived just before.
                (Some(&Change::DeleteIfExpired(now)), Change::Put(value))
                    if !self.has_expired(&key, value, now) => {}
                (Some(_), _) => continue,
            }
            waiting.registers.insert(key, change);
        }
        for (waiting, earlier) in [
            (&mut waiting.values, earlier.values),
            (&mut waiting.documents, earlier.documents),
        ] {
            for (key, change) in earlier {
                waiting.entry(key).or_insert(change);
            }
        }
    }

    pub(crate) fn status(&self, is_new: bool, bytes: Option<u64>) -> StoreStatus {
        let value = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let inner = self.inner.lock();
        let queue = inner.queue.as_ref();
        StoreStatus {
            condition: queue.map_or(Condition::Ready, |queue| queue.condition.clone()),
            is_new,
            waiting: queue.map_or(0, |queue| queue.group.writes.len()),
            commits: value(&self.counts.commits),
            written: value(&self.counts.written),
            failures: value(&self.counts.failures),
            forgotten: value(&self.counts.forgotten),
            forgot_at: inner.forgot_at,
            compactions: value(&self.counts.compactions),
            bytes,
        }
    }

    /// A promise that resolves when everything that is in force now is durable.
    pub(crate) fn promise(&self, inner: &mut Inner, changed: usize) -> Pending {
        let Some(queue) = &mut inner.queue else {
            return Pending::resolved(changed, Ok(()));
        };
        if queue.close {
            return Pending::resolved(changed, Err(StoreError::Closed));
        }
        if let Some(error) = queue.condition.error() {
            return Pending::resolved(changed, Err(error.clone()));
        }
        if !queue.group.writes.is_empty() {
            self.work.notify_one();
            return Pending::new(changed, Arc::clone(&queue.group.ticket));
        }
        match &queue.in_flight {
            Some(ticket) => Pending::new(changed, Arc::clone(ticket)),
            None => Pending::resolved(changed, Ok(())),
        }
    }
}

impl Inner {
    fn set_value(&mut self, space: Space, key: String, value: Option<Value>) -> bool {
        let change = match &value {
            Some(value) => Change::Put(value.encode()),
            None => Change::Delete,
        };
        let stored = value_key(space, &key);
        let slot = (space, key);
        let is_changed = self.values.get(&slot) != value.as_ref();
        if !is_changed {
            return false;
        }
        match value {
            Some(value) => self.values.insert(slot, value),
            None => self.values.remove(&slot),
        };
        if let Some(queue) = &mut self.queue {
            queue.group.writes.values.insert(stored, change);
        }
        true
    }

    fn set_document(&mut self, document: &Document) -> bool {
        let tenant = document.tenant();
        if let Some(known) = self.documents.get(tenant)
            && !document.outranks(known)
        {
            return false;
        }
        self.documents.insert(tenant.clone(), document.clone());
        if let Some(queue) = &mut self.queue {
            let key = tenant.as_str().as_bytes().to_vec();
            let change = Change::Put(document.encode());
            queue.group.writes.documents.insert(key, change);
        }
        true
    }
}

impl Queue {
    pub(crate) fn new() -> Queue {
        Queue {
            group: Group::default(),
            in_flight: None,
            condition: Condition::Ready,
            reopen: None,
            compact: None,
            close: false,
        }
    }
}

impl Writes {
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn len(&self) -> usize {
        self.registers.len() + self.values.len() + self.documents.len()
    }
}

/// The part of [`Store`](crate::Store) that is the same for every store: forwarded to the
/// field `core`.
macro_rules! through_core {
    () => {
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

        fn follow(&self, follower: Arc<dyn Follower>) {
            self.core.follow(follower);
        }
    };
}
pub(crate) use through_core;

pub(crate) fn count(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::Relaxed);
}

pub(crate) fn value_key(space: Space, key: &str) -> Vec<u8> {
    [&[space as u8], key.as_bytes()].concat()
}
