//! A batch answers what single lookups answer.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use proptest::prelude::*;

use super::location_set::Interner;
use super::map::FamilyAddress;
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

/// Prefixes enough for a forest that is not near, some of them longer than its keys.
fn many() -> Vec<(IpNet, LocationIndex)> {
    let numbers = 0_u32..10_500;
    let placed = numbers.flat_map(|number| {
        let network = 0x2a00 << 112 | u128::from(number) << 84;
        let within = (number % 16 == 3).then_some((network | 5 << 64, 64));
        [Some((network, 44)), within].into_iter().flatten()
    });
    let placed = placed.zip(0_usize..).map(|((bits, length), number)| {
        let prefix = Ipv6Net::new_assert(Ipv6Addr::from_bits(bits), length);
        (prefix.into(), location(number % 7))
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

/// Whatever comes first in it, and whatever is between: of its family, of the other, or mapped.
#[test]
fn a_batch_of_all_families_equals_single_lookups() {
    let prefixes = [many(), parsed(&[("192.0.2.0/24", 8), ("192.0.2.7/32", 9)])].concat();
    let table = table(&prefixes);
    let long = edges(&many()[..300]);
    assert!(
        long.iter()
            .any(|&address| table.lookup(address).index() > 7)
    );
    let others = ["192.0.2.1", "::ffff:192.0.2.7", "192.0.2.7", "::192.0.2.7"].map(address);
    for every in [1, 2, 3, 16] {
        let mixed = long.chunks(every).zip(others.iter().cycle());
        let mixed = mixed.flat_map(|(some, &other)| some.iter().copied().chain([other]));
        let mixed: Vec<IpAddr> = mixed.collect();
        for first in 0..20 {
            check_batch(&table, &mixed[first..]);
        }
    }
}

/// All layouts of the prefixes and addresses of one family.
#[track_caller]
fn check_layouts<A: FamilyAddress>(prefixes: &[(A, u8, u32)]) {
    let prefixes = layout_tests::prefixes(prefixes);
    let addresses = layout_tests::edges(&prefixes);
    let register = PrefixRegister::new(&prefixes);
    for layout in layout_tests::layouts(&register, &mut Interner::default()) {
        for (number, chunk) in addresses.chunks_exact(BATCH).enumerate() {
            let count = 1 + number % BATCH;
            for is_near in [false, true] {
                let foreign = LocationSetIndex::new(77).unwrap();
                let mut sets = [foreign; 2 * BATCH];
                // Each other position is that of an address of the other family.
                let asked = chunk[..count].iter().enumerate();
                let asked = asked.map(|(number, &address)| (2 * number, address));
                let left = layout.lookup_batch(asked, is_near, &mut sets, Portable);
                for (position, &set) in sets.iter().enumerate() {
                    let address = chunk[..count].get(position / 2);
                    let is_left = left >> position & 1 == 1;
                    let expected = match address.filter(|_| position % 2 == 0) {
                        Some(&address) if !is_left => layout.lookup(address, Processor::Portable),
                        _ => foreign,
                    };
                    assert_eq!(set, expected, "{position} of {count}");
                }
            }
        }
    }
}

#[test]
fn a_batch_over_any_layout_equals_single_lookups() {
    let (mut ipv4, mut ipv6) = (Vec::new(), Vec::new());
    for (prefix, location) in dense().into_iter().chain(deep()) {
        let (length, location) = (prefix.prefix_len(), location.index() as u32);
        match prefix {
            IpNet::V4(prefix) => ipv4.push((prefix.network().to_bits(), length, location)),
            IpNet::V6(prefix) => ipv6.push((prefix.network().to_bits(), length, location)),
        }
    }
    // Those that a search by 48 bits finds, too.
    let wider = ipv6
        .iter()
        .map(|&(bits, _, location)| (bits << 20, 44, location + 1));
    let wider: Vec<_> = wider.collect();
    ipv6.extend(wider);
    check_layouts(&ipv4);
    check_layouts(&ipv6);
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
