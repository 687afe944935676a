//! A table that was changed is one that was built anew.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use proptest::prelude::*;

use super::address::{Address, Prefix};
use super::layout_tests::Scan;
use super::location_set::Interner;
use super::tests::*;
use super::*;

fn changes() -> impl Strategy<Value = Vec<(IpNet, LocationIndex, bool)>> {
    let change = (
        crowded_prefix(),
        (0_usize..6).prop_map(location),
        any::<bool>(),
    );
    proptest::collection::vec(change, 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// A table that was changed equals one that was built from what remains; what was published
    /// before stays as it was.
    #[test]
    fn changing_equals_building_anew(
        before in crowded_prefixes(40),
        changes in changes(),
        at_once in 1_usize..10,
    ) {
        let mut builder = PrefixTable::builder();
        for &(prefix, location) in &before {
            builder.insert(prefix, location);
        }
        let mut editor = builder.build_editor().unwrap();
        let published = editor.publish();
        let mut remaining = before.clone();
        for changes in changes.chunks(at_once) {
            let changes = changes.iter().map(|&(prefix, location, insert)| {
                let same = |other: &(IpNet, LocationIndex)| {
                    let FamilyNetwork(network) = prefix.into();
                    let FamilyNetwork(other_network) = other.0.into();
                    (network, location) == (other_network, other.1)
                };
                remaining.retain(|other| !same(other));
                if insert {
                    remaining.push((prefix, location));
                    PrefixChange::Insert(prefix, location)
                } else {
                    PrefixChange::Remove(prefix, location)
                }
            });
            editor.apply(changes.collect::<Vec<_>>()).unwrap();
        }
        let changed = editor.publish();
        for address in edges(&before).into_iter().chain(edges(&remaining)) {
            check(&published, &before, address);
            check(&changed, &remaining, address);
        }
    }
}

#[test]
fn a_change_that_changes_nothing_is_not_counted() {
    let mut builder = PrefixTable::builder();
    builder.insert("192.0.2.0/24".parse().unwrap(), location(0));
    let mut editor = builder.build_editor().unwrap();
    let network: IpNet = "192.0.2.0/24".parse().unwrap();
    let changes = [
        PrefixChange::Insert(network, location(0)),
        PrefixChange::Remove(network, location(1)),
        PrefixChange::Insert(network, location(1)),
    ];
    assert_eq!(editor.apply(changes).unwrap(), 1);
    assert_eq!(editor.publish().set_count(), 3);
}

/// Ten thousand single addresses in and out again: a table grows from the small layout into the
/// large one, pieces are cut, segments are compacted, and nothing is forgotten.
#[test]
fn a_table_grows_and_shrinks_while_it_is_used() {
    // Of IPv4 all in a few networks, none twice; of IPv6 each in a key of its own.
    let host = |number: u32| -> [IpNet; 2] {
        let ipv4 = Ipv4Addr::from_bits(0x0a00_0000 | (number * 7_919 % 1_000_003));
        let ipv6 = Ipv6Addr::from_bits(0x2001_0db8 << 96 | u128::from(number) << 65);
        [Ipv4Net::from(ipv4).into(), Ipv6Net::from(ipv6).into()]
    };
    #[track_caller]
    fn check(table: &PrefixTable, prefix: IpNet, is_here: bool) {
        let address = prefix.network();
        let set = table.set(table.lookup(address));
        assert_eq!(set.contains(location(3)), is_here, "{address}");
        let covering = table.covering_prefix(address, location(3));
        assert_eq!(covering, is_here.then_some(prefix));
    }
    let mut editor = PrefixTable::builder().build_editor().unwrap();
    for end in (500..=10_000).step_by(500) {
        let inserted = (end - 500..end)
            .flat_map(host)
            .map(|prefix| PrefixChange::Insert(prefix, location(3)));
        assert_eq!(editor.apply(inserted).unwrap(), 1_000);
        let table = editor.publish();
        for number in (0..10_000).step_by(37) {
            for prefix in host(number) {
                check(&table, prefix, number < end);
            }
        }
    }
    let full = editor.publish();
    let removed = (0..10_000).filter(|number| number % 10 != 0).flat_map(host);
    editor
        .apply(removed.map(|prefix| PrefixChange::Remove(prefix, location(3))))
        .unwrap();
    let thinned = editor.publish();
    for number in 0..10_000 {
        for prefix in host(number) {
            check(&full, prefix, true);
            check(&thinned, prefix, number % 10 == 0);
        }
    }
}

/// Where the networks of 8 and of 16 bits meet, and in few of those of 24 bits.
fn scattered() -> impl Strategy<Value = (u32, u8, u32)> {
    let network = proptest::sample::select(vec![
        0_u32,
        0x00ff_0000,
        0x0100_0000,
        0x0101_0000,
        0x0a00_0000,
        0xff00_0000,
        0xffff_0000,
    ]);
    let place =
        (network, any::<u16>()).prop_map(|(network, host)| network | u32::from(host & 0x07ff));
    (place, 6_u8..=32, 0_u32..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// A flat trie in which networks were rewritten, often enough for some to be compacted,
    /// answers what the boundaries say.
    #[test]
    fn a_flat_trie_follows_changes(
        before in proptest::collection::vec(scattered(), 0..60),
        changes in proptest::collection::vec(scattered(), 1..60),
        at_once in 1_usize..20,
    ) {
        let before = layout_tests::prefixes(&before);
        // Each in, later out, or the other way round.
        let changes = layout_tests::prefixes(&changes);
        let mut register = PrefixRegister::new(&before);
        let mut interner = Interner::default();
        let mut maps = [
            Ipv4Map::narrow(&register, &mut interner).unwrap().unwrap(),
            Ipv4Map::wide(&register, &mut interner).unwrap(),
        ];
        let edges = layout_tests::edges(&[before, changes.clone()].concat());
        let twice = [changes.clone(), changes].concat();
        for changed in twice.chunks(at_once) {
            for &prefix in changed {
                if !register.insert(prefix) {
                    register.remove(prefix);
                }
            }
            for map in &mut maps {
                map.refresh(&register, changed, &mut interner).unwrap();
            }
        }
        let scan = Scan::new(&register, &mut interner);
        for &address in &edges {
            for map in &maps {
                let answer = map.lookup(address, Processor::default());
                prop_assert_eq!(answer, scan.lookup(address), "{:#x}", address);
            }
        }
    }
}

#[test]
fn a_change_of_several_networks_of_eight_bits_is_made_in_each() {
    let mut register = PrefixRegister::default();
    let mut interner = Interner::default();
    let mut map = Ipv4Map::narrow(&register, &mut interner).unwrap().unwrap();
    for (address, length) in [(0, 7), (0x7000_0000, 4), (0xfe00_0000, 7)] {
        let prefix = Prefix::new(address, length, location(1));
        register.insert(prefix);
        map.refresh(&register, &[prefix], &mut interner).unwrap();
    }
    let scan = Scan::new(&register, &mut interner);
    for first in (0..=u16::MAX).map(|network| u32::from(network) << 16) {
        for address in [first, first.broadcast(16)] {
            let answer = map.lookup(address, Processor::Portable);
            assert_eq!(answer, scan.lookup(address), "{address:#x}");
        }
    }
}
