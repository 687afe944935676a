//! The laws of the table, against a linear scan and against an independent table.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ip_network_table::IpNetworkTable;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use proptest::prelude::*;

use super::*;

pub(super) fn location(index: usize) -> LocationIndex {
    LocationIndex::new(index).unwrap()
}

pub(super) fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

pub(super) fn table(prefixes: &[(IpNet, LocationIndex)]) -> PrefixTable {
    let mut builder = PrefixTable::builder();
    for &(prefix, location) in prefixes {
        builder.insert(prefix, location);
    }
    builder.build().unwrap()
}

pub(super) fn parsed(prefixes: &[(&str, usize)]) -> Vec<(IpNet, LocationIndex)> {
    prefixes
        .iter()
        .map(|&(prefix, index)| (prefix.parse().unwrap(), location(index)))
        .collect()
}

/// The addresses at which an off-by-one would show: both ends of every prefix and their
/// neighbours, each also in its mapped form.
pub(super) fn edges(prefixes: &[(IpNet, LocationIndex)]) -> Vec<IpAddr> {
    let mut addresses = vec![
        address("0.0.0.0"),
        address("255.255.255.255"),
        address("::"),
        address("::ffff:0:0"),
        address("::fffe:ffff:ffff"),
        address("::ffff:ffff:ffff"),
        address("::1:0:0:0"),
        address("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ];
    for (prefix, _) in prefixes {
        match prefix {
            IpNet::V4(prefix) => {
                let (first, last) = (prefix.network().to_bits(), prefix.broadcast().to_bits());
                let around = [first.wrapping_sub(1), first, last, last.wrapping_add(1)];
                for plain in around.map(Ipv4Addr::from_bits) {
                    addresses.extend([IpAddr::V4(plain), IpAddr::V6(plain.to_ipv6_mapped())]);
                }
            }
            IpNet::V6(prefix) => {
                let (first, last) = (prefix.network().to_bits(), prefix.broadcast().to_bits());
                let around = [first.wrapping_sub(1), first, last, last.wrapping_add(1)];
                addresses.extend(around.map(Ipv6Addr::from_bits).map(IpAddr::V6));
            }
        }
    }
    addresses
}

/// The rule itself, read from every prefix: too simple to be wrong.
fn scan(prefixes: &[(IpNet, LocationIndex)], address: IpAddr) -> Vec<(LocationIndex, IpNet)> {
    let address = address.to_canonical();
    let matches = prefixes.iter().filter_map(|&(prefix, location)| {
        let prefix = match prefix {
            IpNet::V6(wide) if wide.prefix_len() >= 96 => match wide.network().to_ipv4_mapped() {
                Some(network) => Ipv4Net::new_assert(network, wide.prefix_len() - 96).into(),
                None => prefix,
            },
            _ => prefix,
        };
        prefix
            .contains(&address)
            .then_some((location, prefix.trunc()))
    });
    matches.collect()
}

#[track_caller]
pub(super) fn check(table: &PrefixTable, prefixes: &[(IpNet, LocationIndex)], address: IpAddr) {
    let matches = scan(prefixes, address);
    let index = table.lookup(address);
    assert!(index.index() < table.set_count(), "{address}");

    let expected: BTreeSet<_> = matches.iter().map(|&(location, _)| location).collect();
    let actual = table.set(index);
    assert!(
        actual.iter().eq(expected.iter().copied()),
        "{address}: {actual:?}, not {expected:?}"
    );
    assert_eq!(actual.is_empty(), expected.is_empty());
    assert_eq!(actual.len(), expected.len());
    assert_eq!(
        actual.is_empty(),
        index == LocationSetIndex::EMPTY,
        "one empty set, index zero"
    );

    for &(_, location) in prefixes {
        assert_eq!(
            actual.contains(location),
            expected.contains(&location),
            "{address}"
        );
        let of_location = matches.iter().filter(|(found, _)| *found == location);
        let longest = of_location
            .map(|&(_, prefix)| prefix)
            .max_by_key(IpNet::prefix_len);
        assert_eq!(
            table.covering_prefix(address, location),
            longest,
            "{address}"
        );
    }
}

#[track_caller]
fn check_all(prefixes: &[(IpNet, LocationIndex)], addresses: &[IpAddr]) {
    let table = table(prefixes);
    for &address in addresses.iter().chain(&edges(prefixes)) {
        check(&table, prefixes, address);
    }
}

#[test]
fn a_table_without_prefixes_answers_the_empty_set() {
    check_all(&[], &[address("192.0.2.1"), address("2001:db8::1")]);
    assert_eq!(PrefixTable::default().set_count(), 1);
}

#[test]
fn the_answer_is_every_covering_location_not_the_longest() {
    let prefixes = parsed(&[
        ("10.0.0.0/8", 0),
        ("10.1.0.0/16", 1),
        ("10.1.2.0/24", 2),
        ("10.1.2.3/32", 3),
        ("2001:db8::/32", 0),
        ("2001:db8:1::/48", 1),
    ]);
    check_all(&prefixes, &[]);
    let table = table(&prefixes);
    let found = table.set(table.lookup(address("10.1.2.3")));
    assert_eq!(
        found.iter().map(LocationIndex::index).collect::<Vec<_>>(),
        [0, 1, 2, 3]
    );
}

#[test]
fn whole_families_and_single_addresses() {
    check_all(&parsed(&[("0.0.0.0/0", 0)]), &[]);
    check_all(&parsed(&[("::/0", 0)]), &[address("192.0.2.1")]);
    check_all(&parsed(&[("0.0.0.0/0", 0), ("::/0", 0)]), &[]);
    check_all(
        &parsed(&[("0.0.0.0/32", 0), ("255.255.255.255/32", 1)]),
        &[],
    );
    check_all(
        &parsed(&[
            ("::/128", 0),
            ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128", 1),
        ]),
        &[],
    );
    check_all(&parsed(&[("0.0.0.0/1", 0), ("128.0.0.0/1", 0)]), &[]);
    check_all(
        &parsed(&[
            ("0.0.0.0/0", 3),
            ("0.0.0.0/32", 1),
            ("::/0", 3),
            ("::/128", 1),
        ]),
        &[],
    );
}

#[test]
fn mapped_prefixes_belong_to_ipv4_and_wider_ones_do_not() {
    check_all(
        &parsed(&[("::ffff:203.0.113.0/120", 0)]),
        &[address("203.0.113.9")],
    );
    check_all(&parsed(&[("::ffff:0:0/96", 0)]), &[address("203.0.113.9")]);
    check_all(
        &parsed(&[("::ffff:0:0/95", 0), ("::/0", 1)]),
        &[address("203.0.113.9")],
    );
    check_all(
        &parsed(&[("::/96", 0)]),
        &[address("::203.0.113.9"), address("203.0.113.9")],
    );
}

#[test]
fn duplicates_and_host_bits_change_nothing() {
    let once = parsed(&[("192.0.2.0/24", 0), ("2001:db8::/48", 1)]);
    let twice = parsed(&[
        ("192.0.2.77/24", 0),
        ("2001:db8::7/48", 1),
        ("192.0.2.0/24", 0),
        ("2001:db8::/48", 1),
    ]);
    check_all(&twice, &[]);
    assert_eq!(table(&once).ranges(), table(&twice).ranges());
    assert_eq!(table(&once).memory_bytes(), table(&twice).memory_bytes());
}

#[test]
fn the_same_prefix_in_several_locations() {
    let prefixes = parsed(&[
        ("192.0.2.0/24", 2),
        ("192.0.2.0/24", 0),
        ("192.0.2.0/25", 1),
        ("192.0.2.0/25", 2),
        ("192.0.2.128/25", 0),
    ]);
    check_all(&prefixes, &[]);
}

#[test]
fn neighbours_with_the_same_answer_are_one_range() {
    let halves = table(&parsed(&[("192.0.2.0/25", 0), ("192.0.2.128/25", 0)]));
    assert_eq!(halves.ranges(), RangeCounts { ipv4: 3, ipv6: 1 });
    let nested = table(&parsed(&[("192.0.2.0/24", 0), ("192.0.2.64/26", 0)]));
    assert_eq!(nested.ranges(), RangeCounts { ipv4: 3, ipv6: 1 });
}

#[test]
fn a_location_number_beyond_the_limit_is_refused() {
    assert!(LocationIndex::new(LocationIndex::MAX).is_ok());
    let error = LocationIndex::new(LocationIndex::MAX + 1).unwrap_err();
    assert!(error.to_string().contains("16777216"), "{error}");
}

#[test]
fn a_foreign_set_index_answers_the_empty_set() {
    let large = table(&parsed(&[("192.0.2.0/24", 0), ("192.0.2.0/25", 1)]));
    let foreign = large.lookup(address("192.0.2.1"));
    assert!(PrefixTable::default().set(foreign).is_empty());
}

#[test]
fn the_table_is_shared_between_threads() {
    fn shared<T: Send + Sync + std::panic::UnwindSafe>() {}
    shared::<PrefixTable>();
    shared::<PrefixTableBuilder>();
    shared::<LocationSet<'_>>();
}

/// Prefixes crowded into few networks, so that they nest, touch and repeat.
pub(super) fn crowded_prefix() -> impl Strategy<Value = IpNet> {
    let ipv4 = (0_u32..4, any::<u32>(), 0_u8..=32).prop_map(|(network, host, length)| {
        let bits = [0, 0x0a00_0000, 0xc000_0200, 0xffff_0000][network as usize] | (host & 0x1ff);
        IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::from_bits(bits), length))
    });
    let ipv6 = (0_usize..5, any::<u64>(), 0_u8..=128, any::<bool>()).prop_map(
        |(network, host, length, high)| {
            let networks: [u128; 5] = [
                0,
                0xffff_0000_0000,
                0x2001_0db8 << 96,
                0x2001_0db8_0001 << 80,
                !0xffff,
            ];
            let host = if high {
                u128::from(host & 0x3) << 62
            } else {
                u128::from(host & 0x1ff)
            };
            let bits = networks[network] | host;
            IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::from_bits(bits), length))
        },
    );
    let anywhere4 = (any::<u32>(), 8_u8..=32)
        .prop_map(|(bits, length)| Ipv4Net::new_assert(Ipv4Addr::from_bits(bits), length).into());
    let anywhere6 = (any::<u128>(), 16_u8..=128)
        .prop_map(|(bits, length)| Ipv6Net::new_assert(Ipv6Addr::from_bits(bits), length).into());
    prop_oneof![4 => ipv4, 4 => ipv6, 1 => anywhere4, 1 => anywhere6]
}

