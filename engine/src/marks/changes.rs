//! How a token that was asked about once need not be asked about again.
//!
//! Most decisions find nothing under any key of their token, and found nothing the last time
//! either. So the marks have a number that is another one after every change, and a token keeps
//! the number under which nothing was found: if it is still the present one, the answer is.
//!
//! Where events come all the time, most of them are about others. So changes are counted as well,
//! by parts of the keys: a token keeps the sum of the counts of its own keys' parts. Counts only
//! rise, so that an equal sum means equal counts. With 8,192 parts, a thousand events leave half of
//! all tokens as they were; the counts are 64 KiB, which a nearby cache holds, and spare the lines
//! of the marks themselves.
//!
//! # Consistency
//! A number names one state of one table of marks, and no other in this process: numbers come from
//! one counter, so that a token that is taken to other marks never finds its number there. Nor its
//! count: every table begins to count elsewhere.
//!
//! While the marks change they have no number, so that nobody keeps anything, and who has seen a
//! part of the change already does not find the state before it once more.
//!
//! # Why the orders are what they are
//! - A writer takes the number away, counts, changes the marks with Release, counts again, and then
//!   stores a fresh number with Release; all under the one lock of writers. Whoever reads that number
//!   with Acquire sees the change, and all changes before. Whoever sees the change sees the number
//!   taken away, or a later one, and the first count.
//! - A reader loads number and counts *before* it looks, and keeps those. The other way round, a
//!   change in between would be kept as seen.
//! - It keeps the counts only if the number is the same after looking: then no change had begun, and
//!   the counts are not those in the middle of one. The loads in between are Acquire, so that the
//!   last is not made early.
//! - What a token keeps is read and stored Relaxed: it says something about a state that is named,
//!   true whoever reads it and whenever; nothing else is read because of it.
//!
//! `loom_model.rs` tries every interleaving of these steps.

use super::keys::MarkKey;
use crate::primitive::{AtomicU64, Ordering};

/// Instead of a number, while the marks change.
const CHANGING: u64 = u64::MAX;

/// Never a number.
const NO_NUMBER: u64 = 0;

/// Never taken for a count.
const NO_COUNT: u64 = u64::MAX;

/// A power of two. A model has few, because each of them is one more thing to interleave.
const PARTS: usize = if cfg!(any(loom, shuttle)) { 2 } else { 1 << 13 };

/// Multiples of it are spread evenly over all numbers (2^64 divided by the golden ratio): a million
/// tables of marks begin to count more than 2^42 changes from one another.
const FAR_APART: u64 = 0x9e37_79b9_7f4a_7c15;

/// The number of the present state of some marks, and counts of changes.
pub(super) struct Changes {
    number: AtomicU64,
    /// Changes that any token may have to do with.
    general: AtomicU64,
    /// Changes under the keys of each part.
    parts: Box<[AtomicU64]>,
}

impl Changes {
    pub(super) fn new() -> Changes {
        Changes {
            number: AtomicU64::new(fresh()),
            general: AtomicU64::new(fresh().wrapping_mul(FAR_APART)),
            parts: (0..PARTS).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// The number of a state that holds at least what was reported before this call.
    #[inline(always)]
    pub(super) fn number(&self) -> u64 {
        self.number.load(Ordering::Acquire)
    }

    /// Counts the changes that may concern one of `keys`, from some number on.
    #[inline(always)]
    pub(super) fn count(&self, keys: impl Iterator<Item = MarkKey>) -> Option<u64> {
        let count = keys.fold(self.general.load(Ordering::Acquire), |sum, key| {
            sum.wrapping_add(self.part(key).load(Ordering::Acquire))
        });
        (count != NO_COUNT).then_some(count)
    }

    /// Called before what is known under `key` changes, by the one writer; dropped after.
    pub(super) fn begin(&self, key: MarkKey) -> Change<'_> {
        Change::new(&self.number, self.part(key))
    }

    /// As [`begin`](Self::begin) for a change that may concern every key.
    pub(super) fn begin_general(&self) -> Change<'_> {
        Change::new(&self.number, &self.general)
    }

    #[inline(always)]
    fn part(&self, key: MarkKey) -> &AtomicU64 {
        &self.parts[key.bits() as usize % PARTS]
    }
}

/// The marks are changing.
pub(super) struct Change<'a> {
    number: &'a AtomicU64,
    count: &'a AtomicU64,
}

