//! Microsoft Graph feeds: what a directory reports about itself.
//!
//! Graph promises little: changes come in no order, may be repeated, may be late, and a token for
//! changes may expire. So a feed keeps what it last saw of every object, reports only what
//! differs, and after a full round reports what is no longer there. The instants that Graph
//! states (a session cut-off, a risk assessment) are used as they are; a switch without an
//! instant of its own is dated when it was seen to change.

mod feed;
mod listing;
mod objects;
mod page;
mod risk;
mod state;

pub use feed::{Feed, FeedAction, FeedOutcome};
pub use listing::{DocumentChange, DocumentKind};
pub use page::{Page, PageError, ResourceKind};
pub use state::{FeedState, Known};

use highwater::event::Event;
use highwater::identifier::{Identifier, TenantId};
use highwater::timestamp::Timestamp;
use serde::{Deserialize, Serialize};

use crate::directory::Principal;
use crate::subject::Name;

/// How the feeds of one tenant are read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GraphConfig {
    /// The tenant: the `tid` of its tokens.
    pub tenant: TenantId,
    /// The name under which the facts are kept. Default: `graph`.
    #[serde(default = "default_source")]
    pub source: Identifier,
    /// Whether a new password ends older tokens. Default: yes, as Entra does it.
    #[serde(default = "yes")]
    pub password_change_revokes: bool,
    /// Whether a user or workload identity whose risk becomes high loses its tokens, besides
    /// what policies make of the risk. Default: yes, as Entra does it.
    #[serde(default = "yes")]
    pub high_risk_revokes: bool,
    /// Cut-offs that lie further back than this are not reported, because no token is that old;
    /// in seconds. Default: 29 h, the longest token life and an hour.
    #[serde(default = "default_horizon")]
    pub horizon_seconds: i64,
}

fn default_source() -> Identifier {
    // INVARIANT: five letters are an identifier.
    #[expect(clippy::unwrap_used, reason = "five letters are an identifier")]
    Identifier::new("graph").unwrap()
}

const fn yes() -> bool {
    true
}

const fn default_horizon() -> i64 {
    29 * 3600
}

impl GraphConfig {
    /// The usual settings for a tenant.
    #[must_use]
    pub fn new(tenant: TenantId) -> GraphConfig {
        GraphConfig {
            tenant,
            source: default_source(),
            password_change_revokes: true,
            high_risk_revokes: true,
            horizon_seconds: default_horizon(),
        }
    }
}

/// What a page of Graph changes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GraphFacts {
    /// Facts for the ledger.
    pub events: Vec<Event>,
    /// Who joined or left which group.
    pub memberships: Vec<MembershipChange>,
    /// Names by which objects are known, each with the instant at which it was seen; for
    /// [`DirectoryMap::observe`](crate::directory::DirectoryMap::observe).
    pub names: Vec<(Name, Principal, Timestamp)>,
    /// Policies and named locations that changed.
    pub documents: Vec<DocumentChange>,
    /// What an operator may want to read.
    pub notices: Vec<GraphNotice>,
}

impl GraphFacts {
    /// Whether nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
            && self.memberships.is_empty()
            && self.names.is_empty()
            && self.documents.is_empty()
    }

    pub(crate) fn append(&mut self, other: GraphFacts) {
        self.events.extend(other.events);
        self.memberships.extend(other.memberships);
        self.names.extend(other.names);
        self.documents.extend(other.documents);
        self.notices.extend(other.notices);
    }
}

/// Reads a page that is not part of a feed: a file. Documents of a listing count as complete.
pub(crate) fn read_page(
    kind: ResourceKind,
    page: Page,
    config: &GraphConfig,
    state: &mut FeedState,
    now: Timestamp,
) -> GraphFacts {
    let Some(documents) = kind.documents() else {
        return feed::read(kind, page.objects, config, state, now);
    };
    let mut facts = GraphFacts::default();
    match listing::compare(documents, page.objects, state) {
        Ok(change) => facts.documents.extend(change),
        Err(reason) => facts.notices.push(GraphNotice::Unreadable {
            path: "/value".to_owned(),
            reason,
        }),
    }
    facts
}

/// A change of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum MembershipChange {
    /// `member` belongs to `group`.
    Joined {
        /// The group's object id.
        group: Identifier,
        /// The member's object id.
        member: Identifier,
    },
    /// `member` no longer belongs to `group`.
    Left {
        /// The group's object id.
        group: Identifier,
        /// The member's object id.
        member: Identifier,
    },
    /// The group is gone.
    Gone {
        /// The group's object id.
        group: Identifier,
    },
}

/// Something in a page that has no effect and should be known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "notice", rename_all = "snake_case")]
#[non_exhaustive]
pub enum GraphNotice {
    /// An object that cannot be read.
    Unreadable {
        /// Its place in the page.
        path: String,
        /// Why.
        reason: String,
    },
    /// The risk is hidden from this tenant; it needs a P2 licence.
    HiddenRisk {
        /// The object.
        id: Identifier,
    },
    /// A device was removed whose `deviceId` was never seen, so no token can be matched to it.
    UnknownDevice {
        /// The directory object.
        id: Identifier,
    },
    /// An instant lies in the future and was moved.
    TimeClamped {
        /// The object.
        id: Identifier,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_is_enough_of_a_configuration() {
        let tenant = Identifier::new("t").unwrap();
        let read: GraphConfig = serde_json::from_str(r#"{"tenant":"t"}"#).unwrap();
        assert_eq!(read, GraphConfig::new(tenant));
        assert!(read.password_change_revokes && read.high_risk_revokes);
    }
}
