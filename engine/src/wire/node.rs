//! A place in a document: the value that stands there and the JSON Pointer that leads to it.
//!
//! Members are found without regard to letter case, because Graph writes `displayName` and
//! PowerShell's modules write `DisplayName`. What those modules do not model they put into
//! `AdditionalProperties`; it is read as if it stood beside the other members.

use std::rc::Rc;

use super::json::Json;

/// Why a document, or a part of one, cannot be read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refusal {
    /// JSON Pointer of the part.
    pub(crate) path: String,
    /// What is wrong there.
    pub(crate) reason: String,
    /// What to do.
    pub(crate) remedy: String,
}

/// A value and its place.
#[derive(Clone, Debug)]
pub(crate) struct Node<'doc> {
    pub(crate) value: &'doc Json,
    /// The way here, shared with the siblings: a pointer is only written out when somebody
    /// asks, so long names cost nothing per element.
    place: Option<Rc<Place<'doc>>>,
}

#[derive(Debug)]
struct Place<'doc> {
    parent: Option<Rc<Place<'doc>>>,
    step: Step<'doc>,
}

#[derive(Clone, Copy, Debug)]
enum Step<'doc> {
    Name(&'doc str),
    Index(usize),
}

impl<'doc> Node<'doc> {
    /// The whole document.
    pub(crate) fn root(value: &'doc Json) -> Node<'doc> {
        Node { value, place: None }
    }

    /// The JSON Pointer that leads here.
    pub(crate) fn pointer(&self) -> String {
        let mut steps = Vec::new();
        let mut place = self.place.as_deref();
        while let Some(current) = place {
            steps.push(current.step);
            place = current.parent.as_deref();
        }
        let mut pointer = String::new();
        for step in steps.into_iter().rev() {
            pointer.push('/');
            match step {
                Step::Index(index) => pointer.push_str(&index.to_string()),
                Step::Name(name) => pointer.push_str(&name.replace('~', "~0").replace('/', "~1")),
            }
        }
        pointer
    }

    /// The name of the member that this is, if it is one.
    pub(crate) fn name(&self) -> Option<&'doc str> {
        match self.place.as_deref()?.step {
            Step::Name(name) => Some(name),
            Step::Index(_) => None,
        }
    }

    /// A refusal of this place.
    #[cold]
    pub(crate) fn refuse(&self, reason: impl Into<String>, remedy: impl Into<String>) -> Refusal {
        Refusal {
            path: self.pointer(),
            reason: reason.into(),
            remedy: remedy.into(),
        }
    }

    /// Every member, with those of `AdditionalProperties`; annotations (`@odata.type`,
    /// `users@odata.context`, `#microsoft.graph.restore`) are left out.
    pub(crate) fn members(&self) -> Vec<(&'doc str, Node<'doc>)> {
        let mut members = Vec::new();
        for (name, node) in self.raw_members() {
            if name.eq_ignore_ascii_case("additionalProperties") {
                members.extend(node.raw_members().filter(|(name, _)| !annotation(name)));
            } else if !annotation(name) {
                members.push((name, node));
            }
        }
        members
    }

