//! The layouts one by one: each must answer what the boundaries say, whatever the size of a
//! table would make it choose.

use proptest::prelude::*;

use super::address::{Address, Prefix};
use super::index::LocationIndex;
use super::location_set::Interner;
use super::map::{AddressMap, FamilyAddress, Ipv4Map};
use super::processor::{Counter, Portable, Processor};
use super::range_map::KeyedAddress;
use super::register::PrefixRegister;
use super::sweep::{Boundary, Sweep};

pub(super) fn prefixes<A: Address>(raw: &[(A, u8, u32)]) -> Vec<Prefix<A>> {
    let prefix = |&(address, length, location): &(A, u8, u32)| {
        Prefix::new(
            address,
            length,
            LocationIndex::new(location as usize).unwrap(),
        )
    };
    let mut prefixes: Vec<_> = raw.iter().map(prefix).collect();
    prefixes.sort_unstable();
    prefixes.dedup();
    prefixes
}

/// Both ends and the neighbours of every prefix.
pub(super) fn edges<A: Address>(prefixes: &[Prefix<A>]) -> Vec<A> {
    let mut edges = vec![A::FIRST, A::LAST];
    for prefix in prefixes {
        edges.extend([prefix.first(), prefix.last()]);
        edges.extend(prefix.last().successor());
    }
    edges
}

/// Answers by scanning all boundaries of the whole family.
pub(super) struct Scan<A> {
    pub(super) boundaries: Vec<Boundary<A>>,
}

impl<A: Address> Scan<A> {
    pub(super) fn new(register: &PrefixRegister<A>, interner: &mut Interner) -> Self {
        let mut sweep = Sweep::new();
        let boundaries = sweep
            .span(register, A::FIRST, A::LAST, interner)
            .unwrap()
            .to_vec();
        assert_eq!(boundaries[0].start, A::FIRST);
        assert!(boundaries.is_sorted_by(|one, next| one.start < next.start && one.set != next.set));
        Self { boundaries }
    }

    pub(super) fn lookup(&self, address: A) -> super::LocationSetIndex {
        self.boundaries
            .iter()
            .rev()
            .find(|boundary| boundary.start <= address)
            .unwrap()
            .set
    }
}

/// All layouts of a family.
pub(super) fn layouts<A: FamilyAddress>(
    register: &PrefixRegister<A>,
    interner: &mut Interner,
) -> [AddressMap<A>; 3] {
    [
        AddressMap::ranges(register, interner).unwrap(),
        AddressMap::narrow(register, interner).unwrap().unwrap(),
        AddressMap::wide(register, interner).unwrap(),
    ]
}

/// All layouts, with and without special instructions.
fn check<A: FamilyAddress + std::fmt::LowerHex>(prefixes: &[Prefix<A>], interner: &mut Interner) {
    let register = PrefixRegister::new(prefixes);
    let scan = Scan::new(&register, interner);
    let layouts = layouts(&register, interner);
    for address in edges(prefixes) {
        let expected = scan.lookup(address);
        for layout in &layouts {
            for processor in [Processor::Portable, Processor::default()] {
                let answer = layout.lookup(address, processor);
                assert_eq!(answer, expected, "{address:#x}: {layout:?}");
            }
        }
    }
}

/// Adds each of `changes`, or removes it if it is there, some at a time, to all layouts.
pub(super) fn check_changes<A: FamilyAddress + std::fmt::LowerHex>(
    before: &[Prefix<A>],
    changes: &[Prefix<A>],
) {
    let mut register = PrefixRegister::new(before);
    let mut interner = Interner::default();
    let mut layouts = layouts(&register, &mut interner);
    let edges = edges(&[before, changes].concat());
    let back: Vec<_> = changes.iter().rev().copied().collect();
    for some in [changes, &back].concat().chunks(changes.len() / 3 + 1) {
        for &prefix in some {
            if !register.insert(prefix) {
                register.remove(prefix);
            }
        }
        let published = layouts.clone();
        for layout in &mut layouts {
            layout.refresh(&register, some, &mut interner).unwrap();
        }
        drop(published);
        let scan = Scan::new(&register, &mut interner);
        for &address in &edges {
            let expected = scan.lookup(address);
            for layout in &layouts {
                let answer = layout.lookup(address, Processor::default());
                assert_eq!(answer, expected, "{address:#x}: {layout:?}");
            }
        }
    }
}

