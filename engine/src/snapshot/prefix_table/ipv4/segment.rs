//! One /8 of the flat trie, and its only kind of node: a cache line.
//!
//! A node divides its network into 256 slots. Neighbouring slots with the same answer form a
//! run; the node has one bit per slot, set where a run begins, and one leaf per run:
//!
//! ```text
//! byte     0 … 31              32 … 35     36 … 39             40 … 63, then the next lines
//!        ┌───────────────────┬───────────┬───────────────────┬──────────────────────────┐
//!        │ bit s: a run      │ line of   │ place of the leaf │ leaf of run 0, 1, 2, …   │
//!        │ begins at slot s  │ children  │ before each word  │ 16 or 32 bits each       │
//!        └───────────────────┴───────────┴───────────────────┴──────────────────────────┘
//! ```
//!
//! The run of a slot is the number of bits up to it, less one. Its leaf is found by address alone:
//! the place of the last leaf before the word, which the node knows, and the bits of the word up to the
//! slot. Leaves go on in the lines that follow, so there is no second kind of node and no branch between
//! leaves that fit into the line (12 of 16 bits) and those that do not. A leaf whose highest bit
//! is set is not a set but a child: lines from the line of children on. A /16 of one answer is a
//! node of one run, shared by all that answer the same.

use std::marker::PhantomData;

use bytemuck::{Pod, Zeroable, cast_slice, cast_slice_mut};

use super::super::leaf::Leaf;
use super::super::memory::shared_bytes;
use crate::hint::{prefetch, prefetch_next};

/// One cache line.
#[derive(Debug, Clone, Copy, Default, Pod, Zeroable)]
#[repr(C, align(64))]
pub(super) struct Line {
    /// Where runs begin: bit `slot % 64` of word `slot / 64`.
    pub(super) runs: [u64; 4],
    /// The line of the first child.
    pub(super) children: u32,
    /// Where the leaf of the last run before each word is, counted in leaves from the start of the node.
    pub(super) before: [u8; 4],
    /// The first leaves.
    pub(super) leaves: [u64; 3],
}

/// How many leaves there are in a line.
pub(super) const fn leaves_per_line<L>() -> usize {
    size_of::<Line>() / size_of::<L>()
}

/// Where the leaves of a node begin.
pub(super) const fn first_leaf<L>() -> usize {
    std::mem::offset_of!(Line, leaves) / size_of::<L>()
}

/// The networks of one /8.
#[derive(Debug, Clone)]
pub(super) struct Segment<L> {
    /// INVARIANT: the line of a node, per /16.
    pub(super) roots: [u32; 256],
    pub(super) lines: Vec<Line>,
    /// How many lines there were when no line was garbage.
    pub(super) compact_lines: usize,
    pub(super) leaf: PhantomData<L>,
}

impl<L: Leaf> Segment<L> {
    /// The set of `address`, which is in this /8.
    #[inline(always)]
    pub(super) fn lookup(&self, address: u32) -> u32 {
        let [_, second, third, fourth] = address.to_be_bytes();
        let root = self.root(second) as usize;
        let line = &self.lines[root];
        // Most leaves that have no place in the node are in the line after it.
        prefetch_next(line);
        let leaf = self.leaf(root, third);
        if leaf & L::CHILD == 0 {
            return leaf;
        }
        self.leaf(self.child(root, leaf) as usize, fourth)
    }

    /// The first step of [`lookup`](Self::lookup): the node of a /16.
    #[inline(always)]
    pub(super) fn root(&self, second: u8) -> u32 {
        self.roots[usize::from(second)]
    }

    /// Fetches what the next step will read: the node, and the line after it.
    #[inline(always)]
    pub(super) fn expect(&self, node: usize) {
        if let Some(line) = self.lines.get(node) {
            prefetch(line);
            prefetch_next(line);
        }
    }

    /// What answers for a slot of `node`.
    #[inline(always)]
    pub(super) fn leaf(&self, node: usize, slot: u8) -> u32 {
        let line = &self.lines[node];
        let word = usize::from(slot / 64);
        // Shifting the later slots out leaves one bit per run up to this slot.
        let up_to_slot = line.runs[word] << (!slot & 63);
        let place = usize::from(line.before[word]) + up_to_slot.count_ones() as usize;
        self.leaves()[node * leaves_per_line::<L>() + place].into()
    }

    /// All lines as if they were leaves; from the place [`first_leaf`] of a node on, they are.
    #[inline(always)]
    pub(super) fn leaves(&self) -> &[L] {
        cast_slice(&self.lines)
    }

    pub(super) fn leaves_mut(&mut self) -> &mut [L] {
        cast_slice_mut(&mut self.lines)
    }

    /// The node that the leaf `child` of `node` stands for.
    #[inline(always)]
    pub(super) fn child(&self, node: usize, child: u32) -> u32 {
        self.lines[node].children + (child & !L::CHILD)
    }

    /// How many leaves answer below `node`.
    fn leaves_below(&self, node: usize) -> usize {
        let first = node * leaves_per_line::<L>() + first_leaf::<L>();
        let leaves = &self.leaves()[first..first + self.runs(node)];
        leaves
            .iter()
            .map(|&leaf| match leaf.into() {
                leaf if leaf & L::CHILD == 0 => 1,
                child => self.runs(self.child(node, child) as usize),
            })
            .sum()
    }

    /// How many runs `node` has.
    fn runs(&self, node: usize) -> usize {
        let words = self.lines[node].runs.iter();
        words.map(|word| word.count_ones() as usize).sum()
    }

    /// How many leaves answer for the addresses of this /8.
    pub(super) fn len(&self) -> usize {
        self.roots
            .iter()
            .map(|&node| self.leaves_below(node as usize))
            .sum()
    }

    /// The bytes of a shared segment, and of its lines.
    pub(super) fn memory_bytes(&self) -> usize {
        shared_bytes(self) + self.lines.capacity() * size_of::<Line>()
    }
}
