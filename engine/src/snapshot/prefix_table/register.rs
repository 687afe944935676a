//! The prefixes themselves, sorted, in pieces that old and new tables share.
//!
//! A layout forgets which prefix an answer came from. The register remembers: an explanation
//! names the prefix, and a change rebuilds just the addresses it touches from here. Nothing in
//! this file is on the way of a decision.
//!
//! ```text
//! pieces   [ ≤ 4096 prefixes ][ ≤ 4096 prefixes ] …      ascending across all pieces
//! ```
//!
//! Cloning a register clones one pointer per piece; a change copies one piece.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::address::{Address, Prefix};
use super::index::LocationIndex;
use super::memory::shared_bytes;

/// A full piece is cut in half.
const PIECE: usize = 4096;

/// All prefixes of one family.
#[derive(Debug, Clone)]
pub(super) struct PrefixRegister<A: Address> {
    /// INVARIANT: no piece is empty; strictly ascending within and across pieces.
    pieces: Vec<Arc<Vec<Prefix<A>>>>,
    /// Bit `l` is set if a prefix of `l` bits was ever here. The longest length needs no bit: it
    /// is asked for only by `covering`, which asks for it always.
    lengths: u128,
    len: usize,
}

impl<A: Address> PrefixRegister<A> {
    pub(super) fn new(sorted: &[Prefix<A>]) -> Self {
        debug_assert!(sorted.is_sorted_by(|before, after| before < after));
        let pieces = sorted
            .chunks(PIECE / 2)
            .map(|piece| Arc::new(piece.to_vec()))
            .collect();
        let lengths = sorted
            .iter()
            .fold(0, |lengths, prefix| lengths | length_bit(*prefix));
        Self {
            pieces,
            lengths,
            len: sorted.len(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Adds `prefix`, unless it is here already.
    pub(super) fn insert(&mut self, prefix: Prefix<A>) -> bool {
        let number = self.piece_of(prefix);
        let Some(piece) = self.pieces.get_mut(number) else {
            self.pieces.push(Arc::new(vec![prefix]));
            self.count_in(prefix);
            return true;
        };
        let Err(position) = piece.binary_search(&prefix) else {
            return false;
        };
        let prefixes = Arc::make_mut(piece);
        prefixes.insert(position, prefix);
        if prefixes.len() > PIECE {
            let upper = prefixes.split_off(PIECE / 2);
            prefixes.shrink_to_fit();
            self.pieces.insert(number + 1, Arc::new(upper));
        }
        self.count_in(prefix);
        true
    }

    /// Removes `prefix`, if it is here.
    pub(super) fn remove(&mut self, prefix: Prefix<A>) -> bool {
        let number = self.piece_of(prefix);
        let Some(piece) = self.pieces.get_mut(number) else {
            return false;
        };
        let Ok(position) = piece.binary_search(&prefix) else {
            return false;
        };
        if piece.len() == 1 {
            self.pieces.remove(number);
        } else {
            Arc::make_mut(piece).remove(position);
        }
        self.len -= 1;
        true
    }

    /// First address and length of the longest prefix of `location` around `address`.
    pub(super) fn covering(&self, address: A, location: LocationIndex) -> Option<(A, u8)> {
        let longest_first = (0..=A::BITS).rev().filter(|&length| {
            length == A::BITS || self.lengths & 1_u128.unbounded_shl(length.into()) != 0
        });
        let mut candidates = longest_first.map(|length| Prefix::new(address, length, location));
        let found = candidates.find(|&prefix| {
            let piece = self.pieces.get(self.piece_of(prefix));
            piece.is_some_and(|piece| piece.binary_search(&prefix).is_ok())
        });
        found.map(|prefix| (prefix.first(), prefix.length()))
    }

    /// The prefixes that begin before `first` and cover it, the widest first.
    pub(super) fn around(&self, first: A) -> impl Iterator<Item = Prefix<A>> {
        let lengths = (0..A::BITS).filter(|length| self.lengths & 1 << length != 0);
        let wider = lengths.filter(move |&length| first.network(length) < first);
        wider.flat_map(move |length| {
            let lowest = Prefix::new(first, length, LocationIndex::from_bits(0));
            let same = move |prefix: &Prefix<A>| {
                prefix.first() == lowest.first() && prefix.length() == length
            };
            self.starting_at(lowest).take_while(same)
        })
    }

    /// The prefixes that begin within `first..=last`, in order.
    pub(super) fn within(&self, first: A, last: A) -> impl Iterator<Item = Prefix<A>> {
        let lowest = Prefix::lowest(first);
        self.starting_at(lowest)
            .take_while(move |prefix| prefix.first() <= last)
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let pieces = self
            .pieces
            .iter()
            .map(|piece| shared_bytes(&**piece) + piece.capacity() * size_of::<Prefix<A>>());
        pieces.sum::<usize>() + self.pieces.capacity() * size_of::<Arc<Vec<Prefix<A>>>>()
    }

    fn starting_at(&self, lowest: Prefix<A>) -> impl Iterator<Item = Prefix<A>> {
        let number = self.piece_of(lowest);
        let (inside, after) = match self.pieces.get(number..) {
            Some([piece, after @ ..]) => (
                &piece[piece.partition_point(|prefix| *prefix < lowest)..],
                after,
            ),
            _ => (&[][..], &[][..]),
        };
        inside
            .iter()
            .chain(after.iter().flat_map(|piece| piece.iter()))
            .copied()
    }

    /// The piece that holds `prefix` or would hold it; zero if there is none at all.
    fn piece_of(&self, prefix: Prefix<A>) -> usize {
        let after = self
            .pieces
            .partition_point(|piece| piece.first() <= Some(&prefix));
        after.saturating_sub(1)
    }

    fn count_in(&mut self, prefix: Prefix<A>) {
        self.lengths |= length_bit(prefix);
        self.len += 1;
    }
}

fn length_bit<A: Address>(prefix: Prefix<A>) -> u128 {
    1_u128.unbounded_shl(prefix.length().into())
}

impl<A: Address> Default for PrefixRegister<A> {
    fn default() -> Self {
        Self {
            pieces: Vec::new(),
            lengths: 0,
            len: 0,
        }
    }
}
