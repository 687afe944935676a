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

//!
//! # Two parts
//! Nearly every mark is a watermark or nothing, so the hot part is a table of prints and seconds
//! with one cache line per lookup. Marks that say more (blocks, risk, compliance, …) are whole in
//! the *details*, which only tokens of such subjects touch.

mod changes;
mod current;
mod keys;
mod latest;
#[cfg(all(test, loom))]
mod loom_model;
mod mark;
#[cfg(all(test, any(loom, shuttle)))]
mod model_support;
#[cfg(all(test, shuttle))]
mod shuttle_model;
mod table;
#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;

pub(crate) use changes::{LastQuiet, Look};
pub use keys::{Keyring, MarkKey, SubjectKeys};
pub(crate) use latest::Latest;
pub use mark::{AssuranceMarks, Mark, assurance_rank};

use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};

use crate::primitive::{AtomicU64, Mutex, Ordering};
use changes::Changes;
use current::Current;
use keys::has_conjunctions;
use latest::{floor, until_of, watermark};
use table::{BATCH, DETAILED, NOTHING, Table};

use crate::event::DimensionSet;

/// The lines of an empty table: 1 KiB.
const MINIMUM_LINES: usize = 16;

/// The marks of every tenant.
pub struct Marks {
    keyring: Keyring,
    minimum_lines: usize,
    /// Bit M is set once a subject with members M was written. Never cleared.
    shapes: AtomicU64,
    current: Current,
    changes: Changes,
    /// Whole marks of the subjects whose slot says `DETAILED`.
    // INVARIANT: written before the slot says so, removed after it says something else.
    details: papaya::HashMap<MarkKey, Mark, KeyHash>,
    /// Slots taken in the current table; holding it makes a thread the one writer.
    writer: Mutex<usize>,
}

impl Marks {
    /// No marks, under a secret.
    #[must_use]
    pub fn new(keyring: Keyring) -> Marks {
        Marks::with_minimum_lines(keyring, MINIMUM_LINES)
    }

