//! Collects prefixes in any order, with duplicates and overlaps, and makes the table of them.

use ipnet::IpNet;

use super::PrefixTable;
use super::address::{Address, Prefix};
use super::editor::PrefixTableEditor;
use super::error::PrefixTableError;
use super::index::LocationIndex;
use super::location_set::Interner;
use super::map::{Ipv4Map, Ipv6Map};
use super::processor::Processor;
use super::register::PrefixRegister;

/// Collects the prefixes of a [`PrefixTable`].
#[derive(Debug, Clone, Default)]
pub struct PrefixTableBuilder {
    ipv4: Vec<Prefix<u32>>,
    ipv6: Vec<Prefix<u128>>,
}

impl PrefixTableBuilder {
    /// Adds one prefix of `location`. Host bits are ignored, duplicates are harmless.
    pub fn insert(&mut self, prefix: IpNet, location: LocationIndex) -> &mut Self {
        match FamilyPrefix::new(prefix, location) {
            FamilyPrefix::Ipv4(prefix) => self.ipv4.push(prefix),
            FamilyPrefix::Ipv6(prefix) => self.ipv6.push(prefix),
        }
        self
    }

    /// Makes room for that many more prefixes, of which none, some or all may come.
    pub fn reserve(&mut self, ipv4: usize, ipv6: usize) -> &mut Self {
        self.ipv4.reserve_exact(ipv4);
        self.ipv6.reserve_exact(ipv6);
        self
    }

    /// How many prefixes were inserted so far.
    pub fn len(&self) -> usize {
        self.ipv4.len() + self.ipv6.len()
    }

    /// Whether nothing was inserted so far.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Makes the table. Fails only if there are more distinct sets than indices.
    pub fn build(self) -> Result<PrefixTable, PrefixTableError> {
        Ok(self.build_editor()?.publish())
    }

    /// Makes a table that will be changed, for locations that are edited while they are in use.
    /// Fails only if there are more distinct sets than indices.
    pub fn build_editor(self) -> Result<PrefixTableEditor, PrefixTableError> {
        let mut interner = Interner::default();
        let ipv4_prefixes = register(self.ipv4);
        let ipv6_prefixes = register(self.ipv6);
        let ipv4 = Ipv4Map::new(&ipv4_prefixes, &mut interner)?;
        let ipv6 = Ipv6Map::new(&ipv6_prefixes, &mut interner)?;
        let sets = interner.sets().clone();
        let processor = Processor::default();
        let table = PrefixTable {
            ipv4,
            ipv6,
            processor,
            sets,
            ipv4_prefixes,
            ipv6_prefixes,
        };
        Ok(PrefixTableEditor::new(table, interner))
    }
}

fn register<A: Address>(mut prefixes: Vec<Prefix<A>>) -> PrefixRegister<A> {
    prefixes.sort_unstable();
    prefixes.dedup();
    PrefixRegister::new(&prefixes)
}

/// How many leading bits of an IPv6 address say that it carries an IPv4 address.
const MAPPED_BITS: u8 = 96;

/// A prefix in the family in which it is looked up, which for mapped prefixes is not the one in
/// which it was written.
#[derive(Debug, Clone, Copy)]
pub(super) enum FamilyPrefix {
    Ipv4(Prefix<u32>),
    Ipv6(Prefix<u128>),
}

impl FamilyPrefix {
    pub(super) fn new(prefix: IpNet, location: LocationIndex) -> Self {
        let length = prefix.prefix_len();
        match prefix {
            IpNet::V4(prefix) => Self::Ipv4(Prefix::new(prefix.addr().to_bits(), length, location)),
            IpNet::V6(prefix) => {
                let mapped = prefix.network().to_ipv4_mapped();
                match mapped.zip(length.checked_sub(MAPPED_BITS)) {
                    Some((network, length)) => {
                        Self::Ipv4(Prefix::new(network.to_bits(), length, location))
                    }
                    None => Self::Ipv6(Prefix::new(prefix.addr().to_bits(), length, location)),
                }
            }
        }
    }
}