/// Many prefixes within one /16, so that nodes have more leaves than a line, and children.
fn dense_ipv4() -> impl Strategy<Value = Vec<Prefix<u32>>> {
    let address = prop_oneof![
        4 => any::<u16>().prop_map(|host| 0xc633_0000 | u32::from(host)),
        2 => any::<u8>().prop_map(|host| 0xc633_6400 | u32::from(host)),
        1 => any::<u32>(),
    ];
    let raw = proptest::collection::vec((address, 4_u8..=32, 0_u32..5), 0..300);
    raw.prop_map(|raw| prefixes(&raw))
}

/// Prefixes around one /48, some of them longer than the key of the search.
fn dense_ipv6() -> impl Strategy<Value = Vec<Prefix<u128>>> {
    let near = (any::<u16>(), any::<u64>(), 0_u32..4).prop_map(|(subnet, host, spread)| {
        let host = if spread == 0 { host } else { host & 0x3 };
        0x2001_0db8_u128 << 96 | u128::from(subnet & 0x3f) << 64 | u128::from(host)
    });
    let address = prop_oneof![4 => near, 1 => any::<u128>()];
    let raw = proptest::collection::vec((address, 1_u8..=128, 0_u32..5), 0..300);
    raw.prop_map(|raw| prefixes(&raw))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Small, narrow and wide IPv4 layouts answer alike.
    #[test]
    fn ipv4_layouts_answer_what_the_boundaries_say(prefixes in dense_ipv4()) {
        check(&prefixes, &mut Interner::default());
    }

    /// Small, narrow and wide IPv6 layouts answer alike.
    #[test]
    fn ipv6_layouts_answer_what_the_boundaries_say(prefixes in dense_ipv6()) {
        check(&prefixes, &mut Interner::default());
    }

    /// A register forgets and remembers like a sorted set.
    #[test]
    fn a_register_is_a_sorted_set(
        before in dense_ipv4(),
        changes in dense_ipv4(),
    ) {
        let mut register = PrefixRegister::new(&before);
        let mut model: std::collections::BTreeSet<_> = before.iter().copied().collect();
        for (number, &prefix) in changes.iter().chain(&before).enumerate() {
            if number % 3 == 0 {
                prop_assert_eq!(register.insert(prefix), model.insert(prefix));
            } else {
                prop_assert_eq!(register.remove(prefix), model.remove(&prefix));
            }
        }
        prop_assert_eq!(register.len(), model.len());
        prop_assert!(register.within(u32::FIRST, u32::LAST).eq(model.iter().copied()));
    }
}

proptest! {
    // A case takes a third of a second in a debug build: prefixes of few bits touch everything.
    #![proptest_config(ProptestConfig::with_cases(8))]

    /// A layout that was changed is one that was made anew, whatever it was before.
    #[test]
    fn ipv4_layouts_follow_changes(before in dense_ipv4(), changes in dense_ipv4()) {
        check_changes(&before, &changes);
    }

    #[test]
    fn ipv6_layouts_follow_changes(before in dense_ipv6(), changes in dense_ipv6()) {
        check_changes(&before, &changes);
    }
}

