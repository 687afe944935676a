//! What Graph lists, as documents: policies, named locations, and who is in which group.
//!
//! Nothing is handed on before it is whole: a listing of which a page is missing would look like
//! a tenant that deleted its policies, and a group that is half read like one that people left.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use highwater::identifier::Identifier;
use highwater_signals::graph::{DocumentChange, DocumentKind, Known};
use serde_json::{Map, Value, json};

use crate::config::graph::Collection;
use crate::serve::synchronised::Bundle;

/// The documents of one tenant as Graph last listed them.
#[derive(Debug, Default)]
pub(super) struct Listings {
    documents: BTreeMap<&'static str, Value>,
    /// Whether something differs from what was last handed on.
    changed: bool,
}

const POLICIES: &str = "policies";
const NAMED_LOCATIONS: &str = "named_locations";
const MEMBERSHIPS: &str = "memberships";
const ROLE_ASSIGNMENTS: &str = "role_assignments";

/// The documents that are kept for the next start.
const NAMES: [&str; 4] = [POLICIES, NAMED_LOCATIONS, MEMBERSHIPS, ROLE_ASSIGNMENTS];

impl Listings {
    /// Those that were handed on before a restart.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Listings> {
        let Ok(Value::Object(members)) = serde_json::from_slice(bytes) else {
            return None;
        };
        let mut documents = BTreeMap::new();
        for (name, document) in members {
            let known = NAMES.into_iter().find(|known| *known == name)?;
            documents.insert(known, document);
        }
        Some(Listings {
            documents,
            changed: false,
        })
    }

    /// A listing that differs from the last one.
    pub(super) fn take(&mut self, change: DocumentChange) {
        let name = match change.kind {
            DocumentKind::Policies => POLICIES,
            DocumentKind::NamedLocations => NAMED_LOCATIONS,
            DocumentKind::RoleAssignments => ROLE_ASSIGNMENTS,
        };
        self.set(name, change.document);
    }

    /// `collection` was read to its end. One that differs in nothing and that is not known is
    /// empty, and that is worth knowing too.
    pub(super) fn complete(&mut self, collection: Collection) {
        let name = match collection {
            Collection::Policies => POLICIES,
            Collection::NamedLocations => NAMED_LOCATIONS,
            _ => return,
        };
        if !self.documents.contains_key(name) {
            self.set(name, json!({ "value": [] }));
        }
    }

    /// Who is in which group, directly; members of groups in groups are members.
    pub(super) fn take_groups(&mut self, groups: &BTreeMap<Identifier, Known>) {
        let memberships: Map<String, Value> = transitive(groups)
            .into_iter()
            .map(|(group, members)| {
                let members = members.into_iter().map(Identifier::as_str);
                (group.to_string(), members.collect())
            })
            .collect();
        self.set(MEMBERSHIPS, Value::Object(memberships));
    }

    fn set(&mut self, name: &'static str, document: Value) {
        if self.documents.get(name) != Some(&document) {
            self.documents.insert(name, document);
            self.changed = true;
        }
    }

    /// The documents, if every one that is read as such was read once and some differ from those
    /// that were handed on last.
    pub(super) fn changed(&mut self, collections: &[Collection]) -> Option<(Bundle, Vec<u8>)> {
        let is_missing = |(collection, name): &(Collection, &str)| {
            collections.contains(collection) && !self.documents.contains_key(name)
        };
        let needed = [
            (Collection::Policies, POLICIES),
            (Collection::NamedLocations, NAMED_LOCATIONS),
        ];
        if !self.changed || needed.iter().any(is_missing) {
            return None;
        }
        self.changed = false;
        Some((self.bundle(), self.to_bytes()))
    }

    /// The documents as files.
    pub(super) fn bundle(&self) -> Bundle {
        let listed = self.documents.iter().filter_map(|(name, document)| {
            let document = match *name {
                ROLE_ASSIGNMENTS => &self.roles(document)?,
                _ => document,
            };
            // An empty membership says nothing, and no document is recognised in it.
            let is_told = document
                .as_object()
                .is_none_or(|members| !members.is_empty());
            is_told.then(|| (format!("graph/{name}"), document.to_string().into_bytes()))
        });
        Arc::new(listed.collect())
    }

    /// Who has which role. A role that is listed is known completely, so nothing is said before
    /// the groups are known that may hold it.
    fn roles(&self, assignments: &Value) -> Option<Value> {
        let groups = self.documents.get(MEMBERSHIPS)?.as_object()?;
        let mut roles: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for assignment in assignments["value"].as_array().into_iter().flatten() {
            let text = |name: &str| assignment.get(name).and_then(Value::as_str);
            let (Some(role), Some(principal)) = (text("roleDefinitionId"), text("principalId"))
            else {
                continue;
            };
            // Conditional access does not count a role that holds for a part of the directory.
            if text("directoryScopeId").is_some_and(|scope| scope != "/") {
                continue;
            }
            let members = roles.entry(role).or_default();
            match groups.get(principal).and_then(Value::as_array) {
                Some(group) => members.extend(group.iter().filter_map(Value::as_str)),
                None => {
                    members.insert(principal);
                }
            }
        }
        Some(json!(roles))
    }

    fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(&self.documents).unwrap_or_default()
    }
}

