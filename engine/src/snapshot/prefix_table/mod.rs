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

mod builder;
mod covering;
mod error;
mod index;
mod location_set;
mod ranges;
mod sweep;

#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

pub use self::builder::PrefixTableBuilder;
use self::covering::PrefixRegister;
pub use self::error::PrefixTableError;
pub use self::index::{LocationIndex, LocationSetIndex};
pub use self::location_set::LocationSet;
use self::location_set::LocationSets;
use self::ranges::RangeMap;

/// Every prefix of every location, ready to be asked about an address.
///
/// | operation | cost |
/// |---|---|
/// | [`lookup`](Self::lookup) | `O(log r)` in the ranges `r`, no allocation |
/// | [`set`](Self::set) | `O(1)` |
/// | [`covering_prefix`](Self::covering_prefix) | `O(b log n)` in the address bits `b` and prefixes `n` |
/// | [`PrefixTableBuilder::build`] | `O(n log n)` |
#[derive(Debug, Clone)]
pub struct PrefixTable {
    ipv4: RangeMap<u32>,
    ipv6: RangeMap<u128>,
    sets: LocationSets,
    /// The prefixes as they were inserted: `ranges` forget them, an explanation needs them.
    ipv4_prefixes: PrefixRegister<u32>,
    ipv6_prefixes: PrefixRegister<u128>,
}

/// How many disjoint address ranges a table distinguishes, per family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RangeCounts {
    /// Ranges of IPv4 addresses; 1 if every address has the same answer.
    pub ipv4: usize,
    /// Ranges of IPv6 addresses; 1 if every address has the same answer.
    pub ipv6: usize,
}

impl PrefixTable {
    /// Starts an empty table.
    pub fn builder() -> PrefixTableBuilder {
        PrefixTableBuilder::default()
    }

    /// The set of all locations that cover `address`; total, and free of allocation.
    #[inline]
    pub fn lookup(&self, address: IpAddr) -> LocationSetIndex {
        match address {
            IpAddr::V4(address) => self.ipv4.lookup(address.to_bits()),
            IpAddr::V6(address) => match address.to_ipv4_mapped() {
                Some(address) => self.ipv4.lookup(address.to_bits()),
                None => self.ipv6.lookup(address.to_bits()),
            },
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

    /// How many disjoint ranges the table distinguishes.
    pub fn ranges(&self) -> RangeCounts {
        RangeCounts {
            ipv4: self.ipv4.len(),
            ipv6: self.ipv6.len(),
        }
    }

    /// Bytes this table holds on the heap, the prefixes kept for explanations included.
    pub fn memory_bytes(&self) -> usize {
        self.ipv4.memory_bytes()
            + self.ipv6.memory_bytes()
            + self.sets.memory_bytes()
            + self.ipv4_prefixes.memory_bytes()
            + self.ipv6_prefixes.memory_bytes()
    }
}

impl Default for PrefixTable {
    /// A table without a prefix: every address is in no location.
    fn default() -> Self {
        Self {
            ipv4: RangeMap::default(),
            ipv6: RangeMap::default(),
            sets: LocationSets::default(),
            ipv4_prefixes: PrefixRegister::default(),
            ipv6_prefixes: PrefixRegister::default(),
        }
    }
}
