//! The table that a decision touches: one cache line per subject asked for.
//!
//! ```text
//! line, 64 bytes, 8 slots            exact keys of the line, 128 bytes, elsewhere
//! ┌────────────┬────────────┐        ┌─────────┬─────────┬─────┬─────────┐
//! │ print 0, 1 │ print 2, 3 │        │ key 0   │ key 1   │  …  │ key 7   │
//! ├────────────┼────────────┤        └─────────┴─────────┴─────┴─────────┘
//! │ print 4, 5 │ print 6, 7 │ ◄─ top bit of print 7: keys went on to the next line
//! ├──────┬─────┴┬──────┬────┤
//! │until0│until1│until2│ …  │    print: 31 bits of the key, 0 = free slot
//! ├──────┼──────┼──────┼────┤    until: 0            nothing is known any more
//! │until4│  …   │      │ 7  │           1 … 2³²−2   revoked up to this second, nothing else
//! └──────┴──────┴──────┴────┘           2³²−1       ask the details
//! ```
//!
//! Most tokens belong to subjects that nobody revoked: they compare eight prints and are done.
//! Equal prints are not yet equal keys, so a hit that matters is confirmed against the exact
//! 128-bit key. The line of a key is its hash scaled to the number of lines, so that growing
//! keeps the order of lines, copies front to back, and needs no power of two.
//!
//! | | subjects n, lines n / 4 … n / 4.8 |
//! |---|---|
//! | hot bytes per subject | 13.3 to 16 |
//! | lines touched by a miss | 1 plus the chance that the line spilled, 2 % to 6 % |
//!
//! # Consistency
//! One writer at a time. A slot is claimed by its print, after key and `until` are in place, and
//! keeps its key for the life of the table. `until` is one word: readers see it before or after
//! a change.

use super::MarkKey;
use crate::hint;
use crate::primitive::{AtomicU32, AtomicU64, Ordering};

/// Slots in a line.
const SLOTS: usize = 8;

/// How many lines a batch asks for before it waits for the first.
pub(super) const BATCH: usize = 32;

/// So many lines are near: 256 KiB.
const NEAR_LINES: usize = 4_096;

/// Set in the last pair of prints once a key did not fit the line.
const SPILLED: u64 = 1 << 63;

/// `until` of a subject about which nothing is known any more.
pub(super) const NOTHING: u32 = 0;

/// `until` of a subject about which more is known than a watermark.
pub(super) const DETAILED: u32 = u32::MAX;

/// Lines and exact keys; of fixed size.
#[derive(Debug)]
pub(super) struct Table {
    lines: Vec<Line>,
    /// The exact keys, line by line.
    keys: Vec<[AtomicU64; 2]>,
}

#[derive(Debug, Default)]
#[repr(align(64))]
struct Line {
    prints: [AtomicU64; SLOTS / 2],
    until: [AtomicU32; SLOTS],
}

/// Where a key is in the table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    line: usize,
    slot: usize,
}

impl Table {
    /// A table that is half full with `subjects` subjects.
    pub(super) fn for_subjects(subjects: usize, minimum_lines: usize) -> Table {
        let count = subjects.div_ceil(SLOTS / 2).max(minimum_lines);
        let mut lines = Vec::with_capacity(count);
        hint::huge_pages(lines.spare_capacity_mut());
        lines.resize_with(count, Line::default);
        let mut keys = Vec::with_capacity(count * SLOTS);
        hint::huge_pages(keys.spare_capacity_mut());
        keys.resize_with(count * SLOTS, Default::default);
        Table { lines, keys }
    }

    /// How many slots may be taken before the table has to grow: three in five.
    pub(super) fn limit(&self) -> usize {
        (self.lines.len() * SLOTS * 3 / 5).max(1)
    }

    /// Bytes that lookups touch, and bytes that only hits touch.
    pub(super) fn bytes(&self) -> (usize, usize) {
        (size_of_val(&*self.lines), size_of_val(&*self.keys))
    }

    /// Whether asking for lines early is worth the instructions: not where all of them are in the
    /// second-level cache anyway.
    #[inline]
    pub(super) fn is_far(&self) -> bool {
        self.lines.len() > NEAR_LINES
    }

    /// Asks for the line of a key that will be read soon.
    #[inline]
    pub(super) fn prefetch(&self, key: MarkKey) {
        hint::prefetch(&self.lines[self.home(key)]);
    }

