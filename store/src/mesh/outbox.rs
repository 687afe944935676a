//! What this node knows and the bus may not: the latest state per key, until it is published.

use std::collections::BTreeMap;

use highwater::ledger::Entry;
use highwater::timestamp::Timestamp;
use parking_lot::Mutex;

use super::message::{Key, Message, Pointer};
use crate::codec;
use crate::{Document, Follower};

/// Something to be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outgoing {
    /// The state of a register.
    Register(Box<Entry>),
    /// The documents of a tenant.
    Document(Document),
}

impl Outgoing {
    /// Where it becomes the last value.
    #[must_use]
    pub fn key(&self) -> Key {
        match self {
            Outgoing::Register(entry) => Key::of_register(&codec::encode(entry)),
            Outgoing::Document(document) => Key::of_tenant(document.tenant()),
        }
    }

    /// The bytes that become the last value.
    #[must_use]
    pub fn payload(&self) -> Vec<u8> {
        match self {
            Outgoing::Register(entry) => Message::encode_register(&codec::encode(entry)),
            Outgoing::Document(document) => Message::encode_pointer(&Pointer::to(document)),
        }
    }

    fn outranks(&self, other: &Outgoing) -> bool {
        match (self, other) {
            (Outgoing::Register(mine), Outgoing::Register(theirs)) => mine.outranks(theirs),
            (Outgoing::Document(mine), Outgoing::Document(theirs)) => mine.outranks(theirs),
            _ => false,
        }
    }
}

/// One attempt to publish.
#[derive(Clone, Debug)]
pub struct Publication {
    /// Where.
    pub key: Key,
    /// What.
    pub outgoing: Outgoing,
    /// The revision that the key has to have: 0 if it must have none.
    pub expected: u64,
    /// When the bus may forget it; `None`: never.
    pub expires: Option<Timestamp>,
}

/// Follows a store and keeps what has to be published.
#[derive(Default)]
pub struct Outbox {
    waiting: Mutex<BTreeMap<Key, Outgoing>>,
    wake: Option<Box<dyn Fn() + Send + Sync>>,
}

impl Outbox {
    /// An outbox that calls `wake` when something was put into it.
    pub fn new(wake: impl Fn() + Send + Sync + 'static) -> Outbox {
        Outbox {
            waiting: Mutex::default(),
            wake: Some(Box::new(wake)),
        }
    }

    /// How much waits.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.lock().len()
    }

    /// Whether everything was published.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.lock().is_empty()
    }

    /// Up to `most` of what waits, after `after`, in the order of the keys.
    pub(super) fn peek(&self, after: Option<Key>, most: usize) -> Vec<(Key, Outgoing)> {
        use std::ops::Bound;
        let lower = after.map_or(Bound::Unbounded, Bound::Excluded);
        let waiting = self.waiting.lock();
        waiting
            .range((lower, Bound::Unbounded))
            .take(most)
            .map(|(key, outgoing)| (*key, outgoing.clone()))
            .collect()
    }

    pub(super) fn put(&self, key: Key, outgoing: Outgoing) {
        {
            let mut waiting = self.waiting.lock();
            match waiting.get(&key) {
                Some(known) if !outgoing.outranks(known) => return,
                _ => waiting.insert(key, outgoing),
            };
        }
        if let Some(wake) = &self.wake {
            wake();
        }
    }

    /// Takes out what was published, unless something newer took its place meanwhile.
    pub(super) fn remove(&self, key: Key, published: &Outgoing) {
        let mut waiting = self.waiting.lock();
        if waiting
            .get(&key)
            .is_some_and(|known| !known.outranks(published))
        {
            waiting.remove(&key);
        }
    }
}

impl Follower for Outbox {
    fn register_changed(&self, entry: &Entry) {
        let outgoing = Outgoing::Register(Box::new(entry.clone()));
        self.put(outgoing.key(), outgoing);
    }

    fn document_changed(&self, document: &Document) {
        let outgoing = Outgoing::Document(document.clone());
        self.put(outgoing.key(), outgoing);
    }
}