    /// The member of this name in any letter case. `null` counts as missing.
    ///
    /// Refused: two members of that name with different values.
    pub(crate) fn member(&self, name: &str) -> Result<Option<Node<'doc>>, Refusal> {
        if let Some(node) = self.own(name)? {
            return Ok(Some(node));
        }
        match self.own("additionalProperties")? {
            Some(additional) => additional.own(name),
            None => Ok(None),
        }
    }

    /// Whether a member of this name is present, even as `null`.
    pub(crate) fn has(&self, name: &str) -> bool {
        let names = |node: &Node<'doc>| {
            node.raw_members()
                .any(|(found, _)| found.eq_ignore_ascii_case(name))
        };
        names(self)
            || self.raw_members().any(|(found, node)| {
                found.eq_ignore_ascii_case("additionalProperties") && names(&node)
            })
    }

    /// The text of an annotation such as `@odata.type`, here or in `AdditionalProperties`.
    pub(crate) fn raw_text(&self, name: &str) -> Option<&'doc str> {
        match self.member(name) {
            Ok(Some(Node {
                value: Json::Text(text),
                ..
            })) => Some(text),
            _ => None,
        }
    }

    /// The elements of an array.
    pub(crate) fn elements(&self) -> impl Iterator<Item = Node<'doc>> + use<'doc> {
        let items: &'doc [Json] = match self.value {
            Json::Array(items) => items,
            _ => &[],
        };
        let parent = self.place.clone();
        items.iter().enumerate().map(move |(index, value)| Node {
            value,
            place: Some(Rc::new(Place {
                parent: parent.clone(),
                step: Step::Index(index),
            })),
        })
    }

    /// Text, or a refusal.
    pub(crate) fn text(&self) -> Result<&'doc str, Refusal> {
        match self.value {
            Json::Text(text) => Ok(text),
            other => Err(self.refuse(
                format!("expected text, found {}", other.kind()),
                "write the value in quotes, or remove it",
            )),
        }
    }

    /// A boolean, or a refusal. PowerShell writes some as text.
    pub(crate) fn boolean(&self) -> Result<bool, Refusal> {
        match self.value {
            Json::Bool(value) => Ok(*value),
            Json::Text(text) if text.eq_ignore_ascii_case("true") => Ok(true),
            Json::Text(text) if text.eq_ignore_ascii_case("false") => Ok(false),
            other => Err(self.refuse(
                format!("expected true or false, found {}", other.kind()),
                "write true or false",
            )),
        }
    }

    /// The texts of an array with their places; a single text counts as an array of one, as
    /// PowerShell unrolls them. `null` elements are skipped.
    pub(crate) fn texts(&self) -> Result<Vec<(&'doc str, Node<'doc>)>, Refusal> {
        match self.value {
            Json::Text(text) if text.is_empty() => Ok(Vec::new()),
            Json::Text(text) => Ok(vec![(text, self.clone())]),
            Json::Array(_) => self
                .elements()
                .filter(|node| *node.value != Json::Null)
                .map(|node| Ok((node.text()?, node)))
                .collect(),
            other => Err(self.refuse(
                format!("expected an array of texts, found {}", other.kind()),
                "write an array such as [\"All\"], or remove the member",
            )),
        }
    }

    /// This node, if it is an object.
    pub(crate) fn object(self) -> Result<Node<'doc>, Refusal> {
        match self.value {
            Json::Object(_) => Ok(self),
            // `ConvertTo-Json` writes what lies deeper than its -Depth as the type's name.
            Json::Text(_) => Err(self.refuse(
                "expected an object, found text",
                "export again with a greater depth, such as `ConvertTo-Json -Depth 20`",
            )),
            other => Err(self.refuse(
                format!("expected an object, found {}", other.kind()),
                "export the document again, or remove the member",
            )),
        }
    }

    /// Whether nothing is configured here: `null`, an empty array or text, or an object whose
    /// every member is unset.
    pub(crate) fn is_unset(&self) -> bool {
        match self.value {
            Json::Null => true,
            Json::Array(items) => items.iter().all(|item| *item == Json::Null),
            Json::Text(text) => text.is_empty(),
            Json::Object(_) => self.members().iter().all(|(_, node)| node.is_unset()),
            Json::Bool(_) | Json::Number(_) => false,
        }
    }

    /// Whether this is `null`, an empty array, or an object whose every member is that of a
    /// `Get-Mg*` export of an unconfigured part: `null` through and through.
    pub(crate) fn is_null(&self) -> bool {
        match self.value {
            Json::Null => true,
            Json::Array(items) => items.is_empty(),
            Json::Object(_) => self.members().iter().all(|(_, node)| match node.value {
                Json::Object(_) => node.is_null(),
                value => *value == Json::Null,
            }),
            _ => false,
        }
    }

    fn own(&self, name: &str) -> Result<Option<Node<'doc>>, Refusal> {
        let mut found: Option<Node<'doc>> = None;
        for (candidate, node) in self.raw_members() {
            if *node.value == Json::Null || !candidate.eq_ignore_ascii_case(name) {
                continue;
            }
            match &found {
                Some(first) if first.value != node.value => {
                    return Err(node.refuse(
                        format!("`{name}` is present twice with different values"),
                        "keep the one that is meant",
                    ));
                }
                Some(_) => {}
                None => found = Some(node),
            }
        }
        Ok(found)
    }

    /// Names that occur more than once, whatever their case, with the place of the second.
    pub(crate) fn repeated(&self) -> Vec<(&'doc str, String)> {
        let mut seen = std::collections::HashSet::new();
        self.raw_members()
            .filter(|(name, _)| !seen.insert(name.to_ascii_lowercase()))
            .map(|(name, node)| (name, node.pointer()))
            .collect()
    }

    /// Every member as written.
    pub(crate) fn raw_members(
        &self,
    ) -> impl Iterator<Item = (&'doc str, Node<'doc>)> + use<'doc, '_> {
        let members: &'doc [(String, Json)] = match self.value {
            Json::Object(members) => members,
            _ => &[],
        };
        members
            .iter()
            .map(|(name, value)| (name.as_str(), self.child(name, value)))
    }

    fn child(&self, name: &'doc str, value: &'doc Json) -> Node<'doc> {
        Node {
            value,
            place: Some(Rc::new(Place {
                parent: self.place.clone(),
                step: Step::Name(name),
            })),
        }
    }
}

