//! From nested prefixes to disjoint ranges.
//!
//! Prefixes never overlap halfway: of two, one contains the other or they are apart. Sorted by
//! first address, the wider first, they open and close like brackets, and one walk with a stack
//! yields every point at which the set of covering locations changes:
//!
//! ```text
//! a  [------------------------]
//! b        [--------]   [---]
//! c           [-]
//!    {a}  {ab}|{abc}|{ab}|{a}|{ab}|{a}  {}
//! ```
//!
//! The walk can be confined to a span of addresses: the prefixes around its first address open
//! before it, and what reaches beyond its last address closes unseen.

use super::address::{Address, Prefix};
use super::error::PrefixTableError;
use super::index::LocationSetIndex;
use super::location_set::Interner;
use super::register::PrefixRegister;

/// From `start` on, up to the next boundary, the answer is `set`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Boundary<A> {
    pub(super) start: A,
    pub(super) set: LocationSetIndex,
}

/// Walks over spans of addresses; keeps its memory from one to the next.
#[derive(Debug)]
pub(super) struct Sweep<A> {
    /// INVARIANT: from the outermost to the innermost open prefix; last addresses never grow.
    open: Vec<(A, LocationSetIndex)>,
    boundaries: Vec<Boundary<A>>,
}

impl<A: Address> Sweep<A> {
    pub(super) fn new() -> Self {
        Self {
            open: Vec::new(),
            boundaries: Vec::new(),
        }
    }

    /// The boundaries of `first..=last`: strictly ascending, the first one at `first`, no two
    /// neighbours with the same set.
    pub(super) fn span(
        &mut self,
        register: &PrefixRegister<A>,
        first: A,
        last: A,
        interner: &mut Interner,
    ) -> Result<&[Boundary<A>], PrefixTableError> {
        self.open.clear();
        self.boundaries.clear();
        self.boundaries.push(Boundary {
            start: first,
            set: LocationSetIndex::EMPTY,
        });
        for prefix in register.around(first) {
            self.open(prefix, first, last, interner)?;
        }
        for prefix in register.within(first, last) {
            self.close(last, |end| end < prefix.first());
            self.open(prefix, first, last, interner)?;
        }
        self.close(last, |_| true);
        Ok(&self.boundaries)
    }

    fn open(
        &mut self,
        prefix: Prefix<A>,
        first: A,
        last: A,
        interner: &mut Interner,
    ) -> Result<(), PrefixTableError> {
        let around = self.innermost();
        let set = interner.with(around, prefix.location())?;
        if set != around {
            self.change(prefix.first().max(first), set);
            self.open.push((prefix.last().min(last), set));
        }
        Ok(())
    }

    /// Leaves the innermost open prefixes as long as `over` says that their end is behind.
    fn close(&mut self, last: A, over: impl Fn(A) -> bool) {
        while let Some((end, _)) = self.open.pop_if(|(end, _)| over(*end)) {
            if let Some(start) = end.successor().filter(|&start| start <= last) {
                self.change(start, self.innermost());
            }
        }
    }

    fn change(&mut self, start: A, set: LocationSetIndex) {
        self.boundaries.pop_if(|before| before.start == start);
        if self
            .boundaries
            .last()
            .is_none_or(|before| before.set != set)
        {
            self.boundaries.push(Boundary { start, set });
        }
    }

    fn innermost(&self) -> LocationSetIndex {
        self.open
            .last()
            .map_or(LocationSetIndex::EMPTY, |&(_, set)| set)
    }
}
