//! Departures from the mapping table: what an event of this transmitter does here.
//!
//! A rule names an event type, perhaps some members of the payload, and the effects that take
//! the place of the usual ones. Rules also give unknown event types a meaning.

use std::collections::BTreeMap;

use highwater::event::{Compliance, Effect, RiskLevel};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::event_type::EventType;

/// One departure from the mapping table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The event type, by short name or URI.
    pub event: String,
    /// Members of the payload that must have these texts.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub when: BTreeMap<String, String>,
    /// What happens instead; `ignore` or an empty list for nothing.
    #[serde(deserialize_with = "one_or_several")]
    pub effect: Vec<RuleEffect>,
}

/// An effect that a rule may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleEffect {
    /// Nothing.
    Ignore,
    /// See [`Effect::Revoke`].
    Revoke,
    /// See [`Effect::Refresh`].
    Refresh,
    /// See [`Effect::Deny`].
    Deny,
    /// See [`Effect::Block`].
    Block,
    /// See [`Effect::Unblock`].
    Unblock,
    /// See [`Effect::Purge`].
    Purge,
    /// See [`Effect::Risk`].
    Risk(RiskLevel),
    /// See [`Effect::Compliance`].
    Compliance(Compliance),
}

impl RuleEffect {
    /// The engine's effect; `None` for [`RuleEffect::Ignore`].
    #[must_use]
    pub fn effect(self) -> Option<Effect> {
        Some(match self {
            RuleEffect::Ignore => return None,
            RuleEffect::Revoke => Effect::Revoke,
            RuleEffect::Refresh => Effect::Refresh,
            RuleEffect::Deny => Effect::Deny,
            RuleEffect::Block => Effect::Block,
            RuleEffect::Unblock => Effect::Unblock,
            RuleEffect::Purge => Effect::Purge,
            RuleEffect::Risk(level) => Effect::Risk(level),
            RuleEffect::Compliance(state) => Effect::Compliance(state),
        })
    }
}

fn one_or_several<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<RuleEffect>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "an effect or an array of effects")]
    enum Form {
        One(RuleEffect),
        Several(Vec<RuleEffect>),
    }
    Ok(match Form::deserialize(deserializer)? {
        Form::One(effect) => vec![effect],
        Form::Several(effects) => effects,
    })
}

impl Rule {
    /// Whether the rule is about this event.
    #[must_use]
    pub fn fits(&self, uri: &str, payload: &Map<String, Value>) -> bool {
        let named = self.event == uri
            || EventType::from_uri(uri)
                .is_some_and(|known| EventType::from_name(&self.event) == Some(known));
        named
            && self
                .when
                .iter()
                .all(|(name, text)| payload.get(name).and_then(Value::as_str) == Some(text))
    }

    pub(super) fn check(&self) -> Result<(), String> {
        match EventType::from_name(&self.event) {
            None if !self.event.contains(':') => Err(format!(
                "`{}` is neither a known event type nor a URI",
                self.event
            )),
            Some(known) if known.is_about_stream() => Err(format!(
                "`{}` is about the stream and has no other effect",
                self.event
            )),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_fits_by_type_and_payload() {
        let rule: Rule = serde_json::from_str(
            r#"{"event":"credential-change","when":{"change_type":"create"},"effect":["revoke",{"risk":"low"}]}"#,
        )
        .unwrap();
        let payload = |text: &str| {
            serde_json::from_str::<Value>(text)
                .unwrap()
                .as_object()
                .cloned()
                .unwrap()
        };
        let uri = EventType::CredentialChange.uri();
        assert!(rule.fits(uri, &payload(r#"{"change_type":"create","x":1}"#)));
        assert!(!rule.fits(uri, &payload(r#"{"change_type":"update"}"#)));
        assert!(!rule.fits(uri, &payload("{}")));
        assert_eq!(
            rule.effect,
            [RuleEffect::Revoke, RuleEffect::Risk(RiskLevel::Low)]
        );
    }
}
