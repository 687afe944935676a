//! Collects prefixes in any order, with duplicates and overlaps, and makes the table of them.

use std::net::Ipv6Addr;

use ipnet::IpNet;

use super::PrefixTable;
use super::covering::PrefixRegister;
use super::error::PrefixTableError;
use super::index::LocationIndex;
use super::location_set::Interner;
use super::ranges::RangeMap;
use super::sweep::{Address, Prefix, sweep};

/// How many leading bits of an IPv6 address say that it carries an IPv4 address.
const MAPPED_BITS: u8 = 96;

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
        let mut interner = Interner::default();
        let (ipv4, ipv4_prefixes) = family(self.ipv4, &mut interner)?;
        let (ipv6, ipv6_prefixes) = family(self.ipv6, &mut interner)?;
        Ok(PrefixTable {
            ipv4,
            ipv6,
            sets: interner.finish(),
            ipv4_prefixes,
            ipv6_prefixes,
        })
    }
}

fn family<A: Address>(
    mut prefixes: Vec<Prefix<A>>,
    interner: &mut Interner,
) -> Result<(RangeMap<A>, PrefixRegister<A>), PrefixTableError> {
    prefixes.sort_unstable();
    prefixes.dedup();
    let boundaries = sweep(&prefixes, interner)?;
    Ok((RangeMap::new(&boundaries), PrefixRegister::new(prefixes)))
}

/// A prefix in the family it is looked up in, which for mapped prefixes is not the one it was
/// written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FamilyPrefix {
    Ipv4(Prefix<u32>),
    Ipv6(Prefix<u128>),
}

impl FamilyPrefix {
    pub(super) fn new(prefix: IpNet, location: LocationIndex) -> Self {
        match prefix {
            IpNet::V4(prefix) => {
                let (network, length) = (prefix.network().to_bits(), prefix.prefix_len());
                Self::Ipv4(Prefix {
                    network,
                    length,
                    location,
                })
            }
            IpNet::V6(prefix) => {
                let (network, length) = (prefix.network(), prefix.prefix_len());
                match mapped(network, length) {
                    Some((network, length)) => Self::Ipv4(Prefix {
                        network,
                        length,
                        location,
                    }),
                    None => Self::Ipv6(Prefix {
                        network: network.to_bits(),
                        length,
                        location,
                    }),
                }
            }
        }
    }
}

fn mapped(network: Ipv6Addr, length: u8) -> Option<(u32, u8)> {
    let length = length.checked_sub(MAPPED_BITS)?;
    Some((network.to_ipv4_mapped()?.to_bits(), length))
}
