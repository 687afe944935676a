//! The location table says how much memory it holds, and copies little for a change.
//!
//! In a file of its own: the counting allocator is the whole program's.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod counting;

use std::net::{Ipv4Addr, Ipv6Addr};

use counting::{Taken, taken};
use highwater::snapshot::prefix_table::{
    LocationIndex, PrefixChange, PrefixTable, PrefixTableBuilder,
};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

fn location(number: u32) -> LocationIndex {
    LocationIndex::new(number as usize).unwrap()
}

/// Networks of IPv4, so many of them in each of the networks of 8 bits from 10.0.0.0/8 on.
fn ipv4(count: u32, in_each: u32) -> impl Iterator<Item = (IpNet, LocationIndex)> {
    (0..count).map(move |number| {
        let bits = (10 + number / in_each) << 24 | (number % in_each) << 9;
        let length = [24, 28, 23][number as usize % 3];
        let prefix = Ipv4Net::new_assert(Ipv4Addr::from_bits(bits), length);
        (prefix.into(), location(number % 7))
    })
}

/// Networks of IPv6 of so many bits, in keys of their own.
fn ipv6(count: u32, length: u8) -> impl Iterator<Item = (IpNet, LocationIndex)> {
    (0..count).map(move |number| {
        let bits = 0x2001_0db8 << 96 | u128::from(number) << 65;
        let prefix = Ipv6Net::new_assert(Ipv6Addr::from_bits(bits), length);
        (prefix.into(), location(number % 5))
    })
}

/// Networks of IPv6 as routing tables have them, in two of 16 bits, one in sixteen longer than 48.
fn routed_ipv6(count: u32) -> impl Iterator<Item = (IpNet, LocationIndex)> {
    (0..count).map(move |number| {
        let network = 0x2a00 + u128::from(number % 2);
        let bits = network << 112 | u128::from(number) << 81;
        let length = if number % 16 == 0 { 56 } else { 48 };
        let prefix = Ipv6Net::new_assert(Ipv6Addr::from_bits(bits), length);
        (prefix.into(), location(number % 5))
    })
}

fn builder(prefixes: impl Iterator<Item = (IpNet, LocationIndex)>) -> PrefixTableBuilder {
    let mut builder = PrefixTable::builder();
    for (prefix, location) in prefixes {
        builder.insert(prefix, location);
    }
    builder
}

#[track_caller]
fn check(prefixes: impl Iterator<Item = (IpNet, LocationIndex)>) {
    let prefixes: Vec<_> = prefixes.collect();
    let (table, Taken { held, .. }) = taken(|| builder(prefixes.iter().copied()).build().unwrap());
    assert_eq!(table.memory_bytes(), held, "{} prefixes", prefixes.len());
    assert!(table.lookup_bytes() < held);
}

#[test]
fn a_table_holds_what_it_says() {
    check(ipv4(0, 1));
    check(ipv4(10, 10));
    check(ipv6(10, 64));
    check(ipv6(100, 128));
    check(ipv4(300, 10).chain(ipv6(200, 66)));
    // Several pieces.
    check(ipv6(2_000, 64));
    check(ipv6(2_000, 127));
    check(routed_ipv6(5_000));
    // A flat trie, in some networks and in nearly all.
    check(ipv4(700, 350));
    check(ipv4(5_000, 25));
    check(ipv4(5_000, 5_000).chain(ipv6(5_000, 64)));
}

#[test]
fn a_changed_table_holds_what_it_says() {
    check_changed(ipv4(3_000, 600).chain(ipv6(3_000, 72)), "3");
    check_changed(routed_ipv6(12_000), "3");
    // All of a network of 16 bits: its tree is not in use any more.
    check_changed(routed_ipv6(12_000), "2a01:");
}

/// Those whose address has this text in it are there at first and go, the others come.
#[track_caller]
fn check_changed(prefixes: impl Iterator<Item = (IpNet, LocationIndex)>, text: &str) {
    let (before, added): (Vec<_>, Vec<_>) =
        prefixes.partition(|&(prefix, _)| prefix.addr().to_string().contains(text));
    let (table, Taken { held, .. }) = taken(|| {
        let mut editor = builder(before.iter().copied()).build_editor().unwrap();
        for some in added.chunks(50) {
            let inserted = some.iter();
            editor
                .apply(inserted.map(|&(prefix, location)| PrefixChange::Insert(prefix, location)))
                .unwrap();
        }
        let published = editor.publish();
        for some in before.chunks(50) {
            let removed = some.iter();
            editor
                .apply(removed.map(|&(prefix, location)| PrefixChange::Remove(prefix, location)))
                .unwrap();
        }
        drop(published);
        editor.publish()
    });
    assert_eq!(table.memory_bytes(), held);
}

#[track_caller]
fn check_change(prefixes: impl Iterator<Item = (IpNet, LocationIndex)>, prefix: &str) {
    let mut editor = builder(prefixes).build_editor().unwrap();
    let published = editor.publish();
    let change = PrefixChange::Insert(prefix.parse().unwrap(), location(6));
    let (count, Taken { peak, .. }) = taken(|| editor.apply([change]).unwrap());
    assert_eq!(count, 1);
    let all = published.memory_bytes();
    assert!(peak < all / 4, "{peak} of {all} bytes");
}

#[test]
fn a_change_of_a_large_table_copies_what_it_touches() {
    check_change(ipv4(20_000, 200), "40.0.128.0/24");
    check_change(ipv6(20_000, 64), "2001:db8::/64");
    check_change(routed_ipv6(20_000), "2a00:2::/48");
}

#[test]
fn room_made_before_is_used_for_prefixes_of_both_families() {
    let prefixes: Vec<_> = ipv4(300, 300).chain(ipv6(200, 64)).collect();
    let mut builder = PrefixTable::builder();
    let ((), Taken { held, .. }) = taken(|| {
        builder.reserve(300, 200);
    });
    // As much as a prefix takes: 8 bytes or 20.
    assert_eq!(held, 300 * 8 + 200 * 20);
    let ((), Taken { calls, .. }) = taken(|| {
        for &(prefix, location) in &prefixes {
            builder.insert(prefix, location);
        }
    });
    assert_eq!(calls, 0);
}
