//! A tree of the forest: two cache lines to a piece, two more to the answer.
//!
//! ```text
//! directory    root  [ 16 last keys of lines ]
//!              line  [ 16 last keys of pieces ]                       at most 17 of them
//! piece        root  [ 16 last keys of lines ]
//!              line  [ 10 last keys of ranges │ their 10 answers ]    at most 17 of them
//! ```
//!
//! A piece has 170 ranges at most (136 with answers of 32 bits: then a line has eight of both), a tree
//! 272 pieces. Where a line is found, its answer is: the last line that a lookup waits for is the
//! only one of millions of bytes, the others are some thousands.

use std::marker::PhantomData;
use std::sync::Arc;

use bytemuck::{Pod, Zeroable, cast_slice, cast_slice_mut};

use super::super::index::LocationSetIndex;
use super::super::key_ranges::{Answer, DividedKeys, Range};
use super::super::leaf::Leaf;
use super::super::memory::shared_bytes;
use super::super::processor::{Counter, Portable};
use super::super::range_map::Key;
use crate::hint::prefetch;

/// The bits of an address that a tree searches by: 16 to 47.
pub(super) type TreeKey = u32;
/// The bits below the key.
pub(super) type Remainder = u128;
/// A range of such keys.
pub(super) type TreeRange = Range<TreeKey, Remainder>;

/// How many keys a whole line holds.
pub(super) const LINE_KEYS: usize = 16;
/// How many lines a root leads to.
pub(super) const LINES: usize = LINE_KEYS + 1;
/// How many pieces a tree has at most.
pub(super) const TREE_PIECES: usize = LINES * LINE_KEYS;

/// One cache line: keys in [their order](Key::ordered), and what else it holds.
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C, align(64))]
struct Line([i32; LINE_KEYS]);

impl Line {
    /// The highest keys, which are below none.
    const PADDING: Self = Self([i32::MAX; LINE_KEYS]);

    fn of(keys: impl Iterator<Item = TreeKey>) -> Self {
        let mut line = Self::PADDING;
        for (place, key) in line.0.iter_mut().zip(keys) {
            *place = key.ordered();
        }
        line
    }
}

/// Two levels of lines.
#[derive(Debug, Clone, Copy)]
struct Fan {
    root: Line,
    /// INVARIANT: key `l` of the root is the highest of line `l`, unless no line follows.
    lines: [Line; LINES],
}

impl Fan {
    const EMPTY: Self = Self {
        root: Line::PADDING,
        lines: [Line::PADDING; LINES],
    };

    /// The fan over `ends`, `per_line` in each line.
    fn new(ends: &[TreeKey], per_line: usize) -> Self {
        let mut fan = Self {
            root: Line::of(ends.chunks_exact(per_line).map(|line| line[per_line - 1])),
            ..Self::EMPTY
        };
        for (line, ends) in fan.lines.iter_mut().zip(ends.chunks(per_line)) {
            *line = Line::of(ends.iter().copied());
        }
        fan
    }

    /// The line that a key leads to: below [`LINES`].
    #[inline(always)]
    fn line_of(&self, key: i32, counter: impl Counter) -> usize {
        counter.below_32(&self.root.0, key, LINE_KEYS)
    }
}

/// Ranges of successive keys, each with its answer.
#[derive(Debug)]
pub(super) struct Piece<L> {
    fan: Fan,
    leaf: PhantomData<L>,
}

/// How many keys, and as many answers, fit into a line.
const fn keys_per_line<L>() -> usize {
    size_of::<Line>() / (size_of::<TreeKey>() + size_of::<L>())
}

impl<L: Leaf> Piece<L> {
    const KEYS: usize = keys_per_line::<L>();
    /// Where the answers of a line begin, counted in answers.
    const FIRST_ANSWER: usize = Self::KEYS * size_of::<TreeKey>() / size_of::<L>();
    /// How many ranges there are at most.
    pub(super) const RANGES: usize = LINES * Self::KEYS;