fn annotation(name: &str) -> bool {
    name.contains('@') || name.starts_with('#')
}

#[cfg(test)]
mod tests {
    use super::super::json::parse;
    use super::*;

    #[test]
    fn members_are_found_in_any_case_and_beside_additional_properties() {
        let json = parse(
            r#"{"DisplayName": "x", "a/b~c": 1, "Id": null, "AdditionalProperties":
                {"@odata.type": "t", "id": "7", "isTrusted": true}}"#,
        )
        .unwrap();
        let root = Node::root(&json);
        assert_eq!(
            root.member("displayName").unwrap().unwrap().pointer(),
            "/DisplayName"
        );
        let id = root.member("id").unwrap().unwrap();
        assert_eq!(id.pointer(), "/AdditionalProperties/id");
        assert_eq!(id.text().unwrap(), "7");
        let names: Vec<_> = root
            .members()
            .into_iter()
            .map(|(name, node)| (name, node.pointer()))
            .collect();
        assert_eq!(names[1], ("a/b~c", "/a~1b~0c".to_owned()));
        assert_eq!(names.len(), 5);
        assert!(root.has("ID"));
    }

    #[test]
    fn members_that_differ_in_case_must_agree() {
        let same = parse(r#"{"state": "enabled", "State": "enabled"}"#).unwrap();
        assert!(Node::root(&same).member("state").unwrap().is_some());
        assert_eq!(
            Node::root(&same).repeated(),
            [("State", "/State".to_owned())]
        );
        let different = parse(r#"{"state": "enabled", "State": "disabled"}"#).unwrap();
        let refusal = Node::root(&different).member("state").unwrap_err();
        assert_eq!(refusal.path, "/State");
    }

    #[test]
    fn unset_is_null_through_and_through() {
        let json = parse(r#"[null, {}, {"a": {"b": null}}, {"a": []}, {"a": false}, []]"#).unwrap();
        let nodes: Vec<_> = Node::root(&json).elements().collect();
        let unset: Vec<_> = nodes.iter().map(Node::is_unset).collect();
        assert_eq!(unset, [true, true, true, true, false, true]);
        let null: Vec<_> = nodes.iter().map(Node::is_null).collect();
        assert_eq!(null, [true, true, true, false, false, true]);
    }

    #[test]
    fn a_text_is_a_list_of_one_unless_it_is_empty() {
        for (text, expected) in [
            (r#""All""#, vec!["All"]),
            (r#""""#, vec![]),
            ("[null]", vec![]),
        ] {
            let json = parse(text).unwrap();
            let texts = Node::root(&json).texts().unwrap();
            let texts: Vec<_> = texts.into_iter().map(|(text, _)| text).collect();
            assert_eq!(texts, expected, "{text}");
        }
    }
}
