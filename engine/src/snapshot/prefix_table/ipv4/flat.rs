//! The flat trie: 8 bits, 8 bits, then nodes of 8 bits each.
//!
//! ```text
//! address   203       .  0        .  113       .  7
//!           │            │           │            │
//!           ▼            ▼           ▼            ▼
//!         segments ──► roots ────► node ───────► node      (only where a /24 is divided)
//!         256 × 8 B    256 × 4 B   1 line,       1 line,
//!         2 KiB        1 KiB       + leaves      + leaves
//! ```
//!
//! A [segment](super::segment) is one /8 in one piece of memory, so that a new table shares with
//! the old one every segment in which nothing changed. In the others the /16 that changed is
//! written anew at the end, and the lines it leaves behind are garbage until they outnumber what
//! is in use. The pointer per segment costs one access to memory that is always in the nearest
//! cache.

use std::sync::Arc;

use super::super::address::{Address, Prefix};
use super::super::error::PrefixTableError;
use super::super::index::LocationSetIndex;
use super::super::leaf::Leaf;
use super::super::location_set::Interner;
use super::super::map::{Layout, Lookup};
use super::super::processor::Counter;
use super::super::range_map::BATCH;
use super::super::register::PrefixRegister;
use super::super::sweep::Sweep;
use super::segment::Segment;

/// Address → set.
#[derive(Debug, Clone)]
pub(in super::super) struct Flat<L> {
    segments: Box<[Arc<Segment<L>>; 256]>,
}

/// How far one of several lookups has come.
#[derive(Debug)]
struct Walk<'a, L> {
    segment: &'a Segment<L>,
    node: u32,
    address: u32,
    /// Where the answer goes.
    position: usize,
}

impl<L> Clone for Walk<'_, L> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<L> Copy for Walk<'_, L> {}

impl<L: Leaf> Layout<u32> for Flat<L> {
    fn new(
        register: &PrefixRegister<u32>,
        interner: &mut Interner,
    ) -> Result<Option<Self>, PrefixTableError> {
        let mut sweep = Sweep::new();
        let mut segments: Vec<Arc<Segment<L>>> = Vec::with_capacity(256);
        // The last segment that has but one answer, to be shared with the next that has the same.
        let mut uniform: Option<(LocationSetIndex, Arc<Segment<L>>)> = None;
        for first in (0..=u8::MAX).map(|byte| u32::from_be_bytes([byte, 0, 0, 0])) {
            let boundaries = sweep.span(register, first, first.broadcast(8), interner)?;
            let same = uniform
                .as_ref()
                .filter(|(set, _)| boundaries.len() == 1 && boundaries[0].set == *set);
            if let Some((_, segment)) = same {
                segments.push(Arc::clone(segment));
                continue;
            }
            let Some(segment) = Segment::new(boundaries) else {
                return Ok(None);
            };
            let segment = Arc::new(segment);
            if let [only] = boundaries {
                uniform = Some((only.set, Arc::clone(&segment)));
            }
            segments.push(segment);
        }
        Ok(Box::try_from(segments.into_boxed_slice())
            .ok()
            .map(|segments| Self { segments }))
    }

    /// Rewrites the networks of `changed`.
    fn refresh(
        &mut self,
        register: &PrefixRegister<u32>,
        changed: &[Prefix<u32>],
        interner: &mut Interner,
    ) -> Result<bool, PrefixTableError> {
        let mut touched: Vec<u16> = Vec::new();
        for prefix in changed {
            touched.extend((prefix.first() >> 16) as u16..=(prefix.last() >> 16) as u16);
        }
        touched.sort_unstable();
        touched.dedup();

        let mut sweep = Sweep::new();
        for same_segment in touched.chunk_by(|one, next| one >> 8 == next >> 8) {
            let segment = &mut self.segments[usize::from(same_segment[0] >> 8)];
            let rewritten = Arc::make_mut(segment);
            for &network in same_segment {
                let first = u32::from(network) << 16;
                let boundaries = sweep.span(register, first, first.broadcast(16), interner)?;
                if !rewritten.rewrite(network as u8, boundaries) {
                    return Ok(false);
                }
            }
            if rewritten.is_mostly_garbage() {
                let first = u32::from(same_segment[0]) << 16;
                let first = first.network(8);
                let boundaries = sweep.span(register, first, first.broadcast(8), interner)?;
                let Some(compact) = Segment::new(boundaries) else {
                    return Ok(false);
                };
                *segment = Arc::new(compact);
            }
        }
        Ok(true)
    }
}

impl<L: Leaf> Lookup<u32> for Flat<L> {
    #[inline(always)]
    fn lookup(&self, address: u32, _counter: impl Counter) -> LocationSetIndex {
        let segment = &self.segments[(address >> 24) as usize];
        LocationSetIndex::from_bits(segment.lookup(address))
    }

    #[inline]
    fn expect(&self, address: u32) {
        let [first, second, ..] = address.to_be_bytes();
        let segment = &self.segments[usize::from(first)];
        segment.expect(segment.root(second) as usize);
    }

    /// They go down together: the memory that they wait for is fetched at the same time, level by
    /// level.
    #[inline(always)]
    fn lookup_batch(
        &self,
        addresses: impl Iterator<Item = (usize, u32)>,
        sets: &mut [LocationSetIndex],
        _counter: impl Counter,
    ) -> u32 {
        let start = Walk {
            segment: &*self.segments[0],
            node: 0,
            address: 0,
            position: 0,
        };
        let mut walks = [start; BATCH];
        let mut count = 0;
        for (position, address) in addresses {
            let [first, second, ..] = address.to_be_bytes();
            let segment = &*self.segments[usize::from(first)];
            let node = segment.root(second);
            segment.expect(node as usize);
            walks[count % BATCH] = Walk {
                segment,
                node,
                address,
                position,
            };
            count += 1;
        }
        // Those whose /24 is divided, at the node of it.
        let mut divided = [start; BATCH];
        let mut divided_count = 0;
        for walk in &walks[..count.min(BATCH)] {
            let (segment, node) = (walk.segment, walk.node as usize);
            let leaf = segment.leaf(node, walk.address.to_be_bytes()[2]);
            if leaf & L::CHILD == 0 {
                sets[walk.position] = LocationSetIndex::from_bits(leaf);
                continue;
            }
            let child = segment.child(node, leaf);
            segment.expect(child as usize);
            divided[divided_count % BATCH] = Walk {
                node: child,
                ..*walk
            };
            divided_count += 1;
        }
        for walk in &divided[..divided_count.min(BATCH)] {
            let leaf = walk
                .segment
                .leaf(walk.node as usize, walk.address.to_be_bytes()[3]);
            sets[walk.position] = LocationSetIndex::from_bits(leaf);
        }
        0
    }

    fn len(&self) -> usize {
        self.segments.iter().map(|segment| segment.len()).sum()
    }

    fn memory_bytes(&self) -> usize {
        let mut distinct: Vec<&Arc<Segment<L>>> = self.segments.iter().collect();
        distinct.sort_unstable_by_key(|segment| Arc::as_ptr(segment));
        distinct.dedup_by(|one, next| Arc::ptr_eq(one, next));
        let segments = distinct
            .iter()
            .map(|segment| segment.memory_bytes())
            .sum::<usize>();
        size_of_val(&*self.segments) + segments
    }
}
