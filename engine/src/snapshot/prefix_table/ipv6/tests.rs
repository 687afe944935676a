//! How a forest grows, is thinned and divided, and what does not fit into it.

use std::ops::Range;

use super::super::address::Prefix;
use super::super::layout_tests::{Scan, edges, prefixes};
use super::super::location_set::Interner;
use super::super::processor::Portable;
use super::super::register::PrefixRegister;
use super::*;

/// Each second /48 of 2001::/16, and so twice as many ranges, but for the last.
fn every_second(numbers: Range<u128>) -> Vec<Prefix<u128>> {
    let raw = numbers.map(|number| (0x2001 << 112 | number << 81, 48, 1));
    prefixes(&raw.collect::<Vec<_>>())
}

/// A forest, what it is made of, and the means to change it.
struct Grown<L> {
    forest: Forest<L>,
    register: PrefixRegister<u128>,
    interner: Interner,
}

impl<L: Leaf> Grown<L> {
    fn new(prefixes: &[Prefix<u128>]) -> Self {
        let register = PrefixRegister::new(prefixes);
        let mut interner = Interner::default();
        let forest = Forest::new(&register, &mut interner).unwrap().unwrap();
        Self {
            forest,
            register,
            interner,
        }
    }

    /// Adds those that are not there, removes the others; whether they fit.
    fn change(&mut self, changes: &[Prefix<u128>]) -> bool {
        for &prefix in changes {
            if !self.register.insert(prefix) {
                self.register.remove(prefix);
            }
        }
        let (register, interner) = (&self.register, &mut self.interner);
        self.forest.refresh(register, changes, interner).unwrap()
    }

    /// Every address at which an answer could change, and those around them.
    #[track_caller]
    fn check(&mut self) {
        let scan = Scan::new(&self.register, &mut self.interner);
        let all: Vec<_> = self.register.within(0, u128::MAX).collect();
        let starts: Vec<u128> = scan
            .boundaries
            .iter()
            .map(|boundary| boundary.start)
            .collect();
        for address in edges(&all) {
            let position = starts.partition_point(|&start| start <= address) - 1;
            let expected = scan.boundaries[position].set;
            assert_eq!(
                self.forest.lookup(address, Portable),
                expected,
                "{address:#x}"
            );
        }
    }

    /// How many pieces each tree has that is in use.
    fn pieces(&self) -> Vec<usize> {
        let trees = self.forest.trees.iter().map(|tree| tree.parts().len());
        trees.filter(|&pieces| pieces > 0).collect()
    }
}

#[test]
fn a_piece_holds_seventeen_lines() {
    // One range per prefix, one before each, one after the last.
    let ranges = |prefixes: u128| every_second(1..1 + prefixes);
    assert_eq!(Grown::<u16>::new(&ranges(84)).pieces(), [1]);
    assert_eq!(Grown::<u16>::new(&ranges(85)).pieces(), [2]);
    assert_eq!(Grown::<u32>::new(&ranges(67)).pieces(), [1]);
    assert_eq!(Grown::<u32>::new(&ranges(68)).pieces(), [2]);
    for prefixes in [84, 85, 67, 68] {
        Grown::<u16>::new(&ranges(prefixes)).check();
        Grown::<u32>::new(&ranges(prefixes)).check();
    }
}

#[test]
fn a_piece_that_grows_is_cut_and_its_neighbours_are_kept() {
    // 67 prefixes, and as many ranges between them, in the first of three.
    let networks = |numbers: Range<u128>, offset: u128| {
        let raw = numbers.map(|number| (0x2001 << 112 | number << 83 | offset << 80, 48, 1));
        prefixes(&raw.collect::<Vec<_>>())
    };
    let mut grown = Grown::<u16>::new(&networks(0..200, 0));
    assert_eq!(grown.pieces(), [3]);
    let before = grown.forest.clone();
    let kept = |grown: &Grown<u16>| {
        let addresses = [0, 199_u128].map(|number| 0x2001 << 112 | number << 83);
        addresses.map(|address| {
            let piece = |forest: &Forest<u16>| match forest.find(address) {
                Found::Tree(tree) => tree.search(address, 0, Portable).piece_address(),
                Found::Set(_) => unreachable!("there are prefixes"),
            };
            piece(&before) == piece(&grown.forest)
        })
    };
    // As many ranges as a piece holds, then two more.
    assert!(grown.change(&networks(10..28, 3)));
    assert_eq!((grown.pieces(), kept(&grown)), (vec![3], [false, true]));
    grown.check();
    assert!(grown.change(&networks(28..29, 3)));
    assert_eq!((grown.pieces(), kept(&grown)), (vec![4], [false, true]));
    grown.check();
}

#[test]
fn a_block_of_more_pieces_than_a_tree_has_is_divided() {
    // 272 pieces of 148 ranges: two per prefix.
    let networks = |numbers: Range<u128>, offset: u128| {
        let raw = numbers.map(|number| (0x2001 << 112 | number << 96 | offset << 80, 48, 1));
        prefixes(&raw.collect::<Vec<_>>())
    };
    let fits = Grown::<u16>::new(&networks(0..20_128, 0));
    assert_eq!((fits.forest.tables.len(), fits.pieces()), (2, vec![272]));
    let mut divided = Grown::<u16>::new(&networks(0..20_129, 0));
    assert_eq!(divided.forest.tables.len(), 3);
    divided.check();
    // The same by a change of a tree that has no room for another piece.
    let mut grown = fits;
    assert!(grown.change(&networks(0..11, 5)));
    assert_eq!((grown.forest.tables.len(), grown.pieces()), (2, vec![272]));
    assert!(grown.change(&networks(11..12, 5)));
    assert_eq!((grown.forest.tables.len(), grown.forest.free.len()), (3, 0));
    grown.check();
}

