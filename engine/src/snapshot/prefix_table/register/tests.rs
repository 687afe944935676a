//! What a register promises about its pieces, and which prefixes it finds around an address.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn prefix(address: u32, length: u8, location: usize) -> Prefix<u32> {
    Prefix::new(address, length, LocationIndex::new(location).unwrap())
}

#[track_caller]
fn check_pieces(register: &PrefixRegister<u32>) {
    let lengths = register.pieces.iter().map(|piece| piece.len());
    assert_eq!(lengths.clone().sum::<usize>(), register.len());
    for length in lengths {
        assert!((1..=PIECE).contains(&length), "a piece of {length}");
    }
    let all: Vec<_> = register.within(u32::FIRST, u32::LAST).collect();
    assert!(all.is_sorted_by(|before, after| before < after));
    assert_eq!(all.len(), register.len());
}

#[test]
fn a_piece_is_cut_in_half_only_when_it_is_more_than_full() {
    let mut register = PrefixRegister::default();
    // Every other number first, so that the rest falls between what is there.
    let numbers = (0..5_000).step_by(2).chain((1..5_000).step_by(2));
    for (count, number) in (1..).zip(numbers) {
        assert!(register.insert(prefix(number << 8, 24, 0)));
        assert_eq!(
            register.pieces.len(),
            if count <= PIECE { 1 } else { 2 },
            "{count}"
        );
        if (PIECE - 1..=PIECE + 2).contains(&count) {
            check_pieces(&register);
        }
        if count == PIECE + 1 {
            assert_eq!(register.pieces[0].len(), PIECE / 2);
        }
    }
    check_pieces(&register);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Prefixes of few lengths, often of one alone.
    #[test]
    fn the_prefixes_around_an_address_begin_before_it_and_cover_it(
        raw in proptest::collection::vec((any::<u16>(), 0_usize..3, 0_usize..3), 0..40),
        lengths in proptest::collection::vec(0_u8..=32, 1..4),
        elsewhere: u16,
    ) {
        let place = |host: u16| u32::from(host).reverse_bits();
        let prefixes: BTreeSet<_> = raw
            .into_iter()
            .map(|(host, length, location)| {
                prefix(place(host), lengths[length % lengths.len()], location)
            })
            .collect();
        let sorted: Vec<_> = prefixes.iter().copied().collect();
        let register = PrefixRegister::new(&sorted);
        let ends = prefixes.iter().flat_map(|prefix| [prefix.first(), prefix.last()]);
        for address in ends.chain([place(elsewhere)]) {
            let mut expected: Vec<_> = sorted
                .iter()
                .copied()
                .filter(|prefix| prefix.first() < address && address <= prefix.last())
                .collect();
            expected.sort_by_key(|prefix| prefix.length());
            prop_assert!(register.around(address).eq(expected), "{:#x}", address);
        }
    }
}
