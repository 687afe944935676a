//! The canonical JSON form of an event, and the combinations of subject and effect that make
//! sense.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::{
    Compliance, Dimension, DimensionSet, Effect, Event, Provenance, RiskLevel, StreamState, Subject,
};
use crate::identifier::Identifier;
use crate::timestamp::Timestamp;

/// Why a document is no event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}{}", at(path))]
pub struct EventError {
    /// JSON Pointer of the part that is wrong; empty for the whole document.
    pub path: String,
    /// What is wrong and what to do.
    pub message: String,
}

/// Where it is, unless it is the whole document.
fn at(path: &str) -> String {
    if path.is_empty() {
        String::new()
    } else {
        format!(" (at `{path}`)")
    }
}

impl EventError {
    fn at(path: &str, message: impl Into<String>) -> EventError {
        EventError {
            path: path.to_owned(),
            message: message.into(),
        }
    }
}

impl Event {
    /// Reads one event from JSON text.
    ///
    /// # Errors
    /// Text that is no event, naming the JSON Pointer and the reason. Unknown members are
    /// refused: an event that says more than we understand must not be half applied.
    pub fn from_json(text: &str) -> Result<Event, EventError> {
        let wire: Wire = serde_json::from_str(text)
            .map_err(|error| EventError::at("", format!("not an event: {error}")))?;
        Event::from_wire(wire)
    }

    /// Reads one event from a JSON value.
    ///
    /// # Errors
    /// As [`Event::from_json`].
    pub fn from_value(value: &Value) -> Result<Event, EventError> {
        let wire = Wire::deserialize(value)
            .map_err(|error| EventError::at("", format!("not an event: {error}")))?;
        Event::from_wire(wire)
    }

    /// Checks that the effect can be said of the subject (semantics §1, the table of registers).
    ///
    /// # Errors
    /// The combination and what to send instead.
    pub fn check(&self) -> Result<(), EventError> {
        let members = self.subject.dimensions();
        let has = |dimension| members.contains(dimension);
        let refuse = |message: &str| Err(EventError::at("/effect", message));
        if has(Dimension::User) && has(Dimension::Workload) {
            return Err(EventError::at(
                "/subject",
                "a subject is either a `user` or a `workload`, never both",
            ));
        }
        match &self.effect {
            Effect::Revoke | Effect::Refresh => Ok(()),
            Effect::Deny if has(Dimension::Session) || has(Dimension::Token) => Ok(()),
            Effect::Deny => refuse("`deny` needs a `session` or `token`; use `block` or `revoke`"),
            Effect::Block | Effect::Unblock if has(Dimension::Session) || has(Dimension::Token) => {
                refuse("a session or token cannot be blocked and unblocked; use `deny`")
            }
            Effect::Block | Effect::Unblock => Ok(()),
            Effect::Purge if members.len() == 1 => Ok(()),
            Effect::Purge => refuse("`purge` names exactly one identifier"),
            Effect::Risk(_)
                if members.is_empty()
                    || has(Dimension::User)
                    || has(Dimension::Workload)
                    || has(Dimension::Device)
                    || has(Dimension::Session) =>
            {
                Ok(())
            }
            Effect::Risk(_) => {
                refuse("`risk` needs a `user`, `workload`, `device` or `session`, or no subject")
            }
            Effect::Compliance(_) if has(Dimension::Device) => Ok(()),
            Effect::Compliance(_) => refuse("`compliance` needs a `device`"),
            Effect::Assurance { .. } if has(Dimension::User) || has(Dimension::Session) => Ok(()),
            Effect::Assurance { .. } => refuse("`assurance` needs a `user` or a `session`"),
            Effect::Stream(_) if members.is_empty() => Ok(()),
            Effect::Stream(_) => refuse("`stream` has no subject: its source is the stream"),
        }
    }

