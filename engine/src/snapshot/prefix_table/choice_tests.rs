//! Which layout prefixes get, and when they get another.

use super::address::Prefix;
use super::index::{LocationIndex, LocationSetIndex};
use super::layout_tests::{Scan, edges, prefixes};
use super::location_set::Interner;
use super::map::{AddressMap, FamilyAddress, Ipv4Map, MANY};
use super::processor::Processor;
use super::register::PrefixRegister;

/// So many /24, dealt out to so many networks of 8 bits.
fn dealt(count: u32, networks: u32) -> Vec<Prefix<u32>> {
    let raw: Vec<_> = (0..count)
        .map(|number| {
            let network = (10 + number % networks) << 24 | (number / networks) << 9;
            (network, 24, number % 5)
        })
        .collect();
    prefixes(&raw)
}

fn layout<A: FamilyAddress>(map: &AddressMap<A>) -> &'static str {
    match map {
        AddressMap::Ranges { .. } => "ranges",
        AddressMap::Narrow(_) => "narrow",
        AddressMap::Wide(_) => "wide",
    }
}

#[track_caller]
fn chosen<A: FamilyAddress>(prefixes: &[Prefix<A>]) -> &'static str {
    let register = PrefixRegister::new(prefixes);
    layout(&AddressMap::new(&register, &mut Interner::default()).unwrap())
}

#[track_caller]
fn check<A: FamilyAddress + std::fmt::LowerHex>(
    map: &AddressMap<A>,
    prefixes: &[Prefix<A>],
    interner: &mut Interner,
) {
    let scan = Scan::new(&PrefixRegister::new(prefixes), interner);
    for address in edges(prefixes) {
        let answer = map.lookup(address, Processor::default());
        assert_eq!(answer, scan.lookup(address), "{address:#x}");
    }
}

#[test]
fn the_flat_trie_is_for_many_prefixes_or_for_dense_ones() {
    assert_eq!(chosen(&dealt(511, 1)), "ranges");
    assert_eq!(chosen(&dealt(512, 1)), "narrow");
    assert_eq!(chosen(&dealt(512, 8)), "narrow");
    assert_eq!(chosen(&dealt(513, 8)), "narrow");
    assert_eq!(chosen(&dealt(575, 9)), "ranges");
    assert_eq!(chosen(&dealt(576, 9)), "narrow");
    assert_eq!(chosen(&dealt(4_095, 64)), "ranges");
    assert_eq!(chosen(&dealt(4_096, 100)), "narrow");
}

/// So many /48, dealt out to so many networks of 16 bits.
fn dealt_ipv6(count: u128, networks: u128) -> Vec<Prefix<u128>> {
    let raw: Vec<_> = (0..count)
        .map(|number| {
            let network = (0x2000 + number % networks) << 112 | (number / networks) << 81;
            (network, 48, (number % 5) as u32)
        })
        .collect();
    prefixes(&raw)
}

#[test]
fn the_forest_is_for_many_prefixes_in_few_networks() {
    assert_eq!(chosen(&dealt_ipv6(4_095, 1)), "ranges");
    assert_eq!(chosen(&dealt_ipv6(4_096, 1)), "narrow");
    assert_eq!(chosen(&dealt_ipv6(4_096, 64)), "narrow");
    assert_eq!(chosen(&dealt_ipv6(4_159, 65)), "ranges");
    assert_eq!(chosen(&dealt_ipv6(4_160, 65)), "narrow");
}

#[test]
fn the_forest_is_not_for_keys_that_are_divided_very_often() {
    let divided = |count: u128, length: u8| {
        let long = (0..count).map(|number| (0x2001_0db8_0001 << 80 | number << 64, length, 7));
        let mut all = dealt_ipv6(9_000, 2);
        all.extend(prefixes(&long.collect::<Vec<_>>()));
        all.sort_unstable();
        all
    };
    assert_eq!(chosen(&divided(511, 64)), "narrow");
    assert_eq!(chosen(&divided(512, 64)), "ranges");
    // Those of two keys are not counted together, and a prefix of a whole key not at all.
    let mut two = divided(511, 64);
    let more = (0..511_u128).map(|number| (0x2001_0db8_0002 << 80 | number << 64, 64, 7));
    two.extend(prefixes(&more.collect::<Vec<_>>()));
    two.sort_unstable();
    assert_eq!(chosen(&two), "narrow");
    assert_eq!(chosen(&divided(512, 48)), "narrow");
}

#[test]
fn the_forest_is_not_for_many_prefixes_longer_than_its_keys() {
    // In keys of their own.
    let long = |count: u128| {
        let raw = (0..count).map(|number| (0x2001 << 112 | number << 82, 49, 7));
        let mut all = dealt_ipv6(7_000, 1);
        all.truncate(7_000 - count as usize);
        all.extend(prefixes(&raw.collect::<Vec<_>>()));
        all.sort_unstable();
        all
    };
    assert_eq!(chosen(&long(875)), "narrow");
    assert_eq!(chosen(&long(876)), "ranges");
}

