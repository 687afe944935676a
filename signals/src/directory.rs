//! From the names that transmitters use to the objects that tokens name.
//!
//! Addresses and numbers change hands. A binding therefore holds from an instant on, and a name
//! is resolved at the time of the event: what was said about an address last week is about last
//! week's owner, however late it arrives. What cannot be resolved yet is kept until it can.

use std::collections::{BTreeMap, HashMap, VecDeque};

use highwater::event::Dimension;
use highwater::identifier::{Identifier, TenantId};
use highwater::timestamp::Timestamp;
use serde::{Deserialize, Serialize};

use crate::set::VerifiedSet;
use crate::subject::Name;

/// An object of the directory: a user or a workload identity.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Principal {
    /// `user` or `workload`.
    pub kind: Dimension,
    /// The identifier that tokens carry.
    pub id: Identifier,
}

impl Principal {
    /// A user.
    #[must_use]
    pub fn user(id: Identifier) -> Principal {
        Principal {
            kind: Dimension::User,
            id,
        }
    }
}

/// Resolves names. The host supplies one, or keeps a [`DirectoryMap`].
pub trait Directory {
    /// Whom `name` named in `tenant` at the instant `at`; `None` if that is not known.
    fn resolve(&self, tenant: &TenantId, name: &Name, at: Timestamp) -> Option<Principal>;

    /// Who belongs to a group or organisational unit; `None` if that is not known.
    fn members(&self, _tenant: &TenantId, _group: &Name) -> Option<Vec<Principal>> {
        None
    }
}

/// A directory that knows nothing: every name stands for itself or waits.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoDirectory;

impl Directory for NoDirectory {
    fn resolve(&self, _: &TenantId, _: &Name, _: Timestamp) -> Option<Principal> {
        None
    }
}

/// What an event says about the directory itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum DirectoryChange {
    /// Whoever is called `old` is also called `new` from `time` on.
    Alias {
        /// Where.
        tenant: TenantId,
        /// The name so far.
        old: Name,
        /// The other name.
        new: Name,
        /// From when on.
        time: Timestamp,
    },
    /// `name` no longer means whom it meant: from `time` on it belongs to somebody else.
    Recycle {
        /// Where.
        tenant: TenantId,
        /// The name.
        name: Name,
        /// From when on.
        time: Timestamp,
    },
}

/// A directory in memory, fed by a synchronisation and by events.
#[derive(Clone, Debug, Default)]
pub struct DirectoryMap {
    // Per name, what it means from an instant on; `None`: nobody that we know.
    bindings: HashMap<(TenantId, Name), BTreeMap<Timestamp, Option<Principal>>>,
    groups: HashMap<(TenantId, Name), Vec<Principal>>,
}

impl DirectoryMap {
    /// A directory without entries.
    #[must_use]
    pub fn new() -> DirectoryMap {
        DirectoryMap::default()
    }

    /// `name` means `principal` from `since` on; [`Timestamp::MINIMUM`] for always.
    pub fn bind(&mut self, tenant: TenantId, name: Name, principal: Principal, since: Timestamp) {
        self.bindings
            .entry((tenant, fold(name)))
            .or_default()
            .insert(since, Some(principal));
    }

    /// `name` was seen to mean `principal` at the instant `seen`. A name of which nothing was known
    /// has always meant it; one that meant somebody else has changed hands just now; one that is
    /// known already stays as it is, however often it is seen.
    pub fn observe(&mut self, tenant: TenantId, name: Name, principal: Principal, seen: Timestamp) {
        let history = self.bindings.entry((tenant, fold(name))).or_default();
        let current = history.range(..=seen).next_back();
        match current {
            None => history.insert(Timestamp::MINIMUM, Some(principal)),
            Some((_, Some(known))) if *known == principal => return,
            Some(_) => history.insert(seen, Some(principal)),
        };
    }

    /// `name` means nobody that we know from `since` on.
    pub fn release(&mut self, tenant: TenantId, name: Name, since: Timestamp) {
        let history = self.bindings.entry((tenant, fold(name))).or_default();
        // Whoever was bound at the same instant or later is the new owner.
        history.entry(since).or_insert(None);
    }