    fn from_wire(wire: Wire) -> Result<Event, EventError> {
        let reason = match wire.reason {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text),
            Some(value) => Some(value.to_string()),
        };
        let event = Event {
            time: wire.time,
            tenant: wire.tenant,
            subject: wire.subject,
            effect: wire.effect.into(),
            provenance: Provenance {
                source: wire.source,
                id: wire.id,
                transaction: wire.transaction,
                event_type: wire.event_type,
                reason,
            },
        };
        event.check()?;
        Ok(event)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    time: Timestamp,
    tenant: Identifier,
    #[serde(default)]
    subject: Subject,
    effect: WireEffect,
    source: Identifier,
    id: Option<String>,
    transaction: Option<String>,
    event_type: Option<String>,
    reason: Option<Value>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct WireSubject {
    user: Option<Identifier>,
    workload: Option<Identifier>,
    session: Option<Identifier>,
    token: Option<Identifier>,
    device: Option<Identifier>,
    app: Option<Identifier>,
    #[serde(default)]
    skip: Vec<Dimension>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum WireEffect {
    Revoke,
    Refresh,
    Deny,
    Block,
    Unblock,
    Purge,
    Risk(RiskLevel),
    Compliance(Compliance),
    Assurance { namespace: String, level: String },
    Stream(StreamState),
}

impl From<WireEffect> for Effect {
    fn from(wire: WireEffect) -> Effect {
        match wire {
            WireEffect::Revoke => Effect::Revoke,
            WireEffect::Refresh => Effect::Refresh,
            WireEffect::Deny => Effect::Deny,
            WireEffect::Block => Effect::Block,
            WireEffect::Unblock => Effect::Unblock,
            WireEffect::Purge => Effect::Purge,
            WireEffect::Risk(level) => Effect::Risk(level),
            WireEffect::Compliance(state) => Effect::Compliance(state),
            WireEffect::Assurance { namespace, level } => Effect::Assurance { namespace, level },
            WireEffect::Stream(state) => Effect::Stream(state),
        }
    }
}

impl From<Effect> for WireEffect {
    fn from(effect: Effect) -> WireEffect {
        match effect {
            Effect::Revoke => WireEffect::Revoke,
            Effect::Refresh => WireEffect::Refresh,
            Effect::Deny => WireEffect::Deny,
            Effect::Block => WireEffect::Block,
            Effect::Unblock => WireEffect::Unblock,
            Effect::Purge => WireEffect::Purge,
            Effect::Risk(level) => WireEffect::Risk(level),
            Effect::Compliance(state) => WireEffect::Compliance(state),
            Effect::Assurance { namespace, level } => WireEffect::Assurance { namespace, level },
            Effect::Stream(state) => WireEffect::Stream(state),
        }
    }
}

impl Serialize for Effect {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        WireEffect::from(self.clone()).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Effect {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        WireEffect::deserialize(deserializer).map(Effect::from)
    }
}

impl Serialize for Subject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let mut map = serializer.serialize_map(None)?;
        for (dimension, identifier) in self.iter() {
            map.serialize_entry(dimension.as_str(), identifier)?;
        }
        if self.skip() != DimensionSet::EMPTY {
            map.serialize_entry("skip", &self.skip().iter().collect::<Vec<_>>())?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Subject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wire = WireSubject::deserialize(deserializer)?;
        let mut subject = Subject::tenant();
        for (dimension, identifier) in [
            (Dimension::User, wire.user),
            (Dimension::Workload, wire.workload),
            (Dimension::Session, wire.session),
            (Dimension::Token, wire.token),
            (Dimension::Device, wire.device),
            (Dimension::App, wire.app),
        ] {
            if let Some(identifier) = identifier {
                subject = subject.with(dimension, identifier);
            }
        }
        for dimension in wire.skip {
            if subject.member(dimension).is_none() {
                return Err(serde::de::Error::custom(format_args!(
                    "`{dimension}` in `skip` is not a member of the subject"
                )));
            }
            subject = subject.skipping(dimension);
        }
        Ok(subject)
    }
}

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("time", &self.time)?;
        map.serialize_entry("tenant", &self.tenant)?;
        map.serialize_entry("subject", &self.subject)?;
        map.serialize_entry("effect", &self.effect)?;
        map.serialize_entry("source", &self.provenance.source)?;
        for (name, value) in [
            ("id", &self.provenance.id),
            ("transaction", &self.provenance.transaction),
            ("event_type", &self.provenance.event_type),
            ("reason", &self.provenance.reason),
        ] {
            if let Some(value) = value {
                // A reason that was JSON goes out as JSON again.
                match serde_json::from_str::<Value>(value) {
                    Ok(json @ (Value::Object(_) | Value::Array(_))) if name == "reason" => {
                        map.serialize_entry(name, &json)?;
                    }
                    _ => map.serialize_entry(name, value)?,
                }
            }
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: &str = "8a0c1f0e-53cb-4d3c-9a6f-0a39c7d8c001";

    #[track_caller]
    fn check(subject: &str, effect: &str) -> Result<Event, EventError> {
        Event::from_json(&format!(
            r#"{{"time": 1763760000.5, "tenant": "{TENANT}", "subject": {subject},
                "effect": {effect}, "source": "idp", "id": "jti-1", "reason": {{"en": "left"}}}}"#
        ))
    }

    #[test]
    fn the_canonical_form_reads_and_writes_back() {
        let event = check(
            r#"{"user": "ada", "session": "s", "skip": ["session"]}"#,
            "\"revoke\"",
        )
        .unwrap();
        assert_eq!(event.time.milliseconds(), 1_763_760_000_500);
        assert_eq!(event.provenance.reason.as_deref(), Some(r#"{"en":"left"}"#));
        let text = serde_json::to_string(&event).unwrap();
        assert_eq!(Event::from_json(&text).unwrap(), event);
    }

    #[test]
    fn errors_say_where_unless_it_is_the_whole_document() {
        let error = check(r#"{"user": "u"}"#, "\"deny\"").unwrap_err();
        assert!(error.to_string().ends_with("(at `/effect`)"), "{error}");
        let error = check(r#"{"user": "u"}"#, "\"forgive\"").unwrap_err();
        assert!(!error.to_string().contains("(at"), "{error}");
    }

    #[test]
    fn every_effect_has_its_subjects() {
        for (subject, effect) in [
            ("{}", "\"revoke\""),
            (r#"{"session": "s"}"#, "\"deny\""),
            (r#"{"user": "u"}"#, "\"block\""),
            (r#"{"user": "u"}"#, "\"unblock\""),
            (r#"{"workload": "w"}"#, "\"purge\""),
            (r#"{"user": "u"}"#, r#"{"risk": "high"}"#),
            (r#"{"device": "d"}"#, r#"{"compliance": "not_compliant"}"#),
            (
                r#"{"user": "u"}"#,
                r#"{"assurance": {"namespace": "nist-aal", "level": "1"}}"#,
            ),
            ("{}", r#"{"stream": "paused"}"#),
        ] {
            check(subject, effect).unwrap();
        }
        for (subject, effect) in [
            (r#"{"user": "u"}"#, "\"deny\""),
            (r#"{"session": "s"}"#, "\"block\""),
            ("{}", "\"purge\""),
            (r#"{"app": "a"}"#, r#"{"risk": "high"}"#),
            (r#"{"user": "u"}"#, r#"{"compliance": "compliant"}"#),
            (r#"{"user": "u", "workload": "w"}"#, "\"revoke\""),
            (r#"{"user": "u", "skip": ["device"]}"#, "\"revoke\""),
            (r#"{"user": "u", "planet": "x"}"#, "\"revoke\""),
            (r#"{"user": "u"}"#, "\"forgive\""),
        ] {
            assert!(check(subject, effect).is_err(), "{subject} {effect}");
        }
    }
}