    fn with_minimum_lines(keyring: Keyring, minimum_lines: usize) -> Marks {
        Marks {
            keyring,
            minimum_lines,
            shapes: AtomicU64::new(0),
            current: Current::new(Table::for_subjects(0, minimum_lines)),
            changes: Changes::new(),
            details: papaya::HashMap::default(),
            writer: Mutex::new(0),
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
    #[inline]
    #[must_use]
    pub fn read(&self, keys: &SubjectKeys) -> Mark {
        self.read_since(keys, i64::MIN)
    }

    /// As [`read`](Self::read), for a token issued at second `issued`: the same decision, but
    /// `revoked_before` may be left out where it lies before that second. Faster, because the
    /// mark of a subject that has signed in again since needs no second look.
    #[inline]
    #[must_use]
    pub fn read_since(&self, keys: &SubjectKeys, issued: i64) -> Mark {
        if keys.keyring_id() != self.keyring.id() {
            return Mark::REFUSED;
        }
        let shapes = self.shapes.load(Ordering::Acquire);
        if shapes == 0 {
            return Mark::NOTHING;
        }
        let floor = floor(issued);
        let until = self
            .current
            .with(|table| self.latest(table, shapes, keys, floor));
        if until == DETAILED {
            return self.join_details(shapes, keys, floor);
        }
        watermark(until)
    }

    /// As [`read_since`](Self::read_since), in a register, so that the next decision need not wait
    /// for a mark to be written and read back.
    #[inline(always)]
    pub(crate) fn latest_since(&self, keys: &SubjectKeys, issued: i64) -> Latest {
        if keys.keyring_id() != self.keyring.id() {
            return Latest::DETAILED;
        }
        let shapes = self.shapes.load(Ordering::Acquire);
        if shapes == 0 {
            return Latest::NOTHING;
        }
        let floor = floor(issued);
        let latest = |table: &Table| self.latest(table, shapes, keys, floor);
        let until = self.current.with_last(latest);
        Latest::new(until.unwrap_or_else(|| self.latest_elsewhere(keys, shapes, floor)))
    }

    /// Whether a lookup may have to wait for memory.
    #[inline]
    pub(crate) fn is_far(&self) -> bool {
        self.current.with(Table::is_far)
    }

    /// The number of the present state, for [`LastQuiet`]. Read before looking.
    #[inline(always)]
    pub(crate) fn number(&self) -> u64 {
        self.changes.number()
    }

    /// Counts the changes that may concern a token, for [`LastQuiet`]. Read before looking. `None`
    /// where subjects of several members are in use, whose keys would have to be hashed.
    #[inline(always)]
    pub(crate) fn count(&self, keys: &SubjectKeys) -> Option<u64> {
        let shapes = self.shapes.load(Ordering::Acquire);
        if has_conjunctions(shapes) {
            return None;
        }
        self.changes.count(keys.plain(shapes))
    }

    /// [`latest_since`](Self::latest_since) in a table that this thread did not use last.
    #[cold]
    #[inline(never)]
    fn latest_elsewhere(&self, keys: &SubjectKeys, shapes: u64, floor: u32) -> u32 {
        self.current
            .with(|table| self.latest(table, shapes, keys, floor))
    }

    /// [`latest_since`](Self::latest_since) for those of a batch that `wanted` has a bit for, bit `i`
    /// for `keys(i)` and `found[i]`: all lines are asked for before the first is waited for.
    pub(crate) fn latest_since_batch<'a>(
        &self,
        wanted: u64,
        keys: impl Fn(usize) -> (&'a SubjectKeys, i64),
        found: &mut [Latest],
    ) {
        if wanted == 0 {
            return;
        }
        let shapes = self.shapes.load(Ordering::Acquire);
        self.current.with(|table| {
            if table.is_far() {
                for position in positions(wanted) {
                    let (keys, _) = keys(position);
                    keys.plain(shapes).for_each(|key| table.prefetch(key));
                }
            }
            for position in positions(wanted) {
                let (keys, issued) = keys(position);
                found[position] = if keys.keyring_id() == self.keyring.id() {
                    Latest::new(self.latest(table, shapes, keys, floor(issued)))
                } else {
                    Latest::DETAILED
                };
            }
        });
    }

    /// As [`read_since`](Self::read_since) for many tokens, with the waiting for memory
    /// overlapped. `marks[i]` becomes the mark of `keys[i]`, issued at `issued[i]`.
    ///
    /// # Panics
    /// Slices of different lengths.
    pub fn read_batch(&self, keys: &[SubjectKeys], issued: &[i64], marks: &mut [Mark]) {
        assert!(
            keys.len() == issued.len() && keys.len() == marks.len(),
            "a batch needs as many issue times and marks as keys"
        );
        let requests = keys.chunks(BATCH).zip(issued.chunks(BATCH));
        for ((keys, issued), marks) in requests.zip(marks.chunks_mut(BATCH)) {
            keys.iter().for_each(|keys| self.prefetch(keys));
            for ((keys, &issued), mark) in keys.iter().zip(issued).zip(marks) {
                *mark = self.read_since(keys, issued);
            }
        }
    }

    /// Asks for the memory that [`read`](Self::read) with the same keys is going to touch.
    #[inline]
    pub fn prefetch(&self, keys: &SubjectKeys) {
        let shapes = self.shapes.load(Ordering::Acquire);
        if shapes == 0 {
            return;
        }
        self.current.with(|table| {
            keys.plain(shapes).for_each(|key| table.prefetch(key));
        });
    }

    /// What is known under one key, with `issued` as in [`read_since`](Self::read_since).
    #[inline]
    #[must_use]
    pub fn read_key(&self, key: MarkKey, issued: i64) -> Mark {
        let floor = floor(issued);
        let until = self.current.with(|table| table.read(key, floor));
        if until == DETAILED {
            return self.details_of(key, floor);
        }
        watermark(until)
    }

    /// Only the watermark of [`read_key`](Self::read_key), in registers.
    #[inline]
    #[must_use]
    pub fn revoked_before(&self, key: MarkKey, issued: i64) -> Option<i64> {
        let floor = floor(issued);
        let until = self.current.with(|table| table.read(key, floor));
        if until == DETAILED {
            return self.details_of(key, floor).revoked_before;
        }
        (until != NOTHING).then_some(i64::from(until))
    }

    /// As [`revoked_before`](Self::revoked_before) for many keys, with the waiting for memory
    /// overlapped.
    ///
    /// # Panics
    /// Slices of different lengths.
    pub fn revoked_before_batch(&self, keys: &[MarkKey], issued: i64, found: &mut [Option<i64>]) {
        assert!(
            keys.len() == found.len(),
            "a batch needs as many answers as keys"
        );
        let floor = floor(issued);
        for (keys, found) in keys.chunks(BATCH).zip(found.chunks_mut(BATCH)) {
            let mut until = [NOTHING; BATCH];
            self.current
                .with(|table| table.read_batch(keys, floor, &mut until));
            for ((&key, &until), found) in keys.iter().zip(&until).zip(found) {
                *found = (until != NOTHING).then_some(i64::from(until));
                if until == DETAILED {
                    *found = self.details_of(key, floor).revoked_before;
                }
            }
        }
    }

    /// Whether one of these keys revokes a token issued at second `issued`: as asking for the
    /// watermark of each, with their misses overlapped.
    #[inline]
    #[must_use]
    pub fn any_revoked(&self, keys: &[MarkKey], issued: i64) -> bool {
        let floor = floor(issued);
        match self.current.with_last(|table| table.latest(keys, floor)) {
            Some(NOTHING) => false,
            Some(latest) if latest != DETAILED => true,
            _ => self.any_revoked_in_detail(keys, issued),
        }
    }

    /// As [`any_revoked`](Self::any_revoked) for the keys of many tokens, with the waiting for
    /// memory overlapped. `revoked[i]` becomes the answer for `tokens[i]`.
    ///
    /// # Panics
    /// Slices of different lengths.
    pub fn any_revoked_batch<const KEYS: usize>(
        &self,
        tokens: &[[MarkKey; KEYS]],
        issued: i64,
        revoked: &mut [bool],
    ) {
        assert!(
            tokens.len() == revoked.len(),
            "a batch needs as many answers as tokens"
        );
        let floor = floor(issued);
        for (tokens, revoked) in tokens.chunks(BATCH).zip(revoked.chunks_mut(BATCH)) {
            let mut detailed = false;
            self.current.with(|table| {
                detailed = false;
                if table.is_far() {
                    tokens.iter().flatten().for_each(|&key| table.prefetch(key));
                }
                for (keys, revoked) in tokens.iter().zip(&mut *revoked) {
                    let latest = table.latest(keys, floor);
                    *revoked = latest != NOTHING;
                    detailed |= latest == DETAILED;
                }
            });
            if detailed {
                for (keys, revoked) in tokens.iter().zip(revoked) {
                    *revoked = *revoked && self.any_revoked(keys, issued);
                }
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn any_revoked_in_detail(&self, keys: &[MarkKey], issued: i64) -> bool {
        let revokes = |&key: &MarkKey| {
            let mark = self.read_key(key, issued);
            mark.revoked_before.is_some_and(|second| issued <= second)
        };
        keys.iter().any(revokes)
    }

    /// Replaces the mark under `key`. Returns when every decision that starts later sees it.
    ///
    /// The ledger is the usual writer; whoever else writes gives up provenance. Calls for one
    /// key have to come one after the other, or the earlier one may win.
    pub fn write(&self, key: MarkKey, mark: Mark) {
        let until = until_of(&mark);
        let mut taken = self.writer.lock();
        let table = self.current.table();
        let slot = table.find(key);
        let before = slot.map_or(NOTHING, |slot| table.until(slot));
        if before == until && until != DETAILED {
            return;
        }
        let _change = self.changes.begin(key);
        if until == DETAILED {
            self.details.pin().insert(key, mark);
        }
        match slot {
            Some(slot) => {
                table.update(slot, until);
                if before == DETAILED && until != DETAILED {
                    self.details.pin().remove(&key);
                }
            }
            None if *taken < table.limit() => {
                table.insert_unique(key, until);
                *taken += 1;
            }
            None => {
                let (grown, live) = self.rebuilt(&table, 1);
                grown.insert_unique(key, until);
                *taken = live + 1;
                self.current.replace(grown);
            }
        }
    }

    /// Makes room for so many more subjects at once, instead of growing several times.
    pub fn reserve(&self, subjects: usize) {
        let mut taken = self.writer.lock();
        let table = self.current.table();
        if *taken + subjects > table.limit() {
            let (grown, live) = self.rebuilt(&table, subjects);
            *taken = live;
            self.current.replace(grown);
        }
    }

    /// Makes readers look for subjects with members `shape`. The ledger does so itself.
    pub fn use_shape(&self, shape: DimensionSet) {
        let bit = 1_u64 << shape.bits();
        if self.shapes.load(Ordering::Relaxed) & bit == 0 {
            let _writer = self.writer.lock();
            let _change = self.changes.begin_general();
            self.shapes.fetch_or(bit, Ordering::Release);
        }
    }

    /// Bytes of the part that every lookup touches, and of the exact keys that hits touch.
    #[must_use]
    pub fn bytes(&self) -> (usize, usize) {
        self.current.table().bytes()
    }

    /// The shapes of subject in use, in rising order of their bits.
    pub(crate) fn shapes(&self) -> impl Iterator<Item = DimensionSet> + use<> {
        bits(self.shapes.load(Ordering::Acquire))
    }

    /// The whole answer for a token of which some subject has details.
    #[cold]
    #[inline(never)]
    fn join_details(&self, shapes: u64, keys: &SubjectKeys, floor: u32) -> Mark {
        bits(shapes)
            .filter_map(|shape| keys.key(&self.keyring, shape))
            .map(|key| self.details_of(key, floor))
            .fold(Mark::NOTHING, Mark::join)
    }

    /// The whole mark under a key. Looks again if it changed between its slot and its details.
    #[cold]
    #[inline(never)]
    fn details_of(&self, key: MarkKey, floor: u32) -> Mark {
        loop {
            let until = self.current.with(|table| table.read(key, floor));
            if until != DETAILED {
                return watermark(until);
            }
            if let Some(mark) = self.details.pin().get(&key) {
                return *mark;
            }
        }
    }

    /// The greatest `until` of everything that a token carries; `DETAILED` is greater than all.
    #[inline(always)]
    fn latest(&self, table: &Table, shapes: u64, keys: &SubjectKeys, floor: u32) -> u32 {
        // The single members are looked up without regard to one another, so that their misses
        // overlap; no branch waits for a line that another one could wait for too.
        let mut latest = NOTHING;
        for key in keys.plain(shapes) {
            latest = latest.max(table.read(key, floor));
        }
        if has_conjunctions(shapes) {
            keys.conjunctions(&self.keyring, shapes, |key| {
                latest = latest.max(table.read(key, floor));
            });
        }
        latest
    }

    /// A table of the same marks, half full with `more` of them, without the slots of subjects
    /// about which nothing is known any more; and how many marks that are.
    fn rebuilt(&self, table: &Table, more: usize) -> (Table, usize) {
        let live = table.iter().count();
        let grown = Table::for_subjects(live + more, self.minimum_lines);
        for (key, until) in table.iter() {
            grown.insert_unique(key, until);
        }
        (grown, live)
    }
}

impl fmt::Debug for Marks {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Marks")
            .field("keyring", &self.keyring)
            .field("details", &self.details.len())
            .finish_non_exhaustive()
    }
}

/// The positions of the bits of a word, from the lowest on.
#[inline(always)]
fn positions(mut word: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let position = word.trailing_zeros() as usize;
        let is_there = word != 0;
        word &= word.wrapping_sub(1);
        is_there.then_some(position)
    })
}

/// The set bits of `shapes`, as the shapes that they stand for.
#[inline]
fn bits(shapes: u64) -> impl Iterator<Item = DimensionSet> {
    let mut left = shapes;
    std::iter::from_fn(move || {
        let shape = (left != 0).then(|| DimensionSet::from_bits(left.trailing_zeros() as u8))?;
        left &= left - 1;
        Some(shape)
    })
}

/// How maps keyed by [`MarkKey`] hash.
pub(crate) type KeyHash = BuildHasherDefault<KeyHasher>;

/// Keys are hashes already.
#[derive(Default)]
pub(crate) struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        // Only `MarkKey` is hashed, as one number; this keeps the trait's promise for the rest.
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn write_u128(&mut self, key: u128) {
        // Both halves: a shard of the ledger holds keys that agree in some bits of the lower one.
        self.0 = key as u64 ^ (key >> 64) as u64;
    }
}
