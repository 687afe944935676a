//! What a feed last saw of every object: the memory that turns states into changes.
//!
//! It is a cache of the directory, not of the ledger. Losing it costs one full round in which
//! everything that is restricted is said again, which joins to the same ledger; what was lifted
//! in the meantime is only said if [`FeedState::assume_blocked`] told the feed about it.

use std::collections::{BTreeMap, BTreeSet};

use highwater::identifier::Identifier;
use highwater::timestamp::Timestamp;
use serde::{Deserialize, Serialize};

use super::ResourceKind;

/// What was last seen of one object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Known {
    /// Whether it is refused: disabled or deleted.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub blocked: bool,
    /// The latest cut-off that was reported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Timestamp>,
    /// The risk that was reported, and its instant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub risk: Option<(highwater::event::RiskLevel, Timestamp)>,
    /// The compliance that was reported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compliant: Option<bool>,
    /// The identifier that tokens carry, where it is not the object's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_id: Option<Identifier>,
    /// The members of a group.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub members: BTreeSet<Identifier>,
    /// Whether it was seen in the current round.
    #[serde(skip)]
    pub(super) seen: bool,
}

/// What a feed last saw, to be kept across restarts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FeedState {
    /// Where to ask for changes.
    pub link: Option<String>,
    /// The objects.
    pub objects: BTreeMap<Identifier, Known>,
    /// The documents of a listing by id, as canonical JSON.
    pub documents: BTreeMap<String, String>,
    /// The instant of the last fact, so that the next one is later even if clocks stand still.
    pub last: Option<Timestamp>,
}

impl FeedState {
    /// Tells a feed without memory that the ledger still holds a block of its own on this object,
    /// so that it is lifted if the object turns out to be enabled.
    pub fn assume_blocked(&mut self, id: Identifier) {
        self.objects.entry(id).or_default().blocked = true;
    }

    /// The members of every group, `{group id: [member ids]}`: the form in which the engine reads
    /// synchronised membership.
    #[must_use]
    pub fn memberships(&self) -> serde_json::Value {
        self.objects
            .iter()
            .map(|(group, known)| {
                let members: Vec<&str> = known.members.iter().map(Identifier::as_str).collect();
                (group.to_string(), serde_json::json!(members))
            })
            .collect::<serde_json::Map<_, _>>()
            .into()
    }

    /// An instant for a fact that was seen now, later than every earlier one.
    pub(super) fn tick(&mut self, now: Timestamp) -> Timestamp {
        let tick = match self.last {
            Some(last) if last >= now => Timestamp::from_milliseconds(last.milliseconds() + 1),
            _ => now,
        };
        self.last = Some(tick);
        tick
    }

    /// Begins a round in which every object will be seen.
    pub(super) fn begin_round(&mut self) {
        for known in self.objects.values_mut() {
            known.seen = false;
        }
    }

    /// The objects that a full round did not show, apart from those known to be gone.
    pub(super) fn unseen(&self, kind: ResourceKind) -> Vec<Identifier> {
        self.objects
            .iter()
            .filter(|(_, known)| !known.seen && (!known.blocked || kind == ResourceKind::Group))
            .map(|(id, _)| id.clone())
            .collect()
    }
}
