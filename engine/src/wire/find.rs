//! Which documents a file holds, whatever it wrapped around them.
//!
//! Exports come bare, in arrays, under `value`, `policies`, `conditional_access_policies`,
//! `PolicyConfig`, `details`, `/Raw/…` and whatever the next tool invents. So containers are not
//! listed here: the whole file is walked and a document is recognised by its own members. That
//! way no wrapper can hide a policy, and an element of a list that is no document is reported.

use super::json::Json;
use super::node::{Node, Refusal};

/// What a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A `conditionalAccessPolicy`.
    Policy,
    /// The `details` of a `conditionalAccessTemplate`: a policy that has no state.
    Template,
    /// A `namedLocation`.
    Location,
    /// Synchronised membership, `{group id: [member ids]}`.
    Memberships,
}

/// At most so many complaints of one kind about one file are kept: a file of eight million
/// numbers must not cost a text for each of them.
pub(crate) const MAXIMUM_COMPLAINTS: usize = 1_000;

/// The documents of one file, in its order, and the places where one was expected in vain.
#[derive(Debug, Default)]
pub(crate) struct Found<'doc> {
    pub(crate) documents: Vec<(Kind, Node<'doc>)>,
    /// The first [`MAXIMUM_COMPLAINTS`] of them.
    pub(crate) refused: Vec<Refusal>,
    /// How many there were.
    in_vain: usize,
}

impl<'doc> Found<'doc> {
    fn refuse(&mut self, node: &Node<'doc>) {
        self.in_vain += 1;
        if self.refused.len() < MAXIMUM_COMPLAINTS {
            self.refused.push(unrecognised(node));
        }
    }

    /// Changes with everything that is found, wanted or not.
    fn count(&self) -> usize {
        self.documents.len() + self.in_vain
    }
}

/// Finds the documents of a file.
pub(crate) fn find(root: &Json) -> Found<'_> {
    let root = Node::root(root);
    let mut found = Found::default();
    // A document may consist of nothing but lists of texts, too.
    if is_memberships(&root) && !is_location(&root) && !is_policy(&root) {
        found.documents.push((Kind::Memberships, root));
        return found;
    }
    walk(&root, false, &mut found);
    let empty_container = match root.value {
        Json::Array(items) => items.is_empty(),
        Json::Object(_) => root.members().iter().any(|(name, node)| {
            is_container(name) && matches!(node.value, Json::Array(items) if items.is_empty())
        }),
        _ => false,
    };
    if found.documents.is_empty() && found.refused.is_empty() && !empty_container {
        found.refuse(&root);
    }
    found
}

fn walk<'doc>(node: &Node<'doc>, template: bool, found: &mut Found<'doc>) {
    match node.value {
        Json::Array(_) => {
            for element in node.elements() {
                let before = found.count();
                walk(&element, false, found);
                if before == found.count() && in_container(node) {
                    found.refuse(&element);
                }
            }
        }
        Json::Object(_) => {
            if is_location(node) {
                found.documents.push((Kind::Location, node.clone()));
            } else if is_policy(node) {
                let kind = if template && !node.has("state") {
                    Kind::Template
                } else {
                    Kind::Policy
                };
                found.documents.push((kind, node.clone()));
            } else {
                for (name, child) in node.members() {
                    walk(&child, name.eq_ignore_ascii_case("details"), found);
                }
            }
        }
        _ => {}
    }
}

/// Whether the array is one of documents: the root, inside another array, or a member that
/// exporters use for them.
fn in_container(array: &Node<'_>) -> bool {
    array.name().is_none_or(is_container)
}

fn is_container(name: &str) -> bool {
    [
        "value",
        "policies",
        "conditional_access_policies",
        "conditionalAccessPolicies",
        "namedLocations",
        "named_locations",
        "locations",
    ]
    .iter()
    .any(|container| name.eq_ignore_ascii_case(container))
}

fn is_location(node: &Node<'_>) -> bool {
    let odata_type = node.raw_text("@odata.type");
    odata_type.is_some_and(|name| name.to_ascii_lowercase().ends_with("namedlocation"))
        || node.has("ipRanges")
        || node.has("countriesAndRegions")
        || node.has("compliantNetworkType")
}

fn is_policy(node: &Node<'_>) -> bool {
    let odata_type = node.raw_text("@odata.type");
    odata_type
        .is_some_and(|name| name.eq_ignore_ascii_case("#microsoft.graph.conditionalAccessPolicy"))
        || node.has("conditions")
        || node.has("grantControls")
        || node.has("sessionControls")
        || (node.has("displayName") && node.has("state"))
}

