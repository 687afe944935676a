//! Locations: which named locations contain this address?
//!
//! An address belongs to *every* location that covers it, not only to the one with the longest
//! prefix: a rule that excludes `10.0.0.0/8` must still see an address of `10.1.0.0/16`. So the
//! leaf of this table is a whole set of locations. Sets are interned: an address maps to one
//! small number, and a policy compiler computes its answer once per number, never per address.
//!
//! ```
//! use highwater::snapshot::prefix_table::{LocationIndex, PrefixTable};
//!
//! let office = LocationIndex::new(0)?;
//! let laboratory = LocationIndex::new(1)?;
//!
//! let mut builder = PrefixTable::builder();
//! builder.insert("203.0.113.0/24".parse()?, office);
//! builder.insert("203.0.113.64/26".parse()?, laboratory);
//! let table = builder.build()?;
//!
//! let set = table.set(table.lookup("203.0.113.70".parse()?));
//! assert!(set.contains(office) && set.contains(laboratory));
//! assert!(table.set(table.lookup("198.51.100.1".parse()?)).is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Addresses
//!
//! IPv4 and IPv6 are two tables. An IPv4-mapped IPv6 address (`::ffff:203.0.113.7`) is looked up
//! as the IPv4 address it carries, and a mapped *prefix* of 96 bits or more is inserted as the
//! IPv4 prefix it carries. A shorter IPv6 prefix, `::/0` included, says nothing about IPv4.

mod address;
mod builder;
mod editor;
mod error;
mod index;
mod ipv4;
mod ipv6;
mod key_ranges;
mod leaf;
mod location_set;
mod map;
mod memory;
mod processor;
mod range_map;
mod register;
mod sweep;

#[cfg(test)]
mod batch_tests;
#[cfg(test)]
mod change_tests;
#[cfg(test)]
mod choice_tests;
#[cfg(test)]
mod layout_tests;
#[cfg(test)]
mod range_count_tests;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

pub use self::builder::PrefixTableBuilder;
pub use self::editor::{PrefixChange, PrefixTableEditor};
pub use self::error::PrefixTableError;
pub use self::index::{LocationIndex, LocationSetIndex};
pub use self::location_set::LocationSet;
use self::location_set::LocationSets;
use self::map::{Ipv4Map, Ipv6Map};
use self::processor::{Counter, Processor};
use self::range_map::BATCH;
use self::register::PrefixRegister;
use crate::hint;

/// Tables of at most so many prefixes take some hundred KiB.
const NEAR_PREFIXES: usize = 10_000;

/// Every prefix of every location, ready to be asked about an address.
///
/// | operation | cost, with `p` prefixes and `b` bits of an address |
/// |---|---|
/// | [`lookup`](Self::lookup) | from 4,096 prefixes on: IPv4 2 to 4 cache lines, IPv6 4 and two loads, unless they are far apart; else `O(log p)` |
/// | [`set`](Self::set) | `O(1)` |
/// | [`covering_prefix`](Self::covering_prefix) | `O(b log p)` |
/// | [`clone`](Self::clone) | one reference count per 4,000 prefixes or so |
/// | [`PrefixTableBuilder::build`] | `O(p log p)` |
#[derive(Debug, Clone, Default)]
pub struct PrefixTable {
    ipv4: Ipv4Map,
    ipv6: Ipv6Map,
    processor: Processor,
    sets: Arc<LocationSets>,
    /// The prefixes as they were inserted: the maps forget them, an explanation needs them.
    ipv4_prefixes: PrefixRegister<u32>,
    ipv6_prefixes: PrefixRegister<u128>,
}

/// An address in the family in which it is looked up: that of IPv4 if it is mapped.
enum Family {
    Ipv4(u32),
    Ipv6(u128),
}

#[inline(always)]
fn family(address: IpAddr) -> Family {
    match address {
        IpAddr::V4(address) => Family::Ipv4(address.to_bits()),
        IpAddr::V6(address) => {
            let bits = address.to_bits();
            if (bits >> 64) as u64 == 0 {
                // Asked apart: of nearly all other addresses, the upper half says that they are not
                // mapped.
                std::hint::cold_path();
                if bits >> 32 == 0xffff {
                    return Family::Ipv4(bits as u32);
                }
            }
            Family::Ipv6(bits)
        }
    }
}

impl Family {
    #[inline(always)]
    fn ipv4(self) -> Option<u32> {
        match self {
            Self::Ipv4(address) => Some(address),
            Self::Ipv6(_) => None,
        }
    }

    #[inline(always)]
    fn ipv6(self) -> Option<u128> {
        match self {
            Self::Ipv4(_) => None,
            Self::Ipv6(address) => Some(address),
        }
    }
}

/// Those of `addresses` that are of a family, each with its position; notes whether there are `others`.
#[inline(always)]
fn of_family<A>(
    addresses: &[IpAddr],
    own: impl Fn(Family) -> Option<A>,
    others: &mut bool,
) -> impl Iterator<Item = (usize, A)> {
    let addresses = addresses.iter().enumerate();
    addresses.filter_map(move |(position, &address)| {
        let address = own(family(address));
        *others |= address.is_none();
        Some((position, address?))
    })
}

/// How many address ranges a table tells apart, per family.
///
/// A range that crosses an inner border of the table counts once on each side: of a large one, or
/// of a network of 64 bits (48 in a large table) in which the answer changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RangeCounts {
    /// Ranges of IPv4 addresses; one without any prefix.
    pub ipv4: usize,
    /// Ranges of IPv6 addresses; one without any prefix.
    pub ipv6: usize,
}

