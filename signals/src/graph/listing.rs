//! Policies, named locations, role assignments: there is no delta for them, so whole listings are compared.
//!
//! Only a complete listing is compared. A listing of which a page is missing would otherwise
//! look like a tenant that has deleted its policies.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::ResourceKind;
use super::state::FeedState;

/// Which kind of document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentKind {
    /// Conditional access policies.
    Policies,
    /// Named locations.
    NamedLocations,
    /// Who has which directory role.
    RoleAssignments,
}

/// A collection of documents that is not what it was.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DocumentChange {
    /// Which kind of document.
    pub kind: DocumentKind,
    /// The ids that are new or different.
    pub changed: Vec<String>,
    /// The ids that are gone.
    pub removed: Vec<String>,
    /// The whole collection, as Graph lists it.
    pub document: Value,
}

impl ResourceKind {
    /// The kind of document that a listing of this kind is; `None` for objects.
    #[must_use]
    pub const fn documents(self) -> Option<DocumentKind> {
        match self {
            ResourceKind::Policy => Some(DocumentKind::Policies),
            ResourceKind::NamedLocation => Some(DocumentKind::NamedLocations),
            ResourceKind::RoleAssignment => Some(DocumentKind::RoleAssignments),
            _ => None,
        }
    }
}

/// Compares a complete listing with the last one.
///
/// # Errors
/// A document without `id`: the listing is not used at all.
pub(super) fn compare(
    kind: DocumentKind,
    objects: Vec<Map<String, Value>>,
    state: &mut FeedState,
) -> Result<Option<DocumentChange>, String> {
    let mut found = BTreeMap::new();
    for (index, object) in objects.iter().enumerate() {
        let id = object
            .get("id")
            .and_then(Value::as_str)
            .ok_or_else(|| format!("`/value/{index}` has no `id`"))?;
        // Object members are sorted by the JSON library, so equal documents have equal text.
        found.insert(id.to_owned(), Value::Object(object.clone()).to_string());
    }
    let changed: Vec<String> = found
        .iter()
        .filter(|(id, text)| state.documents.get(*id) != Some(text))
        .map(|(id, _)| id.clone())
        .collect();
    let removed: Vec<String> = state
        .documents
        .keys()
        .filter(|id| !found.contains_key(*id))
        .cloned()
        .collect();
    if changed.is_empty() && removed.is_empty() {
        return Ok(None);
    }
    state.documents = found;
    Ok(Some(DocumentChange {
        kind,
        changed,
        removed,
        document: json!({ "value": objects }),
    }))
}
