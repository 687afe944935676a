//! Synchronised membership, compact: millions of members in thousands of groups.
//!
//! Every member has a number, every group the set of its members' numbers as a compressed
//! bitmap. A member of many groups is stored once; a group of a million neighbours takes a
//! hundred kilobytes. Only tokens that are new here ask, never a decision.

use std::collections::HashMap;

use roaring::RoaringBitmap;

use crate::identifier::Identifier;
use crate::model::Memberships;

/// Who is in which group or role, as far as it was synchronised.
#[derive(Debug, Clone, Default)]
pub(crate) struct MembershipTable {
    members: HashMap<Identifier, u32, ahash::RandomState>,
    groups: HashMap<Identifier, RoaringBitmap, ahash::RandomState>,
}

impl MembershipTable {
    /// The same memberships, numbered. `None` beyond 2^32 members.
    pub(crate) fn compile(memberships: &Memberships) -> Option<MembershipTable> {
        let mut table = MembershipTable::default();
        for (group, members) in memberships.iter() {
            let mut numbers = RoaringBitmap::new();
            for member in members {
                let next = u32::try_from(table.members.len()).ok()?;
                numbers.insert(*table.members.entry(member.clone()).or_insert(next));
            }
            numbers.optimize();
            table.groups.insert(group.clone(), numbers);
        }
        Some(table)
    }

    /// Whether `member` is in `group`; `None` if the group is not synchronised.
    pub(crate) fn contains(&self, group: &Identifier, member: &Identifier) -> Option<bool> {
        let numbers = self.groups.get(group)?;
        Some(
            self.members
                .get(member)
                .is_some_and(|&number| numbers.contains(number)),
        )
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(number: u8) -> Identifier {
        Identifier::new(&format!("id-{number}")).unwrap()
    }

    proptest! {
        /// The compact form answers as the plain one.
        #[test]
        fn answers_as_the_model(pairs in proptest::collection::vec((0u8..6, 0u8..12), 0..40)) {
            let mut model = Memberships::default();
            for &(group, member) in &pairs {
                model.add(id(group), [id(member)]);
            }
            let table = MembershipTable::compile(&model).unwrap();
            for group in 0..7 {
                for member in 0..13 {
                    let (group, member) = (id(group), id(member));
                    prop_assert_eq!(
                        table.contains(&group, &member),
                        model.contains(group.as_str(), member.as_str())
                    );
                }
            }
        }
    }
}
