//! Decisions and events in plain words: what happened, and what comes of it.

use std::collections::HashMap;
use std::fmt::Write;
use std::net::IpAddr;

use highwater::decision::Outcome;
use highwater::event::{Compliance, Dimension, Effect, Event};
use highwater::exchange::Answer;
use highwater::explain::{Explanation, MarkExplanation};
use highwater::reason::{Family, Reason};
use highwater::timestamp::Timestamp;
use highwater::token::TokenFacts;
use serde_json::Value;
use unicode_width::UnicodeWidthStr;

/// What people call the holders of tokens, learned from the tokens themselves.
#[derive(Debug, Default)]
pub(crate) struct Names(HashMap<String, String>);

impl Names {
    /// Learns from the decoded claims of a token.
    pub(crate) fn learn(&mut self, claims: &Value, facts: &TokenFacts) {
        const NAMES: [&str; 5] = ["preferred_username", "upn", "unique_name", "email", "name"];
        let first = |names: &[&str]| {
            names
                .iter()
                .find_map(|name| claims.get(name).and_then(Value::as_str))
                .map(str::to_owned)
        };
        let app = first(&["app_displayname"]);
        let holder = match facts.carried(Dimension::User) {
            Some(_) => first(&NAMES),
            None => app.clone(),
        };
        if let Some(name) = holder {
            self.0.insert(facts.subject.to_string(), name);
        }
        if let (Some(id), Some(name)) = (&facts.app, app) {
            self.0.entry(id.to_string()).or_insert(name);
        }
    }

    /// The widest name, in columns of a terminal.
    pub(crate) fn width(&self) -> usize {
        self.0.values().map(|name| name.width()).max().unwrap_or(0)
    }

    /// The name of `id`, else the id itself.
    pub(crate) fn of<'a>(&'a self, id: &'a str) -> &'a str {
        self.0.get(id).map_or(id, String::as_str)
    }
}

/// A decision in words: first what led to it, then what comes of it.
pub(crate) fn tell(
    answer: &Answer,
    explanation: &Explanation,
    token: &TokenFacts,
    now: Timestamp,
) -> Vec<String> {
    let teller = Teller {
        answer,
        explanation,
        token,
        now,
    };
    // A loop is how it went on; the reason behind it is why.
    let reason = answer
        .reasons
        .iter()
        .find(|reason| **reason != Reason::ChallengeLoop);
    let mut sentences = match reason {
        None => teller.nothing_objects(),
        Some(reason) => vec![teller.cause(*reason)],
    };
    sentences.extend(teller.consequence());
    sentences
}

struct Teller<'a> {
    answer: &'a Answer,
    explanation: &'a Explanation,
    token: &'a TokenFacts,
    now: Timestamp,
}

