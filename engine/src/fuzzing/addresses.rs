//! Prefixes and lookups: the table against a linear scan, at every edge.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::Input;
use crate::snapshot::prefix_table::{LocationIndex, PrefixTable};

/// Prefixes of a few locations; asked about are both ends of each and their neighbours.
pub fn addresses(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let mut prefixes = Vec::new();
    while !input.is_empty() && prefixes.len() < 24 {
        let location = LocationIndex::new(input.below(8)).expect("a small index");
        prefixes.push((prefix(&mut input), location));
    }
    let mut builder = PrefixTable::builder();
    for &(prefix, location) in &prefixes {
        builder.insert(prefix, location);
    }
    let table = builder.build().expect("few prefixes fit");
    for address in prefixes.iter().flat_map(|(prefix, _)| edges(prefix)) {
        let set = table.set(table.lookup(address));
        for location in (0..9).filter_map(|index| LocationIndex::new(index).ok()) {
            let longest = prefixes
                .iter()
                .filter(|(prefix, of)| *of == location && covers(prefix, address))
                .map(|(prefix, _)| folded(prefix))
                .max_by_key(IpNet::prefix_len);
            assert_eq!(set.contains(location), longest.is_some(), "{address}");
            assert_eq!(
                table.covering_prefix(address, location),
                longest,
                "{address}"
            );
        }
    }
}

fn prefix(input: &mut Input<'_>) -> IpNet {
    let (kind, length) = (input.below(3), input.byte());
    // Four bytes of address vary; the rest is the same, so that prefixes nest and touch.
    let bits = (0..4).fold(0_u32, |bits, _| bits << 8 | u32::from(input.byte()));
    match kind {
        0 => Ipv4Net::new_assert(Ipv4Addr::from_bits(bits), length % 33).into(),
        1 => Ipv6Net::new_assert(Ipv6Addr::from_bits(u128::from(bits) << 80), length % 129).into(),
        _ => {
            let mapped = Ipv4Addr::from_bits(bits).to_ipv6_mapped();
            Ipv6Net::new_assert(mapped, length % 129).into()
        }
    }
}

/// A mapped prefix as the IPv4 prefix that it carries, host bits cleared.
fn folded(prefix: &IpNet) -> IpNet {
    match prefix {
        IpNet::V6(wide) if wide.prefix_len() >= 96 => match wide.network().to_ipv4_mapped() {
            Some(network) => Ipv4Net::new_assert(network, wide.prefix_len() - 96).into(),
            None => prefix.trunc(),
        },
        _ => prefix.trunc(),
    }
}

fn covers(prefix: &IpNet, address: IpAddr) -> bool {
    folded(prefix).contains(&address.to_canonical())
}

fn edges(prefix: &IpNet) -> Vec<IpAddr> {
    match prefix {
        IpNet::V4(prefix) => {
            let (first, last) = (prefix.network().to_bits(), prefix.broadcast().to_bits());
            [first.wrapping_sub(1), first, last, last.wrapping_add(1)]
                .map(Ipv4Addr::from_bits)
                .into_iter()
                .flat_map(|plain| [IpAddr::V4(plain), IpAddr::V6(plain.to_ipv6_mapped())])
                .collect()
        }
        IpNet::V6(prefix) => {
            let (first, last) = (prefix.network().to_bits(), prefix.broadcast().to_bits());
            [first.wrapping_sub(1), first, last, last.wrapping_add(1)]
                .map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits)))
                .to_vec()
        }
    }
}
