//! The two numbers of this table: a location, and a set of locations.
//!
//! Both are checked once, when they are made; below that point nothing converts with `as`.

use super::error::PrefixTableError;

/// Which location: a dense number that the model hands out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocationIndex(u32);

impl LocationIndex {
    /// The largest index there can be: a prefix and its location share eight bytes.
    pub const MAX: usize = (1 << Self::BITS) - 1;
    pub(super) const BITS: u32 = 24;

    /// Makes an index, or reports that a model cannot hold so many locations.
    pub fn new(index: usize) -> Result<Self, PrefixTableError> {
        match u32::try_from(index) {
            Ok(small) if index <= Self::MAX => Ok(Self(small)),
            _ => Err(PrefixTableError::too_many_locations(index)),
        }
    }

    /// The index, to address arrays with.
    pub fn index(self) -> usize {
        self.0 as usize
    }

    pub(super) fn bits(self) -> u32 {
        self.0
    }

    /// The index that `bits` was made from.
    pub(super) fn from_bits(bits: u32) -> Self {
        debug_assert!(bits as usize <= Self::MAX);
        Self(bits)
    }
}

/// Which set of locations: a dense number of one [`PrefixTable`](super::PrefixTable).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct LocationSetIndex(u32);

impl LocationSetIndex {
    /// The empty set: the address is in no location. Every table has it, under this index.
    pub const EMPTY: Self = Self(0);

    /// The largest index there can be: the layouts keep one bit of 32 for themselves.
    pub(super) const MAX: usize = (u32::MAX >> 1) as usize;

    pub(super) fn new(index: usize) -> Result<Self, PrefixTableError> {
        match u32::try_from(index) {
            Ok(small) if index <= Self::MAX => Ok(Self(small)),
            _ => Err(PrefixTableError::too_many_sets()),
        }
    }

    /// The index, to address arrays with; below [`PrefixTable::set_count`](super::PrefixTable::set_count).
    #[inline]
    pub fn index(self) -> usize {
        self.0 as usize
    }

    #[inline]
    pub(super) fn bits(self) -> u32 {
        self.0
    }

    /// The index that `bits` was made from.
    #[inline]
    pub(super) fn from_bits(bits: u32) -> Self {
        debug_assert!(bits as usize <= Self::MAX);
        Self(bits)
    }
}
