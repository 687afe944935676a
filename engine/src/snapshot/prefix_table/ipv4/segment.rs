//! One /8 of the flat trie, and its only kind of node: a cache line.
//!
//! A node divides its network into 256 slots. Neighbouring slots with the same answer form a
//! run; the node has one bit per slot, set where a run begins, and one leaf per run:
//!
//! ```text
//! 64-bit word   0 … 3                    4                              5 … 7, then the next lines
//!             ┌───────────────────────┬───────────────────┬───────────┬──────────────────────────┐
//!             │ bit s: a run begins   │ runs before words │ line of   │ leaf of run 0, 1, 2, …   │
//!             │ at slot s             │ 3, 2, 1, 0; 8 bit │ children  │ 16 or 32 bits each       │
//!             └───────────────────────┴───────────────────┴───────────┴──────────────────────────┘
//! ```
//!
//! The run of a slot is the number of bits up to it, less one. Its leaf is found by address alone:
//! leaves go on in the lines that follow, so there is no second kind of node and no branch between
//! leaves that fit into the line (12 of 16 bits) and those that do not. A leaf whose highest bit
//! is set is not a set but a child: lines from the line of children on. A /16 of one answer is a
//! node of one run, shared by all that answer the same.

use crate::hint::prefetch;

/// One cache line.
#[derive(Debug, Clone, Copy, Default)]
#[repr(align(64))]
pub(super) struct Line(pub(super) [u64; 8]);

/// The word of a node that counts runs and names the children.
pub(super) const COUNTS_WORD: usize = 4;
/// The word of a node at which its leaves begin.
pub(super) const LEAVES_WORD: usize = 5;
/// Bits of `COUNTS_WORD` below the counts: the line of the children.
pub(super) const CHILDREN_BITS: u32 = 32;

/// The networks of one /8; `BITS` is the width of a leaf.
#[derive(Debug, Clone)]
pub(super) struct Segment<const BITS: u32> {
    /// INVARIANT: the line of a node, per /16.
    pub(super) roots: [u32; 256],
    pub(super) lines: Vec<Line>,
    /// How many lines there were when no line was garbage.
    pub(super) compact_lines: usize,
}

impl<const BITS: u32> Segment<BITS> {
    /// The bit of a leaf that makes it a child; sets are below it.
    pub(super) const CHILD: u64 = 1 << (BITS - 1);
    /// How many leaves a word holds.
    pub(super) const LEAVES_PER_WORD: usize = (u64::BITS / BITS) as usize;

    /// The set of `address`, which is in this /8.
    #[inline(always)]
    pub(super) fn lookup(&self, address: u32) -> u32 {
        let root = self.root(address);
        if let Some(more_leaves) = self.lines.get(root + 1) {
            prefetch(more_leaves);
        }
        self.lookup_in(root, address)
    }

    /// The first step of [`lookup`](Self::lookup): the node of the /16 of `address`.
    #[inline(always)]
    pub(super) fn root(&self, address: u32) -> usize {
        self.roots[(address >> 16 & 0xff) as usize] as usize
    }

    /// Fetches what the second step will read: the node, and the line after it, where most leaves
    /// are that have no place in the node.
    #[inline(always)]
    pub(super) fn expect(&self, root: usize) {
        if let Some([node, leaves]) = self.lines.get(root..root + 2) {
            prefetch(node);
            prefetch(leaves);
        }
    }

    /// The second step of [`lookup`](Self::lookup), from the node of the /16 of `address`.
    #[inline(always)]
    pub(super) fn lookup_in(&self, root: usize, address: u32) -> u32 {
        let leaf = self.leaf(root, address >> 8 & 0xff);
        if leaf & Self::CHILD == 0 {
            return leaf as u32;
        }
        self.leaf(self.child(root, leaf), address & 0xff) as u32
    }

    #[inline(always)]
    pub(super) fn leaf(&self, node: usize, slot: u32) -> u64 {
        let Line(words) = &self.lines[node];
        let word = slot / 64;
        // Shifting the later slots out leaves one bit per run up to this slot.
        let up_to_slot = words[word as usize] << (!slot & 63);
        let before = words[COUNTS_WORD] >> (CHILDREN_BITS + 8 * word) & 0xff;
        self.leaf_of_run(node, before as usize + up_to_slot.count_ones() as usize - 1)
    }

    #[inline(always)]
    pub(super) fn leaf_of_run(&self, node: usize, run: usize) -> u64 {
        let position = LEAVES_WORD * Self::LEAVES_PER_WORD + run;
        let (word, within) = (
            position / Self::LEAVES_PER_WORD,
            position % Self::LEAVES_PER_WORD,
        );
        let Line(words) = &self.lines[node + word / 8];
        words[word % 8] >> (within as u32 * BITS) & (u64::MAX >> (u64::BITS - BITS))
    }

    /// The node that the leaf `child` of `node` stands for.
    #[inline(always)]
    pub(super) fn child(&self, node: usize, child: u64) -> usize {
        let children = self.lines[node].0[COUNTS_WORD] & (u64::MAX >> (64 - CHILDREN_BITS));
        (children + (child & !Self::CHILD)) as usize
    }

    /// How many runs `node` has.
    fn runs(&self, node: usize) -> usize {
        self.lines[node].0[..COUNTS_WORD]
            .iter()
            .map(|word| word.count_ones() as usize)
            .sum()
    }

    /// How many leaves answer below `node`.
    fn leaves(&self, node: usize) -> usize {
        let leaves = (0..self.runs(node)).map(|run| self.leaf_of_run(node, run));
        leaves
            .map(|leaf| {
                if leaf & Self::CHILD == 0 {
                    1
                } else {
                    self.runs(self.child(node, leaf))
                }
            })
            .sum()
    }

    /// How many leaves answer for the addresses of this /8.
    pub(super) fn len(&self) -> usize {
        self.roots
            .iter()
            .map(|&node| self.leaves(node as usize))
            .sum()
    }

    pub(super) fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.lines.capacity() * size_of::<Line>()
    }
}