impl<'a> Change<'a> {
    fn new(number: &'a AtomicU64, count: &'a AtomicU64) -> Change<'a> {
        number.store(CHANGING, Ordering::Relaxed);
        count.fetch_add(1, Ordering::Release);
        Change { number, count }
    }
}

impl Drop for Change<'_> {
    fn drop(&mut self) {
        self.count.fetch_add(1, Ordering::Release);
        self.number.store(fresh(), Ordering::Release);
    }
}

/// A number that was never given before; not 0.
fn fresh() -> u64 {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    // Not part of any model: a number means nothing but itself.
    NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
}

/// What a token keeps of a state of the marks in which nothing was known that matters to it, and
/// nothing in the snapshot that it remembers was newer than it: the state's number, or the count of
/// the changes that may concern it.
#[derive(Debug)]
pub(crate) struct LastQuiet(AtomicU64);

impl LastQuiet {
    pub(crate) fn without_number() -> LastQuiet {
        LastQuiet(AtomicU64::new(NO_NUMBER))
    }

    pub(crate) fn without_count() -> LastQuiet {
        LastQuiet(AtomicU64::new(NO_COUNT))
    }

    /// Whether this is the number, or the count, of that state.
    #[inline(always)]
    pub(crate) fn is(&self, value: u64) -> bool {
        self.0.load(Ordering::Relaxed) == value
    }

    #[inline(always)]
    fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }
}

impl Clone for LastQuiet {
    fn clone(&self) -> Self {
        LastQuiet(AtomicU64::new(self.0.load(Ordering::Relaxed)))
    }
}

/// A look at the marks of one token, between two looks at their number.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Look {
    /// As it was before.
    pub(crate) number: u64,
    /// As it was before; `None` if changes of all kinds have to be expected.
    pub(crate) count: Option<u64>,
}

impl Look {
    /// Nothing was found that matters: kept for the next time, if nothing changed meanwhile.
    /// `number_after` is the number after the look.
    #[inline(always)]
    pub(crate) fn keep(self, number_after: u64, number: &LastQuiet, count: &LastQuiet) {
        if self.number == CHANGING || number_after != self.number {
            return;
        }
        number.set(self.number);
        if let Some(seen) = self.count {
            count.set(seen);
        }
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    const KEY: MarkKey = MarkKey::from_bits(1);
    const OTHER: MarkKey = MarkKey::from_bits(2);

    fn count(changes: &Changes, key: MarkKey) -> u64 {
        changes.count(std::iter::once(key)).expect("a count")
    }

    #[test]
    fn a_change_gives_another_number_and_counts_twice() {
        let changes = Changes::new();
        let (number, before, others) = (
            changes.number(),
            count(&changes, KEY),
            count(&changes, OTHER),
        );
        let change = changes.begin(KEY);
        assert_eq!(changes.number(), CHANGING);
        assert_eq!(count(&changes, KEY), before.wrapping_add(1));
        drop(change);
        assert!(![CHANGING, NO_NUMBER, number].contains(&changes.number()));
        assert_eq!(count(&changes, KEY), before.wrapping_add(2));
        assert_eq!(count(&changes, OTHER), others);
        drop(changes.begin_general());
        assert_eq!(count(&changes, OTHER), others.wrapping_add(2));
        // Another table shares neither numbers nor counts.
        let second = Changes::new();
        assert_ne!(second.number(), changes.number());
        assert!(count(&second, KEY).abs_diff(count(&changes, KEY)) > 1 << 42);
    }

    #[test]
    fn only_a_look_without_a_change_is_kept() {
        let look = Look {
            number: 7,
            count: Some(9),
        };
        let kept = |look: Look, number_after| {
            let kept = (LastQuiet::without_number(), LastQuiet::without_count());
            look.keep(number_after, &kept.0, &kept.1);
            (kept.0.is(look.number), kept.1.is(9))
        };
        assert_eq!(kept(look, 7), (true, true));
        assert_eq!(
            kept(
                Look {
                    count: None,
                    ..look
                },
                7
            ),
            (true, false)
        );
        assert_eq!(kept(look, 8), (false, false));
        let meanwhile = Look {
            number: CHANGING,
            ..look
        };
        assert_eq!(kept(meanwhile, CHANGING), (false, false));
        assert_eq!(kept(meanwhile, 8), (false, false));
    }
}
