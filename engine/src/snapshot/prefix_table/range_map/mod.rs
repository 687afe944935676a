//! Ranges under a static search tree: small tables, and those whose prefixes are far apart.
//!
//! A [`tree`](tree::EndTree) finds the first range that does not end before a key. One tree holds
//! a limited number of ranges; a larger map is a tree over the last keys of *pieces*, each a tree
//! of its own. A change copies one piece of some kilobytes, and the new table shares all others
//! with the old one. The pieces cost no level: a single tree over everything is as deep.
//!
//! ```text
//! directory   ends of the pieces                      → number of the piece
//! piece       ends of its ranges                      → position
//!             answers[position]                       → set, or (top bit) number of a divided key
//!             divided[number]: starts of the low bits → set
//! ```
//!
//! IPv6 searches by the upper 64 bits, which nearly no prefix exceeds; a key in which the answer
//! changes nonetheless is *divided*, and its low 64 bits are searched in a list of its own.

mod build;
mod tree;

use std::fmt::Debug;
use std::sync::Arc;

pub(super) use self::tree::Key;
use self::tree::{EndTree, Level};
use super::address::Address;
use super::index::LocationSetIndex;
use super::key_ranges::DividedKeys;
use super::map::Lookup;
use super::memory::shared_bytes;
use super::processor::Counter;
use crate::hint::{prefetch, prefetch_first};

/// Address → set.
#[derive(Debug, Clone)]
pub(super) struct RangeMap<A: KeyedAddress> {
    directory: EndTree<A::Key>,
    /// INVARIANT: as many as the directory has ends, at least one; together they hold all keys.
    pieces: Vec<Piece<A::Key>>,
}

/// Ranges of successive keys.
#[derive(Debug, Clone)]
struct Piece<K: Key> {
    ends: EndTree<K>,
    /// INVARIANT: one per end. A set, or with `DIVIDED` an index into `divided`.
    answers: Arc<[u32]>,
    divided: DividedKeys<u64>,
}

/// How many addresses go down together.
pub(super) const BATCH: usize = 16;

/// Marks an answer that is not a set; sets leave this bit free.
const DIVIDED: u32 = 1 << 31;

/// An address as the key that the tree knows, and what that key leaves out.
pub(super) trait KeyedAddress: Address {
    /// The upper bits.
    type Key: Key;

    /// The key, and the bits below it.
    fn split(self) -> (Self::Key, u64);
    /// The first address of `key`.
    fn first_of(key: Self::Key) -> Self;
    /// The last address of `key`.
    fn last_of(key: Self::Key) -> Self;

    /// The key.
    #[inline(always)]
    fn key(self) -> Self::Key {
        self.split().0
    }
}

impl KeyedAddress for u32 {
    type Key = u32;

    #[inline]
    fn split(self) -> (u32, u64) {
        (self, 0)
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
    fn split(self) -> (u64, u64) {
        ((self >> 64) as u64, self as u64)
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
            divided: DividedKeys::default(),
        };
        Self {
            directory: whole,
            pieces: vec![piece],
        }
    }
}

impl<A: KeyedAddress> RangeMap<A> {
    /// Asks for the tree itself, and its answers, of a map of one piece.
    #[inline]
    pub(super) fn expect_small(&self) {
        if let [only] = &*self.pieces {
            only.ends.expect();
            prefetch_first(&only.answers);
        }
    }
}

impl<A: KeyedAddress> Lookup<A> for RangeMap<A> {
    #[inline(always)]
    fn lookup(&self, address: A, counter: impl Counter) -> LocationSetIndex {
        let key = address.key();
        let piece = match &*self.pieces {
            [only] => only,
            pieces => &pieces[self.directory.position(key, counter)],
        };
        let line = piece.ends.last_line(key, counter);
        piece.expect_answer(line);
        piece.answer(piece.ends.arrive(line, key, counter), address)
    }

    /// Asks for what names the tree of a map of one piece.
    #[inline]
    fn expect(&self, _address: A) {
        prefetch_first(&self.pieces);
    }

    /// Answers those that were gathered, which go down the trees together, one level at a time: the
    /// memory they wait for is fetched at the same time.
    #[inline(always)]
    fn lookup_batch(
        &self,
        asked: impl Iterator<Item = (usize, A)>,
        sets: &mut [LocationSetIndex],
        counter: impl Counter,
    ) -> u32 {
        // All that there is room for, asked or not: loops of a known length are unrolled.
        let mut addresses = [A::FIRST; BATCH];
        let mut places = [0_u8; BATCH];
        let mut count = 0;
        for (((position, asked), address), place) in asked.zip(&mut addresses).zip(&mut places) {
            *address = asked;
            // A batch is shorter than 256.
            *place = position as u8;
            count += 1;
        }
        if count == 0 {
            return 0;
        }
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
        for (number, &place) in places[..count].iter().enumerate() {
            sets[usize::from(place)] = pieces[number].answer(positions[number], addresses[number]);
        }
        0
    }

    /// How many ranges there are; one that crosses from piece to piece counts in both.
    fn len(&self) -> usize {
        let ranges = |piece: &Piece<A::Key>| piece.answers.len() + piece.divided.more_ranges();
        self.pieces.iter().map(ranges).sum()
    }

    fn memory_bytes(&self) -> usize {
        let piece = |piece: &Piece<A::Key>| {
            piece.ends.memory_bytes() + shared_bytes(&*piece.answers) + piece.divided.memory_bytes()
        };
        self.directory.memory_bytes()
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
            self.divided.lookup(answer & !DIVIDED, address.split().1)
        }
    }
}
