//! One family: a search tree while a table is small, a layout for many prefixes when it is large.
//!
//! A tenant with ten ranges costs some hundred bytes, not the tables that are indexed by the first
//! bits of an address; a full routing table costs two or three cache lines per lookup, not twenty
//! steps.

use std::fmt::Debug;

use super::address::Prefix;
use super::error::PrefixTableError;
use super::index::LocationSetIndex;
use super::leaf::Leaf;
use super::location_set::Interner;
use super::processor::{Counter, Processor};
use super::range_map::{KeyedAddress, RangeMap};
use super::register::PrefixRegister;

/// From this many prefixes on, the large layouts are both faster and not much larger, unless the
/// prefixes are far apart.
pub(super) const MANY: usize = 4_096;

/// Address → set, as readers ask.
pub(super) trait Lookup<A: KeyedAddress> {
    /// The set of `address`; total.
    fn lookup(&self, address: A, counter: impl Counter) -> LocationSetIndex;

    /// Asks for memory that a lookup is going to read.
    fn expect(&self, address: A);

    /// Answers `addresses`, at most [`BATCH`](super::range_map::BATCH), each in the position of `sets`
    /// that comes with it; the memory they wait for is fetched at the same time. Those that take more
    /// than that are left: the bits of their positions are.
    fn lookup_batch(
        &self,
        addresses: impl Iterator<Item = (usize, A)>,
        sets: &mut [LocationSetIndex],
        counter: impl Counter,
    ) -> u32;

    /// How many ranges there are; one that crosses an inner border counts on both sides of it.
    fn len(&self) -> usize;

    fn memory_bytes(&self) -> usize;
}

/// A layout for many prefixes.
pub(super) trait Layout<A: KeyedAddress>: Lookup<A> + Clone + Debug {
    /// The layout of all prefixes in `register`; nothing if its sets do not fit into leaves.
    fn new(
        register: &PrefixRegister<A>,
        interner: &mut Interner,
    ) -> Result<Option<Self>, PrefixTableError>;

    /// Makes it answer what `register` says, after `changed` were added to it or removed; false if
    /// that does not fit: then another layout is to be made.
    fn refresh(
        &mut self,
        register: &PrefixRegister<A>,
        changed: &[Prefix<A>],
        interner: &mut Interner,
    ) -> Result<bool, PrefixTableError>;

    /// As [`lookup_batch`](Lookup::lookup_batch), or one after the other where there is nothing to
    /// wait for, because all of it `is_near`.
    #[inline(always)]
    fn lookup_some(
        &self,
        addresses: impl Iterator<Item = (usize, A)>,
        is_near: bool,
        sets: &mut [LocationSetIndex],
        counter: impl Counter,
    ) -> u32 {
        if !is_near {
            return self.lookup_batch(addresses, sets, counter);
        }
        for (position, address) in addresses {
            sets[position] = self.lookup(address, counter);
        }
        0
    }
}

/// An address of a family that has a layout for many prefixes.
pub(super) trait FamilyAddress: KeyedAddress {
    /// The layout for many prefixes.
    type Large<L: Leaf>: Layout<Self>;

    /// Whether prefixes are many enough, and near enough to each other, for it.
    fn are_many(register: &PrefixRegister<Self>) -> bool;
}

/// Address → set.
// The tag is a byte of its own, because it is read in every lookup: one folded into a pointer
// or a capacity takes six instructions to unfold.
#[derive(Debug, Clone)]
#[repr(u8)]
pub(super) enum AddressMap<A: FamilyAddress> {
    /// Few prefixes, or prefixes far apart.
    Ranges {
        ranges: RangeMap<A>,
        /// From so many prefixes on, the large layouts are considered anew.
        considered_from: usize,
    },
    /// Many prefixes, at most 32,768 sets: an answer takes 16 bits.
    Narrow(A::Large<u16>),
    /// Many prefixes and many sets: an answer takes 32 bits.
    Wide(A::Large<u32>),
}

/// The IPv4 addresses of a table.
pub(super) type Ipv4Map = AddressMap<u32>;

/// The IPv6 addresses of a table.
pub(super) type Ipv6Map = AddressMap<u128>;

impl<A: FamilyAddress> Default for AddressMap<A> {
    fn default() -> Self {
        Self::Ranges {
            ranges: RangeMap::default(),
            considered_from: 0,
        }
    }
}

