//! What one token has to answer for: the join of every register that concerns it.

use crate::event::{Compliance, Dimension, Effect, RiskLevel, Subject};
use crate::timestamp::Timestamp;

/// The joined, effective facts about one token. The default is that nothing is known.
///
/// Joining is commutative, associative and idempotent, and the default is its neutral element.
/// Times are whole seconds, rounded down: a token of the same second is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// An identifier that the token carries is gone for ever.
    pub purged: bool,
    /// The token's session is refused for good.
    pub denied_session: bool,
    /// The token itself is refused for good.
    pub denied_token: bool,
    /// Some source blocks a subject that the token belongs to.
    pub blocked: bool,
    /// Tokens issued at or before this second are refused.
    pub revoked_before: Option<i64>,
    /// Tokens issued at or before this second must be exchanged.
    pub refresh_before: Option<i64>,
    /// The highest risk that any source sees in anything the token carries.
    pub risk: RiskLevel,
    /// The latest second at which `risk` was reported; `i64::MIN` without a report.
    pub risk_since: i64,
    /// The worst compliance that any source reports, and the latest second of that report.
    pub compliance: Option<(Compliance, i64)>,
    /// How strong the authentication is, as reported after sign-in.
    pub assurance: AssuranceMarks,
}

impl Mark {
    /// The mark of a token that must not pass whatever is known: the answer to keys that were
    /// made with another engine's secret.
    pub const REFUSED: Mark = Mark {
        denied_token: true,
        ..Mark::NOTHING
    };

    /// Nothing is known.
    pub const NOTHING: Mark = Mark {
        purged: false,
        denied_session: false,
        denied_token: false,
        blocked: false,
        revoked_before: None,
        refresh_before: None,
        risk: RiskLevel::None,
        risk_since: i64::MIN,
        compliance: None,
        assurance: AssuranceMarks::NOTHING,
    };

    /// What a register with this effect says about the tokens that its subject concerns.
    #[must_use]
    pub fn of_effect(subject: &Subject, effect: &Effect, time: Timestamp) -> Mark {
        let since = time.seconds();
        let mut mark = Mark::NOTHING;
        match effect {
            Effect::Revoke => mark.revoked_before = Some(since),
            Effect::Refresh => mark.refresh_before = Some(since),
            // A subject that names a token means that token, whatever else it names.
            Effect::Deny if subject.member(Dimension::Token).is_some() => mark.denied_token = true,
            Effect::Deny => mark.denied_session = true,
            Effect::Block => mark.blocked = true,
            Effect::Purge => mark.purged = true,
            Effect::Unblock | Effect::Stream(_) => {}
            // Also that there is none: the issuer may have seen some when it issued the token.
            Effect::Risk(level) => (mark.risk, mark.risk_since) = (*level, since),
            Effect::Compliance(state) => mark.compliance = Some((*state, since)),
            Effect::Assurance { level, .. } => {
                if let Some(rank) = assurance_rank(level) {
                    mark.assurance.reported[rank as usize] = since;
                }
            }
        }
        mark
    }

    /// Both marks at once: of everything, the more restrictive.
    #[must_use]
    pub fn join(self, other: Mark) -> Mark {
        let (risk, risk_since) = (self.risk, self.risk_since).max((other.risk, other.risk_since));
        Mark {
            purged: self.purged | other.purged,
            denied_session: self.denied_session | other.denied_session,
            denied_token: self.denied_token | other.denied_token,
            blocked: self.blocked | other.blocked,
            revoked_before: self.revoked_before.max(other.revoked_before),
            refresh_before: self.refresh_before.max(other.refresh_before),
            risk,
            risk_since,
            compliance: self.compliance.max(other.compliance),
            assurance: self.assurance.join(other.assurance),
        }
    }

    /// Whether nothing is known.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Mark::NOTHING
    }
}

/// How many ranks of assurance are told apart: 0 to 4.
const RANKS: usize = 5;

/// For each rank of authentication strength, the latest second at which some source reported it
/// as the current one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AssuranceMarks {
    reported: [i64; RANKS],
}

impl Default for Mark {
    fn default() -> Self {
        Mark::NOTHING
    }
}

impl AssuranceMarks {
    /// No report.
    pub const NOTHING: AssuranceMarks = AssuranceMarks {
        reported: [i64::MIN; RANKS],
    };

    /// Whether the authentication of a token issued at second `issued`, with a strength of
    /// `rank`, was reported weaker at or after that second. `rank` comes from
    /// [`assurance_rank`] of the token's `acr`.
    #[must_use]
    pub fn lowered(&self, rank: u8, issued: i64) -> bool {
        self.reported
            .iter()
            .take(usize::from(rank))
            .any(|&since| since != i64::MIN && since >= issued)
    }

    /// The latest second at which strength `rank` was reported.
    #[must_use]
    pub fn reported(&self, rank: u8) -> Option<i64> {
        self.reported
            .get(usize::from(rank))
            .copied()
            .filter(|&since| since != i64::MIN)
    }

    fn join(self, other: AssuranceMarks) -> AssuranceMarks {
        AssuranceMarks {
            reported: std::array::from_fn(|rank| self.reported[rank].max(other.reported[rank])),
        }
    }
}

impl Default for AssuranceMarks {
    fn default() -> Self {
        AssuranceMarks::NOTHING
    }
}

/// How strong an authentication level is: the decimal number that its text ends with, at most 4
/// (`nist-aal2` and `2` are 2). Text without such a number has no rank and is never compared.
#[must_use]
pub fn assurance_rank(level: &str) -> Option<u8> {
    let digits = level.bytes().rev().take_while(u8::is_ascii_digit).count();
    let number = &level.as_bytes()[level.len() - digits..];
    if number.is_empty() {
        return None;
    }
    let value = number.iter().fold(0_u8, |value, digit| {
        value.saturating_mul(10).saturating_add(digit - b'0')
    });
    Some(value.min(4))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_trailing_numbers() {
        for (level, rank) in [
            ("nist-aal2", Some(2)),
            ("1", Some(1)),
            ("loa-003", Some(3)),
            ("urn:mace:silver", None),
            ("", None),
            ("level 99999999999999999999", Some(4)),
            ("2fa", None),
        ] {
            assert_eq!(assurance_rank(level), rank, "{level}");
        }
    }

    #[test]
    fn a_report_below_the_token_after_its_issue_lowers_it() {
        let effect = Effect::Assurance {
            namespace: "nist".to_owned(),
            level: "aal1".to_owned(),
        };
        let mark = Mark::of_effect(&Subject::tenant(), &effect, Timestamp::from_seconds(100));
        assert!(mark.assurance.lowered(2, 100));
        assert!(!mark.assurance.lowered(2, 101));
        assert!(!mark.assurance.lowered(1, 100));
        assert!(!Mark::NOTHING.assurance.lowered(4, i64::MIN));
        assert_eq!(mark.assurance.reported(1), Some(100));
    }

    #[test]
    fn nothing_is_neutral_and_the_default() {
        assert_eq!(Mark::default(), Mark::NOTHING);
        assert!(!Mark::REFUSED.is_nothing());
        let mark = Mark::of_effect(
            &Subject::tenant(),
            &Effect::Risk(RiskLevel::Low),
            Timestamp::from_seconds(-5),
        );
        assert_eq!(mark.join(Mark::NOTHING), mark);
        assert_eq!(Mark::NOTHING.join(mark), mark);
    }
}
