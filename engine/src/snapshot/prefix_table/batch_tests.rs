//! A batch answers what single lookups answer.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use proptest::prelude::*;

use super::location_set::Interner;
use super::processor::Portable;
use super::tests::*;
use super::*;

/// The same addresses one by one and in batches, with odd lengths.
#[track_caller]
fn check_batch(table: &PrefixTable, addresses: &[IpAddr]) {
    for length in [0, 1, 15, 16, 17, addresses.len()] {
        let addresses = &addresses[..length.min(addresses.len())];
        let mut sets = vec![LocationSetIndex::EMPTY; addresses.len()];
        table.lookup_batch(addresses, &mut sets);
        for (&address, set) in addresses.iter().zip(sets) {
            assert_eq!(table.lookup(address), set, "{address}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// A batch answers what single lookups answer.
    #[test]
    fn a_batch_equals_single_lookups(prefixes in crowded_prefixes(60)) {
        check_batch(&table(&prefixes), &edges(&prefixes));
    }
}

/// Prefixes enough for a flat trie: some of 24 bits, some that divide those, and wide ones.
fn dense() -> Vec<(IpNet, LocationIndex)> {
    let numbers = 0_u32..600;
    let placed = numbers.map(|number| {
        let length = [24, 26, 32, 17, 30][number as usize % 5];
        let bits = (10 + number % 3) << 24 | number.wrapping_mul(2_654_435_761) >> 12;
        let prefix = Ipv4Net::new_assert(Ipv4Addr::from_bits(bits), length).trunc();
        (prefix.into(), location(number as usize % 7))
    });
    placed.collect()
}

/// Each second network of 64 bits, in pieces of different depth.
fn deep() -> Vec<(IpNet, LocationIndex)> {
    let numbers = 0_u32..460;
    let placed = numbers.map(|number| {
        let bits = 0x2001_0db8 << 96 | u128::from(number) << 65;
        let prefix = Ipv6Net::new_assert(Ipv6Addr::from_bits(bits), 64);
        (prefix.into(), location(number as usize % 7))
    });
    placed.collect()
}

/// Neighbours far apart: each step goes on by a third of all.
fn shuffled(addresses: &[IpAddr]) -> Vec<IpAddr> {
    let third = addresses.len() / 3;
    let shuffled = (0..third).flat_map(|number| [0, 1, 2].map(|part| number + part * third));
    shuffled.map(|number| addresses[number]).collect()
}

#[test]
fn a_batch_over_large_tables_equals_single_lookups() {
    let (ipv4, ipv6) = (dense(), deep());
    check_batch(&table(&ipv4), &shuffled(&edges(&ipv4)));
    check_batch(&table(&ipv6), &shuffled(&edges(&ipv6)));
    let both = [ipv4, ipv6].concat();
    check_batch(&table(&both), &shuffled(&edges(&both)));
}

#[test]
fn a_batch_over_any_layout_of_ipv4_equals_single_lookups() {
    let raw: Vec<_> = dense()
        .into_iter()
        .map(|(prefix, location)| match prefix {
            IpNet::V4(prefix) => {
                let bits = prefix.network().to_bits();
                (bits, prefix.prefix_len(), location.index() as u32)
            }
            IpNet::V6(_) => unreachable!("only IPv4 is dense"),
        })
        .collect();
    let prefixes = layout_tests::prefixes(&raw);
    let addresses = layout_tests::edges(&prefixes);
    let register = PrefixRegister::new(&prefixes);
    let mut interner = Interner::default();
    let layouts = [
        Ipv4Map::Ranges(RangeMap::new(&register, &mut interner).unwrap()),
        Ipv4Map::narrow(&register, &mut interner).unwrap().unwrap(),
        Ipv4Map::wide(&register, &mut interner).unwrap(),
    ];
    for layout in &layouts {
        for (number, chunk) in addresses.chunks_exact(BATCH).enumerate() {
            let count = 1 + number % BATCH;
            let mut gathered = Gathered::new();
            for (number, &address) in chunk[..count].iter().enumerate() {
                // Each other position is that of an address of the other family.
                gathered.push(address, 2 * number);
            }
            for is_near in [false, true] {
                let foreign = LocationSetIndex::new(77).unwrap();
                let mut sets = [foreign; 2 * BATCH];
                layout.lookup_batch(&gathered, is_near, &mut sets, Portable);
                for (position, &set) in sets.iter().enumerate() {
                    let address = chunk[..count].get(position / 2);
                    let expected = match address.filter(|_| position % 2 == 0) {
                        Some(&address) => layout.lookup(address, Processor::Portable),
                        None => foreign,
                    };
                    assert_eq!(set, expected, "{position} of {count}");
                }
            }
        }
    }
}

#[test]
fn what_has_no_counterpart_in_a_batch_is_left_alone() {
    let table = table(&parsed(&[("192.0.2.0/24", 0), ("2001:db8::/48", 1)]));
    let addresses = [address("192.0.2.1"), address("2001:db8::1")].repeat(20);
    let foreign = LocationSetIndex::new(77).unwrap();
    for (asked, answered) in [(40, 17), (17, 40), (0, 3), (3, 0)] {
        let mut sets = vec![foreign; answered];
        table.lookup_batch(&addresses[..asked], &mut sets);
        for (number, set) in sets.into_iter().enumerate() {
            let is_asked = number < asked;
            let expected = if is_asked {
                table.lookup(addresses[number])
            } else {
                foreign
            };
            assert_eq!(set, expected, "{number} of {asked} in {answered}");
        }
    }
}