    /// What is known about a key, if it is at least `floor`; else [`NOTHING`].
    #[inline(always)]
    pub(super) fn read(&self, key: MarkKey, floor: u32) -> u32 {
        let home = self.home(key);
        let line = &self.lines[home];
        let pairs = line.pairs();
        // `SPILLED` may hide a hit in the last slot: whoever sees it looks again below.
        let hits = Hits::of_bits(&pairs, print(key));
        // One branch for all that is common, and it hardly ever fails: no print like it, or one
        // of a subject that has signed in again since. Which of the two must not be guessed.
        let matters = line.until[hits.first()].load(Ordering::Acquire) >= floor;
        if (matters & !hits.is_empty()) | hits.are_several() | (pairs[3] & SPILLED != 0) {
            return self.read_from(home, key, floor);
        }
        NOTHING
    }

    /// The greatest of what is known about some keys. They are looked up without regard to one
    /// another, so that their misses overlap.
    #[inline(always)]
    pub(super) fn latest(&self, keys: &[MarkKey], floor: u32) -> u32 {
        let read = |latest: u32, &key: &MarkKey| latest.max(self.read(key, floor));
        keys.iter().fold(NOTHING, read)
    }

    /// [`read`](Self::read) from a line on that may know the key.
    #[inline(never)]
    fn read_from(&self, mut index: usize, key: MarkKey, floor: u32) -> u32 {
        loop {
            let pairs = self.lines[index].pairs();
            let mut hits = Hits::of(&pairs, print(key));
            while let Some(slot) = hits.next() {
                let until = self.lines[index].until[slot].load(Ordering::Acquire);
                if until >= floor && self.key(index, slot) == key {
                    return until;
                }
            }
            if pairs[3] & SPILLED == 0 {
                return NOTHING;
            }
            index = self.after(index);
        }
    }

    /// [`read`](Self::read) for at most [`BATCH`] keys: all lines are asked for before the first
    /// is waited for, then all exact keys.
    #[inline]
    pub(super) fn read_batch(&self, keys: &[MarkKey], floor: u32, until: &mut [u32]) {
        assert!(keys.len() <= BATCH, "a batch is at most {BATCH} keys");
        let mut homes = [0; BATCH];
        for (home, &key) in homes.iter_mut().zip(keys) {
            *home = self.home(key);
            hint::prefetch(&self.lines[*home]);
        }
        let mut undecided = 0_u32;
        for (position, (&key, &home)) in keys.iter().zip(&homes).enumerate() {
            let line = &self.lines[home];
            let pairs = line.pairs();
            let mut hits = Hits::of(&pairs, print(key));
            let mut decided = pairs[3] & SPILLED == 0;
            while let Some(slot) = hits.next() {
                if line.until[slot].load(Ordering::Relaxed) >= floor {
                    hint::prefetch(&self.keys[home * SLOTS + slot]);
                    decided = false;
                }
            }
            undecided |= u32::from(!decided) << position;
        }
        until[..keys.len()].fill(NOTHING);
        while undecided != 0 {
            let position = undecided.trailing_zeros() as usize;
            until[position] = self.read(keys[position], floor);
            undecided &= undecided - 1;
        }
    }

    /// Where a key is. For the writer.
    pub(super) fn find(&self, key: MarkKey) -> Option<Slot> {
        let mut index = self.home(key);
        loop {
            let pairs = self.lines[index].pairs();
            let mut hits = Hits::of(&pairs, print(key));
            while let Some(slot) = hits.next() {
                if self.key(index, slot) == key {
                    return Some(Slot { line: index, slot });
                }
            }
            if pairs[3] & SPILLED == 0 {
                return None;
            }
            index = self.after(index);
        }
    }

    /// What is known at a slot. For the writer.
    pub(super) fn until(&self, at: Slot) -> u32 {
        self.lines[at.line].until[at.slot].load(Ordering::Relaxed)
    }

    /// Changes what is known at a slot. For the writer.
    pub(super) fn update(&self, at: Slot, until: u32) {
        // Release: whoever reads `DETAILED` finds the details written before it.
        self.lines[at.line].until[at.slot].store(until, Ordering::Release);
    }