    /// What `name` meant over time, oldest first, each from the instant on at which it began to:
    /// what to keep across restarts and to give back with [`DirectoryMap::bind`] and
    /// [`DirectoryMap::release`].
    pub fn history(
        &self,
        tenant: &TenantId,
        name: &Name,
    ) -> impl Iterator<Item = (Timestamp, Option<&Principal>)> {
        self.bindings
            .get(&(tenant.clone(), fold(name.clone())))
            .into_iter()
            .flatten()
            .map(|(since, principal)| (*since, principal.as_ref()))
    }

    /// The members of a group.
    pub fn set_members(&mut self, tenant: TenantId, group: Name, members: Vec<Principal>) {
        self.groups.insert((tenant, fold(group)), members);
    }

    /// Takes over what an event said.
    pub fn apply(&mut self, change: &DirectoryChange) {
        match change {
            DirectoryChange::Alias {
                tenant,
                old,
                new,
                time,
            } => {
                if let Some(principal) = self.resolve(tenant, old, *time) {
                    self.bind(tenant.clone(), new.clone(), principal, *time);
                }
            }
            DirectoryChange::Recycle { tenant, name, time } => {
                self.release(tenant.clone(), name.clone(), *time);
            }
        }
    }
}

/// Directories compare addresses without regard to case, both halves.
fn fold(name: Name) -> Name {
    match name {
        Name::Email { email } => Name::Email {
            email: email.to_lowercase(),
        },
        other => other,
    }
}

impl Directory for DirectoryMap {
    fn resolve(&self, tenant: &TenantId, name: &Name, at: Timestamp) -> Option<Principal> {
        self.bindings
            .get(&(tenant.clone(), fold(name.clone())))?
            // At the instant of the change itself an event is about the old owner: that is what
            // the change reports.
            .range(..at)
            .next_back()
            .or_else(|| {
                self.bindings
                    .get(&(tenant.clone(), fold(name.clone())))
                    .and_then(|history| history.range(at..=at).next())
            })
            .and_then(|(_, principal)| principal.clone())
    }

    fn members(&self, tenant: &TenantId, group: &Name) -> Option<Vec<Principal>> {
        self.groups
            .get(&(tenant.clone(), fold(group.clone())))
            .cloned()
    }
}

/// Tokens whose subject could not be resolved yet, kept until it can or until no token that they
/// could refuse is alive any more.
#[derive(Clone, Debug)]
pub struct Unresolved {
    waiting: VecDeque<VerifiedSet>,
    capacity: usize,
    retention_seconds: i64,
    counts: UnresolvedCounts,
}

/// What has become of the tokens that had to wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct UnresolvedCounts {
    /// How many came in.
    pub kept: u64,
    /// How many were resolved later.
    pub resolved: u64,
    /// How many were given up because of their age.
    pub expired: u64,
    /// How many were given up for want of room.
    pub displaced: u64,
}

impl Unresolved {
    /// Room for `capacity` tokens, each kept for `retention_seconds` after its verification.
    #[must_use]
    pub fn new(capacity: usize, retention_seconds: i64) -> Unresolved {
        Unresolved {
            waiting: VecDeque::new(),
            capacity: capacity.max(1),
            retention_seconds,
            counts: UnresolvedCounts::default(),
        }
    }

    /// Keeps a token. `false`: the oldest one had to make room, which an operator should know.
    pub fn keep(&mut self, set: VerifiedSet) -> bool {
        self.counts.kept += 1;
        let full = self.waiting.len() >= self.capacity;
        if full {
            self.waiting.pop_front();
            self.counts.displaced += 1;
        }
        self.waiting.push_back(set);
        !full
    }

