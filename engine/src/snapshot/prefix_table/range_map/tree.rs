//! A static search tree whose node is one cache line.
//!
//! A range is known by its last key, and the search counts how many ends are *below* a key: no
//! branch depends on the data, and the highest key, with which lines are padded, is never
//! counted. A line holds `B` keys (16 of 32 bits, or 8 of 64) and has `B + 1` children, which
//! need no pointers:
//!
//! ```text
//! level 0   [ k k … k ]                           one line
//! level 1   [ k k … k ][ k … k ] …                B + 1 lines; child c of line n: n·(B+1) + c
//! level 2   [ e e … e ][ e … e ][ e … e ] …       the ends themselves, as many lines as needed
//! ```
//!
//! Key `c` of an inner line is the last end below child `c`.

use std::fmt::Debug;
use std::sync::Arc;

use super::super::memory::shared_bytes;
use super::super::processor::Counter;
use crate::hint::prefetch_first;

/// A key, and the cache line of such keys.
pub(in super::super) trait Key: Copy + Ord + Debug + Send + Sync {
    /// The number that is less than another's where the key is, with a sign: what processors without
    /// AVX-512 can compare.
    type Ordered: Copy + Debug + Send + Sync;
    /// One cache line of keys.
    type Line: Copy + Debug + Send + Sync;
    /// How many keys a line holds.
    const PER_LINE: usize;
    /// The highest key.
    const LAST: Self;

    /// The number to compare.
    fn ordered(self) -> Self::Ordered;
    /// A line of `keys`, padded with the highest key.
    fn line(keys: impl Iterator<Item = Self>) -> Self::Line;
    /// How many keys of `line` are below `key`.
    fn count_below(line: &Self::Line, key: Self, counter: impl Counter) -> usize;
    /// The keys of `line`.
    fn keys(line: &Self::Line) -> impl Iterator<Item = Self>;
    /// The key before this one; the lowest has none.
    fn predecessor(self) -> Option<Self>;
    /// The key after this one; the highest has none.
    fn successor(self) -> Option<Self>;
}

macro_rules! key {
    ($number:ty, $ordered:ty, $line:ident, $per_line:literal, $below:ident) => {
        #[derive(Debug, Clone, Copy)]
        #[repr(align(64))]
        pub(in super::super) struct $line([$ordered; $per_line]);

        impl Key for $number {
            type Ordered = $ordered;
            type Line = $line;
            const PER_LINE: usize = $per_line;
            const LAST: Self = <$number>::MAX;

            #[inline(always)]
            fn ordered(self) -> $ordered {
                self.cast_signed() ^ <$ordered>::MIN
            }

            fn line(mut keys: impl Iterator<Item = Self>) -> $line {
                let mut next = || keys.next().unwrap_or(Self::MAX).ordered();
                $line(std::array::from_fn(|_| next()))
            }

            #[inline(always)]
            fn count_below(line: &$line, key: Self, counter: impl Counter) -> usize {
                counter.$below(&line.0, key.ordered(), $per_line)
            }

            fn keys(line: &$line) -> impl Iterator<Item = Self> {
                let key = |&ordered: &$ordered| (ordered ^ <$ordered>::MIN).cast_unsigned();
                line.0.iter().map(key)
            }

            fn predecessor(self) -> Option<Self> {
                self.checked_sub(1)
            }

            fn successor(self) -> Option<Self> {
                self.checked_add(1)
            }
        }
    };
}

key!(u32, i32, Line32, 16, below_32);
key!(u64, i64, Line64, 8, below_64);

/// The position of a key among ascending ends.
#[derive(Debug, Clone)]
pub(super) struct EndTree<K: Key> {
    /// The levels in turn, the root first; each but the last has its full width.
    lines: Arc<[K::Line]>,
    levels: u32,
    /// Where the last level begins.
    bottom: usize,
    len: usize,
}

impl<K: Key> EndTree<K> {
    const CHILDREN: usize = K::PER_LINE + 1;

    /// The tree over `ends`: strictly ascending, at least one.
    pub(super) fn new(ends: &[K]) -> Self {
        debug_assert!(!ends.is_empty() && ends.is_sorted_by(|before, after| before < after));
        let bottom = ends.len().div_ceil(K::PER_LINE);
        let mut levels = 1;
        while Self::CHILDREN.pow(levels - 1) < bottom {
            levels += 1;
        }
        let mut lines = Vec::new();
        for level in 1..levels {
            let below = K::PER_LINE * Self::CHILDREN.pow(levels - 1 - level);
            for line in 0..Self::CHILDREN.pow(level - 1) {
                let children = (line * Self::CHILDREN + 1..).take(K::PER_LINE);
                // A child with nothing behind it needs no separator: padding sends all keys there.
                let behind = children
                    .map(|child| child * below)
                    .take_while(|&end| end < ends.len());
                lines.push(K::line(behind.map(|end| ends[end - 1])));
            }
        }
        let inner = lines.len();
        lines.extend(
            ends.chunks(K::PER_LINE)
                .map(|chunk| K::line(chunk.iter().copied())),
        );
        Self {
            lines: lines.into(),
            levels,
            bottom: inner,
            len: ends.len(),
        }
    }

