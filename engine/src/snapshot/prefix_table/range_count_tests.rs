//! How many ranges a layout says that it has: where the set changes, and on its inner borders.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::address::{Address, Prefix};
use super::ipv4::Ipv4Map;
use super::layout_tests::{Scan, prefixes};
use super::location_set::Interner;
use super::range_map::{KeyedAddress, RangeMap};
use super::register::PrefixRegister;

/// Where the ranges begin, without any border of a layout.
fn starts<A: Address>(register: &PrefixRegister<A>, interner: &mut Interner) -> BTreeSet<A> {
    let scan = Scan::new(register, interner);
    scan.boundaries
        .iter()
        .map(|boundary| boundary.start)
        .collect()
}

/// Where networks begin, and where the next ones do, in which the set changes after the first
/// address.
fn around_divided<A: Address>(
    starts: &BTreeSet<A>,
    first_of: impl Fn(A) -> A,
    last_of: impl Fn(A) -> A,
) -> BTreeSet<A> {
    let within = starts
        .iter()
        .copied()
        .filter(|&start| start != first_of(start));
    within
        .flat_map(|start| [Some(first_of(start)), last_of(start).successor()])
        .flatten()
        .collect()
}

fn check_ipv4(prefixes: &[Prefix<u32>]) {
    let register = PrefixRegister::new(prefixes);
    let mut interner = Interner::default();
    let mut starts = starts(&register, &mut interner);
    let ranges = Ipv4Map::Ranges(RangeMap::new(&register, &mut interner).unwrap());
    assert_eq!(ranges.len(), starts.len());

    // A flat trie divides all into networks of 16 bits, and some of 24 bits once more.
    let divided = around_divided(
        &starts,
        |start| start.network(24),
        |start| start.broadcast(24),
    );
    starts.extend(divided);
    starts.retain(|&start| start != start.network(16));
    let expected = (1 << 16) + starts.len();
    let narrow = Ipv4Map::narrow(&register, &mut interner).unwrap().unwrap();
    assert_eq!(narrow.len(), expected);
    let wide = Ipv4Map::wide(&register, &mut interner).unwrap();
    assert_eq!(wide.len(), expected);
}

fn check_ipv6(prefixes: &[Prefix<u128>]) {
    let register = PrefixRegister::new(prefixes);
    let mut interner = Interner::default();
    let mut starts = starts(&register, &mut interner);
    let divided = around_divided(
        &starts,
        |start| u128::first_of(start.key()),
        |start| u128::last_of(start.key()),
    );
    starts.extend(divided);
    let map = RangeMap::new(&register, &mut interner).unwrap();
    assert_eq!(map.len(), starts.len());
}

#[test]
fn what_is_longer_than_a_key_counts_the_rest_of_its_key_apart() {
    check_ipv6(&[]);
    check_ipv6(&prefixes(&[(0x2001_0db8 << 96, 64, 0)]));
    check_ipv6(&prefixes(&[(0x2001_0db8 << 96, 65, 0)]));
    check_ipv6(&prefixes(&[(0x2001_0db8 << 96 | 1 << 63, 65, 0)]));
    check_ipv6(&prefixes(&[(0x2001_0db8 << 96 | 77, 128, 0)]));
    check_ipv6(&prefixes(&[(0, 128, 0), (u128::MAX, 128, 1)]));
}

/// A piece ends where a prefix begins, and there a range ends anyway.
#[test]
fn pieces_of_a_large_map_cut_no_range() {
    let raw: Vec<_> = (0..1_500_u32)
        .map(|number| (0x2001_0db8 << 96 | u128::from(number) << 81, 48, number % 3))
        .collect();
    check_ipv6(&prefixes(&raw));
    let raw: Vec<_> = (0..1_500_u32)
        .map(|number| (0x0a00_0000 | number << 9, 24, number % 3))
        .collect();
    check_ipv4(&prefixes(&raw));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn ranges_are_counted_where_sets_change_and_on_inner_borders(
        ipv4 in proptest::collection::vec((any::<u32>(), 4_u8..=32, 0_u32..4), 0..60),
        ipv6 in proptest::collection::vec((any::<u128>(), 1_u8..=128, 0_u32..4), 0..60),
    ) {
        // Crowded, so that several prefixes fall into one network or one key.
        let crowded: Vec<_> = ipv4
            .iter()
            .map(|&(address, length, location)| (address & 0x0101_0fff, length, location))
            .collect();
        check_ipv4(&prefixes(&crowded));
        let crowded: Vec<_> = ipv6
            .iter()
            .map(|&(address, length, location)| {
                (address & (0x8001 << 112 | 0xf << 60 | 0xff), length, location)
            })
            .collect();
        check_ipv6(&prefixes(&crowded));
    }
}
