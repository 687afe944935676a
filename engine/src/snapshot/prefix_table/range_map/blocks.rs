//! Blocks of keys that have one answer, in front of the trees of a large map.
//!
//! Most of the address space of IPv6 belongs to nobody: one load answers for it, before any tree is
//! gone down.
//!
//! ```text
//! upper 12 bits of a key → set of all keys that begin so, or ASK
//! ```

use std::sync::Arc;

use super::super::index::LocationSetIndex;
use super::super::memory::shared_bytes;
use super::super::processor::Portable;
use super::tree::Key;
use super::{DIVIDED, KeyedAddress, RangeMap};

/// How many upper bits of a key name its block.
pub(super) const BITS: u32 = 12;

/// Instead of a set: not all keys of the block have the same answer. No set has this number.
const ASK: u32 = DIVIDED;

/// One answer per block. Empty, 16 KiB less, for a map of one piece, which is no deeper than this.
#[derive(Debug, Clone, Default)]
pub(super) struct Blocks(Arc<[u32]>);

impl Blocks {
    /// The answer of all keys in the block of `key`, if it is one.
    #[inline(always)]
    pub(super) fn answer<K: Key>(&self, key: K) -> Option<LocationSetIndex> {
        self.0
            .get(key.block())
            .filter(|&&answer| answer != ASK)
            .map(|&answer| LocationSetIndex::from_bits(answer))
    }

    pub(super) fn memory_bytes(&self) -> usize {
        shared_bytes(&*self.0)
    }

    /// The blocks of `map`, which has its trees by now.
    pub(super) fn of<A: KeyedAddress>(map: &RangeMap<A>) -> Blocks {
        if map.pieces.len() == 1 {
            return Blocks::default();
        }
        Blocks((0..1 << BITS).map(|block| answer(map, block)).collect())
    }

    /// The blocks of `map` after the trees changed between `first` and `last`, for each of `changed`.
    pub(super) fn refreshed<A: KeyedAddress>(
        &self,
        map: &RangeMap<A>,
        changed: impl Iterator<Item = (A::Key, A::Key)>,
    ) -> Blocks {
        if self.0.is_empty() {
            return Blocks::of(map);
        }
        let mut touched: Vec<usize> = changed
            .flat_map(|(first, last)| first.block()..=last.block())
            .collect();
        touched.sort_unstable();
        touched.dedup();
        let mut answers = Arc::clone(&self.0);
        let answers_mut = Arc::make_mut(&mut answers);
        for block in touched {
            answers_mut[block] = answer(map, block);
        }
        Blocks(answers)
    }
}

/// The answer of all keys in a block, or `ASK`.
fn answer<A: KeyedAddress>(map: &RangeMap<A>, block: usize) -> u32 {
    let (first, last) = A::Key::keys_of_block(block);
    let number = map.directory.position(first, Portable);
    let mut known = None;
    for piece in &map.pieces[number..] {
        let from = if known.is_none() {
            piece.ends.position(first, Portable)
        } else {
            0
        };
        for (end, &answer) in piece.ends.ends().zip(&*piece.answers).skip(from) {
            if answer & DIVIDED != 0 || known.is_some_and(|known| known != answer) {
                return ASK;
            }
            if end >= last {
                return answer;
            }
            known = Some(answer);
        }
    }
    ASK
}
