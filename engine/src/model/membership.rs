//! Who is in which group or role, as far as it was synchronised.

use std::collections::BTreeMap;

use crate::identifier::Identifier;

/// Synchronised membership: transitive members by group or role id.
///
/// A group that is listed is known completely: whoever is not a member is not in it. A group
/// that is not listed is unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memberships {
    groups: BTreeMap<Identifier, Vec<Identifier>>,
}

impl Memberships {
    /// Sets the members of `group`, adding to what other documents said of it.
    pub fn add(&mut self, group: Identifier, members: impl IntoIterator<Item = Identifier>) {
        let list = self.groups.entry(group).or_default();
        list.extend(members);
        list.sort_unstable();
        list.dedup();
    }

    /// Whether `member` is in `group`; `None` if the group is not synchronised.
    #[must_use]
    pub fn contains(&self, group: &str, member: &str) -> Option<bool> {
        let members = self.groups.get(group)?;
        Some(
            members
                .binary_search_by(|known| known.as_str().cmp(member))
                .is_ok(),
        )
    }

    /// Every group with its members, sorted.
    pub fn iter(&self) -> impl Iterator<Item = (&Identifier, &[Identifier])> {
        self.groups
            .iter()
            .map(|(group, members)| (group, members.as_slice()))
    }

    /// How many groups are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    /// Whether no group is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_known_once_it_was_listed() {
        let id = |text: &str| Identifier::new(text).unwrap();
        let mut known = Memberships::default();
        assert!(known.is_empty());
        known.add(id("g"), [id("b"), id("a")]);
        known.add(id("g"), [id("a"), id("c")]);
        known.add(id("empty"), []);
        assert_eq!((known.len(), known.is_empty()), (2, false));
        assert_eq!(known.contains("g", "c"), Some(true));
        assert_eq!(known.contains("g", "d"), Some(false));
        assert_eq!(known.contains("empty", "a"), Some(false));
        assert_eq!(known.contains("other", "a"), None);
    }
}
