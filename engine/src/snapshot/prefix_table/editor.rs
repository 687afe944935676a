//! Changes a table while readers use the one published before.
//!
//! The editor owns the next table. A change rewrites the addresses it touches (the /16 of an IPv4
//! network, some hundred IPv6 ranges), and copies first what a published table still shares;
//! publishing clones pointers. Neither waits for a reader, and no reader ever sees half a change:
//!
//! ```text
//! published  ──► segments  A  B  C  D            readers keep this one as long as they like
//!                             │
//! editor     ──► segments  A  B' C  D            a change in B copied B, nothing else
//! ```
//!
//! | operation | cost, with `c` changes, `p` prefixes |
//! |---|---|
//! | [`apply`](PrefixTableEditor::apply) | `O(c log p)`, and a copy per segment or piece shared with a published table |
//! | [`publish`](PrefixTableEditor::publish) | one reference count per segment and piece: some hundreds |
//!
//! # Consistency
//!
//! A published table is a value: it answers from exactly the changes applied before it was
//! published, forever. Changes given to one `apply` become visible together. Set indices are
//! stable: a later table of the same editor gives an older index the same locations, so that
//! answers computed per set stay valid and only new sets are to be judged.

use ipnet::IpNet;

use super::PrefixTable;
use super::address::Prefix;
use super::builder::FamilyPrefix;
use super::error::PrefixTableError;
use super::index::LocationIndex;
use super::location_set::Interner;

/// One change to the prefixes of a location.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrefixChange {
    /// The location has this prefix from now on; no change if it had it.
    Insert(IpNet, LocationIndex),
    /// The location no longer has exactly this prefix; no change if it did not have it.
    Remove(IpNet, LocationIndex),
}

/// The next table, and what is needed to make it from the last.
#[derive(Debug)]
pub struct PrefixTableEditor {
    table: PrefixTable,
    interner: Interner,
}

impl PrefixTableEditor {
    pub(super) fn new(table: PrefixTable, interner: Interner) -> Self {
        Self { table, interner }
    }

    /// Makes all `changes`, in order, and answers how many made a difference.
    ///
    /// Fails only if there are more distinct sets than indices. What was published stays as it
    /// is; the editor itself is then to be dropped and a table to be built anew, which forgets
    /// the sets that are no longer in use.
    pub fn apply(
        &mut self,
        changes: impl IntoIterator<Item = PrefixChange>,
    ) -> Result<usize, PrefixTableError> {
        let table = &mut self.table;
        let mut ipv4: Vec<Prefix<u32>> = Vec::new();
        let mut ipv6: Vec<Prefix<u128>> = Vec::new();
        for change in changes {
            match change {
                PrefixChange::Insert(prefix, location) => {
                    match FamilyPrefix::new(prefix, location) {
                        FamilyPrefix::Ipv4(prefix) => {
                            ipv4.extend(table.ipv4_prefixes.insert(prefix).then_some(prefix));
                        }
                        FamilyPrefix::Ipv6(prefix) => {
                            ipv6.extend(table.ipv6_prefixes.insert(prefix).then_some(prefix));
                        }
                    }
                }
                PrefixChange::Remove(prefix, location) => {
                    match FamilyPrefix::new(prefix, location) {
                        FamilyPrefix::Ipv4(prefix) => {
                            ipv4.extend(table.ipv4_prefixes.remove(prefix).then_some(prefix));
                        }
                        FamilyPrefix::Ipv6(prefix) => {
                            ipv6.extend(table.ipv6_prefixes.remove(prefix).then_some(prefix));
                        }
                    }
                }
            }
        }
        table
            .ipv4
            .refresh(&table.ipv4_prefixes, &ipv4, &mut self.interner)?;
        table
            .ipv6
            .refresh(&table.ipv6_prefixes, &ipv6, &mut self.interner)?;
        table.sets = self.interner.sets().clone();
        Ok(ipv4.len() + ipv6.len())
    }

    /// The table as it is now, to be read by any thread; further changes do not touch it.
    pub fn publish(&self) -> PrefixTable {
        self.table.clone()
    }
}
