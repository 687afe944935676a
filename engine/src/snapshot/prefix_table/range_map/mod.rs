//! Ranges under a static search tree: small IPv4 tables, and all of IPv6.
//!
//! A [`tree`](tree::EndTree) finds the first range that does not end before a key. One tree holds
//! a limited number of ranges; a larger map is a tree over the last keys of *pieces*, each a tree
//! of its own. A change copies one piece of some kilobytes, and the new table shares all others
//! with the old one. The pieces cost no level: a single tree over everything is as deep.
//!
//! ```text
//! blocks      first 12 bits                           → set, where all that begin so have one
//! directory   ends of the pieces                      → number of the piece
//! piece       ends of its ranges                      → position
//!             answers[position]                       → set, or (top bit) number of a divided key
//!             divided[number]: starts of the low bits → set
//! ```
//!
//! IPv6 searches by the upper 64 bits, which nearly no prefix exceeds; a key in which the answer
//! changes nonetheless is *divided*, and its low 64 bits are searched in a list of its own.

mod blocks;
mod build;
mod tree;

use std::fmt::Debug;
use std::sync::Arc;

use self::blocks::Blocks;
use self::tree::{EndTree, Key, Level};
use super::address::Address;
use super::gathered::Gathered;
use super::index::LocationSetIndex;
use super::memory::shared_bytes;
use super::processor::Counter;
use crate::hint::{prefetch, prefetch_first};

/// Address → set.
#[derive(Debug, Clone)]
pub(super) struct RangeMap<A: KeyedAddress> {
    directory: EndTree<A::Key>,
    /// INVARIANT: as many as the directory has ends, at least one; together they hold all keys.
    pieces: Vec<Piece<A::Key>>,
    blocks: Blocks,
}

/// Ranges of successive keys.
#[derive(Debug, Clone)]
struct Piece<K: Key> {
    ends: EndTree<K>,
    /// INVARIANT: one per end. A set, or with `DIVIDED` an index into `divided`.
    answers: Arc<[u32]>,
    divided: Arc<[DividedKey]>,
}

/// How many addresses go down together.
pub(super) const BATCH: usize = 16;

/// Marks an answer that is not a set; sets leave this bit free.
const DIVIDED: u32 = 1 << 31;

/// The ranges within one key. INVARIANT: starts ascend from zero; one set per start.
#[derive(Debug, Clone)]
struct DividedKey {
    starts: Box<[u64]>,
    sets: Box<[LocationSetIndex]>,
}

/// An address as the key that the tree knows, and what that key leaves out.
pub(super) trait KeyedAddress: Address {
    /// The upper bits.
    type Key: Key;

    fn key(self) -> Self::Key;
    /// The bits below the key.
    fn remainder(self) -> u64;
    /// The first address of `key`.
    fn first_of(key: Self::Key) -> Self;
    /// The last address of `key`.
    fn last_of(key: Self::Key) -> Self;
}

impl KeyedAddress for u32 {
    type Key = u32;

    #[inline]
    fn key(self) -> u32 {
        self
    }

    #[inline]
    fn remainder(self) -> u64 {
        0
    }

    fn first_of(key: u32) -> u32 {
        key
    }

    fn last_of(key: u32) -> u32 {
        key
    }
}

impl KeyedAddress for u128 {
    type Key = u64;

    #[inline]
    fn key(self) -> u64 {
        (self >> 64) as u64
    }

    #[inline]
    fn remainder(self) -> u64 {
        self as u64
    }

    fn first_of(key: u64) -> u128 {
        u128::from(key) << 64
    }

    fn last_of(key: u64) -> u128 {
        u128::from(key) << 64 | u128::from(u64::MAX)
    }
}

impl<A: KeyedAddress> Default for RangeMap<A> {
    /// All keys in one range without a location.
    fn default() -> Self {
        let whole = EndTree::new(&[A::Key::LAST]);
        let answers = Arc::from([LocationSetIndex::EMPTY.bits()]);
        let piece = Piece {
            ends: whole.clone(),
            answers,
            divided: Arc::default(),
        };
        Self {
            directory: whole,
            pieces: vec![piece],
            blocks: Blocks::default(),
        }
    }
}

impl<A: KeyedAddress> RangeMap<A> {
    #[inline(always)]
    pub(super) fn lookup(&self, address: A, counter: impl Counter) -> LocationSetIndex {
        let key = address.key();
        let piece = match &*self.pieces {
            [only] => only,
            pieces => {
                if let Some(set) = self.blocks.answer(key) {
                    return set;
                }
                &pieces[self.directory.position(key, counter)]
            }
        };
        let line = piece.ends.last_line(key, counter);
        piece.expect_answer(line);
        piece.answer(piece.ends.arrive(line, key, counter), address)
    }