    /// How many ends are below `key`: the position of the range that holds it, provided that the
    /// last end is not below it.
    #[inline(always)]
    pub(super) fn position(&self, key: K, counter: impl Counter) -> usize {
        self.arrive(self.last_line(key, counter), key, counter)
    }

    /// All steps of `position` but the last one: to a line of the last level.
    #[inline(always)]
    pub(super) fn last_line(&self, key: K, counter: impl Counter) -> usize {
        // The usual depths apart from the loop: there, where a level starts is a constant.
        match self.levels {
            1 => 0,
            2 => self.descend_often::<1>(key, counter),
            3 => self.descend_often::<2>(key, counter),
            4 => self.descend_often::<3>(key, counter),
            levels => self.descend(levels - 1, key, counter),
        }
    }

    #[inline(always)]
    fn descend_often<const TIMES: u32>(&self, key: K, counter: impl Counter) -> usize {
        self.descend(TIMES, key, counter)
    }

    #[inline(always)]
    fn descend(&self, times: u32, key: K, counter: impl Counter) -> usize {
        let (mut line, mut level) = (0, Level::ROOT);
        for _ in 0..times {
            line = self.child(level, line, key, counter);
            level = level.below::<K>();
        }
        line
    }

    /// Asks for the first lines: all there are of a small tree.
    #[inline]
    pub(super) fn expect(&self) {
        prefetch_first(&self.lines);
    }

    /// How many lines there are on the way to a position.
    #[inline(always)]
    pub(super) fn levels(&self) -> u32 {
        self.levels
    }

    /// One step of `position`: from a line of `level` to the child that holds `key`, a line of the
    /// level below.
    #[inline(always)]
    pub(super) fn child(&self, level: Level, line: usize, key: K, counter: impl Counter) -> usize {
        line * Self::CHILDREN + K::count_below(&self.lines[level.start + line], key, counter)
    }

    /// The last step of `position`, in a line of the last level.
    #[inline(always)]
    pub(super) fn arrive(&self, line: usize, key: K, counter: impl Counter) -> usize {
        let keys = &self.lines[self.bottom + line];
        line * K::PER_LINE + K::count_below(keys, key, counter)
    }

    /// The ends, ascending.
    pub(super) fn ends(&self) -> impl Iterator<Item = K> {
        self.lines[self.bottom..]
            .iter()
            .flat_map(K::keys)
            .take(self.len)
    }

    pub(super) fn memory_bytes(&self) -> usize {
        shared_bytes(&*self.lines)
    }
}

/// A level of a tree that is not the last one: where it begins is the same in every tree. Searches
/// that go down together, so that the memory they wait for is fetched at the same time, have one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Level {
    start: usize,
    width: usize,
}

impl Level {
    /// The first.
    pub(super) const ROOT: Self = Self { start: 0, width: 1 };

    /// The next.
    #[inline(always)]
    pub(super) fn below<K: Key>(self) -> Self {
        Self {
            start: self.start + self.width,
            width: self.width * EndTree::<K>::CHILDREN,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::processor::Portable;
    use super::*;

    /// Alone and step by step, as batches go, around ends everywhere in a tree of so many.
    fn check<K: Key>(count: usize, key: impl Fn(usize) -> K) {
        let ends: Vec<K> = (0..count).map(|number| key(3 * number)).collect();
        let tree = EndTree::new(&ends);
        assert!(tree.ends().eq(ends.iter().copied()));
        let step = (count / 1_000).max(1);
        for number in (0..count).step_by(step).chain([count - 1]) {
            for (near, position) in [
                (3 * number, number),
                ((3 * number).saturating_sub(2), number),
            ] {
                let wanted = key(near);
                assert_eq!(tree.position(wanted, Portable), position, "{count}");
                let (mut line, mut level) = (0, Level::ROOT);
                for _ in 1..tree.levels() {
                    line = tree.child(level, line, wanted, Portable);
                    level = level.below::<K>();
                }
                assert_eq!(tree.arrive(line, wanted, Portable), position, "{count}");
            }
        }
    }

    #[test]
    fn a_position_is_found_in_trees_of_any_depth() {
        // One line, its children, theirs: full levels, and one end more than they hold.
        for levels in 0..5 {
            for more in [0, 1] {
                check(8 * 9_usize.pow(levels) + more, |number| number as u64);
                check(16 * 17_usize.pow(levels.min(3)) + more, |number| {
                    number as u32
                });
            }
        }
    }
}
