//! What is peculiar to one run: how many machines, how long, what happens in it often or never.
//!
//! Runs that are all alike find what they all find: faults that hide each other, or need many of one
//! kind and none of another, show in a run that leaves something out (swarm testing). Three of four
//! runs are small: what goes wrong with sixty steps mostly goes wrong with twenty, in a third of
//! the time.

use crate::generate::Random;

/// What may happen in one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// A transmitter sends one more message.
    Send,
    /// A message arrives at a machine.
    DeliverMessage,
    /// A node publishes on the bus.
    Publish,
    /// The bus delivers to a node.
    Deliver,
    /// A node is cut off from the bus, or connected again.
    Toggle,
    /// A node reads what it has missed.
    Synchronise,
    /// The bus tells a node how far it is.
    Heartbeat,
    /// A process is killed, or a machine loses power.
    Crash,
    /// A call to a disk will fail.
    PlanFault,
    /// A clock is set wrong, or right.
    SetClock,
    /// The transmitter signs with another key.
    Rotate,
    /// The bus loses everything.
    LoseEverything,
    /// Time passes.
    Pass,
}

/// How often each happens where nothing is peculiar, of 855.
const USUAL: [(Action, usize); 13] = [
    (Action::Send, 144),
    (Action::DeliverMessage, 216),
    (Action::Publish, 104),
    (Action::Deliver, 144),
    (Action::Toggle, 24),
    (Action::Synchronise, 40),
    (Action::Heartbeat, 16),
    (Action::Crash, 40),
    (Action::PlanFault, 56),
    (Action::SetClock, 16),
    (Action::Rotate, 8),
    (Action::LoseEverything, 8),
    (Action::Pass, 39),
];

/// One run.
#[derive(Debug)]
pub(super) struct Shape {
    /// From 1 to 3.
    pub(super) machines: usize,
    /// Steps before everything is well again, from 8 to 60.
    pub(super) steps: usize,
    /// Different requests, from 4 to 40: those of the case whose documents and tokens it borrows.
    pub(super) requests: usize,
    weights: [(Action, usize); USUAL.len()],
    total: usize,
}

impl Shape {
    pub(super) fn new(random: &mut Random) -> Shape {
        let machines = *random.pick(&[1, 2, 2, 2, 2, 3, 3, 3, 3, 3]);
        let (steps, requests) = match random.below(4) {
            0 => (30 + random.below(31), 12 + random.below(29)),
            _ => (8 + random.below(23), 4 + random.below(9)),
        };
        let weights = USUAL.map(|(action, usual)| {
            let weight = match random.below(8) {
                // Without messages nothing happens at all.
                0 | 1 if action != Action::Send => 0,
                7 => usual * 4,
                _ => usual,
            };
            (action, weight)
        });
        Shape {
            machines,
            steps,
            requests,
            total: weights.iter().map(|(_, weight)| weight).sum(),
            weights,
        }
    }

    /// What happens next.
    pub(super) fn action(&self, random: &mut Random) -> Action {
        let mut place = random.below(self.total);
        for (action, weight) in self.weights {
            if place < weight {
                return action;
            }
            place -= weight;
        }
        Action::Pass
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_action_happens_in_some_runs_and_is_missing_in_others() {
        let mut with = [0; USUAL.len()];
        let mut without = [0; USUAL.len()];
        let mut sizes = HashSet::new();
        for seed in 0..2_000 {
            let mut random = Random::new(seed);
            let shape = Shape::new(&mut random);
            assert!((1..=3).contains(&shape.machines));
            assert!((8..=60).contains(&shape.steps));
            assert!((4..=40).contains(&shape.requests));
            sizes.insert((shape.machines, shape.steps));
            let happened: Vec<Action> = (0..2_000).map(|_| shape.action(&mut random)).collect();
            for (index, (action, weight)) in shape.weights.into_iter().enumerate() {
                let is_there = happened.contains(&action);
                assert!(weight > 0 || !is_there, "seed {seed}: {action:?}");
                with[index] += usize::from(is_there);
                without[index] += usize::from(!is_there);
            }
        }
        assert!(with.iter().all(|runs| *runs > 500), "{with:?}");
        // Somebody always sends.
        assert_eq!(without[0], 0);
        assert!(without[1..].iter().all(|runs| *runs > 300), "{without:?}");
        assert!(sizes.len() > 120, "{}", sizes.len());
    }
}
