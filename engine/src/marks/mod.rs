//! Marks: the effective facts in the form that the hot path reads.
//!
//! The ledger knows every register and its origin; a decision only needs their join for one
//! token. Writers compute that join when an event arrives, so that readers look it up under a
//! few fixed keys. A reader never waits for a writer and sees each mark either before or after a
//! change, never in between.
//!
//! # How conjunctions are found without scanning
//!
//! A subject with members M concerns the tokens that carry some of them, all identical. Its mark
//! is therefore filed once for every part P of M that a concerned token may share with it, under
//! a key of (M, P). A token with dimensions D then knows its only candidate for every shape M in
//! use: P = M ∩ D. Which of the 64 shapes are in use is one word; a shape nobody used costs
//! nothing.

mod keys;
mod mark;

pub use keys::{Keyring, MarkKey, SubjectKeys};
pub use mark::{AssuranceMarks, Mark, assurance_rank};

use std::sync::atomic::{AtomicU64, Ordering};

use crate::event::DimensionSet;

/// The marks of every tenant.
#[derive(Debug)]
pub struct Marks {
    keyring: Keyring,
    /// Bit M is set once a subject with members M was written. Never cleared.
    shapes: AtomicU64,
    table: papaya::HashMap<MarkKey, Mark>,
}

impl Marks {
    /// No marks, under a secret.
    #[must_use]
    pub fn new(keyring: Keyring) -> Marks {
        Marks {
            keyring,
            shapes: AtomicU64::new(0),
            table: papaya::HashMap::new(),
        }
    }

    /// The secret under which [`SubjectKeys`] for these marks are made.
    #[must_use]
    pub fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// Everything known about a token: the join of the marks of its tenant, of each of its
    /// dimensions and of the conjunctions that concern it.
    ///
    /// Keys of another keyring are answered with [`Mark::REFUSED`]: they would miss every mark.
    #[must_use]
    pub fn read(&self, keys: &SubjectKeys) -> Mark {
        if keys.keyring_id() != self.keyring.id() {
            return Mark::REFUSED;
        }
        let mut mark = Mark::NOTHING;
        let table = self.table.pin();
        for shape in self.shapes() {
            if let Some(key) = keys.key(shape)
                && let Some(found) = table.get(&key)
            {
                mark = mark.join(*found);
            }
        }
        mark
    }

    /// The shapes of subject in use, in rising order of their bits.
    pub(crate) fn shapes(&self) -> impl Iterator<Item = DimensionSet> + use<> {
        let mut left = self.shapes.load(Ordering::Acquire);
        std::iter::from_fn(move || {
            let bit = u8::try_from(left.trailing_zeros())
                .ok()
                .filter(|&bit| bit < 64)?;
            left &= left - 1;
            Some(DimensionSet::from_bits(bit))
        })
    }

    /// Replaces the mark under `key`. The caller serialises writes to one key.
    pub(crate) fn write(&self, key: MarkKey, mark: Mark) {
        let table = self.table.pin();
        if mark.is_nothing() {
            table.remove(&key);
        } else {
            table.insert(key, mark);
        }
    }

    /// Makes readers look for subjects with members `shape`.
    pub(crate) fn use_shape(&self, shape: DimensionSet) {
        let bit = 1_u64 << shape.bits();
        if self.shapes.load(Ordering::Relaxed) & bit == 0 {
            self.shapes.fetch_or(bit, Ordering::Release);
        }
    }
}