#[test]
fn prefixes_far_apart_are_considered_anew_when_they_are_twice_as_many() {
    // Each in a network of its own, until more come into one of them.
    let apart = dealt_ipv6(MANY as u128 + 900, MANY as u128 + 900);
    let mut register = PrefixRegister::new(&apart);
    let mut interner = Interner::default();
    let mut map = AddressMap::new(&register, &mut interner).unwrap();
    assert_eq!(layout(&map), "ranges");
    let mut insert = |map: &mut AddressMap<u128>, numbers: std::ops::Range<u128>| {
        let raw = numbers.map(|number| (0x4000 << 112 | number << 80, 48, 9));
        let new = prefixes(&raw.collect::<Vec<_>>());
        for &prefix in &new {
            register.insert(prefix);
        }
        map.refresh(&register, &new, &mut interner).unwrap();
        register.len()
    };
    assert_eq!(insert(&mut map, 0..4_995), 9_991);
    assert_eq!(layout(&map), "ranges");
    assert_eq!(insert(&mut map, 4_995..4_996), 9_992);
    // Still too far apart: from now on, twice as many are wanted.
    assert_eq!(layout(&map), "ranges");
    assert_eq!(insert(&mut map, 4_996..14_987), 19_983);
    assert_eq!(layout(&map), "ranges");
    assert_eq!(insert(&mut map, 14_987..14_988), 19_984);
    assert_eq!(layout(&map), "ranges");
}

#[test]
fn a_search_tree_becomes_a_flat_trie_at_twice_the_limit() {
    let all = dealt(8_192, 100);
    let few: Vec<_> = all.iter().step_by(4).copied().collect();
    let mut register = PrefixRegister::new(&few);
    let mut interner = Interner::default();
    let mut map = Ipv4Map::new(&register, &mut interner).unwrap();
    let (last, more) = all.split_last().unwrap();
    let (before_last, more) = more.split_last().unwrap();
    for &prefix in more {
        register.insert(prefix);
    }
    map.refresh(&register, more, &mut interner).unwrap();
    assert_eq!((register.len(), layout(&map)), (8_190, "ranges"));

    register.insert(*before_last);
    map.refresh(&register, &[*before_last], &mut interner)
        .unwrap();
    assert_eq!((register.len(), layout(&map)), (8_191, "ranges"));

    register.insert(*last);
    map.refresh(&register, &[*last], &mut interner).unwrap();
    assert_eq!((register.len(), layout(&map)), (8_192, "narrow"));
    let lookup = |prefix: &Prefix<u32>| map.lookup(prefix.last(), Processor::default());
    for prefix in &all {
        let set = interner.sets().set(lookup(prefix));
        assert!(set.iter().eq([prefix.location()]), "{prefix:?}");
    }
}

#[test]
fn a_flat_trie_stays_one_when_few_prefixes_are_left() {
    let all = dealt(600, 3);
    let mut register = PrefixRegister::new(&all);
    let mut interner = Interner::default();
    let mut map = Ipv4Map::new(&register, &mut interner).unwrap();
    let mut left = all;
    while left.len() > 20 {
        let removed = left.split_off(left.len() - 20);
        for &prefix in &removed {
            register.remove(prefix);
        }
        map.refresh(&register, &removed, &mut interner).unwrap();
        assert_eq!(layout(&map), "narrow");
    }
    check(&map, &left, &mut interner);
}

#[test]
fn one_set_too_many_for_narrow_leaves_makes_them_wide() {
    let mut all = dealt(512, 2);
    let mut register = PrefixRegister::new(&all);
    let mut interner = Interner::default();
    let mut map = Ipv4Map::new(&register, &mut interner).unwrap();
    let mut place_in_new_location = |map: &mut Ipv4Map, interner: &mut Interner, number: u32| {
        let location = LocationIndex::new(1 << 20 | number as usize).unwrap();
        let prefix = Prefix::new(0x2000_0000 | number << 24, 8, location);
        register.insert(prefix);
        map.refresh(&register, &[prefix], interner).unwrap();
        all.push(prefix);
        check(map, &all, interner);
    };
    // Sets that no address has, up to the last but one that fits.
    for number in 5.. {
        if interner.sets().len() == 32_767 {
            break;
        }
        let location = LocationIndex::new(number).unwrap();
        interner.with(LocationSetIndex::EMPTY, location).unwrap();
    }
    place_in_new_location(&mut map, &mut interner, 0);
    assert_eq!(layout(&map), "narrow");
    place_in_new_location(&mut map, &mut interner, 1);
    assert_eq!(layout(&map), "wide");
    place_in_new_location(&mut map, &mut interner, 2);
    assert_eq!(layout(&map), "wide");
}
