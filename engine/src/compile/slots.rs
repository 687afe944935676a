//! Documents by id, in the order in which they first came: what happens when an id comes twice.

use std::collections::HashMap;

use super::reader::Reader;
use super::report::WarningCode;
use crate::identifier::Identifier;
use crate::model::{NamedLocation, Origin, Policy};
use crate::wire::Node;

/// What to do with a second document of one id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    /// It replaces the first: documents are updates in order.
    Replace,
    /// It is refused unless it says the same.
    Refuse,
}

/// Documents of one kind.
pub(super) struct Slots<T> {
    items: Vec<Option<T>>,
    by_id: HashMap<Identifier, usize>,
}

impl<T: Document> Slots<T> {
    pub(super) fn new() -> Slots<T> {
        Slots {
            items: Vec::new(),
            by_id: HashMap::new(),
        }
    }

    /// The documents in force.
    pub(super) fn into_items(self) -> Vec<T> {
        self.items.into_iter().flatten().collect()
    }

    /// Takes a document.
    pub(super) fn put(&mut self, item: T, node: &Node<'_>, again: Again, reader: &mut Reader<'_>) {
        let Some(current) = self
            .by_id
            .get(item.id())
            .and_then(|slot| self.items.get_mut(*slot))
        else {
            self.by_id.insert(item.id().clone(), self.items.len());
            self.items.push(Some(item));
            return;
        };
        match current {
            Some(first) if again == Again::Refuse => {
                let place = format!("{}#{}", first.origin().file, first.origin().pointer);
                if first.same_content(&item) {
                    reader.warn(
                        node,
                        WarningCode::DuplicateDocument,
                        format!("the same document as {place}"),
                    );
                } else {
                    reader.refuse(node.refuse(
                        format!(
                            "the id `{}` already belongs to other content, {place}",
                            item.id()
                        ),
                        "keep the document that is in force, or read the files as updates in order",
                    ));
                }
            }
            _ => *current = Some(item),
        }
    }

    /// Takes the news that a document was deleted.
    pub(super) fn delete(&mut self, id: &Identifier, again: Again) {
        if again == Again::Replace
            && let Some(current) = self
                .by_id
                .get(id)
                .and_then(|slot| self.items.get_mut(*slot))
        {
            *current = None;
        }
    }
}

/// What policies and locations have in common.
pub(super) trait Document {
    fn id(&self) -> &Identifier;
    fn origin(&self) -> &Origin;
    /// Equal but for the origin.
    fn same_content(&self, other: &Self) -> bool;
}

impl Document for Policy {
    fn id(&self) -> &Identifier {
        &self.id
    }

    fn origin(&self) -> &Origin {
        &self.origin
    }

    fn same_content(&self, other: &Policy) -> bool {
        let moved = Policy {
            origin: self.origin.clone(),
            ..other.clone()
        };
        *self == moved
    }
}

impl Document for NamedLocation {
    fn id(&self) -> &Identifier {
        &self.id
    }

    fn origin(&self) -> &Origin {
        &self.origin
    }

    fn same_content(&self, other: &NamedLocation) -> bool {
        let moved = NamedLocation {
            origin: self.origin.clone(),
            ..other.clone()
        };
        *self == moved
    }
}
