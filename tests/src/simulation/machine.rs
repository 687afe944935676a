//! One machine: its disk, and the process on it with store, node, receiver and engine; beside
//! it the oracle, which is told what the process was told.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use highwater::engine::Engine;
use highwater::event::Event;
use highwater::identifier::TenantId;
use highwater::ledger::{Entry, Facts};
use highwater::marks::Keyring;
use highwater::timestamp::Timestamp;
use highwater_signals::Receiver;
use highwater_store::codec::{self, Encoded};
use highwater_store::mesh::{self, Node, Outbox};
use highwater_store::simulated::{Disk, Fault, Member};
use highwater_store::{Batch, Creation, DiskOptions, DiskStore, Space, Store};

use super::transmitter::{Message, Transmitter};
use crate::oracle::Oracle;
use crate::surface::{EngineRun, ReadCase};
use crate::vector::TENANT;

/// A machine and what has to be true of it.
pub(super) struct Machine<'a> {
    index: usize,
    read: &'a ReadCase<'a>,
    /// Seconds that its clock is ahead.
    pub(super) clock: i64,
    disk: Disk,
    planned: Option<Fault>,
    starts: u64,
    process: Process<'a>,
    /// Everything that was ever in force on this disk's processes.
    history: HashSet<Encoded>,
    /// What was acknowledged: has to be there after every crash.
    acknowledged: Vec<Entry>,
}

struct Process<'a> {
    store: Arc<DiskStore>,
    outbox: Arc<Outbox>,
    node: Node,
    receiver: Receiver,
    engine: EngineRun<'a>,
    oracle: Oracle,
}

/// What became of a message.
pub(super) struct Taken {
    /// What it said; empty if it could not be read.
    pub(super) events: Vec<Event>,
    /// Whether it may be acknowledged.
    pub(super) is_durable: bool,
}

/// What a fault on the disk led to.
pub(super) enum Surprise {
    /// The machine is off.
    Dead,
    /// The store refuses, or may.
    Refusing,
}

impl<'a> Machine<'a> {
    pub(super) fn new(
        index: usize,
        read: &'a ReadCase<'a>,
        transmitter: &Transmitter,
    ) -> Machine<'a> {
        let disk = Disk::with_store();
        let process = Process::start(read, &disk, index, 0, transmitter.receiver());
        Machine {
            index,
            read,
            clock: 0,
            disk,
            planned: None,
            starts: 0,
            process,
            history: HashSet::new(),
            acknowledged: Vec::new(),
        }
    }

    pub(super) fn store(&self) -> &DiskStore {
        &self.process.store
    }

    /// Whether this machine has told everything that it knows.
    pub(super) fn is_done(&self) -> bool {
        self.process.outbox.is_empty()
    }

    /// Fails unless the ledger is `expected`.
    pub(super) fn must_hold(&self, expected: &[Encoded], when: &str) {
        let found = export(self.store().facts());
        if found == expected {
            return;
        }
        let only = |some: &[Encoded], others: &[Encoded]| -> Vec<_> {
            some.iter()
                .filter(|one| !others.contains(one))
                .map(|one| codec::decode(&one.key, &one.value))
                .collect()
        };
        panic!(
            "{when}, machine {} lacks {:?} and has instead {:?}",
            self.index,
            only(expected, &found),
            only(&found, expected)
        );
    }

    /// Receives a message, puts it in force, and waits for the disk.
    pub(super) fn take(
        &mut self,
        message: &Message,
        transmitter: &Transmitter,
        may_fetch_keys: bool,
        now: Timestamp,
    ) -> Taken {
        let receiver = &mut self.process.receiver;
        let Some(events) = transmitter.read(message, receiver, may_fetch_keys, now) else {
            return Taken {
                events: Vec::new(),
                is_durable: false,
            };
        };
        let batch = events.iter().fold(Batch::new(), Batch::event);
        let mut is_durable = self.process.store.commit(batch).wait().is_ok();
        for event in &events {
            let entry = Entry::from_event(event);
            if self.history.insert(codec::encode(&entry)) {
                self.process.oracle.apply(event.clone());
            }
            if is_durable {
                self.acknowledged.push(entry);
            }
        }
        if let Message::Token { id, .. } = message {
            // Known or not, it is acknowledged only if the memory of it is durable.
            let until = now.plus_seconds(86_400);
            let remembered = self.process.store.remember(Space::Replay, id, until);
            is_durable &= remembered.pending.wait().is_ok();
        }
        Taken { events, is_durable }
    }

    /// One request, as engine and oracle decide it.
    pub(super) fn decide(&mut self, number: usize) {
        let Process { engine, oracle, .. } = &mut self.process;
        if let Some((decided, expected)) = engine.decide_beside(self.read, number, oracle) {
            assert_eq!(
                decided, expected,
                "machine {} and its oracle differ on request {number}",
                self.index
            );
        }
    }

    /// Lets a call to the disk fail, some calls from now.
    pub(super) fn plan(&mut self, call: u64, fault: Fault) {
        self.disk.fail_at(call, fault);
        self.planned = Some(fault);
    }

    /// Whether a planned fault has happened since this was asked last.
    pub(super) fn surprise(&mut self) -> Option<Surprise> {
        let fault = self.planned?;
        if !self.disk.has_failed() {
            return None;
        }
        self.planned = None;
        Some(match fault {
            Fault::Dies => Surprise::Dead,
            Fault::Error | Fault::Short | Fault::Full => Surprise::Refusing,
        })
    }

    /// Asks the store to go on; whether it does.
    pub(super) fn reopen(&mut self) -> bool {
        self.process.store.reopen().is_ok()
    }

    /// `kill -9`: what was written is there.
    pub(super) fn kill(&mut self) {
        self.restart(self.disk.after_restart());
    }

    /// What was flushed is there, and of the rest the sectors that `survives` says.
    pub(super) fn cut_power(&mut self, survives: impl FnMut(u64) -> bool) {
        self.restart(self.disk.after_power_cut(survives));
    }

    /// The clock is right and no fault is planned any more.
    pub(super) fn heal(&mut self) {
        self.clock = 0;
        if self.planned.take().is_some() {
            self.kill();
        }
    }

    fn restart(&mut self, disk: Disk) {
        // The former process closes a disk that it no longer reaches.
        self.disk.disconnect();
        self.starts += 1;
        self.planned = None;
        self.disk = disk;
        let receiver = self.process.receiver.clone();
        self.process = Process::start(self.read, &self.disk, self.index, self.starts, receiver);
        let found = self.process.store.facts().entries(None);
        for wanted in &self.acknowledged {
            assert!(
                found
                    .iter()
                    .any(|entry| entry.is_same_register(wanted) && !wanted.outranks(entry)),
                "machine {} lost what it had acknowledged: {wanted:?}",
                self.index
            );
        }
        let mut history = HashSet::new();
        for entry in &found {
            let encoded = codec::encode(entry);
            assert!(
                self.history.contains(&encoded),
                "machine {} finds what nobody said: {entry:?}",
                self.index
            );
            history.insert(encoded);
            self.process.oracle.apply(entry.event().clone());
        }
        self.history = history;
        self.acknowledged = found;
    }
}

