//! Everything at once, in one thread, from one seed: transmitters that sign and rotate keys,
//! receivers, stores on disks that fail and lose power, nodes on a bus that loses and reorders,
//! engines that decide, clocks that are wrong.
//!
//! After every step one machine decides a request, and the oracle that was told what this
//! machine was told has to decide the same. After every crash what was acknowledged is there, and
//! nothing that nobody said. In the end, when all is well again, every machine holds the same
//! bytes: the join of everything that was sent.
//!
//! No two seeds are alike in how many machines there are, how long it goes on, and what happens often or
//! never.
//!
//! The stores write on threads of their own, and every step waits for them: what happens depends
//! on the seed alone.

mod machine;
mod shape;
mod transmitter;

use std::sync::Arc;

use highwater::ledger::Facts;
use highwater::marks::Keyring;
use highwater::timestamp::Timestamp;
use highwater_store::Store;
use highwater_store::simulated::{Bus, Fault};

use crate::generate::{self, Random, names};
use crate::surface::ReadCase;
use crate::vector::Case;
use machine::{Machine, Surprise};
use shape::{Action, Shape};
use transmitter::{Message, Transmitter};

/// What happened in some runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Happened {
    /// Runs.
    pub runs: u64,
    /// Decisions that engine and oracle took alike.
    pub decisions: u64,
    /// Messages that transmitters sent.
    pub sent: u64,
    /// Messages that a machine acknowledged.
    pub acknowledged: u64,
    /// Security Event Tokens that could not be taken, for their key or a clock.
    pub refused: u64,
    /// Keys that a transmitter replaced.
    pub rotations: u64,
    /// Calls to a disk that failed.
    pub faults: u64,
    /// Processes that were killed.
    pub kills: u64,
    /// Machines that lost power.
    pub power_cuts: u64,
}

impl Happened {
    /// Both together.
    #[must_use]
    pub fn and(self, other: Happened) -> Happened {
        Happened {
            runs: self.runs + other.runs,
            decisions: self.decisions + other.decisions,
            sent: self.sent + other.sent,
            acknowledged: self.acknowledged + other.acknowledged,
            refused: self.refused + other.refused,
            rotations: self.rotations + other.rotations,
            faults: self.faults + other.faults,
            kills: self.kills + other.kills,
            power_cuts: self.power_cuts + other.power_cuts,
        }
    }
}

/// Runs one seed.
///
/// # Panics
/// Where something is not as it must be; the message says what.
#[must_use]
pub fn run(seed: u64) -> Happened {
    // Another stream of choices than the one that makes the case.
    let mut random = Random::new(!seed);
    let shape = Shape::new(&mut random);
    let case = generate::case_of(seed, shape.requests);
    let read = ReadCase::new(&case);
    let mut world = World::new(random, shape, &case, &read);
    for step in 0..world.shape.steps {
        world.step();
        world.mend();
        world.decide(step);
    }
    world.heal();
    world.check();
    world.happened
}

struct World<'a> {
    random: Random,
    shape: Shape,
    now: i64,
    bus: Bus,
    machines: Vec<Machine<'a>>,
    transmitter: Transmitter,
    /// What was sent and not acknowledged, and to whom.
    under_way: Vec<(usize, Message)>,
    /// The join of everything that any machine took.
    reference: Arc<Facts>,
    happened: Happened,
}

