//! Writes the nodes of a segment from the boundaries of its addresses.

use std::marker::PhantomData;

use super::super::index::LocationSetIndex;
use super::super::leaf::Leaf;
use super::super::sweep::Boundary;
use super::segment::{Line, Segment, first_leaf, leaves_per_line};

/// A run of a node before it is written.
#[derive(Debug, Clone, Copy)]
struct Run<'a> {
    first_slot: u8,
    content: Content<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Content<'a> {
    Set(LocationSetIndex),
    /// One slot in which the answer changes: `before` holds up to the first of `boundaries`.
    Divided {
        before: LocationSetIndex,
        boundaries: &'a [Boundary<u32>],
    },
}

impl<L: Leaf> Segment<L> {
    /// The segment of a /8 from its boundaries, the first of which is at its first address;
    /// nothing if a set does not fit into a leaf.
    pub(super) fn new(boundaries: &[Boundary<u32>]) -> Option<Self> {
        let mut segment = Self {
            roots: [0; 256],
            lines: Vec::new(),
            compact_lines: 0,
            leaf: PhantomData,
        };
        let mut uniform: Vec<(LocationSetIndex, u32)> = Vec::new();
        for run in runs(boundaries[0].set, &boundaries[1..], 16, &mut Vec::new()) {
            match run.content {
                Content::Set(set) => {
                    let known = uniform.iter().find(|(known, _)| *known == set);
                    let node = match known {
                        Some(&(_, node)) => node,
                        None => {
                            let node = segment.append(set, &[], 8)?;
                            uniform.push((set, node));
                            node
                        }
                    };
                    segment.roots[usize::from(run.first_slot)..].fill(node);
                }
                Content::Divided { before, boundaries } => {
                    let node = segment.append(before, boundaries, 8)?;
                    segment.roots[usize::from(run.first_slot)] = node;
                }
            }
        }
        segment.lines.shrink_to_fit();
        segment.compact_lines = segment.lines.len();
        Some(segment)
    }

    /// Replaces the /16 number `second` by what its boundaries say, the first of which is at its
    /// first address; false if a set does not fit into a leaf.
    pub(super) fn rewrite(&mut self, second: u8, boundaries: &[Boundary<u32>]) -> bool {
        let node = self.append(boundaries[0].set, &boundaries[1..], 8);
        if let Some(node) = node {
            self.roots[usize::from(second)] = node;
        }
        node.is_some()
    }

    /// Whether rewriting has left behind more lines than are in use.
    pub(super) fn is_mostly_garbage(&self) -> bool {
        const NOT_WORTH_IT: usize = 64;
        self.lines.len() > 2 * self.compact_lines + NOT_WORTH_IT
    }

    /// Writes a node whose slots are `1 << slot_bits` addresses wide, and its children; answers
    /// its line. `before` holds up to the first boundary.
    fn append(
        &mut self,
        before: LocationSetIndex,
        boundaries: &[Boundary<u32>],
        slot_bits: u32,
    ) -> Option<u32> {
        let node = self.lines.len();
        let mut buffer = Vec::with_capacity(boundaries.len() + 1);
        let runs = runs(before, boundaries, slot_bits, &mut buffer);
        let leaves_end = first_leaf::<L>() + runs.len();
        let children = node + leaves_end.div_ceil(leaves_per_line::<L>());
        self.lines.resize(children, Line::default());

        let mut line = Line {
            children: u32::try_from(children).ok()?,
            ..Line::default()
        };
        for (place, run) in (node * leaves_per_line::<L>() + first_leaf::<L>()..).zip(runs) {
            line.runs[usize::from(run.first_slot / 64)] |= 1 << (run.first_slot % 64);
            let leaf = match run.content {
                Content::Set(set) => Some(set.bits()).filter(|&leaf| leaf < L::CHILD)?,
                Content::Divided { before, boundaries } => {
                    let child = self.append(before, boundaries, slot_bits - 8)?;
                    // At most 256 children of at most 17 lines each: fits below the bit.
                    (child - line.children) | L::CHILD
                }
            };
            self.leaves_mut()[place] = L::new(leaf)?;
        }
        // At most 19 and the 192 slots before the last word: fits into eight bits.
        let mut last = first_leaf::<L>() - 1;
        for (before, word) in line.before.iter_mut().zip(line.runs) {
            *before = u8::try_from(last).ok()?;
            last += word.count_ones() as usize;
        }
        // The first leaves are there already.
        let leaves = self.lines[node].leaves;
        self.lines[node] = Line { leaves, ..line };
        u32::try_from(node).ok()
    }
}

/// The runs of a node whose slots are `1 << slot_bits` addresses wide: the first at slot zero,
/// then ascending. `before` holds up to the first boundary.
fn runs<'b, 'a>(
    before: LocationSetIndex,
    boundaries: &'a [Boundary<u32>],
    slot_bits: u32,
    runs: &'b mut Vec<Run<'a>>,
) -> &'b [Run<'a>] {
    let mut set = before;
    runs.push(Run {
        first_slot: 0,
        content: Content::Set(set),
    });
    for group in boundaries.chunk_by(|one, next| one.start >> slot_bits == next.start >> slot_bits)
    {
        let first_slot = (group[0].start >> slot_bits) as u8;
        let after = group[group.len() - 1].set;
        runs.pop_if(|last| last.first_slot == first_slot);
        if group.len() == 1 && group[0].start.trailing_zeros() >= slot_bits {
            runs.push(Run {
                first_slot,
                content: Content::Set(after),
            });
        } else {
            let content = Content::Divided {
                before: set,
                boundaries: group,
            };
            runs.push(Run {
                first_slot,
                content,
            });
            if let Some(first_slot) = first_slot.checked_add(1) {
                runs.push(Run {
                    first_slot,
                    content: Content::Set(after),
                });
            }
        }
        set = after;
    }
    runs
}