impl Drop for Machine<'_> {
    fn drop(&mut self) {
        // Nobody looks at it again: no need to leave it tidy.
        self.disk.disconnect();
    }
}

impl<'a> Process<'a> {
    fn start(
        read: &'a ReadCase<'a>,
        disk: &Disk,
        index: usize,
        starts: u64,
        receiver: Receiver,
    ) -> Process<'a> {
        let settings = read.settings();
        // Another secret after every start: nothing may depend on it.
        let keyring = Keyring::from_seed([index as u64, starts]);
        let facts = Arc::new(Facts::new(keyring, settings.retention()));
        let options = DiskOptions {
            creation: Creation::IfMissing,
            cache_bytes: 1 << 20,
            two_phase_commit: false,
            // The simulation says when a disk is tried again.
            retry: Duration::from_secs(86_400),
            threads: 1,
        };
        let opened = DiskStore::open_medium(Box::new(disk.clone()), Arc::clone(&facts), &options);
        let store = match opened {
            Ok(store) => Arc::new(store),
            Err(error) => panic!("machine {index} does not start again: {error}"),
        };
        let outbox = Arc::new(Outbox::default());
        let node = Node::new(Arc::clone(&store) as Arc<dyn Store>, Arc::clone(&outbox));
        let mut oracle = Oracle::new(settings.clone());
        let tenant = TenantId::new(TENANT).expect("the constant is an identifier");
        oracle.load(tenant, read.model().clone(), read.tenant_settings());
        Process {
            store,
            outbox,
            node,
            receiver,
            engine: EngineRun::start_without_headers(read, Engine::with_facts(settings, facts)),
            oracle,
        }
    }
}

impl Member for Machine<'_> {
    fn node(&mut self) -> &mut Node {
        &mut self.process.node
    }

    fn learnt(&mut self, message: &mesh::Message) {
        if let mesh::Message::Register(entry) = message
            && self.history.insert(codec::encode(entry))
        {
            self.process.oracle.apply(entry.event().clone());
        }
    }

    fn settle(&mut self) {
        // Whether the store refuses is asked elsewhere.
        let _ = self.process.store.commit(Batch::new()).wait();
    }
}

/// A ledger as bytes.
pub(super) fn export(facts: &Facts) -> Vec<Encoded> {
    facts.entries(None).iter().map(codec::encode).collect()
}