impl<A: FamilyAddress> AddressMap<A> {
    /// The map of all prefixes in `register`.
    pub(super) fn new(
        register: &PrefixRegister<A>,
        interner: &mut Interner,
    ) -> Result<Self, PrefixTableError> {
        if !A::are_many(register) {
            return Self::ranges(register, interner);
        }
        match Self::narrow(register, interner)? {
            Some(narrow) => Ok(narrow),
            None => Self::wide(register, interner),
        }
    }

    /// The search tree.
    pub(super) fn ranges(
        register: &PrefixRegister<A>,
        interner: &mut Interner,
    ) -> Result<Self, PrefixTableError> {
        Ok(Self::Ranges {
            ranges: RangeMap::new(register, interner)?,
            // Twice what it is now, so that a table near the limit does not go to and fro.
            considered_from: 2 * register.len().max(MANY),
        })
    }

    /// The layout for many prefixes with leaves of 16 bits; nothing if the sets do not fit.
    pub(super) fn narrow(
        register: &PrefixRegister<A>,
        interner: &mut Interner,
    ) -> Result<Option<Self>, PrefixTableError> {
        Ok(A::Large::new(register, interner)?.map(Self::Narrow))
    }

    /// The layout for many prefixes with leaves of 32 bits.
    pub(super) fn wide(
        register: &PrefixRegister<A>,
        interner: &mut Interner,
    ) -> Result<Self, PrefixTableError> {
        let wide = A::Large::new(register, interner)?;
        wide.map(Self::Wide)
            .ok_or_else(PrefixTableError::too_many_sets)
    }

    /// Makes the map answer what `register` says, after `changed` were added to it or removed.
    pub(super) fn refresh(
        &mut self,
        register: &PrefixRegister<A>,
        changed: &[Prefix<A>],
        interner: &mut Interner,
    ) -> Result<(), PrefixTableError> {
        let fits = match self {
            Self::Ranges {
                ranges,
                considered_from,
            } if register.len() < *considered_from => {
                return ranges.refresh(register, changed, interner);
            }
            Self::Ranges { .. } => false,
            Self::Narrow(large) => large.refresh(register, changed, interner)?,
            Self::Wide(large) => large.refresh(register, changed, interner)?,
        };
        if !fits {
            *self = Self::new(register, interner)?;
        }
        Ok(())
    }

    #[inline(always)]
    pub(super) fn lookup(&self, address: A, processor: Processor) -> LocationSetIndex {
        match self {
            Self::Narrow(large) => processor.lookup(large, address),
            Self::Ranges { ranges, .. } => processor.lookup(ranges, address),
            Self::Wide(large) => processor.lookup(large, address),
        }
    }

    /// Asks for the lines that a lookup is going to read.
    #[inline]
    pub(super) fn expect(&self, address: A) {
        match self {
            Self::Ranges { ranges, .. } => ranges.expect(address),
            Self::Narrow(large) => large.expect(address),
            Self::Wide(large) => large.expect(address),
        }
    }

    /// Asks for all that a lookup reads, if it is in a small tree.
    #[inline]
    pub(super) fn expect_small(&self) {
        if let Self::Ranges { ranges, .. } = self {
            ranges.expect_small();
        }
    }

    /// As [`Lookup::lookup_batch`]; a large layout that `is_near` as [`Layout::lookup_some`].
    #[inline(always)]
    pub(super) fn lookup_batch(
        &self,
        addresses: impl Iterator<Item = (usize, A)>,
        is_near: bool,
        sets: &mut [LocationSetIndex],
        counter: impl Counter,
    ) -> u32 {
        match self {
            Self::Ranges { ranges, .. } => ranges.lookup_batch(addresses, sets, counter),
            Self::Narrow(large) => large.lookup_some(addresses, is_near, sets, counter),
            Self::Wide(large) => large.lookup_some(addresses, is_near, sets, counter),
        }
    }

    /// How many ranges there are; one that crosses an inner border of the layout counts on both
    /// sides of it.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Ranges { ranges, .. } => ranges.len(),
            Self::Narrow(large) => large.len(),
            Self::Wide(large) => large.len(),
        }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        match self {
            Self::Ranges { ranges, .. } => ranges.memory_bytes(),
            Self::Narrow(large) => large.memory_bytes(),
            Self::Wide(large) => large.memory_bytes(),
        }
    }
}
