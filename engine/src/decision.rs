//! The answer: allow, challenge or deny, with what determined it.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::reason::{Reason, ReasonSet};

/// What the host does with the request. Complete on purpose: hosts should break when it grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Serve it.
    Allow,
    /// Answer 401 with the claims challenge.
    Challenge,
    /// Refuse it.
    Deny,
}

impl Outcome {
    /// The outcome in answers and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Outcome::Allow => "allow",
            Outcome::Challenge => "challenge",
            Outcome::Deny => "deny",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl Serialize for Outcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A policy of one snapshot, by its position in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PolicyIndex(u32);

impl PolicyIndex {
    /// The greatest index: a place holder behind every policy.
    pub(crate) const LAST: PolicyIndex = PolicyIndex(u32::MAX);

    /// The policy at `index`.
    #[must_use]
    pub const fn from_u32(index: u32) -> PolicyIndex {
        PolicyIndex(index)
    }

    /// The policy at `index`; `None` beyond `u32`.
    #[must_use]
    pub fn new(index: usize) -> Option<PolicyIndex> {
        u32::try_from(index).ok().map(PolicyIndex)
    }

    /// The position as a number of 32 bits.
    #[must_use]
    pub const fn to_u32(self) -> u32 {
        self.0
    }

    /// The position.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// How many determining policies a decision names; more are counted.
pub const NAMED_POLICIES: usize = 4;

/// One decision. Small, `Copy`, and complete: outcome, status, reasons and policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Decision {
    pub(crate) outcome: Outcome,
    pub(crate) status: u16,
    pub(crate) reasons: ReasonSet,
    pub(crate) uncovered: bool,
    pub(crate) degraded: bool,
    /// `nbf` of the challenge, in seconds; meaningful for challenges.
    pub(crate) not_before: i64,
    pub(crate) named: [PolicyIndex; NAMED_POLICIES],
    pub(crate) violated: u32,
}

/// A decision as plain values, for hosts that pass it through memory of their own and want its
/// header afterwards: other languages, above all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecisionParts {
    /// [`Decision::outcome`].
    pub outcome: Outcome,
    /// [`Decision::status`].
    pub status: u16,
    /// [`Decision::reasons`].
    pub reasons: ReasonSet,
    /// [`Decision::is_uncovered`].
    pub uncovered: bool,
    /// [`Decision::is_degraded`].
    pub degraded: bool,
    /// [`Decision::challenge_not_before`].
    pub not_before: i64,
    /// [`Decision::policies`], and anything behind them.
    pub named: [PolicyIndex; NAMED_POLICIES],
    /// [`Decision::policy_count`].
    pub violated: u32,
}

impl Decision {
    /// A denial that stands for no request: what a place for a decision holds before there is
    /// one.
    pub const UNDECIDED: Decision = Decision {
        outcome: Outcome::Deny,
        status: 403,
        reasons: ReasonSet::EMPTY,
        uncovered: false,
        degraded: false,
        not_before: 0,
        named: [PolicyIndex::LAST; NAMED_POLICIES],
        violated: 0,
    };

    /// The decision that these parts are of.
    pub const fn from_parts(parts: DecisionParts) -> Decision {
        Decision {
            outcome: parts.outcome,
            status: parts.status,
            reasons: parts.reasons,
            uncovered: parts.uncovered,
            degraded: parts.degraded,
            not_before: parts.not_before,
            named: parts.named,
            violated: parts.violated,
        }
    }

    /// The decision as plain values.
    #[must_use]
    pub const fn parts(&self) -> DecisionParts {
        DecisionParts {
            outcome: self.outcome,
            status: self.status,
            reasons: self.reasons,
            uncovered: self.uncovered,
            degraded: self.degraded,
            not_before: self.not_before,
            named: self.named,
            violated: self.violated,
        }
    }

    /// Allowed, with nothing to say about it: what nearly every request gets.
    pub const ALLOWED: Decision = Decision {
        outcome: Outcome::Allow,
        status: 200,
        ..Decision::UNDECIDED
    };

    /// Allow, challenge or deny.
    #[must_use]
    pub const fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// The HTTP status to answer with: 200, 401 or 403.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// Why, the strongest first. An allowed request may have reasons too: see
    /// [`Decision::is_uncovered`].
    #[must_use]
    pub const fn reasons(&self) -> ReasonSet {
        self.reasons
    }

    /// The strongest reason.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        self.reasons.strongest()
    }

    /// Whether a violation was let pass because the client cannot answer a challenge.
    #[must_use]
    pub const fn is_uncovered(&self) -> bool {
        self.uncovered
    }

    /// Whether an event stream was stale, paused or disabled when this was decided.
    #[must_use]
    pub const fn is_degraded(&self) -> bool {
        self.degraded
    }

    /// The first policies with a violation, in the order of the snapshot; at most
    /// [`NAMED_POLICIES`].
    pub fn policies(&self) -> impl Iterator<Item = PolicyIndex> {
        self.named.into_iter().take(self.violated as usize)
    }

    /// How many policies have a violation, named or not.
    #[must_use]
    pub const fn policy_count(&self) -> usize {
        self.violated as usize
    }

    /// `nbf` of the challenge, in seconds since 1970.
    #[must_use]
    pub const fn challenge_not_before(&self) -> i64 {
        self.not_before
    }
}