pub(super) fn crowded_prefixes(count: usize) -> impl Strategy<Value = Vec<(IpNet, LocationIndex)>> {
    let placed = (crowded_prefix(), (0_usize..6).prop_map(location));
    proptest::collection::vec(placed, 0..count)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Lookup equals a scan over all prefixes, at the edges of all of them and elsewhere.
    #[test]
    fn lookup_equals_a_linear_scan(
        prefixes in crowded_prefixes(24),
        elsewhere in proptest::collection::vec(any::<IpAddr>(), 8),
    ) {
        check_all(&prefixes, &elsewhere);
    }

    /// The order in which prefixes are inserted changes no answer.
    #[test]
    fn insertion_commutes(prefixes in crowded_prefixes(24)) {
        let forward = table(&prefixes);
        let backward = table(&prefixes.iter().rev().copied().collect::<Vec<_>>());
        for address in edges(&prefixes) {
            let (forward, backward) =
                (forward.set(forward.lookup(address)), backward.set(backward.lookup(address)));
            prop_assert_eq!(forward, backward);
        }
    }

    /// Lookup equals every match that an independent table finds.
    #[test]
    fn lookup_equals_the_matches_of_an_independent_table(prefixes in crowded_prefixes(200)) {
        let ours = table(&prefixes);
        let mut theirs: IpNetworkTable<BTreeSet<LocationIndex>> = IpNetworkTable::new();
        for &(prefix, location) in &prefixes {
            let FamilyNetwork(network) = prefix.into();
            match theirs.exact_match_mut(network) {
                Some(locations) => { locations.insert(location); }
                None => { theirs.insert(network, BTreeSet::from([location])); }
            }
        }
        for address in edges(&prefixes) {
            let matches = theirs.matches(address.to_canonical());
            let expected: BTreeSet<_> = matches.flat_map(|(_, locations)| locations).collect();
            let actual = ours.set(ours.lookup(address));
            prop_assert!(actual.iter().eq(expected.into_iter().copied()), "{}", address);
        }
    }
}