impl Teller<'_> {
    fn nothing_objects(&self) -> Vec<String> {
        let mut sentence = "nothing objects".to_owned();
        if self.explanation.address.observed.is_some() {
            let _ = write!(sentence, ": {}", self.place());
        }
        let mut sentences = vec![sentence];
        for policy in &self.explanation.policies {
            if policy.result == "reportOnlyFailure" || policy.result == "reportOnlyInterrupted" {
                sentences.push(format!(
                    "report-only {} would have objected ({})",
                    quoted(&policy.display_name, &policy.id),
                    policy.reasons.join(", ")
                ));
            }
        }
        sentences
    }

    fn cause(&self, reason: Reason) -> String {
        let policy = self.policy(reason);
        match reason {
            Reason::TokenExpired => {
                format!("the token expired {} ago", self.ago(self.token.expires))
            }
            Reason::TokenNotYetValid => "the token is not valid yet".to_owned(),
            Reason::TenantUnknown => format!("tenant `{}` is not configured", self.token.tenant),
            Reason::SubjectPurged => self.mark("purged", "was deleted for good"),
            Reason::SessionDenied | Reason::TokenDenied => {
                self.mark("denied", "was ended for good")
            }
            Reason::SubjectBlocked => self.mark("blocked", "was blocked"),
            Reason::TokenRevoked => self.mark("revoked_before", "lost its tokens"),
            Reason::TokenStale => self.mark("refresh_before", "changed, so its claims are stale"),
            Reason::AssuranceLowered => self.mark("assurance", "was assessed as weaker signed in"),
            Reason::LocationBlocked => format!("{policy} blocks it: {}", self.place()),
            Reason::LocationChanged => match self.explanation.address.issuer_seen {
                Some(seen) => format!(
                    "{policy} has demands here that it had not at {seen}, where the token was \
                     issued: {}",
                    self.place()
                ),
                None => format!("{policy} has demands here: {}", self.place()),
            },
            Reason::RiskTooHigh => {
                format!(
                    "{policy} objects: {}",
                    self.mark("risk", "was assessed as a risk")
                )
            }
            Reason::DeviceNotCompliant => {
                let compliance = self.find("compliance").is_some();
                let why = if compliance {
                    self.mark("compliance", "was found not compliant")
                } else {
                    "nothing shows that the device is compliant".to_owned()
                };
                format!("{policy} objects: {why}")
            }
            Reason::AuthContextRequired => {
                "the operation needs an authentication context that the token lacks".to_owned()
            }
            Reason::SignInTooOld => match self.token.auth_time {
                Some(time) => format!("{policy} objects: the sign-in is {} old", self.ago(time)),
                None => format!("{policy} objects: the sign-in is too old"),
            },
            Reason::PolicyChanged => format!("{policy} changed after the token was issued"),
            Reason::ConditionsUnknown => {
                format!("only the issuer can tell whether {policy} applies")
            }
            Reason::ChallengeLoop | Reason::StreamStale => lowered(reason.description()),
        }
    }

    fn consequence(&self) -> Option<String> {
        let strongest = *self.answer.reasons.first()?;
        let observed = self.explanation.address.observed;
        let about_location = matches!(strongest, Reason::LocationBlocked | Reason::LocationChanged);
        Some(match (self.answer.decision, observed) {
            (Outcome::Allow, _) => "let pass: the client could not answer a challenge, and the \
                issuer decides again when it renews the token"
                .to_owned(),
            (Outcome::Challenge, Some(address)) if about_location => format!(
                "the client is sent to its issuer for a new token, and the issuer is told {address}"
            ),
            (Outcome::Challenge, _) => {
                "the client is sent to its issuer for a new token".to_owned()
            }
            (Outcome::Deny, _) if strongest == Reason::ChallengeLoop => {
                "challenged too often without effect, so refused for now".to_owned()
            }
            (Outcome::Deny, _) if strongest <= Reason::SubjectPurged => return None,
            (Outcome::Deny, _) if self.token.capable => {
                "the issuer has already judged this, so another token would not help".to_owned()
            }
            (Outcome::Deny, _) => match strongest.family() {
                Family::Revocation if strongest == Reason::SubjectBlocked => "a plain 401: the \
                    client may ask for a new token, which its issuer will not give it"
                    .to_owned(),
                Family::Revocation => "the client never said that it understands challenges, so \
                    it gets a plain 401 and has to ask for a new token"
                    .to_owned(),
                Family::Policy => "the client never said that it understands challenges (no cp1), \
                    so it is refused outright"
                    .to_owned(),
            },
        })
    }

    /// Where the client is.
    fn place(&self) -> String {
        let Some(address) = self.explanation.address.observed else {
            return "nobody knows from where".to_owned();
        };
        let locations: Vec<String> = self
            .explanation
            .locations
            .iter()
            .map(|location| {
                let name = quoted(&location.display_name, &location.id);
                match &location.prefix {
                    Some(prefix) => format!("{name} ({prefix})"),
                    None => name,
                }
            })
            .collect();
        let mut text = if locations.is_empty() {
            format!("{address} is in no named location")
        } else {
            format!("{address} is in {}", locations.join(", "))
        };
        match self.explanation.address.issuer_seen {
            Some(seen) if seen != address => {
                let _ = write!(text, "; the token was issued to {seen}");
            }
            _ => {}
        }
        text
    }

    /// The first policy that objects with this reason.
    fn policy(&self, reason: Reason) -> String {
        self.explanation
            .policies
            .iter()
            .find(|policy| policy.result == "failure" && policy.reasons.contains(&reason.as_str()))
            .map_or_else(
                || "a policy".to_owned(),
                |policy| quoted(&policy.display_name, &policy.id),
            )
    }

    /// The latest register of this kind.
    fn find(&self, register: &str) -> Option<&MarkExplanation> {
        self.explanation
            .marks
            .iter()
            .filter(|mark| mark.register == register && mark.effect != Effect::Unblock)
            .max_by_key(|mark| mark.since)
    }

    fn mark(&self, register: &str, verb: &str) -> String {
        let Some(mark) = self.find(register) else {
            return format!("the subject {verb}");
        };
        let mut text = format!(
            "the {} {verb} {} {}, says {}",
            mark.dimension.replace('+', " with this "),
            self.ago(mark.since),
            // All events may be in force before the first request, whenever it was made.
            if mark.since > self.now {
                "later"
            } else {
                "ago"
            },
            mark.source
        );
        if let Some(why) = mark.reason.as_ref().and_then(plain) {
            let _ = write!(text, " ({why})");
        }
        text
    }

    fn ago(&self, time: Timestamp) -> String {
        lapse(self.now.milliseconds().saturating_sub(time.milliseconds()))
    }
}