    /// Adds a key that is not in the table. For the writer, which keeps the table below its
    /// limit: a free slot exists.
    pub(super) fn insert_unique(&self, key: MarkKey, until: u32) {
        let mut index = self.home(key);
        loop {
            let line = &self.lines[index];
            let pairs = line.pairs();
            if let Some(slot) = (0..SLOTS).find(|&slot| print_of(&pairs, slot) == 0) {
                let [high, low] = &self.keys[index * SLOTS + slot];
                high.store((key.bits() >> 64) as u64, Ordering::Relaxed);
                low.store(key.bits() as u64, Ordering::Relaxed);
                line.until[slot].store(until, Ordering::Relaxed);
                // Release: whoever sees the print sees key and `until`.
                let claimed = pairs[slot / 2] | u64::from(print(key)) << (slot % 2 * 32);
                line.prints[slot / 2].store(claimed, Ordering::Release);
                return;
            }
            // Before the key is anywhere else, so that nobody stops looking too early; a reader
            // that is faster looks before the key was added.
            if pairs[3] & SPILLED == 0 {
                line.prints[3].store(pairs[3] | SPILLED, Ordering::Release);
            }
            index = self.after(index);
        }
    }

    /// Every key about which something is known. For the writer.
    pub(super) fn iter(&self) -> impl Iterator<Item = (MarkKey, u32)> {
        self.lines
            .iter()
            .enumerate()
            .flat_map(move |(index, line)| {
                let pairs = line.pairs();
                (0..SLOTS).filter_map(move |slot| {
                    let until = line.until[slot].load(Ordering::Relaxed);
                    (print_of(&pairs, slot) != 0 && until != NOTHING)
                        .then(|| (self.key(index, slot), until))
                })
            })
    }

    fn key(&self, index: usize, slot: usize) -> MarkKey {
        let [high, low] = &self.keys[index * SLOTS + slot];
        let (high, low) = (high.load(Ordering::Relaxed), low.load(Ordering::Relaxed));
        MarkKey::from_bits(u128::from(high) << 64 | u128::from(low))
    }

    /// The first line to look in: the upper half of the key, scaled to the number of lines.
    #[inline]
    fn home(&self, key: MarkKey) -> usize {
        let hash = u128::from((key.bits() >> 64) as u64);
        ((hash * self.lines.len() as u128) >> 64) as usize
    }

    fn after(&self, index: usize) -> usize {
        if index + 1 == self.lines.len() {
            0
        } else {
            index + 1
        }
    }
}

impl Line {
    #[inline]
    fn pairs(&self) -> [u64; 4] {
        std::array::from_fn(|pair| self.prints[pair].load(Ordering::Acquire))
    }
}

/// 31 bits of the lower half of the key, never 0: independent of its line and of its shard.
#[inline]
fn print(key: MarkKey) -> u32 {
    ((key.bits() >> 32) as u32 >> 1).max(1)
}

#[inline]
fn print_of(pairs: &[u64; 4], slot: usize) -> u32 {
    (pairs[slot / 2] >> (slot % 2 * 32)) as u32 & (u32::MAX >> 1)
}

/// The slots of a line whose print is the wanted one, one bit each.
#[derive(Clone, Copy)]
struct Hits(u32);

impl Hits {
    /// Compares all eight prints at once.
    #[inline(always)]
    fn of(pairs: &[u64; 4], print: u32) -> Hits {
        let [a, b, c, d] = *pairs;
        Hits::of_bits(&[a, b, c, d & !SPILLED], print)
    }

    /// [`of`](Self::of) where the last print is looked at with [`SPILLED`] in it.
    #[inline(always)]
    fn of_bits(pairs: &[u64; 4], print: u32) -> Hits {
        Hits(hint::equal_halves(*pairs, print))
    }

    #[inline(always)]
    fn is_empty(self) -> bool {
        self.0 == 0
    }

    #[inline(always)]
    fn are_several(self) -> bool {
        self.0 & self.0.wrapping_sub(1) != 0
    }

    /// The slot of the first hit; some slot if there is none.
    #[inline(always)]
    fn first(self) -> usize {
        (self.0 | 1 << SLOTS).trailing_zeros() as usize % SLOTS
    }

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        if self.is_empty() {
            return None;
        }
        let first = self.first();
        self.0 &= self.0 - 1;
        Some(first)
    }
}
