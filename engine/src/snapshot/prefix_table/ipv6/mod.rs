//! Large IPv6 tables: trees that are found by the first bits of an address.
//!
//! ```text
//! address   2a         01          : 04f8 : 1c0c      : …
//!           │          │             └────┬────┘
//!           ▼          ▼                  ▼
//!         tables ──► tables ──► tree: directory ──► piece     or, in a table, one set for all
//!         256 × 4 B  256 × 4 B  2 lines             2 lines   that begin alike
//! ```
//!
//! Networks are given out in few blocks: sixteen bits tell apart what a search would need two levels
//! for, and what is left fits into 32 bits, of which a line holds twice as many as of 64. A block with
//! more ranges than a [tree](tree::Tree) holds is divided by another eight bits. Most of the address
//! space belongs to nobody: one or two loads answer for it.
//!
//! A change copies the pieces of some hundred ranges that it touches, and the pointers of their tree.

mod build;
#[cfg(test)]
mod tests;
mod tree;

use std::sync::Arc;

use self::tree::Tree;
use super::address::Prefix;
use super::error::PrefixTableError;
use super::index::LocationSetIndex;
use super::leaf::Leaf;
use super::location_set::Interner;
use super::map::{FamilyAddress, Layout, Lookup, MANY};
use super::memory::shared_bytes;
use super::processor::Counter;
use super::range_map::BATCH;
use super::register::PrefixRegister;

/// How many prefixes pay for a network of 16 bits of their own, which costs two and a half kibibytes:
/// 40 bytes each.
const DENSE: usize = 64;

/// One of how many prefixes may be longer than a key: lists within keys are for exceptions.
const LONG: usize = 8;

/// How many of those one key may have.
const LONG_IN_KEY: usize = build::DIVIDED_RANGES / 2;

impl FamilyAddress for u128 {
    type Large<L: Leaf> = Forest<L>;

    fn are_many(register: &PrefixRegister<u128>) -> bool {
        if register.len() < MANY {
            return false;
        }
        let mut networks = Groups::new(16);
        let mut keys = Groups::new(48);
        let mut long = 0;
        for prefix in register.within(u128::MIN, u128::MAX) {
            networks.add(prefix.first());
            if prefix.length() > 48 {
                keys.add(prefix.first());
                long += 1;
            }
        }
        let are_dense = networks.count * DENSE <= register.len();
        are_dense && long * LONG <= register.len() && keys.largest < LONG_IN_KEY
    }
}

/// Counts ascending addresses by their first bits.
struct Groups {
    below: u32,
    last: Option<u128>,
    in_last: usize,
    count: usize,
    largest: usize,
}

impl Groups {
    fn new(bits: u32) -> Self {
        Self {
            below: u128::BITS - bits,
            last: None,
            in_last: 0,
            count: 0,
            largest: 0,
        }
    }

    fn add(&mut self, address: u128) {
        let group = Some(address >> self.below);
        if self.last != group {
            self.last = group;
            self.in_last = 0;
            self.count += 1;
        }
        self.in_last += 1;
        self.largest = self.largest.max(self.in_last);
    }
}

/// What holds for the addresses of a block, by their next eight bits.
type Table = [Entry; 256];

/// A set, a tree or another table: the two highest bits say which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry(u32);

impl Entry {
    const NO_SET: u32 = 1 << 31;
    const TREE: u32 = 1 << 30;

    fn set(set: LocationSetIndex) -> Self {
        Self(set.bits())
    }

    /// The tree of this number, which is far below the two bits: each is some kibibytes.
    fn tree(number: usize) -> Self {
        Self(number as u32 | Self::TREE | Self::NO_SET)
    }

    fn table(number: usize) -> Self {
        Self(number as u32 | Self::NO_SET)
    }

    #[inline(always)]
    fn target(self) -> Target {
        if self.0 & Self::NO_SET == 0 {
            return Target::Set(LocationSetIndex::from_bits(self.0));
        }
        let number = (self.0 & !(Self::NO_SET | Self::TREE)) as usize;
        if self.0 & Self::TREE == 0 {
            Target::Table(number)
        } else {
            Target::Tree(number)
        }
    }
}