fn is_memberships(node: &Node<'_>) -> bool {
    let Json::Object(members) = node.value else {
        return false;
    };
    !members.is_empty()
        && members.iter().all(|(name, value)| {
            !is_container(name)
                && matches!(value, Json::Array(items)
                    if items.iter().all(|item| matches!(item, Json::Text(_))))
        })
}

fn unrecognised(node: &Node<'_>) -> Refusal {
    node.refuse(
        format!(
            "{} that is no conditional access policy, named location or membership list",
            node.value.kind()
        ),
        "remove it, or export the policies and named locations from Microsoft Graph",
    )
}

#[cfg(test)]
mod tests {
    use super::super::json::parse;
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[(Kind, &str)]) {
        let json = parse(text).unwrap();
        let found = find(&json);
        let documents: Vec<_> = found
            .documents
            .iter()
            .map(|(kind, node)| (*kind, node.pointer()))
            .collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|(kind, pointer)| (*kind, (*pointer).to_owned()))
            .collect();
        assert_eq!(documents, expected, "{text}");
        assert_eq!(found.refused, [], "{text}");
    }

    #[test]
    fn every_container_is_opened() {
        let policy = r#"{"state": "enabled", "conditions": {}}"#;
        let location = r#"{"ipRanges": []}"#;
        check(policy, &[(Kind::Policy, "")]);
        check(
            &format!("[{policy}, {location}]"),
            &[(Kind::Policy, "/0"), (Kind::Location, "/1")],
        );
        check(
            &format!(r#"{{"value": [{policy}]}}"#),
            &[(Kind::Policy, "/value/0")],
        );
        check(
            &format!(r#"[{{"value": [{policy}]}}]"#),
            &[(Kind::Policy, "/0/value/0")],
        );
        check(
            &format!(r#"{{"Raw": {{"conditional_access_policies": [{policy}]}}}}"#),
            &[(Kind::Policy, "/Raw/conditional_access_policies/0")],
        );
        check(
            &format!(r#"{{"conditional_access_policies": {policy}}}"#),
            &[(Kind::Policy, "/conditional_access_policies")],
        );
        check(
            &format!(
                r#"{{"PolicyConfig": {policy}, "AssignmentDetails": {{"ExcludeGroups": [{{"Id": "x"}}]}}}}"#
            ),
            &[(Kind::Policy, "/PolicyConfig")],
        );
        check(
            r#"{"id": "x", "details": {"conditions": {}}}"#,
            &[(Kind::Template, "/details")],
        );
        check(
            r##"{"Id": "x", "AdditionalProperties": {"@odata.type": "#microsoft.graph.countryNamedLocation"}}"##,
            &[(Kind::Location, "")],
        );
        check(r#"{"value": []}"#, &[]);
        check("[]", &[]);
    }

    #[test]
    fn memberships_are_recognised_by_their_shape() {
        check(
            r#"{"group": ["ada", "grace"], "other": []}"#,
            &[(Kind::Memberships, "")],
        );
    }

    #[test]
    fn what_is_no_document_is_refused_and_not_skipped() {
        for (text, path) in [
            ("{}", ""),
            ("7", ""),
            (r#"{"value": [{"userPrincipalName": "ada"}]}"#, "/value/0"),
            (r#"[{"conditions": {}}, 7]"#, "/1"),
        ] {
            let json = parse(text).unwrap();
            let paths: Vec<_> = find(&json)
                .refused
                .into_iter()
                .map(|refusal| refusal.path)
                .collect();
            assert_eq!(paths, [path], "{text}");
        }
    }

    fn complaints(text: &str) -> Vec<String> {
        let json = parse(text).unwrap();
        let found = find(&json);
        assert!(found.documents.is_empty(), "{text}");
        let refused = found.refused.into_iter();
        refused.map(|refusal| refusal.path).collect()
    }

    #[test]
    fn what_is_no_document_is_complained_of_once_and_not_for_ever() {
        assert_eq!(complaints(r#"{"value": [[{"x": 1}], {"y": 2}]}"#).len(), 2);
        // Nothing in a container is nothing to complain of, anywhere else it is.
        assert_eq!(complaints(r#"{"value": []}"#).len(), 0);
        assert_eq!(complaints(r#"{"other": [], "x": 1}"#), [""]);
        assert_eq!(complaints(r#"{"value": {"x": 1}}"#).len(), 1);
        let many = format!("[{}0]", "0,".repeat(MAXIMUM_COMPLAINTS));
        assert_eq!(complaints(&many).len(), MAXIMUM_COMPLAINTS);
    }
}
