//! Plants a forest from the register's prefixes: all of it at first, the touched pieces on a change.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::address::{Address, Prefix};
use super::super::error::PrefixTableError;
use super::super::index::LocationSetIndex;
use super::super::key_ranges::{Answer, ranges};
use super::super::leaf::Leaf;
use super::super::location_set::Interner;
use super::super::processor::Portable;
use super::super::range_map::Key;
use super::super::register::PrefixRegister;
use super::super::sweep::{Boundary, Sweep};
use super::tree::{NewPiece, Piece, TREE_PIECES, Tree, TreeKey, TreeRange, join, split};
use super::{Entry, Forest, Table, Target};

/// Where the tables have no more to say and a tree may be: its keys begin behind so many bits.
const TREE_BITS: u8 = 16;

/// How many ranges a key may be divided into: they are searched by halves, each step a line of its own,
/// and all of them are written anew when one changes.
pub(super) const DIVIDED_RANGES: usize = 1_024;

/// All addresses with the same first bits.
#[derive(Debug, Clone, Copy)]
struct Block {
    first: u128,
    bits: u8,
}

impl Block {
    const ALL: Self = Self { first: 0, bits: 0 };

    fn last(self) -> u128 {
        self.first.broadcast(self.bits)
    }

    fn slot_shift(self) -> u32 {
        u128::BITS - 8 - u32::from(self.bits)
    }

    /// The part with `slot` for the next eight bits.
    fn child(self, slot: u8) -> Self {
        Self {
            first: self.first | u128::from(slot) << self.slot_shift(),
            bits: self.bits + 8,
        }
    }

    /// The next eight bits of an address in this block.
    fn slot(self, address: u128) -> u8 {
        (address >> self.slot_shift()) as u8
    }
}

impl<L: Leaf> Piece<L> {
    /// How many ranges each of several new pieces gets: room is left for changes.
    const NEW_RANGES: usize = Self::RANGES * 7 / 8;
}

/// The pieces of `ranges`, filled alike; nothing if they do not fit.
fn pieces<L: Leaf>(ranges: &[TreeRange]) -> Option<Vec<NewPiece<L>>> {
    let divided_too_often = |range: &TreeRange| match &range.answer {
        Answer::Divided(key) => key.len() > DIVIDED_RANGES,
        Answer::Set(_) => false,
    };
    if ranges.iter().any(divided_too_often) {
        return None;
    }
    let count = if ranges.len() <= Piece::<L>::RANGES {
        1
    } else {
        ranges.len().div_ceil(Piece::<L>::NEW_RANGES)
    };
    let chunks = ranges.chunks(ranges.len().div_ceil(count));
    chunks.map(Piece::new).collect()
}

impl<L: Leaf> Forest<L> {
    /// A forest without a tree, where nothing has a location.
    fn bare() -> Self {
        Self {
            tables: Arc::new([[Entry::set(LocationSetIndex::EMPTY); 256]]),
            trees: Vec::new(),
            free: Vec::new(),
        }
    }

    /// Plants `blocks` anew, each where an entry of a table leads to it; false if the answers do not
    /// fit.
    fn plant(
        &mut self,
        blocks: impl IntoIterator<Item = (Place, Block)>,
        register: &PrefixRegister<u128>,
        sweep: &mut Sweep<u128>,
        interner: &mut Interner,
    ) -> Result<bool, PrefixTableError> {
        let mut planting = Planting {
            tables: self.tables.to_vec(),
            trees: &mut self.trees,
            free: &mut self.free,
        };
        for ((table, slot), block) in blocks {
            let boundaries = sweep.span(register, block.first, block.last(), interner)?;
            let Some(entry) = planting.entry(block, boundaries) else {
                return Ok(false);
            };
            planting.tables[table][usize::from(slot)] = entry;
        }
        self.tables = planting.tables.into();
        Ok(true)
    }
}

/// Tables and trees while they grow.
struct Planting<'a, L> {
    tables: Vec<Table>,
    trees: &'a mut Vec<Arc<Tree<L>>>,
    free: &'a mut Vec<usize>,
}

impl<L: Leaf> Planting<'_, L> {
    /// What leads to the answers of `block`, the first of whose boundaries is at its first address;
    /// nothing if they do not fit.
    fn entry(&mut self, block: Block, boundaries: &[Boundary<u128>]) -> Option<Entry> {
        if let [only] = boundaries {
            return Some(Entry::set(only.set));
        }
        if block.bits >= TREE_BITS {
            let ranges = ranges(boundaries, split, split(block.last()).0);
            if ranges.len() <= TREE_PIECES * Piece::<L>::NEW_RANGES {
                return Some(self.tree(Tree::new(pieces(&ranges)?)));
            }
        }
        let number = self.tables.len();
        self.tables.push([Entry::set(LocationSetIndex::EMPTY); 256]);
        let mut rest = boundaries;
        let mut set = LocationSetIndex::EMPTY;
        for slot in 0..=u8::MAX {
            let child = block.child(slot);
            let within;
            let count = rest.partition_point(|boundary| boundary.start <= child.last());
            (within, rest) = rest.split_at(count);
            let entry = match within.first() {
                None => Entry::set(set),
                Some(boundary) if boundary.start == child.first => self.entry(child, within)?,
                Some(_) => {
                    let start = child.first;
                    self.entry(child, &[&[Boundary { start, set }], within].concat())?
                }
            };
            self.tables[number][usize::from(slot)] = entry;
            set = within.last().map_or(set, |boundary| boundary.set);
        }
        Some(Entry::table(number))
    }

    fn tree(&mut self, tree: Tree<L>) -> Entry {
        let tree = Arc::new(tree);
        let number = match self.free.pop() {
            Some(number) => {
                self.trees[number] = tree;
                number
            }
            None => {
                self.trees.push(tree);
                self.trees.len() - 1
            }
        };
        Entry::tree(number)
    }
}