enum Target {
    Set(LocationSetIndex),
    Tree(usize),
    Table(usize),
}

/// Address → set.
#[derive(Debug, Clone)]
pub(in super::super) struct Forest<L> {
    /// INVARIANT: never empty, the first one is asked first; one leads to later ones only.
    tables: Arc<[Table]>,
    trees: Vec<Arc<Tree<L>>>,
    /// Trees that no table leads to.
    free: Vec<usize>,
}

/// Where the first bits lead.
enum Found<'a, L> {
    Set(LocationSetIndex),
    Tree(&'a Tree<L>),
}

impl<L: Leaf> Forest<L> {
    #[inline(always)]
    fn find(&self, address: u128) -> Found<'_, L> {
        let mut next_bits = (address >> 64) as u64;
        let mut table = &self.tables[0];
        loop {
            match table[(next_bits >> 56) as usize].target() {
                Target::Set(set) => return Found::Set(set),
                Target::Tree(number) => return Found::Tree(&self.trees[number]),
                // Tables lead to later ones only: there is an end.
                Target::Table(number) => table = &self.tables[number],
            }
            next_bits <<= 8;
        }
    }
}

impl<L: Leaf> Layout<u128> for Forest<L> {
    fn new(
        register: &PrefixRegister<u128>,
        interner: &mut Interner,
    ) -> Result<Option<Self>, PrefixTableError> {
        build::forest(register, interner)
    }

    fn refresh(
        &mut self,
        register: &PrefixRegister<u128>,
        changed: &[Prefix<u128>],
        interner: &mut Interner,
    ) -> Result<bool, PrefixTableError> {
        build::refresh(self, register, changed, interner)
    }
}

impl<L: Leaf> Lookup<u128> for Forest<L> {
    #[inline(always)]
    fn lookup(&self, address: u128, counter: impl Counter) -> LocationSetIndex {
        match self.find(address) {
            Found::Set(set) => set,
            Found::Tree(tree) => tree.lookup(address, counter),
        }
    }

    #[inline]
    fn expect(&self, address: u128) {
        if let Found::Tree(tree) = self.find(address) {
            tree.expect();
        }
    }

    #[inline(always)]
    fn lookup_batch(
        &self,
        addresses: impl Iterator<Item = (usize, u128)>,
        sets: &mut [LocationSetIndex],
        counter: impl Counter,
    ) -> u32 {
        let mut searches = [const { None }; BATCH];
        let mut count = 0;
        for (position, address) in addresses {
            match self.find(address) {
                Found::Set(set) => sets[position] = set,
                Found::Tree(tree) => {
                    let search = tree.search(address, position, counter);
                    search.expect_root();
                    searches[count % BATCH] = Some(search);
                    count += 1;
                }
            }
        }
        let count = count.min(BATCH);
        for search in searches[..count].iter_mut().flatten() {
            *search = search.line(counter);
            search.expect_line();
        }
        let mut divided = 0;
        for search in searches[..count].iter().flatten() {
            match search.answer(counter) {
                Ok(set) => sets[search.position()] = set,
                Err(_) => divided |= 1 << search.position(),
            }
        }
        divided
    }

    fn len(&self) -> usize {
        let entry = |entry: &Entry| match entry.target() {
            Target::Set(_) => 1,
            Target::Tree(number) => self.trees[number].len(),
            Target::Table(_) => 0,
        };
        self.tables.iter().flatten().map(entry).sum()
    }

    fn memory_bytes(&self) -> usize {
        shared_bytes(&*self.tables)
            + self.trees.capacity() * size_of::<Arc<Tree<L>>>()
            + self.free.capacity() * size_of::<usize>()
            + self
                .trees
                .iter()
                .map(|tree| tree.memory_bytes())
                .sum::<usize>()
    }
}
