//! Writes the nodes of a segment from the boundaries of its addresses.

use super::super::index::LocationSetIndex;
use super::super::sweep::Boundary;
use super::segment::{CHILDREN_BITS, COUNTS_WORD, LEAVES_WORD, Line, Segment};

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

impl<const BITS: u32> Segment<BITS> {
    /// The segment of a /8 from its boundaries, the first of which is at its first address;
    /// nothing if a set does not fit into a leaf.
    pub(super) fn new(boundaries: &[Boundary<u32>]) -> Option<Self> {
        let mut segment = Self {
            roots: [0; 256],
            lines: Vec::new(),
            compact_lines: 0,
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
        let leaves_end = LEAVES_WORD * Self::LEAVES_PER_WORD + runs.len();
        let children = node + leaves_end.div_ceil(8 * Self::LEAVES_PER_WORD);
        self.lines.resize(children, Line::default());

        let mut bitmap = [0_u64; COUNTS_WORD];
        for (number, run) in runs.iter().enumerate() {
            bitmap[usize::from(run.first_slot / 64)] |= 1 << (run.first_slot % 64);
            let leaf = match run.content {
                Content::Set(set) => {
                    Some(u64::from(set.bits())).filter(|&leaf| leaf < Self::CHILD)?
                }
                Content::Divided { before, boundaries } => {
                    let child = self.append(before, boundaries, slot_bits - 8)?;
                    // At most 256 children of at most 17 lines each: fits below the bit.
                    (u64::from(child) - children as u64) | Self::CHILD
                }
            };
            let position = LEAVES_WORD * Self::LEAVES_PER_WORD + number;
            let (word, within) = (
                position / Self::LEAVES_PER_WORD,
                position % Self::LEAVES_PER_WORD,
            );
            self.lines[node + word / 8].0[word % 8] |= leaf << (within as u32 * BITS);
        }
        let mut counts = u64::try_from(children)
            .ok()
            .filter(|line| line >> CHILDREN_BITS == 0)?;
        let mut total = 0;
        for (word, bits) in bitmap.iter().enumerate() {
            counts |= total << (CHILDREN_BITS as usize + 8 * word);
            total += u64::from(bits.count_ones());
        }
        let Line(words) = &mut self.lines[node];
        words[..COUNTS_WORD].copy_from_slice(&bitmap);
        words[COUNTS_WORD] = counts;
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
