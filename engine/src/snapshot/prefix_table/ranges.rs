//! Disjoint ranges in two sorted arrays, searched by halving.

use super::index::LocationSetIndex;
use super::sweep::{Address, Boundary};

/// Address → set, for one family.
#[derive(Debug, Clone)]
pub(super) struct RangeMap<A> {
    /// INVARIANT: ascending; range `i` runs from `starts[i]` to the next start. The range before
    /// the first start is in no location.
    starts: Box<[A]>,
    sets: Box<[LocationSetIndex]>,
}

impl<A: Address> RangeMap<A> {
    pub(super) fn new(boundaries: &[Boundary<A>]) -> Self {
        Self {
            starts: boundaries.iter().map(|boundary| boundary.start).collect(),
            sets: boundaries.iter().map(|boundary| boundary.set).collect(),
        }
    }

    #[inline]
    pub(super) fn lookup(&self, address: A) -> LocationSetIndex {
        let after = self.starts.partition_point(|&start| start <= address);
        let range = after.checked_sub(1).and_then(|range| self.sets.get(range));
        range.copied().unwrap_or(LocationSetIndex::EMPTY)
    }

    pub(super) fn len(&self) -> usize {
        self.starts.len().max(1)
    }

    pub(super) fn memory_bytes(&self) -> usize {
        size_of_val(&*self.starts) + size_of_val(&*self.sets)
    }
}

impl<A> Default for RangeMap<A> {
    fn default() -> Self {
        Self {
            starts: Box::default(),
            sets: Box::default(),
        }
    }
}
