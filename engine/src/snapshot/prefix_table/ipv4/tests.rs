//! How many lines a segment may leave behind, and which sets fit into a leaf.

use super::super::index::LocationSetIndex;
use super::super::sweep::Boundary;
use super::segment::Segment;

/// The one boundary of addresses that all have the set of this number.
fn all(set: usize) -> [Boundary<u32>; 1] {
    [Boundary {
        start: 0,
        set: LocationSetIndex::new(set).unwrap(),
    }]
}

#[test]
fn a_segment_is_written_anew_when_more_lines_are_garbage_than_in_use() {
    // Networks of 16 bits with sets of their own, one line each.
    let boundaries: Vec<_> = (0..5_u32)
        .map(|number| Boundary {
            start: number << 16,
            set: LocationSetIndex::new(number as usize).unwrap(),
        })
        .collect();
    let mut segment: Segment<u16> = Segment::new(&boundaries).unwrap();
    assert_eq!(segment.lines.len(), 5);
    // As many lines as there were, and 64 for which the work does not pay.
    for _ in 0..5 + 64 {
        assert!(segment.rewrite(200, &all(7)));
        assert!(!segment.is_mostly_garbage());
    }
    assert!(segment.rewrite(200, &all(7)));
    assert!(segment.is_mostly_garbage());
    assert!(segment.rewrite(200, &all(7)));
    assert!(segment.is_mostly_garbage());
    assert_eq!(segment.lookup(200 << 16), 7);
    assert_eq!(segment.lookup(199 << 16), 4);
}

#[test]
fn a_leaf_of_sixteen_bits_holds_sets_below_its_highest_bit() {
    let mut narrow: Segment<u16> = Segment::new(&all(32_767)).unwrap();
    assert_eq!(narrow.lookup(0), 32_767);
    assert!(Segment::<u16>::new(&all(32_768)).is_none());
    assert!(!narrow.rewrite(0, &all(32_768)));
    assert_eq!(narrow.lookup(0), 32_767);

    let wide: Segment<u32> = Segment::new(&all(32_768)).unwrap();
    assert_eq!(wide.lookup(0), 32_768);
}

#[test]
fn a_segment_may_have_more_lines_than_a_narrow_leaf_can_count() {
    // Each network of 24 bits is divided, which takes a line.
    let boundaries: Vec<_> = (0..1_u32 << 16)
        .map(|number| Boundary {
            start: if number == 0 { 0 } else { number << 8 | 7 },
            set: LocationSetIndex::new(number as usize % 3).unwrap(),
        })
        .collect();
    let segment: Segment<u16> = Segment::new(&boundaries).unwrap();
    assert!(segment.lines.len() > 1 << 16);
    for (before, next) in boundaries.iter().zip(&boundaries[1..]) {
        assert_eq!(segment.lookup(next.start - 1), before.set.bits());
        assert_eq!(segment.lookup(next.start), next.set.bits());
    }
}
