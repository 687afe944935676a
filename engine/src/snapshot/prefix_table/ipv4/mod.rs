//! IPv4: a search tree while a table is small, a flat trie when it is large.
//!
//! A tenant with ten ranges costs some hundred bytes, not the 256 KiB of a table that is indexed
//! by 16 bits; a full routing table costs two or three cache lines per lookup, not twenty steps.

mod build;
mod flat;
mod segment;
#[cfg(test)]
mod tests;

pub(super) use self::flat::Flat;
pub(super) use self::segment::Leaf;
use super::address::Prefix;
use super::error::PrefixTableError;
use super::gathered::Gathered;
use super::index::LocationSetIndex;
use super::location_set::Interner;
use super::processor::{Counter, Processor};
use super::range_map::RangeMap;
use super::register::PrefixRegister;

/// From this many prefixes on, the flat trie is both faster and not much larger.
const FLAT_FROM: usize = 4_096;

/// From this many prefixes on, the flat trie is faster, and not much larger if the prefixes are in
/// few of the networks of 8 bits: each of these costs a kibibyte.
const DENSE_FROM: usize = 512;

/// How many prefixes pay for the kibibyte of a network of 8 bits: 16 bytes each.
const DENSE: usize = 64;

/// Address → set.
// The tag is a byte of its own, because it is read in every lookup: one folded into a pointer
// or a capacity takes six instructions to unfold.
#[derive(Debug, Clone)]
#[repr(u8)]
pub(super) enum Ipv4Map {
    /// Few prefixes.
    Ranges(RangeMap<u32>),
    /// Many prefixes, at most 32,768 sets: an answer takes 16 bits.
    Narrow(Flat<u16>),
    /// Many prefixes and many sets: an answer takes 32 bits.
    Wide(Flat<u32>),
}

/// Whether the prefixes are many enough for the networks of 8 bits that they are in.
fn is_dense(register: &PrefixRegister<u32>) -> bool {
    if register.len() < DENSE_FROM {
        return false;
    }
    let mut networks = [false; 256];
    for prefix in register.within(u32::MIN, u32::MAX) {
        networks[(prefix.first() >> 24) as usize] = true;
    }
    networks.into_iter().filter(|&taken| taken).count() * DENSE <= register.len()
}

impl Default for Ipv4Map {
    fn default() -> Self {
        Self::Ranges(RangeMap::default())
    }
}

impl Ipv4Map {
    /// The map of all prefixes in `register`.
    pub(super) fn new(
        register: &PrefixRegister<u32>,
        interner: &mut Interner,
    ) -> Result<Self, PrefixTableError> {
        if register.len() < FLAT_FROM && !is_dense(register) {
            return Ok(Self::Ranges(RangeMap::new(register, interner)?));
        }
        match Self::narrow(register, interner)? {
            Some(narrow) => Ok(narrow),
            None => Self::wide(register, interner),
        }
    }

    /// The flat trie with leaves of 16 bits; nothing if the sets do not fit.
    pub(super) fn narrow(
        register: &PrefixRegister<u32>,
        interner: &mut Interner,
    ) -> Result<Option<Self>, PrefixTableError> {
        Ok(Flat::new(register, interner)?.map(Self::Narrow))
    }

    /// The flat trie with leaves of 32 bits.
    pub(super) fn wide(
        register: &PrefixRegister<u32>,
        interner: &mut Interner,
    ) -> Result<Self, PrefixTableError> {
        let wide = Flat::new(register, interner)?;
        wide.map(Self::Wide)
            .ok_or_else(PrefixTableError::too_many_sets)
    }

    /// Makes the map answer what `register` says, after `changed` were added to it or removed.
    pub(super) fn refresh(
        &mut self,
        register: &PrefixRegister<u32>,
        changed: &[Prefix<u32>],
        interner: &mut Interner,
    ) -> Result<(), PrefixTableError> {
        let fits = match self {
            // Twice the limit, so that a table near it does not go to and fro.
            Self::Ranges(ranges) if register.len() < 2 * FLAT_FROM => {
                return ranges.refresh(register, changed, interner);
            }
            Self::Ranges(_) => false,
            Self::Narrow(flat) => flat.refresh(register, changed, interner)?,
            Self::Wide(flat) => flat.refresh(register, changed, interner)?,
        };
        if !fits {
            *self = Self::new(register, interner)?;
        }
        Ok(())
    }

    #[inline(always)]
    pub(super) fn lookup(&self, address: u32, processor: Processor) -> LocationSetIndex {
        match self {
            Self::Narrow(flat) => processor.flat(flat, address),
            Self::Ranges(ranges) => processor.ranges(ranges, address),
            Self::Wide(flat) => processor.flat(flat, address),
        }
    }

    /// Asks for the lines that a lookup is going to read.
    #[inline]
    pub(super) fn expect(&self, address: u32) {
        match self {
            Self::Ranges(ranges) => ranges.expect(),
            Self::Narrow(flat) => flat.expect(address),
            Self::Wide(flat) => flat.expect(address),
        }
    }

    /// Asks for all that a lookup reads, if it is in a small tree.
    #[inline]
    pub(super) fn expect_small(&self) {
        if let Self::Ranges(ranges) = self {
            ranges.expect_small();
        }
    }

    /// Answers those that were gathered, each in its position of `sets`; the memory they wait for is
    /// fetched at the same time, unless all of it `is_near`.
    #[inline(always)]
    pub(super) fn lookup_batch(
        &self,
        gathered: &Gathered<u32>,
        is_near: bool,
        sets: &mut [LocationSetIndex],
        counter: impl Counter,
    ) {
        match self {
            Self::Ranges(ranges) => ranges.lookup_batch(gathered, sets, counter),
            Self::Narrow(flat) => flat.lookup_batch(gathered, is_near, sets),
            Self::Wide(flat) => flat.lookup_batch(gathered, is_near, sets),
        }
    }

    /// How many ranges there are; one that crosses an inner border of the layout counts on both
    /// sides of it.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Ranges(ranges) => ranges.len(),
            Self::Narrow(flat) => flat.len(),
            Self::Wide(flat) => flat.len(),
        }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        match self {
            Self::Ranges(ranges) => ranges.memory_bytes(),
            Self::Narrow(flat) => flat.memory_bytes(),
            Self::Wide(flat) => flat.memory_bytes(),
        }
    }
}