/// The forest of all prefixes in `register`; nothing if its sets do not fit.
pub(super) fn forest<L: Leaf>(
    register: &PrefixRegister<u128>,
    interner: &mut Interner,
) -> Result<Option<Forest<L>>, PrefixTableError> {
    let mut forest = Forest::bare();
    let blocks = (0..=u8::MAX).map(|slot| ((0, slot), Block::ALL.child(slot)));
    let fits = forest.plant(blocks, register, &mut Sweep::new(), interner)?;
    forest.trees.shrink_to_fit();
    Ok(fits.then_some(forest))
}

/// Makes `forest` answer what `register` says, after `changed` were added to it or removed; false if
/// the answers do not fit.
pub(super) fn refresh<L: Leaf>(
    forest: &mut Forest<L>,
    register: &PrefixRegister<u128>,
    changed: &[Prefix<u128>],
    interner: &mut Interner,
) -> Result<bool, PrefixTableError> {
    let mut touched = Touched::new();
    for prefix in changed {
        touch(forest, 0, Block::ALL, *prefix, &mut touched);
    }
    let mut sweep = Sweep::new();
    let mut anew = Vec::new();
    for (place, (block, mut positions)) in touched {
        positions.sort_unstable();
        positions.dedup();
        let (table, slot) = place;
        let Target::Tree(number) = forest.tables[table][usize::from(slot)].target() else {
            anew.push((place, block));
            continue;
        };
        let tree = &mut forest.trees[number];
        match refresh_tree(tree, block, &positions, register, &mut sweep, interner)? {
            Refreshed::Yes => {}
            Refreshed::DoesNotFit => return Ok(false),
            Refreshed::ToBePlantedAnew => {
                *tree = Arc::default();
                forest.free.push(number);
                anew.push((place, block));
            }
        }
    }
    if anew.is_empty() {
        return Ok(true);
    }
    forest.plant(anew, register, &mut sweep, interner)
}

/// An entry: of which table, and for which bits.
type Place = (usize, u8);

/// Which entries of tables, and which pieces of the trees that they lead to.
type Touched = BTreeMap<Place, (Block, Vec<usize>)>;

/// Lists what `prefix` touches of `block`, which the table number `table` is for.
fn touch<L: Leaf>(
    forest: &Forest<L>,
    table: usize,
    block: Block,
    prefix: Prefix<u128>,
    touched: &mut Touched,
) {
    let first = prefix.first().max(block.first);
    let last = prefix.last().min(block.last());
    for slot in block.slot(first)..=block.slot(last) {
        let child = block.child(slot);
        let positions = match forest.tables[table][usize::from(slot)].target() {
            Target::Table(number) => {
                touch(forest, number, child, prefix, touched);
                continue;
            }
            Target::Set(_) => 0..0,
            Target::Tree(number) => {
                let tree = &forest.trees[number];
                let position = |address| tree.position(address, Portable);
                position(first.max(child.first))..position(last.min(child.last())) + 1
            }
        };
        let (_, all) = touched
            .entry((table, slot))
            .or_insert_with(|| (child, Vec::new()));
        all.extend(positions);
    }
}

enum Refreshed {
    Yes,
    ToBePlantedAnew,
    DoesNotFit,
}

/// Writes the pieces at `positions`, ascending, of the tree of `block` anew.
fn refresh_tree<L: Leaf>(
    tree: &mut Arc<Tree<L>>,
    block: Block,
    positions: &[usize],
    register: &PrefixRegister<u128>,
    sweep: &mut Sweep<u128>,
    interner: &mut Interner,
) -> Result<Refreshed, PrefixTableError> {
    let mut all_new: BTreeMap<usize, Vec<NewPiece<L>>> = BTreeMap::new();
    for &position in positions {
        let parts = tree.parts();
        let end: TreeKey = parts[position].end;
        let before = position
            .checked_sub(1)
            .and_then(|before| Key::successor(parts[before].end));
        let from = join(block.first, before.unwrap_or(split(block.first).0));
        let to = join(block.first, end).broadcast(48);
        let ranges = ranges(sweep.span(register, from, to, interner)?, split, end);
        let Some(new) = pieces(&ranges) else {
            return Ok(Refreshed::DoesNotFit);
        };
        all_new.insert(position, new);
    }
    if all_new.values().all(|new| new.len() == 1) {
        let tree = Arc::make_mut(tree);
        for (position, new) in all_new {
            for piece in new {
                tree.replace(position, piece);
            }
        }
    } else {
        let mut pieces = Vec::new();
        for (position, piece) in tree.pieces().enumerate() {
            match all_new.remove(&position) {
                Some(new) => pieces.extend(new),
                None => pieces.push(piece),
            }
        }
        if pieces.len() > TREE_PIECES {
            return Ok(Refreshed::ToBePlantedAnew);
        }
        *tree = Arc::new(Tree::new(pieces));
    }
    Ok(if is_sparse(tree) {
        Refreshed::ToBePlantedAnew
    } else {
        Refreshed::Yes
    })
}

/// Whether a tree has far more pieces than its ranges need, or no range that ends inside of a piece.
fn is_sparse<L: Leaf>(tree: &Tree<L>) -> bool {
    let ranges: usize = tree.parts().iter().map(|part| part.ranges as usize).sum();
    let pieces = tree.parts().len();
    ranges == pieces || pieces > 4 * ranges.div_ceil(Piece::<L>::NEW_RANGES)
}