impl PrefixTable {
    /// Starts an empty table.
    pub fn builder() -> PrefixTableBuilder {
        PrefixTableBuilder::default()
    }

    /// The set of all locations that cover `address`; total, and free of allocation.
    #[inline(always)]
    pub fn lookup(&self, address: IpAddr) -> LocationSetIndex {
        match family(address) {
            Family::Ipv4(address) => self.ipv4.lookup(address, self.processor),
            Family::Ipv6(address) => self.ipv6.lookup(address, self.processor),
        }
    }

    /// Asks for the memory that [`lookup`](Self::lookup) with the same address is going to touch,
    /// as far as it can be told without waiting.
    #[inline]
    pub(crate) fn expect(&self, address: IpAddr) {
        match family(address) {
            Family::Ipv4(address) => self.ipv4.expect(address),
            Family::Ipv6(address) => self.ipv6.expect(address),
        }
    }

    /// Whether the table is small enough to stay in a second-level cache.
    #[inline]
    pub(crate) fn is_near(&self) -> bool {
        self.ipv4_prefixes.len() + self.ipv6_prefixes.len() <= NEAR_PREFIXES
    }

    /// Asks for the lines of the table itself that a lookup reads.
    #[inline]
    pub(crate) fn prefetch(&self) {
        hint::prefetch(&self.ipv4);
        hint::prefetch(&self.ipv6);
        hint::prefetch(&self.processor);
    }

    /// Asks for all that a lookup of `address` reads, if it is in a small tree.
    #[inline]
    pub(crate) fn expect_small(&self, address: IpAddr) {
        match address {
            IpAddr::V4(_) => self.ipv4.expect_small(),
            IpAddr::V6(_) => self.ipv6.expect_small(),
        }
    }

    /// Answers `addresses[i]` in `sets[i]`, all of them at less than the price of one after the
    /// other. What has no counterpart in the other slice is left alone.
    pub fn lookup_batch(&self, addresses: &[IpAddr], sets: &mut [LocationSetIndex]) {
        self.processor.lookup_batch(self, addresses, sets);
    }

    #[inline(always)]
    fn lookup_batch_with(
        &self,
        addresses: &[IpAddr],
        sets: &mut [LocationSetIndex],
        counter: impl Counter,
    ) {
        let is_near = self.is_near();
        for (addresses, sets) in addresses.chunks(BATCH).zip(sets.chunks_mut(BATCH)) {
            let addresses = &addresses[..addresses.len().min(sets.len())];
            // One family after the other, the first address's first: mostly it is that of all.
            let mut is_ipv6 = addresses[0].is_ipv6();
            for _ in 0..2 {
                let mut others = false;
                let mut left = if is_ipv6 {
                    let ipv6 = of_family(addresses, Family::ipv6, &mut others);
                    self.ipv6.lookup_batch(ipv6, is_near, sets, counter)
                } else {
                    let ipv4 = of_family(addresses, Family::ipv4, &mut others);
                    self.ipv4.lookup_batch(ipv4, is_near, sets, counter)
                };
                while left != 0 {
                    let position = left.trailing_zeros() as usize;
                    sets[position] = self.lookup(addresses[position]);
                    left &= left - 1;
                }
                if !others {
                    break;
                }
                is_ipv6 = !is_ipv6;
            }
        }
    }

    /// The locations of the set `index`; an index of another table may answer the empty set.
    #[inline]
    pub fn set(&self, index: LocationSetIndex) -> LocationSet<'_> {
        self.sets.set(index)
    }

    /// Every set that a lookup may answer, the empty set (index 0) first.
    pub fn sets(&self) -> impl ExactSizeIterator<Item = LocationSet<'_>> {
        self.sets.iter()
    }

    /// How many sets there are: all indices that `lookup` may answer are below it.
    pub fn set_count(&self) -> usize {
        self.sets.len()
    }

    /// The longest prefix of `location` that covers `address`, for explanations.
    pub fn covering_prefix(&self, address: IpAddr, location: LocationIndex) -> Option<IpNet> {
        let ipv4 = |address: Ipv4Addr| {
            let (start, length) = self.ipv4_prefixes.covering(address.to_bits(), location)?;
            Ipv4Net::new(Ipv4Addr::from_bits(start), length)
                .ok()
                .map(IpNet::V4)
        };
        match address {
            IpAddr::V4(address) => ipv4(address),
            IpAddr::V6(address) => match address.to_ipv4_mapped() {
                Some(address) => ipv4(address),
                None => {
                    let (start, length) =
                        self.ipv6_prefixes.covering(address.to_bits(), location)?;
                    Ipv6Net::new(Ipv6Addr::from_bits(start), length)
                        .ok()
                        .map(IpNet::V6)
                }
            },
        }
    }

    /// How many ranges the table tells apart.
    pub fn ranges(&self) -> RangeCounts {
        RangeCounts {
            ipv4: self.ipv4.len(),
            ipv6: self.ipv6.len(),
        }
    }

    /// Bytes this table holds on the heap; what it shares with other tables is counted in full.
    pub fn memory_bytes(&self) -> usize {
        self.lookup_bytes()
            + self.sets.memory_bytes()
            + self.ipv4_prefixes.memory_bytes()
            + self.ipv6_prefixes.memory_bytes()
    }

    /// The part of [`memory_bytes`](Self::memory_bytes) that lookups touch: neither the members
    /// of the sets nor the prefixes, which are kept for explanations and changes.
    pub fn lookup_bytes(&self) -> usize {
        self.ipv4.memory_bytes() + self.ipv6.memory_bytes()
    }
}
