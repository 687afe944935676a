//! Many nodes in one process, on a bus that loses, repeats and reorders: whatever happens, all of
//! them end with the same bytes and the same decisions.
//!
//! Everything random comes from one seed. A failure prints it; to run it alone:
//! `HIGHWATER_SEED=… cargo test -p highwater-store --test convergence`. More seeds with
//! `HIGHWATER_SEEDS=…`, default 120.
#![allow(clippy::unwrap_used)] // a test may

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;

use highwater::event::{Dimension, Event};
use highwater::identifier::Identifier;
use highwater::ledger::Facts;
use highwater::marks::{Mark, SubjectKeys};
use highwater::timestamp::Timestamp;
use highwater_store::mesh::{Conflict, Heard, Key, Node, Outbox, Plan, Pointer};
use highwater_store::{Document, MemoryStore, Store};
use support::{TENANT, event, export, facts};

const NODES: usize = 4;
const STEPS: usize = 400;

#[test]
fn all_nodes_end_equal() {
    if let Ok(seed) = std::env::var("HIGHWATER_SEED") {
        return run(seed.parse().unwrap());
    }
    let seeds: u64 = std::env::var("HIGHWATER_SEEDS").map_or(120, |text| text.parse().unwrap());
    for seed in 0..seeds {
        let outcome = std::panic::catch_unwind(|| run(seed));
        assert!(outcome.is_ok(), "HIGHWATER_SEED={seed}");
    }
}

/// The bucket: last value per key, numbered.
#[derive(Default)]
struct Bucket {
    generation: u64,
    last: u64,
    values: BTreeMap<String, (u64, Vec<u8>)>,
    documents: BTreeMap<String, Document>,
}

struct Machine {
    store: Arc<MemoryStore>,
    outbox: Arc<Outbox>,
    node: Node,
    /// Live messages under way, in any order.
    inbox: Vec<(u64, String, Vec<u8>)>,
    is_connected: bool,
}

impl Machine {
    fn start(store: Arc<MemoryStore>) -> Machine {
        let outbox = Arc::new(Outbox::default());
        let node = Node::new(Arc::clone(&store) as Arc<dyn Store>, Arc::clone(&outbox));
        Machine {
            store,
            outbox,
            node,
            inbox: Vec::new(),
            is_connected: true,
        }
    }
}

struct World {
    random: Random,
    now: i64,
    bucket: Bucket,
    machines: Vec<Machine>,
    /// Everything that anybody was ever told, joined by a ledger that nothing happens to.
    reference: Arc<Facts>,
    newest_document: Option<Document>,
}

fn run(seed: u64) {
    let mut world = World {
        random: Random(seed.wrapping_mul(2).wrapping_add(1)),
        now: 1_763_760_000,
        bucket: Bucket::default(),
        machines: (0..NODES)
            .map(|_| Machine::start(Arc::new(MemoryStore::new(facts()))))
            .collect(),
        reference: facts(),
        newest_document: None,
    };
    for _ in 0..STEPS {
        world.step();
    }
    world.heal();
    world.check();
}

impl World {
    fn step(&mut self) {
        let index = self.random.below(NODES);
        match self.random.below(100) {
            0..30 => {
                let event = self.any_event();
                self.reference.apply(&event);
                // Sometimes two nodes receive the same event.
                for _ in 0..=self.random.below(2) {
                    let index = self.random.below(NODES);
                    drop(self.machines[index].store.apply(&event));
                }
            }
            30..33 => self.publish_document(index),
            33..58 => self.publish(index),
            58..85 => self.deliver(index),
            85..90 => self.machines[index].is_connected ^= true,
            90..94 => self.synchronise(index),
            94..96 => self.heartbeat(index),
            96..98 => {
                // The process ends; its own store remains, its outbox and inbox do not.
                let store = Arc::clone(&self.machines[index].store);
                self.machines[index] = Machine::start(store);
            }
            98 => self.now += 60,
            _ => {
                if self.random.below(20) == 0 {
                    // The bus loses everything and starts over.
                    let generation = self.bucket.generation + 1;
                    self.bucket = Bucket {
                        generation,
                        ..Bucket::default()
                    };
                    // A subscription is in order: what was under way comes before what follows.
                    for machine in &mut self.machines {
                        machine.inbox.clear();
                    }
                }
            }
        }
    }