/// Every count of keys from one to some lines, every key between and on the ends.
#[test]
fn counting_below_is_exact_at_every_position() {
    let processor = Processor::default();
    for count in [1_u128, 2, 7, 8, 9, 15, 16, 17, 63, 64, 65, 600, 700, 2_000] {
        let host = |number: u128| number << 70 | 0xffff_ffff_ffff_ffff;
        let raw: Vec<_> = (0..count)
            .map(|number| (host(number), 58, (number % 2) as u32))
            .collect();
        let register = PrefixRegister::new(&prefixes(&raw));
        let mut interner = Interner::default();
        let scan = Scan::new(&register, &mut interner);
        for map in layouts(&register, &mut interner) {
            for number in 0..count {
                for address in [
                    number << 70,
                    (number << 70) - u128::from(number > 0),
                    host(number),
                    u128::MAX,
                ] {
                    let expected = scan.lookup(address);
                    assert_eq!(
                        map.lookup(address, Processor::Portable),
                        expected,
                        "{count}"
                    );
                    assert_eq!(map.lookup(address, processor), expected, "{count}");
                }
            }
        }
    }
}

#[test]
fn a_thousand_host_addresses_of_one_network() {
    let raw: Vec<_> = (0..1_000_u32)
        .map(|host| (0xc633_0000 + host * 7, 32, host % 5))
        .collect();
    check(&prefixes(&raw), &mut Interner::default());
}

#[test]
fn more_sets_than_sixteen_bits_hold() {
    // Location `n` has the addresses whose bit `n` is set: every address has its own set.
    let mut raw = Vec::new();
    for host in 0..1_u32 << 16 {
        for bit in (0..16).filter(|bit| host & 1 << bit != 0) {
            raw.push((0x0a00_0000 | host, 32, bit));
        }
    }
    let prefixes = prefixes(&raw);
    let register = PrefixRegister::new(&prefixes);
    let mut interner = Interner::default();
    assert!(Ipv4Map::narrow(&register, &mut interner).unwrap().is_none());
    let map = Ipv4Map::new(&register, &mut interner).unwrap();
    assert!(matches!(map, Ipv4Map::Wide(_)));
    for host in 0..1_u32 << 16 {
        let set = interner
            .sets()
            .set(map.lookup(0x0a00_0000 | host, Processor::default()));
        let bits = set
            .iter()
            .map(|location| 1 << location.index())
            .sum::<u32>();
        assert_eq!(bits, host);
    }
}

#[test]
fn ways_of_counting_agree() {
    fn count(counter: impl Counter, number: i64) -> [usize; 5] {
        let wide = [i64::MIN, -5, -5, 0, 1, 1 << 40, i64::MAX - 1, i64::MAX];
        let narrow = std::array::from_fn(|number| (number as i32 - 8) << 28);
        [
            counter.below_64(&wide, number, 8),
            counter.below_64(&wide, number, 3),
            counter.below_32(&narrow, number as i32, 16),
            counter.below_32(&narrow, number as i32, 10),
            counter.below_32(&narrow, number as i32, 8),
        ]
    }
    assert_eq!(count(Portable, 0), [3, 3, 8, 8, 8]);
    assert_eq!(count(Portable, 3 << 28), [5, 3, 11, 10, 8]);
    let near = |number: i64| [number.wrapping_sub(1), number, number.wrapping_add(1)];
    let numbers = [
        0,
        -5,
        1 << 28,
        -1 << 28,
        1 << 31,
        1 << 40,
        i64::MIN,
        i64::MAX,
    ];
    for key in numbers.into_iter().flat_map(near) {
        let expected = count(Portable, key);
        match Processor::default() {
            Processor::Portable => {}
            #[cfg(target_arch = "x86_64")]
            Processor::Avx2(avx2) => assert_eq!(count(avx2, key), expected),
            #[cfg(target_arch = "x86_64")]
            Processor::Avx512(avx512) => {
                assert_eq!(count(avx512, key), expected);
                if let Some(avx2) = super::processor::Avx2::detect() {
                    assert_eq!(count(avx2, key), expected);
                }
            }
        }
    }
    assert_eq!(
        <u128 as KeyedAddress>::last_of(7),
        7 << 64 | u128::from(u64::MAX)
    );
}