    /// Takes out every token for another attempt and drops those that are too old. Whatever is
    /// still unresolved afterwards is given back through [`Unresolved::put_back`].
    pub fn take(&mut self, now: Timestamp) -> Vec<VerifiedSet> {
        let before = self.waiting.len();
        let retention = self.retention_seconds;
        self.waiting
            .retain(|set| set.verified_at().plus_seconds(retention) > now);
        self.counts.expired += (before - self.waiting.len()) as u64;
        self.waiting.drain(..).collect()
    }

    /// Gives back a token that is still unresolved.
    pub fn put_back(&mut self, set: VerifiedSet) {
        self.waiting.push_back(set);
    }

    /// Counts a token that was resolved after all.
    pub fn resolved(&mut self) {
        self.counts.resolved += 1;
    }

    /// How many tokens wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether no token waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// What has become of the tokens so far.
    #[must_use]
    pub fn counts(&self) -> UnresolvedCounts {
        self.counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn id(text: &str) -> Identifier {
        Identifier::new(text).unwrap()
    }

    fn user(text: &str) -> Principal {
        Principal::user(id(text))
    }

    #[test]
    fn a_recycled_name_means_the_old_owner_before_and_nobody_after() {
        let mut map = DirectoryMap::new();
        let name = Name::email("ada@example.com");
        map.bind(id("t"), name.clone(), user("old"), Timestamp::MINIMUM);
        map.apply(&DirectoryChange::Recycle {
            tenant: id("t"),
            name: name.clone(),
            time: at(100),
        });
        assert_eq!(map.resolve(&id("t"), &name, at(99)), Some(user("old")));
        assert_eq!(
            map.resolve(&id("t"), &name, at(100)),
            Some(user("old")),
            "the event that recycles is about the old owner"
        );
        assert_eq!(map.resolve(&id("t"), &name, at(101)), None);
        map.bind(id("t"), name.clone(), user("new"), at(150));
        assert_eq!(map.resolve(&id("t"), &name, at(200)), Some(user("new")));
        assert_eq!(map.resolve(&id("t"), &name, at(50)), Some(user("old")));
        assert_eq!(map.resolve(&id("other"), &name, at(50)), None);
    }

    #[test]
    fn an_observed_name_reaches_back_until_it_changes_hands() {
        let mut map = DirectoryMap::new();
        let name = Name::email("ada@example.com");
        map.observe(id("t"), name.clone(), user("one"), at(100));
        map.observe(id("t"), name.clone(), user("one"), at(200));
        assert_eq!(
            map.history(&id("t"), &name).collect::<Vec<_>>(),
            [(Timestamp::MINIMUM, Some(&user("one")))],
            "seen again, it stays as it is"
        );
        assert_eq!(map.resolve(&id("t"), &name, at(5)), Some(user("one")));
        map.observe(id("t"), name.clone(), user("two"), at(300));
        assert_eq!(map.resolve(&id("t"), &name, at(250)), Some(user("one")));
        assert_eq!(map.resolve(&id("t"), &name, at(301)), Some(user("two")));
    }

    #[test]
    fn whoever_does_not_know_a_group_does_not_say_that_it_is_empty() {
        let group = Name::Opaque { id: "g".to_owned() };
        assert_eq!(NoDirectory.members(&id("t"), &group), None);
        let mut map = DirectoryMap::new();
        assert_eq!(map.members(&id("t"), &group), None);
        map.set_members(id("t"), group.clone(), Vec::new());
        assert_eq!(map.members(&id("t"), &group), Some(Vec::new()));
    }

    #[test]
    fn a_changed_name_is_another_name_of_the_same_object() {
        let mut map = DirectoryMap::new();
        let (old, new) = (Name::email("a@x"), Name::email("B@x"));
        map.bind(id("t"), old.clone(), user("u"), at(0));
        map.apply(&DirectoryChange::Alias {
            tenant: id("t"),
            old: old.clone(),
            new,
            time: at(10),
        });
        assert_eq!(
            map.resolve(&id("t"), &Name::email("b@X"), at(11)),
            Some(user("u"))
        );
        assert_eq!(map.resolve(&id("t"), &old, at(11)), Some(user("u")));
    }
}