    /// The answer for `address` if all addresses that begin alike have it: one load.
    #[inline(always)]
    pub(super) fn answer_of_block(&self, address: A) -> Option<LocationSetIndex> {
        self.blocks.answer(address.key())
    }

    /// Asks for what names the tree of a map of one piece.
    #[inline]
    pub(super) fn expect(&self) {
        prefetch_first(&self.pieces);
    }

    /// Asks for the tree itself, and its answers, of a map of one piece.
    #[inline]
    pub(super) fn expect_small(&self) {
        if let [only] = &*self.pieces {
            only.ends.expect();
            prefetch_first(&only.answers);
        }
    }

    /// Answers those that were gathered, which go down the trees together, one level at a time: the
    /// memory they wait for is fetched at the same time.
    #[inline(always)]
    pub(super) fn lookup_batch(
        &self,
        gathered: &Gathered<A>,
        sets: &mut [LocationSetIndex],
        counter: impl Counter,
    ) {
        // All that there is room for, taken or not: loops of a known length are unrolled.
        let addresses = gathered.room();
        let keys = addresses.map(A::key);
        let mut lines = [0; BATCH];
        let mut level = Level::ROOT;
        for _ in 1..self.directory.levels() {
            for (line, &key) in lines.iter_mut().zip(&keys) {
                *line = self.directory.child(level, *line, key, counter);
            }
            level = level.below::<A::Key>();
        }
        let mut pieces = [&self.pieces[0]; BATCH];
        for ((piece, line), &key) in pieces.iter_mut().zip(&mut lines).zip(&keys) {
            *piece = &self.pieces[self.directory.arrive(*line, key, counter)];
            *line = 0;
        }
        let deepest = pieces.iter().map(|piece| piece.ends.levels()).max();
        let mut level = Level::ROOT;
        for depth in 1..deepest.unwrap_or_default() {
            for ((piece, line), &key) in pieces.iter().zip(&mut lines).zip(&keys) {
                if depth < piece.ends.levels() {
                    *line = piece.ends.child(level, *line, key, counter);
                }
            }
            level = level.below::<A::Key>();
        }
        for (piece, &line) in pieces.iter().zip(&lines) {
            piece.expect_answer(line);
        }
        let mut positions = lines;
        for ((piece, position), &key) in pieces.iter().zip(&mut positions).zip(&keys) {
            *position = piece.ends.arrive(*position, key, counter);
        }
        let (_, taken) = gathered.taken();
        for (number, &position) in taken.iter().enumerate() {
            let set = pieces[number].answer(positions[number], addresses[number]);
            sets[usize::from(position)] = set;
        }
    }

    /// How many ranges there are; one that crosses from piece to piece counts in both.
    pub(super) fn len(&self) -> usize {
        let ranges = |piece: &Piece<A::Key>| {
            let divided = piece
                .divided
                .iter()
                .map(|key| key.starts.len() - 1)
                .sum::<usize>();
            piece.answers.len() + divided
        };
        self.pieces.iter().map(ranges).sum()
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let piece = |piece: &Piece<A::Key>| {
            let divided = piece
                .divided
                .iter()
                .map(|key| size_of_val(&*key.starts) + size_of_val(&*key.sets));
            piece.ends.memory_bytes()
                + shared_bytes(&*piece.answers)
                + shared_bytes(&*piece.divided)
                + divided.sum::<usize>()
        };
        self.directory.memory_bytes()
            + self.blocks.memory_bytes()
            + self.pieces.capacity() * size_of::<Piece<A::Key>>()
            + self.pieces.iter().map(piece).sum::<usize>()
    }
}

impl<K: Key> Piece<K> {
    /// Fetches the answers of a line of the last level, while its ends are counted.
    #[inline(always)]
    fn expect_answer(&self, line: usize) {
        if let Some(answer) = self.answers.get(line * K::PER_LINE) {
            prefetch(answer);
        }
    }

    #[inline(always)]
    fn answer<A: KeyedAddress<Key = K>>(&self, position: usize, address: A) -> LocationSetIndex {
        let answer = self.answers[position];
        if answer & DIVIDED == 0 {
            LocationSetIndex::from_bits(answer)
        } else {
            self.divided[(answer & !DIVIDED) as usize].lookup(address.remainder())
        }
    }
}

impl DividedKey {
    #[inline(never)]
    fn lookup(&self, remainder: u64) -> LocationSetIndex {
        // Never below one: the first start is zero.
        let after = self.starts.partition_point(|&start| start <= remainder);
        self.sets[after - 1]
    }
}
