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
#[derive(Clone, Debug, PartialEq, Eq)]
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

impl Event {
    /// The event with its time held back to what its reporter can know, and whether that was
    /// needed.
    ///
    /// T may not lie more than `skew_seconds` after the earlier of the moment at which the
    /// report was issued and `now`. Without this, one wrong clock could refuse every token that
    /// the subject will ever get.
    #[must_use]
    pub fn clamped(
        mut self,
        issued: Timestamp,
        now: Timestamp,
        skew_seconds: i64,
    ) -> (Event, bool) {
        let latest = issued.min(now).plus_seconds(skew_seconds);
        let clamped = self.time > latest;
        self.time = self.time.min(latest);
        (self, clamped)
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_from_the_future_is_held_back_to_the_earlier_of_issue_and_now() {
        let at = |seconds| Event {
            time: Timestamp::from_seconds(seconds),
            tenant: Identifier::new("contoso").unwrap(),
            subject: Subject::tenant(),
            effect: Effect::Revoke,
            provenance: Provenance::from_source(Identifier::new("idp").unwrap()),
        };
        let (now, issued) = (Timestamp::from_seconds(1000), Timestamp::from_seconds(900));
        assert_eq!(at(960).clamped(issued, now, 60), (at(960), false));
        assert_eq!(at(961).clamped(issued, now, 60), (at(960), true));
        assert_eq!(at(2000).clamped(now, issued, 60), (at(960), true));
        assert_eq!(at(-5).clamped(issued, now, 60), (at(-5), false));
    }
}