/// An event in words.
pub(crate) fn effect_of(event: &Event, names: &Names) -> String {
    let subject: Vec<String> = event
        .subject
        .iter()
        .map(|(dimension, id)| format!("{dimension} {}", names.of(id.as_str())))
        .collect();
    let mut text = match subject.as_slice() {
        [] if matches!(event.effect, Effect::Stream(_)) => "the event stream".to_owned(),
        [] => "the whole tenant".to_owned(),
        members => members.join(" with "),
    };
    text.push(' ');
    match &event.effect {
        Effect::Revoke => text.push_str("loses all tokens issued so far"),
        Effect::Refresh => text.push_str("has to renew all tokens issued so far"),
        Effect::Deny => text.push_str("is ended for good"),
        Effect::Block => text.push_str("is blocked"),
        Effect::Unblock => text.push_str("is no longer blocked"),
        Effect::Purge => text.push_str("is deleted for good"),
        Effect::Risk(level) => {
            let _ = write!(text, "is now at risk level {}", level.as_str());
        }
        Effect::Compliance(Compliance::Compliant) => text.push_str("is compliant"),
        Effect::Compliance(Compliance::NotCompliant) => text.push_str("is not compliant"),
        Effect::Assurance { namespace, level } => {
            let _ = write!(text, "is now authenticated at {namespace} {level}");
        }
        Effect::Stream(state) => {
            let _ = write!(text, "is {}", state.as_str());
        }
    }
    let _ = write!(text, ", says {}", event.provenance.source);
    let reason = event.provenance.reason.as_deref().and_then(|reason| {
        match serde_json::from_str::<Value>(reason) {
            Ok(value) => plain(&value),
            Err(_) => Some(reason.to_owned()),
        }
    });
    if let Some(reason) = reason {
        let _ = write!(text, " ({reason})");
    }
    text
}

/// A reason as a person would say it: its text, in English where there is a choice.
fn plain(reason: &Value) -> Option<String> {
    match reason {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Object(members) => match members.get("en").or_else(|| members.values().next()) {
            Some(Value::String(text)) => Some(text.clone()),
            _ => Some(reason.to_string()),
        },
        other => Some(other.to_string()),
    }
}

/// A name in quotes, or the id where there is no name.
pub(crate) fn quoted(name: &str, id: &str) -> String {
    if name.is_empty() {
        format!("`{id}`")
    } else {
        format!("“{name}”")
    }
}

fn lowered(sentence: &str) -> String {
    let mut characters = sentence.chars();
    characters.next().map_or_else(String::new, |first| {
        first.to_lowercase().chain(characters).collect()
    })
}

/// A length of time in the two largest units.
pub(crate) fn lapse(milliseconds: i64) -> String {
    const UNITS: [(i64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let seconds = milliseconds.abs() / 1000;
    let Some(largest) = UNITS.iter().position(|(size, _)| seconds >= *size) else {
        return if milliseconds == 0 {
            "0 s".to_owned()
        } else {
            format!("{} ms", milliseconds.abs())
        };
    };
    let (size, unit) = UNITS[largest];
    let mut text = format!("{} {unit}", seconds / size);
    if let Some((smaller, unit)) = UNITS.get(largest + 1)
        && (seconds % size) / smaller > 0
    {
        let _ = write!(text, " {} {unit}", (seconds % size) / smaller);
    }
    text
}

/// `2026-03-02 09:00:00`, in UTC.
pub(crate) fn clock_time(time: Timestamp) -> String {
    match jiff::Timestamp::from_millisecond(time.milliseconds()) {
        Ok(time) => time.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        Err(_) => time.to_string(),
    }
}

/// The address, or a dash.
pub(crate) fn address(address: Option<IpAddr>) -> String {
    address.map_or_else(|| "-".to_owned(), |address| address.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_have_two_units_at_most() {
        for (milliseconds, text) in [
            (0, "0 s"),
            (250, "250 ms"),
            (5_000, "5 s"),
            (60_000, "1 min"),
            (3_725_000, "1 h 2 min"),
            (90_000_000, "1 d 1 h"),
        ] {
            assert_eq!(lapse(milliseconds), text);
        }
    }

    #[test]
    fn events_read_as_sentences() {
        let event = Event::from_json(
            r#"{"time": 1, "tenant": "t", "subject": {"workload": "w"}, "effect": "block",
                "source": "directory", "reason": {"de": "aus", "en": "switched off"}}"#,
        )
        .unwrap();
        assert_eq!(
            effect_of(&event, &Names::default()),
            "workload w is blocked, says directory (switched off)"
        );
    }
}