impl<'a> World<'a> {
    fn new(random: Random, shape: Shape, case: &Case, read: &'a ReadCase<'a>) -> World<'a> {
        let transmitter = Transmitter::new();
        let machines = (0..shape.machines).map(|index| Machine::new(index, read, &transmitter));
        World {
            random,
            now: names::ORIGIN,
            bus: Bus::new(shape.machines),
            machines: machines.collect(),
            transmitter,
            under_way: Vec::new(),
            shape,
            reference: Arc::new(Facts::new(
                Keyring::from_seed([7, 7]),
                case.engine.retention(),
            )),
            happened: Happened {
                runs: 1,
                ..Happened::default()
            },
        }
    }

    fn step(&mut self) {
        let index = self.random.below(self.machines.len());
        match self.shape.action(&mut self.random) {
            Action::Send => self.send(),
            Action::DeliverMessage => self.deliver_message(),
            Action::Publish => self.publish(index),
            Action::Deliver => self.deliver(index),
            Action::Toggle => self.bus.toggle(index),
            Action::Synchronise => self.synchronise(index),
            Action::Heartbeat => self.heartbeat(index),
            Action::Crash => self.crash(index),
            Action::PlanFault => self.plan_fault(index),
            Action::SetClock => {
                let offsets = [-7200, -61, -1, 0, 0, 1, 61, 7200];
                self.machines[index].clock = *self.random.pick(&offsets);
            }
            Action::Rotate => {
                self.transmitter.rotate();
                self.happened.rotations += 1;
            }
            Action::LoseEverything => self.bus.lose_everything(),
            Action::Pass => self.now += 1 + self.random.below(3) as i64,
        }
    }

    fn plan_fault(&mut self, index: usize) {
        let fault = *self.random.pick(&[
            Fault::Error,
            Fault::Short,
            Fault::Full,
            Fault::Dies,
            Fault::Dies,
        ]);
        let call = self.random.below(10) as u64;
        self.machines[index].plan(call, fault);
    }

    /// One more message, to one machine or two.
    fn send(&mut self) {
        let message = self.transmitter.message(&mut self.random, self.now);
        for _ in 0..=self.random.below(2) {
            let index = self.random.below(self.machines.len());
            self.under_way.push((index, message.clone()));
            self.happened.sent += 1;
        }
    }

    /// A message arrives, in any order; it is sent again until its acknowledgement arrives.
    fn deliver_message(&mut self) {
        if self.under_way.is_empty() {
            return;
        }
        let position = self.random.below(self.under_way.len());
        let (index, message) = self.under_way[position].clone();
        let machine = &mut self.machines[index];
        let may_fetch_keys = self.random.chance(80);
        let now = Timestamp::from_seconds(self.now + machine.clock);
        let taken = machine.take(&message, &self.transmitter, may_fetch_keys, now);
        for event in &taken.events {
            self.reference.apply(event);
        }
        if taken.is_durable {
            self.happened.acknowledged += 1;
            if self.random.below(8) != 0 {
                self.under_way.remove(position);
            }
        } else if taken.events.is_empty() {
            self.happened.refused += 1;
        }
    }

    fn now_at(&self, index: usize) -> Timestamp {
        Timestamp::from_seconds(self.now + self.machines[index].clock)
    }

    fn publish(&mut self, index: usize) {
        let now = self.now_at(index);
        let choose = &mut |bound| self.random.below(bound);
        self.bus
            .publish(index, &mut self.machines[index], now, choose);
    }

    fn deliver(&mut self, index: usize) {
        let now = self.now_at(index);
        let choose = &mut |bound| self.random.below(bound);
        self.bus
            .deliver(index, &mut self.machines[index], now, choose);
    }

    fn synchronise(&mut self, index: usize) {
        let now = self.now_at(index);
        let choose = &mut |bound| self.random.below(bound);
        self.bus
            .synchronise(index, &mut self.machines[index], now, choose);
    }

    fn heartbeat(&mut self, index: usize) {
        self.bus
            .heartbeat(index, &mut |bound| self.random.below(bound));
    }

    /// A process or a whole machine ends, between two calls to the disk.
    fn crash(&mut self, index: usize) {
        if self.random.chance(50) {
            self.machines[index].kill();
            self.happened.kills += 1;
        } else {
            self.cut_power(index);
        }
        self.bus.restarted(index);
    }

    fn cut_power(&mut self, index: usize) {
        let share = *self.random.pick(&[0, 50, 100]);
        let random = &mut self.random;
        self.machines[index].cut_power(|_| random.chance(share));
        self.happened.power_cuts += 1;
    }

    /// What a host does about a disk that failed: nothing, reopening, or it is not asked.
    fn mend(&mut self) {
        for index in 0..self.machines.len() {
            match self.machines[index].surprise() {
                None => continue,
                Some(Surprise::Dead) => {
                    self.cut_power(index);
                    self.bus.restarted(index);
                }
                Some(Surprise::Refusing) => {
                    if self.random.chance(30) || !self.machines[index].reopen() {
                        self.crash(index);
                    }
                }
            }
            self.happened.faults += 1;
        }
    }

    fn decide(&mut self, step: usize) {
        let index = self.random.below(self.machines.len());
        self.machines[index].decide(step);
        self.happened.decisions += 1;
    }

    /// Clocks are right, nothing fails any more; everybody does what drivers and hosts do, until
    /// all are equal or it has gone on for far too long.
    fn heal(&mut self) {
        self.bus.connect_all();
        for machine in &mut self.machines {
            machine.heal();
        }
        let mut rounds = 0;
        while !self.under_way.is_empty() {
            rounds += 1;
            assert!(
                rounds < 10_000,
                "a transmitter never gets rid of its messages"
            );
            // Keys are not fetched again at once: time has to pass.
            self.now += 10;
            self.deliver_message();
        }
        for _ in 0..40 {
            for index in 0..self.machines.len() {
                self.heartbeat(index);
                while !self.bus.is_delivered(index) {
                    self.deliver(index);
                }
                self.synchronise(index);
                for _ in 0..8 {
                    self.publish(index);
                }
            }
            if !self.machines.iter().all(Machine::is_done) {
                continue;
            }
            let expected = machine::export(&self.reference);
            let is_equal =
                |machine: &Machine<'_>| machine::export(machine.store().facts()) == expected;
            if self.machines.iter().all(is_equal) {
                break;
            }
        }
    }

    fn check(&mut self) {
        let expected = machine::export(&self.reference);
        for index in 0..self.machines.len() {
            self.machines[index].must_hold(&expected, "after everything");
            assert!(
                self.machines[index].is_done(),
                "machine {index} still wants to publish"
            );
            // What is in memory is what a restart finds.
            self.machines[index].kill();
            self.machines[index].must_hold(&expected, "after a restart");
            for number in 0..self.shape.requests {
                self.machines[index].decide(number);
                self.happened.decisions += 1;
            }
        }
        // Long after: what may be forgotten is forgotten alike.
        let long_after = Timestamp::from_seconds(self.now + 400 * 86_400);
        self.reference.forget_expired(long_after);
        let expected = machine::export(&self.reference);
        for (index, machine) in self.machines.iter().enumerate() {
            let forgotten = machine.store().forget(long_after);
            assert!(forgotten.is_ok(), "machine {index}: {forgotten:?}");
            machine.must_hold(&expected, "after forgetting");
        }
    }
}