/// The independent table's own network type, with mapped networks already as IPv4.
pub(super) struct FamilyNetwork(pub(super) ip_network::IpNetwork);

impl From<IpNet> for FamilyNetwork {
    fn from(prefix: IpNet) -> Self {
        let length = prefix.prefix_len();
        let (network, length) = match prefix.network() {
            IpAddr::V6(wide) if length >= 96 => match wide.to_ipv4_mapped() {
                Some(network) => (IpAddr::V4(network), length - 96),
                None => (IpAddr::V6(wide), length),
            },
            network => (network, length),
        };
        Self(ip_network::IpNetwork::new_truncate(network, length).unwrap())
    }
}

#[test]
fn a_tenant_with_ten_ranges_costs_some_hundred_bytes() {
    let ranges: Vec<_> = (0..10_u8)
        .map(|number| {
            let network = Ipv4Addr::new(203, number, 113, 0);
            (
                Ipv4Net::new_assert(network, 24).into(),
                location(usize::from(number % 3)),
            )
        })
        .collect();
    let table = table(&ranges);
    assert!(
        table.memory_bytes() < 2_048,
        "{} bytes",
        table.memory_bytes()
    );
    assert!(
        table.lookup_bytes() < 1_024,
        "{} bytes",
        table.lookup_bytes()
    );
}

#[test]
fn a_builder_counts_what_was_inserted_into_it() {
    let mut builder = PrefixTable::builder();
    assert!(builder.is_empty());
    assert_eq!(builder.len(), 0);
    let prefixes = [
        "192.0.2.0/24",
        "2001:db8::/48",
        "198.51.100.0/24",
        "192.0.2.0/24",
    ];
    for (count, prefix) in (1..).zip(prefixes) {
        builder
            .reserve(5, 5)
            .insert(prefix.parse().unwrap(), location(0));
        assert!(!builder.is_empty());
        assert_eq!(builder.len(), count);
    }
}

#[test]
fn a_table_is_near_up_to_ten_thousand_prefixes_of_either_family() {
    let host = |number: u32| Ipv4Addr::from_bits(number << 8);
    let ipv4 = |number| (IpNet::from(IpAddr::V4(host(number))), location(0));
    let mut prefixes: Vec<_> = (0..9_999).map(ipv4).collect();
    prefixes.extend(parsed(&[("2001:db8::/48", 0)]));
    assert!(table(&prefixes).is_near());
    prefixes.push(ipv4(9_999));
    assert!(!table(&prefixes).is_near());
}
