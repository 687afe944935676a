//! From violations to the outcome (semantics §5).

use super::policy::Verdict;
use crate::decision::{Decision, NAMED_POLICIES, Outcome, PolicyIndex};
use crate::marks::Mark;
use crate::reason::{Family, Reason, ReasonSet};
use crate::settings::EngineSettings;
use crate::timestamp::Timestamp;

/// The violations found so far.
#[derive(Debug)]
pub(super) struct Findings {
    violations: ReasonSet,
    /// Those that count although the client cannot answer a challenge.
    counting: ReasonSet,
    is_final: bool,
    named: [PolicyIndex; NAMED_POLICIES],
    violated: u32,
}

impl Default for Findings {
    fn default() -> Self {
        Findings {
            violations: ReasonSet::EMPTY,
            counting: ReasonSet::EMPTY,
            is_final: false,
            named: [PolicyIndex::LAST; NAMED_POLICIES],
            violated: 0,
        }
    }
}

impl Findings {
    /// Adds a violation that no policy stands behind.
    pub(super) fn add(&mut self, reason: Reason) {
        self.violations = self.violations.with(reason);
        self.counting = self.counting.with(reason);
        self.is_final |= reason == Reason::SubjectPurged;
    }

    /// Adds the violations of a policy. Policies may come in any order; the first ones of the
    /// snapshot are named.
    pub(super) fn add_policy(&mut self, index: PolicyIndex, verdict: &Verdict) {
        self.violations = self.violations.union(verdict.violations);
        self.counting = self.counting.union(verdict.counting);
        self.is_final |= verdict.is_final;
        self.name(index);
    }

    /// Adds the violation of a policy that blocks here, and would not block elsewhere.
    pub(super) fn add_block(&mut self, index: PolicyIndex) {
        self.add(Reason::LocationBlocked);
        self.name(index);
    }

    #[inline(always)]
    fn name(&mut self, index: PolicyIndex) {
        self.violated = self.violated.saturating_add(1);
        let mut carried = index;
        for named in &mut self.named {
            if carried < *named {
                std::mem::swap(named, &mut carried);
            }
        }
    }

    /// The decision. `capable` says whether the client can answer a challenge, `spent` whether another
    /// one would be one too many.
    #[inline(always)] // left to itself, the compiler does it or not, at a hundred instructions' difference
    pub(super) fn conclude(
        self,
        settings: &EngineSettings,
        capable: bool,
        mark: &Mark,
        now: Timestamp,
        degraded: bool,
        spent: impl FnOnce() -> bool,
    ) -> Decision {
        let mut reasons = self.violations;
        let mut uncovered = false;
        let (outcome, status) = if reasons.is_empty() {
            (Outcome::Allow, 200)
        } else if self.is_final {
            (Outcome::Deny, 403)
        } else if capable {
            if spent() {
                reasons = reasons.with(Reason::ChallengeLoop);
                (Outcome::Deny, 403)
            } else {
                (Outcome::Challenge, 401)
            }
        } else {
            match self.counting.strongest().map(Reason::family) {
                Some(Family::Revocation) => (Outcome::Deny, settings.revocation_status.into()),
                Some(Family::Policy) => (Outcome::Deny, settings.policy_status.into()),
                None => {
                    uncovered = true;
                    (Outcome::Allow, 200)
                }
            }
        };
        Decision {
            outcome,
            status,
            reasons,
            uncovered,
            degraded,
            not_before: if outcome == Outcome::Challenge {
                not_before(reasons, mark, now)
            } else {
                0
            },
            named: self.named,
            violated: self.violated,
        }
    }
}

/// From when a token has to be to satisfy the challenge (semantics §7).
fn not_before(reasons: ReasonSet, mark: &Mark, now: Timestamp) -> i64 {
    let concerned = |reason, instant: Option<i64>| instant.filter(|_| reasons.contains(reason));
    let mark = concerned(Reason::TokenRevoked, mark.revoked_before)
        .max(concerned(Reason::TokenStale, mark.refresh_before));
    now.seconds()
        .max(mark.map_or(i64::MIN, |instant| instant.saturating_add(1)))
}

impl Decision {
    /// A denial for one reason that needs no policies.
    pub(super) fn deny(status: u16, reason: Reason, degraded: bool) -> Decision {
        Decision {
            outcome: Outcome::Deny,
            status,
            reasons: ReasonSet::EMPTY.with(reason),
            uncovered: false,
            degraded,
            not_before: 0,
            named: [PolicyIndex::LAST; NAMED_POLICIES],
            violated: 0,
        }
    }
}
