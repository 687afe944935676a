//! What every reader of documents shares: whose file it is, how strict to be, where complaints
//! go, and which locations exist.

use std::collections::HashMap;

use super::from_synced::Synced;
use super::report::{Refused, Warning, WarningCode};
use crate::identifier::Identifier;
use crate::model::{LocationReference, Origin};
use crate::timestamp::Timestamp;
use crate::wire::{Json, MAXIMUM_COMPLAINTS, Node, Refusal};

/// The reader of one file.
pub(super) struct Reader<'run> {
    pub(super) file: &'run str,
    /// Refuse what is otherwise corrected with a warning.
    pub(super) strict: bool,
    /// The update that is being read, in a file of updates.
    pub(super) update: Option<&'run Synced>,
    warnings: &'run mut Vec<Warning>,
    refused: &'run mut Vec<Refused>,
    /// At most `MAXIMUM_COMPLAINTS` of either are told; the last one says that there are more.
    complaints: (usize, usize),
}

impl<'run> Reader<'run> {
    pub(super) fn new(
        file: &'run str,
        strict: bool,
        warnings: &'run mut Vec<Warning>,
        refused: &'run mut Vec<Refused>,
    ) -> Reader<'run> {
        Reader {
            file,
            strict,
            update: None,
            warnings,
            refused,
            complaints: (0, 0),
        }
    }

    /// Where `node` stands.
    pub(super) fn origin(&self, node: &Node<'_>) -> Origin {
        Origin {
            file: self.file.to_owned(),
            pointer: match self.update {
                Some(update) => update.place.clone(),
                None => node.pointer(),
            },
        }
    }

    /// Warns about `node`.
    pub(super) fn warn(&mut self, node: &Node<'_>, code: WarningCode, message: impl Into<String>) {
        let path = match self.update {
            Some(update) => update.path(&node.pointer()),
            None => node.pointer(),
        };
        self.warn_at(&path, code, message);
    }

    /// Warns about a place.
    pub(super) fn warn_at(&mut self, path: &str, code: WarningCode, message: impl Into<String>) {
        self.complaints.0 += 1;
        let (code, message) = match self.complaints.0 {
            0..MAXIMUM_COMPLAINTS => (code, message.into()),
            MAXIMUM_COMPLAINTS => (
                WarningCode::More,
                format!("more than {MAXIMUM_COMPLAINTS} warnings in this file"),
            ),
            _ => return,
        };
        self.warnings.push(Warning {
            file: self.file.to_owned(),
            path: path.to_owned(),
            code,
            message,
        });
    }

    /// Refuses a part of the file.
    pub(super) fn refuse(&mut self, refusal: Refusal) {
        self.complaints.1 += 1;
        let refusal = match self.complaints.1 {
            0..MAXIMUM_COMPLAINTS => refusal,
            MAXIMUM_COMPLAINTS => Refusal {
                reason: format!("more than {MAXIMUM_COMPLAINTS} refused documents in this file"),
                ..refusal
            },
            _ => return,
        };
        self.refused.push(Refused {
            file: self.file.to_owned(),
            path: refusal.path,
            reason: refusal.reason,
            remedy: refusal.remedy,
        });
    }

    /// The document's `id`, or a stable one made from file and place.
    pub(super) fn identifier(&self, node: &Node<'_>) -> Result<Identifier, Refusal> {
        let id = node.member("id")?;
        match id {
            Some(id) if !id.text()?.trim().is_empty() => identifier(&id, id.text()?.trim()),
            _ => identifier(node, &format!("{}#{}", self.file, node.pointer())),
        }
    }

    /// `displayName`, empty where missing.
    pub(super) fn display_name(node: &Node<'_>) -> Result<String, Refusal> {
        match node.member("displayName")? {
            Some(name) => Ok(name.text()?.to_owned()),
            None => Ok(String::new()),
        }
    }

    /// `modifiedDateTime`, else `createdDateTime`.
    pub(super) fn modified(&mut self, node: &Node<'_>) -> Result<Option<Timestamp>, Refusal> {
        for name in ["modifiedDateTime", "createdDateTime"] {
            if let Some(time) = node.member(name)? {
                let read = instant(&time);
                if read.is_none() {
                    self.warn(
                        &time,
                        WarningCode::UnreadableTime,
                        "not an RFC 3339 instant; treated as not stated",
                    );
                }
                return Ok(read);
            }
        }
        Ok(None)
    }

    /// Warns of members that occur twice with one value.
    pub(super) fn repeated_members(&mut self, node: &Node<'_>) {
        for (name, pointer) in node.repeated() {
            self.warn_at(
                &pointer,
                WarningCode::DuplicateMember,
                format!("`{name}` occurs twice, apart from letter case"),
            );
        }
    }
}

/// An identifier written at `node`.
pub(super) fn identifier(node: &Node<'_>, text: &str) -> Result<Identifier, Refusal> {
    Identifier::new(text).map_err(|error| node.refuse(error.to_string(), "correct the identifier"))
}

/// RFC 3339, or `/Date(milliseconds)/` as Windows PowerShell writes it.
fn instant(node: &Node<'_>) -> Option<Timestamp> {
    let Json::Text(text) = node.value else {
        return None;
    };
    if let Some(inner) = text.strip_prefix("/Date(") {
        let digits = inner.strip_suffix(")/")?;
        return digits.parse().ok().map(Timestamp::from_milliseconds);
    }
    Timestamp::from_rfc3339(text).ok()
}

/// The named locations of the tenant, by id.
#[derive(Debug, Default)]
pub(super) struct LocationIndex {
    pub(super) by_id: HashMap<Identifier, LocationReference>,
}
