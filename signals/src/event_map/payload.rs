//! What a payload says, read leniently where a mistake is harmless and strictly where it is not.
//!
//! A refused token is usually never sent again, so refusing a sloppy revocation would be the
//! more dangerous answer. `strict_payloads` refuses it all the same, for conformance tests.

use highwater::event::{Compliance, RiskLevel, StreamState};
use highwater::timestamp::Timestamp;
use serde_json::{Map, Value};

use super::Notice;
use crate::refusal::Refusal;

/// The longest reason kept in the ledger, in bytes.
const MAXIMUM_REASON_BYTES: usize = 4096;

/// Members that say why, in the order in which they are kept.
const REASONS: [&str; 9] = [
    "reason_admin",
    "reason_user",
    "risk_reason",
    "reason",
    "initiating_entity",
    "credential_type",
    "change_type",
    "claims",
    "friendly_name",
];

/// What CAEP payloads have in common.
pub(crate) struct Common {
    pub(crate) event_timestamp: Option<Timestamp>,
    pub(crate) reason: Option<String>,
}

impl Common {
    pub(crate) fn read(
        payload: &Map<String, Value>,
        strict: bool,
        notices: &mut Vec<Notice>,
    ) -> Result<Common, Refusal> {
        let event_timestamp = match payload.get("event_timestamp") {
            None | Some(Value::Null) => None,
            // Without the instant it cannot be ordered, so it is unsafe to act on.
            Some(value) => Some(value.as_f64().and_then(Timestamp::from_number).ok_or_else(
                || Refusal::invalid_request("`event_timestamp` is not a number of seconds"),
            )?),
        };
        let mut sloppy = Sloppy { strict, notices };
        if let Some(entity) = payload.get("initiating_entity")
            && !matches!(
                entity.as_str(),
                Some("admin" | "user" | "policy" | "system")
            )
        {
            sloppy.note("`initiating_entity` is not admin, user, policy or system")?;
        }
        for name in ["reason_admin", "reason_user"] {
            let fine = match payload.get(name) {
                None => true,
                Some(Value::Object(texts)) => {
                    !texts.is_empty() && texts.values().all(Value::is_string)
                }
                Some(_) => false,
            };
            if !fine {
                sloppy.note(&format!("`{name}` is not an object of texts by language"))?;
            }
        }
        Ok(Common {
            event_timestamp,
            reason: reason(payload),
        })
    }
}

fn reason(payload: &Map<String, Value>) -> Option<String> {
    let said: Map<String, Value> = REASONS
        .iter()
        .filter_map(|&name| {
            payload
                .get(name)
                .filter(|value| !value.is_null())
                .map(|value| (name.to_owned(), value.clone()))
        })
        .collect();
    let text = (!said.is_empty()).then(|| Value::Object(said).to_string())?;
    (text.len() <= MAXIMUM_REASON_BYTES).then_some(text)
}

/// Breaches of a definition on which acting is safe: noted, or refused if the operator says so.
pub(crate) struct Sloppy<'a> {
    pub(crate) strict: bool,
    pub(crate) notices: &'a mut Vec<Notice>,
}

impl Sloppy<'_> {
    pub(crate) fn note(&mut self, what: &str) -> Result<(), Refusal> {
        if self.strict {
            return Err(Refusal::invalid_request(what.to_owned()));
        }
        self.notices.push(Notice::NonConformant {
            what: what.to_owned(),
        });
        Ok(())
    }

    /// A member that ought to be text. `None`: it is missing or of another type.
    pub(crate) fn text<'p>(
        &mut self,
        payload: &'p Map<String, Value>,
        name: &str,
    ) -> Result<Option<&'p str>, Refusal> {
        let text = payload
            .get(name)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty());
        if text.is_none() {
            self.note(&format!("the payload needs a text `{name}`"))?;
        }
        Ok(text)
    }
}

/// A member without which nothing can be done.
pub(crate) fn required<'p>(
    payload: &'p Map<String, Value>,
    name: &str,
) -> Result<&'p str, Refusal> {
    payload
        .get(name)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
        .ok_or_else(|| Refusal::invalid_request(format!("the payload needs a text `{name}`")))
}

/// A risk level: CAEP's words in any case, and Okta's `none` and `secure`.
pub(crate) fn risk_level(text: &str) -> Result<RiskLevel, Refusal> {
    Ok(match text.to_ascii_lowercase().as_str() {
        "high" => RiskLevel::High,
        "medium" => RiskLevel::Medium,
        "low" => RiskLevel::Low,
        "none" | "secure" => RiskLevel::None,
        _ => {
            return Err(Refusal::invalid_request(
                "the risk level is not LOW, MEDIUM or HIGH",
            ));
        }
    })
}

/// A compliance status.
pub(crate) fn compliance(text: &str) -> Result<Compliance, Refusal> {
    match text {
        "compliant" => Ok(Compliance::Compliant),
        "not-compliant" | "not_compliant" => Ok(Compliance::NotCompliant),
        _ => Err(Refusal::invalid_request(
            "`current_status` is not compliant or not-compliant",
        )),
    }
}

/// The payload of `stream-updated`.
pub(crate) fn stream_updated(
    payload: &Map<String, Value>,
) -> Result<(StreamState, Option<String>), Refusal> {
    let status = stream_state(required(payload, "status")?)
        .ok_or_else(|| Refusal::invalid_request("`status` is not enabled, paused or disabled"))?;
    let reason = payload
        .get("reason")
        .and_then(Value::as_str)
        .map(|text| text.chars().take(256).collect());
    Ok((status, reason))
}

/// A stream status of SSF.
pub(crate) fn stream_state(text: &str) -> Option<StreamState> {
    Some(match text {
        "enabled" => StreamState::Enabled,
        "paused" => StreamState::Paused,
        "disabled" => StreamState::Disabled,
        _ => return None,
    })
}
