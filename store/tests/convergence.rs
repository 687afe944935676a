//! Many nodes in one process, on a bus that loses, repeats and reorders: whatever happens, all of
//! them end with the same bytes and the same decisions.
//!
//! Everything random comes from one seed. A failure prints it; to run it alone:
//! `HIGHWATER_SEED=… cargo test -p highwater-store --test convergence`. More seeds with
//! `HIGHWATER_SEEDS=…`, default 120.
#![allow(clippy::unwrap_used)] // a test may

mod support;

use std::sync::Arc;

use highwater::event::{Dimension, Event};
use highwater::identifier::Identifier;
use highwater::ledger::Facts;
use highwater::marks::{Mark, SubjectKeys};
use highwater::timestamp::Timestamp;
use highwater_store::mesh::{Message, Node, Outbox};
use highwater_store::simulated::{Bus, Member};
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

struct Machine {
    store: Arc<MemoryStore>,
    outbox: Arc<Outbox>,
    node: Node,
}

impl Machine {
    fn start(store: Arc<MemoryStore>) -> Machine {
        let outbox = Arc::new(Outbox::default());
        let node = Node::new(Arc::clone(&store) as Arc<dyn Store>, Arc::clone(&outbox));
        Machine {
            store,
            outbox,
            node,
        }
    }
}

impl Member for Machine {
    fn node(&mut self) -> &mut Node {
        &mut self.node
    }

    fn learnt(&mut self, _: &Message) {}

    fn settle(&mut self) {}
}

struct World {
    random: Random,
    now: i64,
    bus: Bus,
    machines: Vec<Machine>,
    /// Everything that anybody was ever told, joined by a ledger that nothing happens to.
    reference: Arc<Facts>,
    newest_document: Option<Document>,
}

fn run(seed: u64) {
    let mut world = World {
        random: Random(seed.wrapping_mul(2).wrapping_add(1)),
        now: 1_763_760_000,
        bus: Bus::new(NODES),
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
            85..90 => self.bus.toggle(index),
            90..94 => self.synchronise(index),
            94..96 => self
                .bus
                .heartbeat(index, &mut |bound| self.random.below(bound)),
            96..98 => {
                // The process ends; its own store remains, its outbox and inbox do not.
                let store = Arc::clone(&self.machines[index].store);
                self.machines[index] = Machine::start(store);
                self.bus.restarted(index);
            }
            98 => self.now += 60,
            _ => {
                if self.random.below(20) == 0 {
                    self.bus.lose_everything();
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

    fn publish(&mut self, index: usize) {
        let now = Timestamp::from_seconds(self.now);
        let choose = &mut |bound| self.random.below(bound);
        self.bus
            .publish(index, &mut self.machines[index], now, choose);
    }

    fn deliver(&mut self, index: usize) {
        let now = Timestamp::from_seconds(self.now);
        let choose = &mut |bound| self.random.below(bound);
        self.bus
            .deliver(index, &mut self.machines[index], now, choose);
    }

    fn synchronise(&mut self, index: usize) {
        let now = Timestamp::from_seconds(self.now);
        let choose = &mut |bound| self.random.below(bound);
        self.bus
            .synchronise(index, &mut self.machines[index], now, choose);
    }

    /// Faults stop; every node does what the driver does: read when behind, publish what waits.
    fn heal(&mut self) {
        self.bus.connect_all();
        for _ in 0..40 {
            for index in 0..NODES {
                self.bus
                    .heartbeat(index, &mut |bound| self.random.below(bound));
                while !self.bus.is_delivered(index) {
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
