//! What differs between IPv4 and IPv6: types, and how each peer wants them.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::rc::Rc;

use highwater_benches::Random;
use ip_network::{Ipv4Network, Ipv6Network};
use ip_network_table::IpNetworkTable;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use poptrie::Poptrie;
use prefix_trie::PrefixMap;

use crate::allocation::counted;
use crate::measure::Subject;

/// One of the two address families.
pub(super) trait Family {
    /// In the names of works.
    const NAME: &'static str;
    /// The full routing table.
    const ROUTES: &'static str;
    type Address: Copy + std::fmt::Debug + 'static;
    type Prefix: Copy + Into<IpNet>;

    fn parse(line: &str) -> Result<Self::Prefix, Box<dyn Error>>;
    fn order(prefix: Self::Prefix) -> (u128, u8);
    fn contains(outer: Self::Prefix, inner: Self::Prefix) -> bool;
    /// A random address in `prefix`.
    fn inside(prefix: Self::Prefix, random: &mut Random) -> Self::Address;
    fn anywhere(random: &mut Random) -> Self::Address;
    fn address(address: Self::Address) -> IpAddr;
    /// The address as a number, to choose a line by.
    fn spread(address: Self::Address) -> u64;
    /// The peers, filled with the number of a set per prefix.
    fn peers(prefixes: &[(Self::Prefix, u32)]) -> Vec<Subject<Self::Address>>;
}

pub(super) enum Ipv4 {}
pub(super) enum Ipv6 {}

impl Family for Ipv4 {
    const NAME: &'static str = "v4";
    const ROUTES: &'static str = "ip/bgp/ris-20260511-as3333-v4-rib.txt.gz";
    type Address = Ipv4Addr;
    type Prefix = Ipv4Net;

    fn parse(line: &str) -> Result<Ipv4Net, Box<dyn Error>> {
        Ok(line.parse()?)
    }

    fn order(prefix: Ipv4Net) -> (u128, u8) {
        (prefix.network().to_bits().into(), prefix.prefix_len())
    }

    fn contains(outer: Ipv4Net, inner: Ipv4Net) -> bool {
        outer.contains(&inner)
    }

    fn inside(prefix: Ipv4Net, random: &mut Random) -> Ipv4Addr {
        let host = random.narrow() as u32 & prefix.hostmask().to_bits();
        Ipv4Addr::from_bits(prefix.network().to_bits() | host)
    }

    fn anywhere(random: &mut Random) -> Ipv4Addr {
        Ipv4Addr::from_bits(random.narrow() as u32)
    }

    fn address(address: Ipv4Addr) -> IpAddr {
        IpAddr::V4(address)
    }

    fn spread(address: Ipv4Addr) -> u64 {
        address.to_bits().into()
    }

    fn peers(prefixes: &[(Ipv4Net, u32)]) -> Vec<Subject<Ipv4Addr>> {
        let (table, allocated) = counted(|| {
            let mut table = IpNetworkTable::new();
            for &(prefix, set) in prefixes {
                let network = Ipv4Network::new_truncate(prefix.network(), prefix.prefix_len());
                network.map(|network| table.insert(network, set)).ok();
            }
            Rc::new(table)
        });
        let tree_bitmap = Subject::single("ip_network_table", Some(allocated.held), {
            move |&address: &Ipv4Addr| {
                table
                    .longest_match_ipv4(address)
                    .map_or(0, |found| *found.1)
            }
        });

        let (map, allocated) = counted(|| Rc::new(PrefixMap::from_iter(prefixes.iter().copied())));
        let prefix_trie = Subject::single("prefix-trie", Some(allocated.held), {
            move |&address: &Ipv4Addr| {
                map.get_lpm(&Ipv4Net::from(address))
                    .map_or(0, |found| *found.1)
            }
        });

        let (trie, allocated) = counted(|| {
            let pairs = prefixes
                .iter()
                .map(|&(prefix, set)| ((prefix.network(), prefix.prefix_len()), set));
            Rc::new(pairs.collect::<Poptrie<_, u32>>())
        });
        let poptrie = Subject::single("poptrie", Some(allocated.held), {
            move |&address: &Ipv4Addr| trie.lookup(address).copied().unwrap_or(0)
        });
        vec![tree_bitmap, prefix_trie, poptrie]
    }
}

impl Family for Ipv6 {
    const NAME: &'static str = "v6";
    const ROUTES: &'static str = "ip/bgp/ris-20260511-as3333-v6-rib.txt.gz";
    type Address = Ipv6Addr;
    type Prefix = Ipv6Net;

    fn parse(line: &str) -> Result<Ipv6Net, Box<dyn Error>> {
        Ok(line.parse()?)
    }

    fn order(prefix: Ipv6Net) -> (u128, u8) {
        (prefix.network().to_bits(), prefix.prefix_len())
    }

    fn contains(outer: Ipv6Net, inner: Ipv6Net) -> bool {
        outer.contains(&inner)
    }

    fn inside(prefix: Ipv6Net, random: &mut Random) -> Ipv6Addr {
        let host = random.wide() & prefix.hostmask().to_bits();
        Ipv6Addr::from_bits(prefix.network().to_bits() | host)
    }

    fn anywhere(random: &mut Random) -> Ipv6Addr {
        Ipv6Addr::from_bits(random.wide() >> 3 | 1 << 125)
    }

    fn address(address: Ipv6Addr) -> IpAddr {
        IpAddr::V6(address)
    }

    fn spread(address: Ipv6Addr) -> u64 {
        (address.to_bits() >> 64) as u64
    }

    fn peers(prefixes: &[(Ipv6Net, u32)]) -> Vec<Subject<Ipv6Addr>> {
        let (table, allocated) = counted(|| {
            let mut table = IpNetworkTable::new();
            for &(prefix, set) in prefixes {
                let network = Ipv6Network::new_truncate(prefix.network(), prefix.prefix_len());
                network.map(|network| table.insert(network, set)).ok();
            }
            Rc::new(table)
        });
        let tree_bitmap = Subject::single("ip_network_table", Some(allocated.held), {
            move |&address: &Ipv6Addr| {
                table
                    .longest_match_ipv6(address)
                    .map_or(0, |found| *found.1)
            }
        });

        let (map, allocated) = counted(|| Rc::new(PrefixMap::from_iter(prefixes.iter().copied())));
        let prefix_trie = Subject::single("prefix-trie", Some(allocated.held), {
            move |&address: &Ipv6Addr| {
                map.get_lpm(&Ipv6Net::from(address))
                    .map_or(0, |found| *found.1)
            }
        });

        let (trie, allocated) = counted(|| {
            let pairs = prefixes
                .iter()
                .map(|&(prefix, set)| ((prefix.network(), prefix.prefix_len()), set));
            Rc::new(pairs.collect::<Poptrie<_, u32>>())
        });
        let poptrie = Subject::single("poptrie", Some(allocated.held), {
            move |&address: &Ipv6Addr| trie.lookup(address).copied().unwrap_or(0)
        });
        vec![tree_bitmap, prefix_trie, poptrie]
    }
}