#[test]
fn a_tree_that_is_full_after_a_change_is_not_divided() {
    // 271 pieces of 148 ranges: two per prefix.
    let networks = |numbers: Range<u128>, offset: u128| {
        let raw = numbers.map(|number| (0x2001 << 112 | number << 96 | offset << 80, 48, 1));
        prefixes(&raw.collect::<Vec<_>>())
    };
    let mut grown = Grown::<u16>::new(&networks(0..20_054, 0));
    assert_eq!(grown.pieces(), [271]);
    // So many ranges in seven of them that a new tree would have no room for all.
    for piece in 0..7 {
        assert!(grown.change(&networks(74 * piece..74 * piece + 11, 5)));
    }
    assert_eq!(grown.pieces(), [271]);
    assert!(grown.change(&networks(11..12, 5)));
    assert_eq!((grown.forest.tables.len(), grown.pieces()), (2, vec![272]));
    grown.check();
}

#[test]
fn a_tree_is_planted_anew_when_it_has_more_than_four_times_the_pieces_it_needs() {
    let all = every_second(0..2_000);
    let mut grown = Grown::<u16>::new(&all);
    assert_eq!(grown.pieces(), [28]);
    // Two ranges per prefix in seven pieces, and one in each of the others: 889 need seven.
    assert!(grown.change(&all[434..]));
    assert_eq!(grown.pieces(), [28]);
    grown.check();
    // 887 need six.
    assert!(grown.change(&all[433..434]));
    assert_eq!(grown.pieces(), [6]);
    grown.check();
}

#[test]
fn a_tree_that_was_thinned_is_planted_anew_and_at_last_given_back() {
    let all = every_second(0..2_000);
    let mut grown = Grown::<u16>::new(&all);
    assert_eq!(grown.pieces(), [28]);
    assert!(grown.change(&all[30..]));
    assert_eq!(grown.pieces(), [1]);
    grown.check();
    assert!(grown.change(&all[..30]));
    assert_eq!((grown.pieces(), grown.forest.free.len()), (vec![], 1));
    grown.check();
    // The next takes its number.
    let other = prefixes(&[(0x2002 << 112, 32, 0)]);
    assert!(grown.change(&other));
    assert_eq!((grown.forest.trees.len(), grown.forest.free.len()), (1, 0));
    grown.check();
}

#[test]
fn a_tree_of_several_pieces_is_given_back_when_all_its_prefixes_go_at_once() {
    let all = every_second(0..200);
    let mut grown = Grown::<u16>::new(&all);
    assert_eq!(grown.pieces(), [3]);
    assert!(grown.change(&all));
    assert_eq!((grown.pieces(), grown.forest.free.len()), (vec![], 1));
    grown.check();
}

#[test]
fn a_prefix_shorter_than_any_block_changes_all() {
    let mut grown = Grown::<u16>::new(&every_second(0..300));
    for raw in [
        (0, 0, 5),
        (0x2000 << 112, 3, 6),
        (0x2001 << 112, 16, 7),
        (0x2001 << 112, 17, 8),
    ] {
        assert!(grown.change(&prefixes(&[raw])));
        grown.check();
    }
    for raw in [
        (0x2000 << 112, 3, 6),
        (0, 0, 5),
        (0x2001 << 112, 17, 8),
        (0x2001 << 112, 16, 7),
    ] {
        assert!(grown.change(&prefixes(&[raw])));
        grown.check();
    }
}

#[test]
fn what_is_longer_than_a_key_is_searched_in_its_key() {
    let key = 0x2001_0db8_0007_u128 << 80;
    let mut grown = Grown::<u16>::new(&prefixes(&[
        (key, 47, 0),
        (key, 48, 1),
        (key | 5 << 64, 64, 2),
        (key | 77, 128, 3),
        (key | u128::MAX >> 48, 128, 4),
        (key + (1 << 80), 128, 5),
    ]));
    grown.check();
    assert!(grown.change(&prefixes(&[(key, 48, 1), (key | 6 << 64, 64, 2)])));
    grown.check();
    assert!(grown.change(&prefixes(&[(key | 77, 128, 3), (key | 5 << 64, 64, 2)])));
    grown.check();
}

#[test]
fn a_key_that_would_be_divided_too_often_does_not_fit() {
    // Two ranges each but for the first, which has none before it.
    let long = |count: u128| {
        let raw = (0..count).map(|number| (0x2001_0db8 << 96 | number << 65, 64, 1));
        prefixes(&raw.collect::<Vec<_>>())
    };
    let mut fits = Grown::<u16>::new(&long(512));
    fits.check();
    assert!(!fits.change(&[long(513)[512]]));
    let register = PrefixRegister::new(&long(513));
    let forest = Forest::<u16>::new(&register, &mut Interner::default()).unwrap();
    assert!(forest.is_none());
}

#[test]
fn a_leaf_of_sixteen_bits_holds_sets_below_its_highest_bit() {
    let forest = |sets: u32| {
        let raw = (0..sets).map(|number| (0x2001 << 112 | u128::from(number) << 80, 48, number));
        let register = PrefixRegister::new(&prefixes(&raw.collect::<Vec<_>>()));
        let mut interner = Interner::default();
        let narrow = Forest::<u16>::new(&register, &mut interner).unwrap();
        let wide = Forest::<u32>::new(&register, &mut interner)
            .unwrap()
            .unwrap();
        let last = 0x2001 << 112 | u128::from(sets - 1) << 80;
        assert_eq!(wide.lookup(last, Portable).index(), sets as usize);
        narrow.map(|narrow| narrow.lookup(last, Portable).index())
    };
    assert_eq!(forest(32_767), Some(32_767));
    assert_eq!(forest(32_768), None);
}
