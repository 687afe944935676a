//! Events: facts that identity providers, device managers and operators report.
//!
//! An event names when (`time`), where (`tenant`), about whom (`subject`), what (`effect`) and
//! who says so (`provenance`). It is a fact, not a command: the ledger joins it with what is
//! already known, so a late, repeated or reordered event can do no harm.

mod effect;
mod json;
mod subject;

pub use effect::{Compliance, Effect, RegisterKind, RiskLevel, StreamState};
pub use json::EventError;
pub use subject::{Dimension, DimensionSet, Subject};

use serde::{Deserialize, Serialize};

use crate::identifier::{Identifier, TenantId};
use crate::timestamp::Timestamp;

/// One fact about one subject of one tenant.
///
/// As JSON:
/// `{"time": 1763760000.5, "tenant": "…", "subject": {"user": "…"}, "effect": "revoke",
/// "source": "idp", "id": "jti-1", "reason": {…}}`.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// When the thing itself happened: T of every register the event touches.
    pub time: Timestamp,
    /// The tenant that the subject belongs to.
    pub tenant: TenantId,
    /// Who is concerned; an empty subject is the whole tenant.
    pub subject: Subject,
    /// What changes.
    pub effect: Effect,
    /// Who reported it, and how.
    pub provenance: Provenance,
}

/// Where a fact comes from: kept in the ledger, shown by `explain`, never read on the hot path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Provenance {
    /// The transmitter, feed or operator. Last-writer registers exist once per source.
    pub source: Identifier,
    /// The event's own id (`jti` of a Security Event Token).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The transaction that several events share (`txn`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction: Option<String>,
    /// The event type URI, or the feed's name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_type: Option<String>,
    /// Why, in the reporter's words: minified JSON, so that two nodes agree byte for byte.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Provenance {
    /// A provenance that names only its source.
    #[must_use]
    pub fn from_source(source: Identifier) -> Provenance {
        Provenance {
            source,
            id: None,
            transaction: None,
            event_type: None,
            reason: None,
        }
    }
}
