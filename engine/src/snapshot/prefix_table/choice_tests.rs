//! Which layout a table of IPv4 prefixes gets, and when it gets another.

use super::address::Prefix;
use super::index::{LocationIndex, LocationSetIndex};
use super::ipv4::Ipv4Map;
use super::layout_tests::{Scan, edges, prefixes};
use super::location_set::Interner;
use super::processor::Processor;
use super::range_map::RangeMap;
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

fn layout(map: &Ipv4Map) -> &'static str {
    match map {
        Ipv4Map::Ranges(_) => "ranges",
        Ipv4Map::Narrow(_) => "narrow",
        Ipv4Map::Wide(_) => "wide",
    }
}

#[track_caller]
fn chosen(prefixes: &[Prefix<u32>]) -> &'static str {
    let register = PrefixRegister::new(prefixes);
    layout(&Ipv4Map::new(&register, &mut Interner::default()).unwrap())
}

#[track_caller]
fn check(map: &Ipv4Map, prefixes: &[Prefix<u32>], interner: &mut Interner) {
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

#[test]
fn a_search_tree_becomes_a_flat_trie_at_twice_the_limit() {
    let all = dealt(8_192, 100);
    let (last, most) = all.split_last().unwrap();
    let (before_last, fewer) = most.split_last().unwrap();
    let mut register = PrefixRegister::new(fewer);
    let mut interner = Interner::default();
    let mut map = Ipv4Map::Ranges(RangeMap::new(&register, &mut interner).unwrap());

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