    /// The piece of `ranges`: one at least, [`RANGES`](Self::RANGES) at most. Nothing if a set does not
    /// fit into an answer.
    pub(super) fn new(ranges: &[TreeRange]) -> Option<NewPiece<L>> {
        debug_assert!((1..=Self::RANGES).contains(&ranges.len()));
        let ends: Vec<TreeKey> = ranges.iter().map(|range| range.end).collect();
        let mut fan = Fan::new(&ends, Self::KEYS);
        let mut divided = Vec::new();
        for (line, ranges) in fan.lines.iter_mut().zip(ranges.chunks(Self::KEYS)) {
            let answers: &mut [L] = cast_slice_mut(&mut line.0);
            for (place, range) in answers[Self::FIRST_ANSWER..].iter_mut().zip(ranges) {
                let answer = match &range.answer {
                    Answer::Set(set) => Some(set.bits()).filter(|&set| set < L::CHILD)?,
                    Answer::Divided(key) => {
                        divided.push(key.clone());
                        // A piece has few ranges: their number fits below the bit.
                        (divided.len() - 1) as u32 | L::CHILD
                    }
                };
                *place = L::new(answer)?;
            }
        }
        let part = Part {
            end: *ends.last()?,
            ranges: ends.len() as u32,
            divided: divided.into(),
        };
        let leaf = PhantomData;
        Some((Arc::new(Self { fan, leaf }), part))
    }

    /// The answer of a line for a key in it.
    #[inline(always)]
    fn answer(&self, line: usize, key: i32, counter: impl Counter) -> u32 {
        let line = &self.fan.lines[line];
        let position = counter.below_32(&line.0, key, Self::KEYS);
        let answers: &[L] = cast_slice(&line.0);
        answers[Self::FIRST_ANSWER + position].into()
    }
}

/// A block of networks, found by the same first bits.
#[derive(Debug)]
pub(super) struct Tree<L> {
    directory: Fan,
    /// INVARIANT: one per end in the directory; at least one in a tree that is in use.
    pieces: Vec<Arc<Piece<L>>>,
    /// What else is known of each piece.
    parts: Vec<Part>,
}

/// What lookups seldom ask of a piece.
#[derive(Debug, Clone)]
pub(super) struct Part {
    /// The last key.
    pub(super) end: TreeKey,
    /// How many ranges there are.
    pub(super) ranges: u32,
    divided: DividedKeys<Remainder>,
}

/// A tree that is not in use.
impl<L> Default for Tree<L> {
    fn default() -> Self {
        Self {
            directory: Fan::EMPTY,
            pieces: Vec::new(),
            parts: Vec::new(),
        }
    }
}

impl<L> Clone for Tree<L> {
    fn clone(&self) -> Self {
        Self {
            directory: self.directory,
            pieces: self.pieces.clone(),
            parts: self.parts.clone(),
        }
    }
}

/// Where a search in a tree has come to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Search<'a, L> {
    piece: &'a Piece<L>,
    key: i32,
    /// Below [`LINES`].
    line: u16,
    /// Of its answer among those of a batch.
    position: u16,
}

impl<L: Leaf> Tree<L> {
    /// The tree of `pieces`: one at least, [`TREE_PIECES`] at most.
    pub(super) fn new(pieces: impl IntoIterator<Item = NewPiece<L>>) -> Self {
        let (pieces, parts): (Vec<_>, Vec<_>) = pieces.into_iter().unzip();
        debug_assert!((1..=TREE_PIECES).contains(&pieces.len()));
        let ends: Vec<TreeKey> = parts.iter().map(|part: &Part| part.end).collect();
        Self {
            directory: Fan::new(&ends, LINE_KEYS),
            pieces,
            parts,
        }
    }

    /// What is known of each piece.
    pub(super) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Its pieces, to be put together anew.
    pub(super) fn pieces(&self) -> impl Iterator<Item = NewPiece<L>> {
        self.pieces.iter().cloned().zip(self.parts.iter().cloned())
    }

    /// Puts `new` in the place of the piece number `position`, which ends at the same key.
    pub(super) fn replace(&mut self, position: usize, (piece, part): NewPiece<L>) {
        debug_assert_eq!(self.parts[position].end, part.end);
        self.pieces[position] = piece;
        self.parts[position] = part;
    }

    /// The set of `address`, which has the first bits that lead here.
    #[inline(always)]
    pub(super) fn lookup(&self, address: u128, counter: impl Counter) -> LocationSetIndex {
        let search = self.search(address, 0, counter).line(counter);
        match search.answer(counter) {
            Ok(set) => set,
            Err(divided) => self.lookup_divided(divided, address),
        }
    }