    fn any_event(&mut self) -> Event {
        let subjects = [
            r#"{"user": "ada"}"#,
            r#"{"user": "bob"}"#,
            r#"{"user": "ada", "session": "s1"}"#,
            r#"{"user": "ada", "device": "d1", "skip": ["device"]}"#,
            "{}",
        ];
        let effects = [
            "\"revoke\"",
            "\"refresh\"",
            "\"block\"",
            "\"unblock\"",
            r#"{"risk": "low"}"#,
            r#"{"risk": "high"}"#,
        ];
        loop {
            let subject = subjects[self.random.below(subjects.len())];
            let effect = effects[self.random.below(effects.len())];
            // Close in time, so that ties and overtaking are common.
            let time = self.now - i64::try_from(self.random.below(8)).unwrap();
            if effect.contains("block") && subject.contains("session") {
                continue;
            }
            return event(subject, effect, time);
        }
    }

    fn publish_document(&mut self, index: usize) {
        let bytes = vec![b'x'; self.random.below(40)];
        let published = Timestamp::from_seconds(self.now - self.random.below(3) as i64);
        let document = Document::new(Identifier::new("contoso").unwrap(), bytes, published);
        if self
            .newest_document
            .as_ref()
            .is_none_or(|newest| document.outranks(newest))
        {
            self.newest_document = Some(document.clone());
        }
        let batch = highwater_store::Batch::new().document(document);
        drop(self.machines[index].store.commit(batch));
    }

    /// One attempt to publish: it may not arrive, or its acknowledgement may not.
    fn publish(&mut self, index: usize) {
        let now = Timestamp::from_seconds(self.now);
        if !self.machines[index].is_connected {
            return;
        }
        let most = 1 + self.random.below(4);
        for publication in self.machines[index].node.publications(None, most, now) {
            self.attempt(index, publication, 3);
        }
    }

    fn attempt(
        &mut self,
        index: usize,
        publication: highwater_store::mesh::Publication,
        tries: usize,
    ) {
        if self.random.below(10) == 0 {
            return; // never arrived
        }
        let key = publication.key.to_string();
        let current = self.bucket.values.get(&key).cloned();
        if current.as_ref().map_or(0, |(revision, _)| *revision) == publication.expected {
            if let highwater_store::mesh::Outgoing::Document(document) = &publication.outgoing {
                let digest = document.digest().to_string();
                self.bucket.documents.insert(digest, document.clone());
            }
            let revision = self.store_value(key, publication.outgoing.payload());
            if self.random.below(10) != 0 {
                self.machines[index].node.published(&publication, revision);
            }
            return;
        }
        let node = &mut self.machines[index].node;
        let current = current
            .as_ref()
            .map(|(revision, bytes)| (*revision, &bytes[..]));
        match node.conflict(publication, current) {
            Conflict::Retry(publication) if tries > 0 => {
                self.attempt(index, publication, tries - 1);
            }
            Conflict::Fetch(pointer) => self.fetch(index, &pointer),
            Conflict::Retry(_) | Conflict::Settled => {}
            Conflict::Unreadable => panic!("all nodes speak one version"),
        }
    }

    fn store_value(&mut self, key: String, payload: Vec<u8>) -> u64 {
        self.bucket.last += 1;
        let revision = self.bucket.last;
        for machine in &mut self.machines {
            let copies = match self.random.below(12) {
                0 => 0,
                1 => 2,
                _ => 1,
            };
            for _ in 0..copies {
                if machine.is_connected {
                    machine.inbox.push((revision, key.clone(), payload.clone()));
                }
            }
        }
        self.bucket.values.insert(key, (revision, payload));
        revision
    }

    fn heartbeat(&mut self, index: usize) {
        if self.machines[index].is_connected {
            self.store_value(format!("h.{index}"), Vec::new());
        }
    }

