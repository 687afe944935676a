//! What a readiness report has to say about a store and its mesh.
//!
//! Decisions never wait for either, so nothing here makes a node useless by itself: a node that
//! has never read the bus, or reads it no more, decides on old knowledge, and a store that refuses
//! writes makes transmitters send again. Which of these takes a node out of service is the host's
//! decision; what there is to decide about is collected in one place.

use std::time::Duration;

use highwater::timestamp::Timestamp;

use crate::mesh::MeshStatus;
use crate::{Condition, StoreError, StoreStatus};

/// Something that a readiness report should say. As text: what is the matter, and since when.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Concern {
    /// Events are in force, but refused: they are not durable.
    #[error("events are refused: {0}")]
    Refusing(StoreError),
    /// This node has not read the bus since it was started: it may lack what other nodes know.
    #[error("the bus was not read since this node started")]
    NeverSynchronised,
    /// What other nodes learnt lately may be missing.
    #[error(
        "knowledge of the bus is {lag_milliseconds} ms old, more than the {} ms allowed",
        .bound.as_millis()
    )]
    Lagging {
        /// Age of the last moment at which everything on the bus was known here.
        lag_milliseconds: i64,
        /// How old it may be.
        bound: Duration,
    },
}

impl Concern {
    /// The concern's name in readiness reports and metrics.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Concern::Refusing(_) => "refusing",
            Concern::NeverSynchronised => "never_synchronised",
            Concern::Lagging { .. } => "lagging",
        }
    }

    /// Whether decisions of this node may lack something that others know. If not, only the
    /// taking of events is concerned.
    #[must_use]
    pub const fn touches_decisions(&self) -> bool {
        matches!(self, Concern::NeverSynchronised | Concern::Lagging { .. })
    }

    /// Everything there is to say about a store, and about the mesh it is shared over, if there
    /// is one; empty if all is well. `bound` is how old knowledge of the bus may be: several
    /// heartbeats at least.
    #[must_use]
    pub fn of(
        store: &StoreStatus,
        mesh: Option<&MeshStatus>,
        now: Timestamp,
        bound: Duration,
    ) -> Vec<Concern> {
        let mut concerns = Vec::new();
        if let Condition::Full(error) | Condition::Failed(error) = &store.condition {
            concerns.push(Concern::Refusing(error.clone()));
        }
        let is_old = |lag: i64| u128::try_from(lag).is_ok_and(|lag| lag > bound.as_millis());
        match mesh.map(|mesh| mesh.lag_milliseconds(now)) {
            Some(None) => concerns.push(Concern::NeverSynchronised),
            Some(Some(lag_milliseconds)) if is_old(lag_milliseconds) => {
                concerns.push(Concern::Lagging {
                    lag_milliseconds,
                    bound,
                });
            }
            Some(Some(_)) | None => {}
        }
        concerns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(condition: Condition) -> StoreStatus {
        StoreStatus {
            condition,
            is_new: false,
            waiting: 0,
            commits: 0,
            written: 0,
            failures: 0,
            forgotten: 0,
            forgot_at: None,
            compactions: 0,
            bytes: None,
        }
    }

    #[track_caller]
    fn check(condition: Condition, current_at: Option<Option<i64>>, expected: &[&str]) {
        let mesh = current_at.map(|at| MeshStatus {
            current_at: at.map(Timestamp::from_milliseconds),
            ..MeshStatus::default()
        });
        let concerns = Concern::of(
            &store(condition),
            mesh.as_ref(),
            Timestamp::from_milliseconds(10_000),
            Duration::from_secs(5),
        );
        let names: Vec<_> = concerns.iter().map(Concern::as_str).collect();
        assert_eq!(names, expected);
    }

    #[test]
    fn every_reason_for_old_knowledge_and_refused_events_is_named() {
        check(Condition::Ready, None, &[]);
        check(Condition::Ready, Some(Some(5000)), &[]);
        check(Condition::Ready, Some(Some(4999)), &["lagging"]);
        check(Condition::Ready, Some(None), &["never_synchronised"]);
        // A clock that went backwards is no lag.
        check(Condition::Ready, Some(Some(20_000)), &[]);
        let closed = StoreError::Closed;
        check(Condition::Failed(closed.clone()), None, &["refusing"]);
        check(
            Condition::Full(closed),
            Some(None),
            &["refusing", "never_synchronised"],
        );
    }
}