    /// Asks for what a search reads first.
    #[inline]
    pub(super) fn expect(&self) {
        prefetch(&self.directory.root);
    }

    /// The first step of [`lookup`](Self::lookup): to a piece. The answer is for `position`.
    #[inline(always)]
    pub(super) fn search(
        &self,
        address: u128,
        position: usize,
        counter: impl Counter,
    ) -> Search<'_, L> {
        Search {
            piece: &self.pieces[self.position(address, counter)],
            key: split(address).0.ordered(),
            line: 0,
            // Batches are far shorter.
            position: position as u16,
        }
    }

    /// The last step, when it has led to a divided key.
    #[cold]
    fn lookup_divided(&self, number: DividedNumber, address: u128) -> LocationSetIndex {
        let part = &self.parts[self.position(address, Portable)];
        part.divided.lookup(number.0, split(address).1)
    }

    /// Which piece has the answer for `address`.
    #[inline(always)]
    pub(super) fn position(&self, address: u128, counter: impl Counter) -> usize {
        let key = split(address).0.ordered();
        let line = self.directory.line_of(key, counter);
        let keys = &self.directory.lines[line].0;
        line * LINE_KEYS + counter.below_32(keys, key, LINE_KEYS)
    }

    /// How many ranges there are.
    pub(super) fn len(&self) -> usize {
        let ranges = |part: &Part| part.ranges as usize + part.divided.more_ranges();
        self.parts.iter().map(ranges).sum()
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let pieces = self.pieces.iter().map(|piece| shared_bytes(&**piece));
        let divided = self.parts.iter().map(|part| part.divided.memory_bytes());
        shared_bytes(self)
            + self.pieces.capacity() * size_of::<Arc<Piece<L>>>()
            + self.parts.capacity() * size_of::<Part>()
            + pieces.sum::<usize>()
            + divided.sum::<usize>()
    }
}

/// Which of the divided keys of a piece.
#[derive(Debug, Clone, Copy)]
pub(super) struct DividedNumber(u32);

impl<L: Leaf> Search<'_, L> {
    /// Asks for what the next step reads first.
    #[inline(always)]
    pub(super) fn expect_root(&self) {
        prefetch(&self.piece.fan.root);
    }

    /// The second step: to the line that has the answer.
    #[inline(always)]
    pub(super) fn line(self, counter: impl Counter) -> Self {
        let line = self.piece.fan.line_of(self.key, counter) as u16;
        Self { line, ..self }
    }

    /// Asks for what the last step reads.
    #[inline(always)]
    pub(super) fn expect_line(&self) {
        prefetch(&self.piece.fan.lines[usize::from(self.line)]);
    }

    /// Of its answer among those of a batch.
    #[inline(always)]
    pub(super) fn position(&self) -> usize {
        usize::from(self.position)
    }

    /// The last step, unless the key is divided.
    #[inline(always)]
    pub(super) fn answer(&self, counter: impl Counter) -> Result<LocationSetIndex, DividedNumber> {
        let answer = self.piece.answer(usize::from(self.line), self.key, counter);
        if answer & L::CHILD == 0 {
            Ok(LocationSetIndex::from_bits(answer))
        } else {
            Err(DividedNumber(answer & !L::CHILD))
        }
    }

    /// Where the piece is, to see whether it is the same one.
    #[cfg(test)]
    pub(super) fn piece_address(&self) -> *const Piece<L> {
        self.piece
    }
}

/// A piece, and what lookups seldom ask of it.
pub(super) type NewPiece<L> = (Arc<Piece<L>>, Part);

/// Divides an address of which the first 16 bits are known.
#[inline(always)]
pub(super) fn split(address: u128) -> (TreeKey, Remainder) {
    const BELOW: u32 = 80;
    ((address >> BELOW) as TreeKey, address & ((1 << BELOW) - 1))
}

/// The first address that [`split`] divides into `key` and zero, in the /16 that `within` is in.
pub(super) fn join(within: u128, key: TreeKey) -> u128 {
    within >> 112 << 112 | u128::from(key) << 80
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_room_for_ten_narrow_answers_or_eight_wide_ones() {
        assert_eq!(keys_per_line::<u16>(), 10);
        assert_eq!(keys_per_line::<u32>(), 8);
    }
}