    fn deliver(&mut self, index: usize) {
        let now = Timestamp::from_seconds(self.now);
        let machine = &mut self.machines[index];
        if machine.inbox.is_empty() {
            return;
        }
        // Mostly in order, sometimes not.
        let position = match self.random.below(4) {
            0 => self.random.below(machine.inbox.len()),
            _ => 0,
        };
        let (revision, key, payload) = machine.inbox.remove(position);
        match machine.node.hear(revision, Key::parse(&key), &payload, now) {
            Heard::Fetch(pointer) => self.fetch(index, &pointer),
            Heard::Applied(_) | Heard::Nothing => {}
        }
    }

    fn fetch(&mut self, index: usize, pointer: &Pointer) {
        if let Some(document) = self.bucket.documents.get(&pointer.digest.to_string()) {
            // Content is shared by digest, the instant of publication is the pointer's.
            let document = Document::new(
                pointer.tenant.clone(),
                Arc::clone(document.bytes()),
                pointer.published,
            );
            drop(self.machines[index].node.fetched(document));
        }
    }

    fn synchronise(&mut self, index: usize) {
        if !self.machines[index].is_connected {
            return;
        }
        let now = Timestamp::from_seconds(self.now);
        let name = format!("bucket {}", self.bucket.generation);
        let last = self.bucket.last;
        let from = match self.machines[index].node.begin(&name, last) {
            Plan::Full => 0,
            Plan::Delta { from } => from,
        };
        let mut values: Vec<_> = self
            .bucket
            .values
            .iter()
            .filter(|(_, (revision, _))| *revision >= from)
            .map(|(key, (revision, payload))| (*revision, key.clone(), payload.clone()))
            .collect();
        values.sort();
        for (number, (revision, key, payload)) in values.into_iter().enumerate() {
            if self.random.below(200) == 0 {
                return; // the connection broke in the middle
            }
            if number % 3 == 0 {
                self.deliver(index);
            }
            let node = &mut self.machines[index].node;
            if let Heard::Fetch(pointer) = node.read(revision, Key::parse(&key), &payload) {
                self.fetch(index, &pointer);
            }
        }
        self.machines[index].node.finish(last, now);
    }

    /// Faults stop; every node does what the driver does: read when behind, publish what waits.
    fn heal(&mut self) {
        for machine in &mut self.machines {
            machine.is_connected = true;
        }
        for _ in 0..40 {
            for index in 0..NODES {
                self.heartbeat(index);
                while !self.machines[index].inbox.is_empty() {
                    self.deliver(index);
                }
                self.synchronise(index);
                for _ in 0..8 {
                    self.publish(index);
                }
            }
        }
    }

    fn check(&self) {
        let expected = export(&self.reference);
        for (index, machine) in self.machines.iter().enumerate() {
            assert_eq!(export(machine.store.facts()), expected, "node {index}");
            assert_eq!(
                machine.store.documents().first(),
                self.newest_document.as_ref()
            );
            assert!(
                machine.outbox.is_empty(),
                "node {index} still wants to publish"
            );
            for token in TOKENS {
                let mark = read(machine.store.facts(), token);
                assert_eq!(
                    mark,
                    read(&self.reference, token),
                    "node {index}, {token:?}"
                );
            }
        }
    }
}

type Token = &'static [(Dimension, &'static str)];

const TOKENS: [Token; 4] = [
    &[(Dimension::User, "ada")],
    &[(Dimension::User, "ada"), (Dimension::Session, "s1")],
    &[(Dimension::User, "ada"), (Dimension::Device, "d1")],
    &[(Dimension::User, "bob")],
];

fn read(facts: &Facts, token: Token) -> Mark {
    let tenant = Identifier::new(TENANT).unwrap();
    let keys = SubjectKeys::new(facts.marks().keyring(), &tenant, |dimension| {
        token
            .iter()
            .find(|(carried, _)| *carried == dimension)
            .map(|(_, value)| *value)
    });
    facts.marks().read(&keys)
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from((self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % bound as u64).unwrap()
    }
}
