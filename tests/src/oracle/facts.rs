//! Section 1 and 3.3: registers, recomputed from all events at every question.
//!
//! There is no state but the list of events as they arrived. A register's value is found by
//! looking at every event; a later writer is one that no other event of the same source about
//! the same subject beats.

use highwater::event::{Compliance, Dimension, Effect, Event, RiskLevel, StreamState, Subject};
use highwater::identifier::Identifier;
use highwater::reason::Reason;
use highwater::timestamp::Timestamp;
use highwater::token::{SubjectKind, TokenFacts};

/// Every event that was applied, in any order, with repetitions.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    events: Vec<Event>,
}

/// The marks that a decision about one token reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// Violations of section 3.3.
    pub violations: Vec<Reason>,
    /// The larger of `revoked_before` and `refresh_before` among the violations, in seconds.
    pub mark: Option<i64>,
}

impl Facts {
    /// Takes note of an event.
    pub fn apply(&mut self, event: Event) {
        self.events.push(event);
    }

    /// Section 3.3: what the registers that concern the token say against it.
    #[must_use]
    pub fn marks(&self, token: &TokenFacts) -> Marks {
        let mut marks = Marks::default();
        for event in self.effective(token) {
            let second = event.time.seconds();
            let reason = match event.effect {
                Effect::Purge => Reason::SubjectPurged,
                Effect::Deny if event.subject.member(Dimension::Token).is_some() => {
                    Reason::TokenDenied
                }
                Effect::Deny => Reason::SessionDenied,
                Effect::Block => Reason::SubjectBlocked,
                Effect::Revoke if token.issued <= second => Reason::TokenRevoked,
                Effect::Refresh if token.issued <= second => Reason::TokenStale,
                _ => continue,
            };
            if matches!(event.effect, Effect::Revoke | Effect::Refresh) {
                marks.mark = marks.mark.max(Some(second));
            }
            marks.violations.push(reason);
        }
        marks
    }

    /// The subject's risk, and since when: the highest level over all registers, and of those at
    /// that level the latest T. No register is `none`, since ever.
    #[must_use]
    pub fn risk(&self, token: &TokenFacts) -> (RiskLevel, Option<Timestamp>) {
        self.effective(token)
            .filter_map(|event| match event.effect {
                Effect::Risk(level) => Some((level, Some(event.time))),
                _ => None,
            })
            .max()
            .unwrap_or((RiskLevel::None, None))
    }

    /// What the compliance registers say: not compliant wins, and of those the latest T.
    #[must_use]
    pub fn compliance(&self, token: &TokenFacts) -> Option<(Compliance, Timestamp)> {
        self.effective(token)
            .filter_map(|event| match event.effect {
                Effect::Compliance(state) => Some((state, event.time)),
                _ => None,
            })
            .max()
    }

    /// Section 3.4: whether authentication was assessed lower than the token says, since it was
    /// issued.
    #[must_use]
    pub fn assurance_lowered(&self, token: &TokenFacts) -> bool {
        let Some(claimed) = token.level.as_deref().and_then(rank) else {
            return false;
        };
        self.effective(token).any(|event| match &event.effect {
            Effect::Assurance { level, .. } => {
                token.issued <= event.time.seconds()
                    && rank(level).is_some_and(|assessed| assessed < claimed)
            }
            _ => false,
        })
    }

    /// Section 5, *degraded*: whether some stream is paused or disabled.
    #[must_use]
    pub fn degraded(&self) -> bool {
        self.events.iter().any(|event| {
            matches!(
                event.effect,
                Effect::Stream(StreamState::Paused | StreamState::Disabled)
            ) && self.stands(event)
        })
    }

    /// Events that hold their register and concern the token.
    fn effective<'a>(&'a self, token: &'a TokenFacts) -> impl Iterator<Item = &'a Event> {
        self.events.iter().filter(|event| {
            event.tenant == token.tenant
                && !matches!(event.effect, Effect::Stream(_))
                && concerns(&event.subject, token)
                && self.stands(event)
        })
    }

    /// Whether no other event of the same register takes precedence. Registers that keep a
    /// maximum lose nothing to a larger T that the smaller one would have shown, so all stand.
    fn stands(&self, event: &Event) -> bool {
        if !event.effect.register().is_last_writer() {
            return true;
        }
        !self.events.iter().any(|other| {
            same_register(event, other)
                && (other.time, strictness(&other.effect)) > (event.time, strictness(&event.effect))
        })
    }
}

/// Whether a token is concerned: no member means all; else every member that the token carries
/// is identical, at least one is, and none that it lacks is listed under `skip`.
fn concerns(subject: &Subject, token: &TokenFacts) -> bool {
    let mut members = 0;
    let mut identical = 0;
    for (dimension, wanted) in subject.iter() {
        members += 1;
        match carried(token, dimension) {
            Some(found) if found == wanted => identical += 1,
            Some(_) => return false,
            None if subject.skip().contains(dimension) => return false,
            None => {}
        }
    }
    members == 0 || identical > 0
}

fn carried(token: &TokenFacts, dimension: Dimension) -> Option<&Identifier> {
    match dimension {
        Dimension::User => (token.kind == SubjectKind::User).then_some(&token.subject),
        Dimension::Workload => (token.kind == SubjectKind::Workload).then_some(&token.subject),
        Dimension::Session => token.session.as_ref(),
        Dimension::Token => token.id.as_ref(),
        Dimension::Device => token.device.as_ref(),
        Dimension::App => token.app.as_ref(),
    }
}

fn same_register(one: &Event, other: &Event) -> bool {
    let namespace = |event: &Event| match &event.effect {
        Effect::Assurance { namespace, .. } => Some(namespace.clone()),
        _ => None,
    };
    one.tenant == other.tenant
        && one.effect.register() == other.effect.register()
        && one.provenance.source == other.provenance.source
        && namespace(one) == namespace(other)
        && same_subject(&one.subject, &other.subject)
}

/// The same members and the same `skip`, which says something only where there are several.
fn same_subject(one: &Subject, other: &Subject) -> bool {
    one.iter().eq(other.iter()) && (one.iter().count() < 2 || one.skip() == other.skip())
}

/// Larger is stricter: what wins between two writers of the same instant.
fn strictness(effect: &Effect) -> i64 {
    match effect {
        Effect::Block => 1,
        Effect::Risk(level) => *level as i64,
        Effect::Compliance(state) => *state as i64,
        Effect::Stream(state) => *state as i64,
        Effect::Assurance { level, .. } => -rank(level).unwrap_or(i64::MAX),
        _ => 0,
    }
}

/// The number at the end of a level, at most 4.
fn rank(level: &str) -> Option<i64> {
    let start = level
        .char_indices()
        .rev()
        .take_while(|(_, character)| character.is_ascii_digit())
        .map(|(index, _)| index)
        .last()?;
    Some(
        level[start..]
            .parse()
            .map_or(4, |number: i64| number.min(4)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_the_number_at_the_end() {
        assert_eq!(rank("nist-aal2"), Some(2));
        assert_eq!(rank("0"), Some(0));
        assert_eq!(rank("loa12"), Some(4));
        assert_eq!(rank("99999999999999999999"), Some(4));
        assert_eq!(rank("gold"), None);
        assert_eq!(rank(""), None);
    }
}
