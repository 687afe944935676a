//! Sets of locations, each stored once.
//!
//! Prefixes nest, so a new set is nearly always "that set and one location more". The interner
//! remembers those steps: a prefix costs one hash lookup, not one set comparison.
//!
//! ```text
//! ends      0   1   2     4            set 0 = {}, set 1 = {a}, set 2 = {b}, set 3 = {a, b}
//! members   a   b   a  b
//! ```

use std::hash::BuildHasher;
use std::sync::Arc;

use hashbrown::hash_map::Entry;
use hashbrown::{DefaultHashBuilder, HashMap, HashTable};

use super::error::PrefixTableError;
use super::index::{LocationIndex, LocationSetIndex};
use super::memory::shared_bytes;

/// The locations that cover an address, in ascending order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LocationSet<'table> {
    members: &'table [LocationIndex],
}

impl<'table> LocationSet<'table> {
    /// Whether `location` is one of them.
    pub fn contains(self, location: LocationIndex) -> bool {
        self.members.binary_search(&location).is_ok()
    }

    /// The locations, ascending.
    pub fn iter(self) -> impl ExactSizeIterator<Item = LocationIndex> + 'table {
        self.members.iter().copied()
    }

    /// How many locations there are.
    pub fn len(self) -> usize {
        self.members.len()
    }

    /// Whether no location covers the address.
    pub fn is_empty(self) -> bool {
        self.members.is_empty()
    }
}

/// All sets of one table, back to back.
#[derive(Debug, Clone)]
pub(super) struct LocationSets {
    /// INVARIANT: ascending, never empty, last = `members.len()`; set `i` ends at `ends[i]`.
    ends: Vec<u32>,
    members: Vec<LocationIndex>,
}

impl Default for LocationSets {
    fn default() -> Self {
        Self {
            ends: vec![0],
            members: Vec::new(),
        }
    }
}

impl LocationSets {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    #[inline]
    pub(super) fn set(&self, index: LocationSetIndex) -> LocationSet<'_> {
        let index = index.index();
        let start = index
            .checked_sub(1)
            .and_then(|before| self.ends.get(before))
            .copied();
        let end = self.ends.get(index).copied().unwrap_or_default();
        let members = self
            .members
            .get(start.unwrap_or_default() as usize..end as usize);
        LocationSet {
            members: members.unwrap_or_default(),
        }
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = LocationSet<'_>> {
        let mut start = 0;
        self.ends.iter().map(move |&end| {
            let members = &self.members[start..end as usize];
            start = end as usize;
            LocationSet { members }
        })
    }

    /// The bytes of a shared value of this type, and of what it points to.
    pub(super) fn memory_bytes(&self) -> usize {
        shared_bytes(self)
            + self.ends.capacity() * size_of::<u32>()
            + self.members.capacity() * size_of::<LocationIndex>()
    }

    /// Adds a set that is not here yet.
    fn push(&mut self, members: &[LocationIndex]) -> Result<LocationSetIndex, PrefixTableError> {
        let index = LocationSetIndex::new(self.ends.len())?;
        self.members.extend_from_slice(members);
        let end = u32::try_from(self.members.len());
        self.ends
            .push(end.map_err(|_| PrefixTableError::too_many_sets())?);
        Ok(index)
    }
}

/// Makes sets: what a table is built and changed with.
#[derive(Debug, Clone, Default)]
pub(super) struct Interner {
    /// Shared with the tables that were published; copied when a set is added after that.
    sets: Arc<LocationSets>,
    /// By content. INVARIANT: every index in here is a set of `sets`.
    by_members: HashTable<LocationSetIndex>,
    /// (set, one location more) → set.
    steps: HashMap<(LocationSetIndex, LocationIndex), LocationSetIndex>,
    hasher: DefaultHashBuilder,
    scratch: Vec<LocationIndex>,
}

impl Interner {
    /// The set of `set` and `location`.
    pub(super) fn with(
        &mut self,
        set: LocationSetIndex,
        location: LocationIndex,
    ) -> Result<LocationSetIndex, PrefixTableError> {
        let vacant = match self.steps.entry((set, location)) {
            Entry::Occupied(known) => return Ok(*known.get()),
            Entry::Vacant(vacant) => vacant,
        };
        let members = self.sets.set(set).members;
        let Err(position) = members.binary_search(&location) else {
            return Ok(*vacant.insert(set));
        };
        self.scratch.clear();
        self.scratch.extend_from_slice(members);
        self.scratch.insert(position, location);

        let hash = self.hasher.hash_one(&self.scratch);
        let same = |&known: &LocationSetIndex| self.sets.set(known).members == self.scratch;
        let index = match self.by_members.find(hash, same) {
            Some(&known) => known,
            None => {
                let index = Arc::make_mut(&mut self.sets).push(&self.scratch)?;
                let (sets, hasher) = (&self.sets, &self.hasher);
                self.by_members.insert_unique(hash, index, |&known| {
                    hasher.hash_one(sets.set(known).members)
                });
                index
            }
        };
        Ok(*vacant.insert(index))
    }

    /// All sets made so far.
    pub(super) fn sets(&self) -> &Arc<LocationSets> {
        &self.sets
    }
}
