//! A bucket that numbers its changes, and the messages under way to each node: lost, repeated,
//! reordered, cut off.

use std::collections::BTreeMap;
use std::sync::Arc;

use highwater::timestamp::Timestamp;

use super::Choose;
use crate::Document;
use crate::mesh::{Conflict, Heard, Key, Message, Node, Outgoing, Plan, Pointer, Publication};

/// A machine on the bus.
pub trait Member {
    /// Its node.
    fn node(&mut self) -> &mut Node;

    /// It learnt what `message` says; called after the node has joined it.
    fn learnt(&mut self, message: &Message);

    /// The disk may catch up now; called after everything that the node commits.
    fn settle(&mut self);
}

/// The bucket and what is under way.
#[derive(Default)]
pub struct Bus {
    generation: u64,
    last: u64,
    values: BTreeMap<String, (u64, Vec<u8>)>,
    documents: BTreeMap<String, Document>,
    wires: Vec<Wire>,
}

/// From the bus to one node.
#[derive(Default)]
struct Wire {
    is_cut: bool,
    /// Live messages under way, in any order.
    under_way: Vec<(u64, String, Vec<u8>)>,
}

impl Bus {
    /// An empty bucket with so many nodes.
    #[must_use]
    pub fn new(nodes: usize) -> Bus {
        Bus {
            wires: (0..nodes).map(|_| Wire::default()).collect(),
            ..Bus::default()
        }
    }

    /// Connects a node that is cut off, or cuts it off.
    pub fn toggle(&mut self, index: usize) {
        self.wires[index].is_cut ^= true;
    }

    /// Connects every node.
    pub fn connect_all(&mut self) {
        self.wires.iter_mut().for_each(|wire| wire.is_cut = false);
    }

    /// A node was started anew: what was under way to its predecessor is gone.
    pub fn restarted(&mut self, index: usize) {
        self.wires[index] = Wire::default();
    }

    /// The bucket loses everything and starts over.
    pub fn lose_everything(&mut self) {
        self.generation += 1;
        self.last = 0;
        self.values.clear();
        self.documents.clear();
        // A subscription is in order: what was under way comes before what follows.
        self.wires
            .iter_mut()
            .for_each(|wire| wire.under_way.clear());
    }

    /// Whether nothing is under way to a node.
    #[must_use]
    pub fn is_delivered(&self, index: usize) -> bool {
        self.wires[index].under_way.is_empty()
    }

    /// Publishes some of what waits: an attempt may not arrive, or its acknowledgement may not.
    pub fn publish(
        &mut self,
        index: usize,
        member: &mut dyn Member,
        now: Timestamp,
        choose: Choose<'_>,
    ) {
        if self.wires[index].is_cut {
            return;
        }
        let most = 1 + choose(4);
        for publication in member.node().publications(None, most, now) {
            self.attempt(member, publication, choose);
        }
    }

    fn attempt(
        &mut self,
        member: &mut dyn Member,
        mut publication: Publication,
        choose: Choose<'_>,
    ) {
        for _ in 0..4 {
            if choose(10) == 0 {
                return; // never arrived
            }
            let key = publication.key.to_string();
            let current = self.values.get(&key).cloned();
            if current.as_ref().map_or(0, |(revision, _)| *revision) == publication.expected {
                if let Outgoing::Document(document) = &publication.outgoing {
                    let digest = document.digest().to_string();
                    self.documents.insert(digest, document.clone());
                }
                let revision = self.put(key, publication.outgoing.payload(), choose);
                if choose(10) != 0 {
                    member.node().published(&publication, revision);
                }
                return;
            }
            let (key, payload) = (
                publication.key,
                current.as_ref().map(|(_, bytes)| &bytes[..]),
            );
            let theirs = payload.and_then(|payload| Message::decode(key, payload).ok());
            let current = current
                .as_ref()
                .map(|(revision, bytes)| (*revision, &bytes[..]));
            let conflict = member.node().conflict(publication, current);
            member.settle();
            if let Some(message) = theirs {
                member.learnt(&message);
            }
            match conflict {
                Conflict::Retry(again) => publication = again,
                Conflict::Fetch(pointer) => return self.fetch(member, &pointer),
                Conflict::Settled | Conflict::Unreadable => return,
            }
        }
    }

    fn put(&mut self, key: String, payload: Vec<u8>, choose: Choose<'_>) -> u64 {
        self.last += 1;
        let revision = self.last;
        for wire in &mut self.wires {
            let copies = match choose(12) {
                0 => 0,
                1 => 2,
                _ => 1,
            };
            for _ in 0..copies {
                if !wire.is_cut {
                    wire.under_way
                        .push((revision, key.clone(), payload.clone()));
                }
            }
        }
        self.values.insert(key, (revision, payload));
        revision
    }

    /// A node shows that it is there.
    pub fn heartbeat(&mut self, index: usize, choose: Choose<'_>) {
        if !self.wires[index].is_cut {
            self.put(format!("h.{index}"), Vec::new(), choose);
        }
    }

    /// Delivers one message that is under way, mostly the oldest.
    pub fn deliver(
        &mut self,
        index: usize,
        member: &mut dyn Member,
        now: Timestamp,
        choose: Choose<'_>,
    ) {
        let under_way = &mut self.wires[index].under_way;
        if under_way.is_empty() {
            return;
        }
        let position = match choose(4) {
            0 => choose(under_way.len()),
            _ => 0,
        };
        let (revision, key, payload) = under_way.remove(position);
        let key = Key::parse(&key);
        let heard = member.node().hear(revision, key, &payload, now);
        self.heard(member, key, &payload, heard);
    }

    /// Reads what the node lacks. The connection may break in the middle.
    pub fn synchronise(
        &mut self,
        index: usize,
        member: &mut dyn Member,
        now: Timestamp,
        choose: Choose<'_>,
    ) {
        if self.wires[index].is_cut {
            return;
        }
        let name = format!("bucket {}", self.generation);
        let last = self.last;
        let from = match member.node().begin(&name, last) {
            Plan::Full => 0,
            Plan::Delta { from } => from,
        };
        let mut values: Vec<_> = self
            .values
            .iter()
            .filter(|(_, (revision, _))| *revision >= from)
            .map(|(key, (revision, payload))| (*revision, key.clone(), payload.clone()))
            .collect();
        values.sort();
        for (number, (revision, key, payload)) in values.into_iter().enumerate() {
            if choose(200) == 0 {
                return;
            }
            if number % 3 == 0 {
                self.deliver(index, member, now, choose);
            }
            let key = Key::parse(&key);
            let heard = member.node().read(revision, key, &payload);
            self.heard(member, key, &payload, heard);
        }
        member.node().finish(last, now);
    }

    fn heard(&self, member: &mut dyn Member, key: Option<Key>, payload: &[u8], heard: Heard) {
        member.settle();
        if let Some(message) = key.and_then(|key| Message::decode(key, payload).ok()) {
            member.learnt(&message);
        }
        if let Heard::Fetch(pointer) = heard {
            self.fetch(member, &pointer);
        }
    }

    fn fetch(&self, member: &mut dyn Member, pointer: &Pointer) {
        if let Some(document) = self.documents.get(&pointer.digest.to_string()) {
            // Content is shared by digest, the instant of publication is the pointer's.
            let document = Document::new(
                pointer.tenant.clone(),
                Arc::clone(document.bytes()),
                pointer.published,
            );
            drop(member.node().fetched(document));
            member.settle();
        }
    }
}
