//! From boundaries between addresses to ranges of keys.
//!
//! A search goes by the upper bits of an address, its *key*, which nearly no prefix exceeds. A key in
//! which the answer changes nonetheless is *divided*: it is a range of its own, and the bits below the
//! key are searched in a list that only such addresses ask.

use std::sync::Arc;

use super::index::LocationSetIndex;
use super::memory::shared_bytes;
use super::range_map::Key;
use super::sweep::Boundary;

/// The last key of some range and what holds in it.
#[derive(Debug, Clone)]
pub(super) struct Range<K, R> {
    pub(super) end: K,
    pub(super) answer: Answer<R>,
}

#[derive(Debug, Clone)]
pub(super) enum Answer<R> {
    Set(LocationSetIndex),
    Divided(DividedKey<R>),
}

/// The ranges within one key. INVARIANT: starts ascend from zero; one set per start.
#[derive(Debug, Clone)]
pub(super) struct DividedKey<R> {
    starts: Box<[R]>,
    sets: Box<[LocationSetIndex]>,
}

/// The ranges that `boundaries` make of keys, up to the key `last`; `split` divides an address into
/// its key and what is below.
pub(super) fn ranges<A: Copy, K: Key, R: Copy + Default + Eq>(
    boundaries: &[Boundary<A>],
    split: impl Fn(A) -> (K, R),
    last: K,
) -> Vec<Range<K, R>> {
    let mut ranges: Vec<Range<K, R>> = Vec::with_capacity(boundaries.len());
    let mut set = LocationSetIndex::EMPTY;
    let key = |boundary: &Boundary<A>| split(boundary.start).0;
    for (number, group) in boundaries
        .chunk_by(|one, next| key(one) == key(next))
        .enumerate()
    {
        let (key, remainder) = split(group[0].start);
        if number > 0 {
            // What held so far ends before this key, unless a divided key has just ended there.
            let before = key.predecessor().filter(|&end| is_open(&ranges, end));
            ranges.extend(before.map(|end| Range {
                end,
                answer: Answer::Set(set),
            }));
        }
        if group.len() > 1 || remainder != R::default() {
            let divided = DividedKey::new(set, group, |address| split(address).1);
            ranges.push(Range {
                end: key,
                answer: Answer::Divided(divided),
            });
        }
        set = group[group.len() - 1].set;
    }
    if is_open(&ranges, last) {
        ranges.push(Range {
            end: last,
            answer: Answer::Set(set),
        });
    }
    ranges
}

/// Whether the keys up to `end` are not all in `ranges` yet.
fn is_open<K: Key, R>(ranges: &[Range<K, R>], end: K) -> bool {
    ranges.last().is_none_or(|range| range.end < end)
}

impl<R> DividedKey<R> {
    /// The ranges that begin with `boundaries`, all in one key; before them the answer is `before`.
    fn new<A: Copy>(
        before: LocationSetIndex,
        boundaries: &[Boundary<A>],
        remainder: impl Fn(A) -> R,
    ) -> Self
    where
        R: Default + Eq,
    {
        let begins_later = remainder(boundaries[0].start) != R::default();
        let missing = begins_later.then(|| (R::default(), before));
        let given = boundaries
            .iter()
            .map(|boundary| (remainder(boundary.start), boundary.set));
        let (starts, sets): (Vec<_>, Vec<_>) = missing.into_iter().chain(given).unzip();
        Self {
            starts: starts.into(),
            sets: sets.into(),
        }
    }

    #[inline(never)]
    fn lookup(&self, remainder: R) -> LocationSetIndex
    where
        R: Ord,
    {
        // Never below one: the first start is zero.
        let after = self.starts.partition_point(|start| *start <= remainder);
        self.sets[after - 1]
    }

    /// How many ranges there are.
    pub(super) fn len(&self) -> usize {
        self.starts.len()
    }

    fn memory_bytes(&self) -> usize {
        size_of_val(&*self.starts) + size_of_val(&*self.sets)
    }
}

/// The divided keys of a piece, which answers name by their numbers: mostly none, which takes no memory.
#[derive(Debug, Clone, Default)]
pub(super) struct DividedKeys<R>(Arc<[DividedKey<R>]>);

impl<R> From<Vec<DividedKey<R>>> for DividedKeys<R> {
    fn from(keys: Vec<DividedKey<R>>) -> Self {
        Self(if keys.is_empty() {
            Arc::default()
        } else {
            keys.into()
        })
    }
}

impl<R: Ord> DividedKeys<R> {
    #[inline(always)]
    pub(super) fn lookup(&self, number: u32, remainder: R) -> LocationSetIndex {
        self.0[number as usize].lookup(remainder)
    }

    /// How many ranges there are beyond one for each key.
    pub(super) fn more_ranges(&self) -> usize {
        self.0.iter().map(|key| key.len() - 1).sum()
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let keys = self.0.iter().map(DividedKey::memory_bytes);
        shared_bytes(&*self.0) + keys.sum::<usize>()
    }
}
