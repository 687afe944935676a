//! Makes pieces of the register's prefixes: all of them at first, the touched ones on a change.

use super::super::address::Prefix;
use super::super::error::PrefixTableError;
use super::super::key_ranges::{Answer, Range, ranges};
use super::super::location_set::Interner;
use super::super::processor::Portable;
use super::super::register::PrefixRegister;
use super::super::sweep::Sweep;
use super::tree::{EndTree, Key};
use super::{DIVIDED, KeyedAddress, Piece, RangeMap};

/// A piece of more ranges is cut in two.
const PIECE_RANGES: usize = 648;
/// How many prefixes go into a new piece: mostly fewer than two ranges each, and room is left.
const PIECE_PREFIXES: usize = 440;

impl<A: KeyedAddress> RangeMap<A> {
    /// The map of all prefixes in `register`.
    pub(in super::super) fn new(
        register: &PrefixRegister<A>,
        interner: &mut Interner,
    ) -> Result<Self, PrefixTableError> {
        let mut map = Self {
            directory: EndTree::new(&[A::Key::LAST]),
            pieces: Vec::new(),
        };
        let mut sweep = Sweep::new();
        let mut ends = Vec::new();
        let mut first = Some(A::FIRST.key());
        let mut starts = register.within(A::FIRST, A::LAST).skip(PIECE_PREFIXES);
        while let Some(start) = first {
            // A piece ends where the prefix begins that is one too many, but never within a key.
            let next = starts
                .by_ref()
                .map(|prefix| prefix.first().key())
                .find(|&key| key > start);
            let last = next.and_then(Key::predecessor).unwrap_or(A::Key::LAST);
            for piece in pieces(register, start, last, &mut sweep, interner)? {
                ends.extend(piece.ends.ends().last());
                map.pieces.push(piece);
            }
            first = next;
            if next.is_some() {
                starts.by_ref().take(PIECE_PREFIXES - 1).for_each(drop);
            }
        }
        map.directory = EndTree::new(&ends);
        Ok(map)
    }

    /// Makes the map answer what `register` says, after `changed` were added to it or removed.
    pub(in super::super) fn refresh(
        &mut self,
        register: &PrefixRegister<A>,
        changed: &[Prefix<A>],
        interner: &mut Interner,
    ) -> Result<(), PrefixTableError> {
        let mut touched: Vec<usize> = Vec::new();
        for prefix in changed {
            let first = self.directory.position(prefix.first().key(), Portable);
            let last = self.directory.position(prefix.last().key(), Portable);
            touched.extend(first..=last);
        }
        touched.sort_unstable();
        touched.dedup();

        let pieces_before = self.pieces.len();
        let mut ends: Vec<A::Key> = self.directory.ends().collect();
        let mut sweep = Sweep::new();
        // From the last to the first: a piece that is cut moves only those behind it.
        for &number in touched.iter().rev() {
            let before = number
                .checked_sub(1)
                .and_then(|before| ends[before].successor());
            let start = before.unwrap_or(A::FIRST.key());
            let new = pieces(register, start, ends[number], &mut sweep, interner)?;
            let new_ends: Vec<_> = new
                .iter()
                .filter_map(|piece| piece.ends.ends().last())
                .collect();
            ends.splice(number..=number, new_ends);
            self.pieces.splice(number..=number, new);
        }
        if ends.len() != pieces_before {
            self.directory = EndTree::new(&ends);
        }
        Ok(())
    }
}

/// The pieces that hold the keys from `first` to `last`: mostly one.
fn pieces<A: KeyedAddress>(
    register: &PrefixRegister<A>,
    first: A::Key,
    last: A::Key,
    sweep: &mut Sweep<A>,
    interner: &mut Interner,
) -> Result<Vec<Piece<A::Key>>, PrefixTableError> {
    let (from, to) = (A::first_of(first), A::last_of(last));
    let ranges = ranges(sweep.span(register, from, to, interner)?, A::split, last);
    let count = ranges.len().div_ceil(PIECE_RANGES);
    Ok(ranges
        .chunks(ranges.len().div_ceil(count))
        .map(Piece::new)
        .collect())
}

impl<K: Key> Piece<K> {
    fn new(ranges: &[Range<K, u64>]) -> Self {
        let ends: Vec<K> = ranges.iter().map(|range| range.end).collect();
        let mut divided = Vec::new();
        let answers = ranges.iter().map(|range| match &range.answer {
            Answer::Set(set) => set.bits(),
            Answer::Divided(key) => {
                divided.push(key.clone());
                // A piece holds few ranges: their number fits any integer.
                (divided.len() - 1) as u32 | DIVIDED
            }
        });
        Self {
            ends: EndTree::new(&ends),
            answers: answers.collect(),
            divided: divided.into(),
        }
    }
}
