//! How many ranges a layout says that it has: where the set changes, and on its inner borders.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::address::{Address, Prefix};
use super::layout_tests::{Scan, layouts, prefixes};
use super::location_set::Interner;
use super::range_map::KeyedAddress;
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
    let [ranges, narrow, wide] = layouts(&register, &mut interner);
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
    assert_eq!(narrow.len(), expected);
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
    let [ranges, narrow, wide] = layouts(&register, &mut interner);
    assert_eq!(
        ranges.len(),
        starts.len() + divided.difference(&starts).count()
    );

    // A forest divides all into networks of 8 bits, some of those into networks of 16, and searches
    // in these by 48 bits.
    let divided = around_divided(
        &starts,
        |start| start.network(48),
        |start| start.broadcast(48),
    );
    let cut = starts.iter().filter(|&&start| start != start.network(8));
    let cut: BTreeSet<u128> = cut.map(|start| start.network(8)).collect();
    starts.extend(divided);
    starts.retain(|&start| start != start.network(16));
    let networks = 256 - cut.len() + 256 * cut.len();
    assert_eq!(narrow.len(), networks + starts.len());
    assert_eq!(wide.len(), networks + starts.len());
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