/// Everybody who is in a group, in a group of it, and so on. Groups themselves are nobody; groups
/// in a circle have the same members.
fn transitive(
    groups: &BTreeMap<Identifier, Known>,
) -> BTreeMap<&Identifier, BTreeSet<&Identifier>> {
    let closure = |group| {
        let mut members = BTreeSet::new();
        let mut visited = BTreeSet::from([group]);
        let mut open = vec![group];
        while let Some((_, known)) = open.pop().and_then(|next| groups.get_key_value(next)) {
            for member in &known.members {
                if !groups.contains_key(member) {
                    members.insert(member);
                } else if visited.insert(member) {
                    open.push(member);
                }
            }
        }
        members
    };
    groups.keys().map(|group| (group, closure(group))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> Identifier {
        Identifier::new(text).unwrap()
    }

    fn groups(listed: &[(&str, &[&str])]) -> BTreeMap<Identifier, Known> {
        listed
            .iter()
            .map(|(group, members)| {
                let members = members.iter().map(|member| id(member)).collect();
                let mut known = Known::default();
                known.members = members;
                (id(group), known)
            })
            .collect()
    }

    #[test]
    fn members_of_groups_in_groups_are_members() {
        let groups = groups(&[
            ("all", &["ada", "staff", "round"]),
            ("staff", &["bob", "admins"]),
            ("admins", &["eve"]),
            ("round", &["circle", "zoe"]),
            ("circle", &["round"]),
            ("empty", &[]),
        ]);
        let mut listings = Listings::default();
        listings.take_groups(&groups);
        assert_eq!(
            listings.documents[MEMBERSHIPS],
            json!({
                "all": ["ada", "bob", "eve", "zoe"],
                "staff": ["bob", "eve"],
                "admins": ["eve"],
                "round": ["zoe"],
                "circle": ["zoe"],
                "empty": [],
            })
        );
    }

    #[test]
    fn a_role_has_the_members_of_the_groups_that_hold_it() {
        let mut listings = Listings::default();
        let assignment = |id: &str, role: &str, principal: &str, scope: &str| {
            json!({
                "id": id, "roleDefinitionId": role, "principalId": principal,
                "directoryScopeId": scope,
            })
        };
        listings.take(DocumentChange {
            kind: DocumentKind::RoleAssignments,
            changed: Vec::new(),
            removed: Vec::new(),
            document: json!({ "value": [
                assignment("1", "admin", "ada", "/"),
                assignment("2", "admin", "staff", "/"),
                assignment("3", "admin", "zoe", "/administrativeUnits/1"),
                assignment("4", "reader", "bob", "/"),
            ]}),
        });
        assert!(listings.bundle().is_empty(), "the groups are not known yet");
        listings.take_groups(&groups(&[
            ("staff", &["eve", "inner"]),
            ("inner", &["kim"]),
        ]));
        let roles: Value =
            serde_json::from_slice(&listings.bundle()["graph/role_assignments"]).unwrap();
        assert_eq!(
            roles,
            json!({ "admin": ["ada", "eve", "kim"], "reader": ["bob"] })
        );
    }

    #[test]
    fn nothing_is_handed_on_before_every_listing_is_whole() {
        let collections = [Collection::Policies, Collection::NamedLocations];
        let mut listings = Listings::default();
        listings.complete(Collection::Policies);
        assert!(listings.changed(&collections).is_none());
        listings.complete(Collection::NamedLocations);
        let (bundle, bytes) = listings.changed(&collections).unwrap();
        assert_eq!(bundle.len(), 2);
        assert!(listings.changed(&collections).is_none(), "nothing new");
        let restored = Listings::from_bytes(&bytes).unwrap();
        assert_eq!(restored.bundle(), bundle);
        assert!(Listings::from_bytes(b"[]").is_none());
        assert!(Listings::from_bytes(br#"{"other": {}}"#).is_none());
    }

    proptest::proptest! {
        /// Held against the definition, applied until nothing changes.
        #[test]
        fn closures_are_the_least_fixed_point(
            edges in proptest::collection::vec((0_u8..12, 0_u8..24), 0..60),
        ) {
            // 0 to 11 are groups, the others people.
            let name = |number: &u8| id(&format!("{number}"));
            let mut direct: BTreeMap<Identifier, BTreeSet<Identifier>> = BTreeMap::new();
            for number in 0..12 {
                direct.insert(name(&number), BTreeSet::new());
            }
            for (group, member) in &edges {
                direct.entry(name(group)).or_default().insert(name(member));
            }
            let mut naive = direct.clone();
            loop {
                let before = naive.clone();
                for members in naive.values_mut() {
                    for member in members.clone() {
                        members.extend(before.get(&member).into_iter().flatten().cloned());
                    }
                }
                if naive == before {
                    break;
                }
            }
            let groups: BTreeMap<Identifier, Known> = direct
                .into_iter()
                .map(|(group, members)| {
                    let mut known = Known::default();
                    known.members = members;
                    (group, known)
                })
                .collect();
            for (group, members) in transitive(&groups) {
                let people = naive[group].iter().filter(|member| !groups.contains_key(*member));
                proptest::prop_assert_eq!(members, people.collect::<BTreeSet<_>>());
            }
        }
    }
}
