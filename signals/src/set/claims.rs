//! The claims of a Security Event Token, read strictly where acting on them would be unsafe.
//!
//! Unknown claims are ignored (SSF 1.0 section 4.2.3). A claim that appears twice is refused,
//! because two readers could see two different tokens.

use std::fmt;

use highwater::timestamp::Timestamp;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::refusal::Refusal;

/// The claims set of a token, shape-checked but not yet believed.
#[derive(Clone, Debug, PartialEq)]
pub struct Claims {
    /// `iss`: who speaks.
    pub issuer: String,
    /// `iat`: when the token was issued; the event may be older.
    pub issued_at: Timestamp,
    /// `jti`: the token's own name.
    pub id: String,
    /// `aud`: to whom; empty if the claim is absent.
    pub audience: Vec<String>,
    /// `txn`: the transaction that several tokens share.
    pub transaction: Option<String>,
    /// `toe`: when the event happened.
    pub time_of_event: Option<Timestamp>,
    /// `sub_id`: about whom, as JSON.
    pub subject: Option<Map<String, Value>>,
    /// `sub`, which SSF forbids.
    pub sub: Option<String>,
    /// Whether `exp` is there, which SSF forbids.
    pub has_expiry: bool,
    /// The events by URI, in the order of the token.
    pub events: Vec<(String, Map<String, Value>)>,
}

#[derive(Deserialize)]
struct Wire {
    iss: Option<String>,
    iat: Option<NumericDate>,
    jti: Option<String>,
    aud: Option<Audience>,
    // A number in the figures of earlier drafts.
    txn: Option<Value>,
    toe: Option<NumericDate>,
    sub_id: Option<Map<String, Value>>,
    sub: Option<Value>,
    exp: Option<Value>,
    events: Option<Events>,
}

/// A NumericDate: a number, never text.
struct NumericDate(Timestamp);

impl<'de> Deserialize<'de> for NumericDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = f64::deserialize(deserializer)?;
        Timestamp::from_number(number)
            .map(NumericDate)
            .ok_or_else(|| D::Error::custom("not an instant of years 0 to 9999"))
    }
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a string or an array of strings")]
enum Audience {
    One(String),
    Several(Vec<String>),
}

/// The `events` object, with its order and without repeated members.
struct Events(Vec<(String, Map<String, Value>)>);

impl<'de> Deserialize<'de> for Events {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Events;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object whose members are event URIs")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Events, A::Error> {
                let mut events: Vec<(String, Map<String, Value>)> = Vec::new();
                while let Some((uri, payload)) = map.next_entry::<String, Map<String, Value>>()? {
                    if events.iter().any(|(seen, _)| *seen == uri) {
                        return Err(A::Error::custom("an event URI appears twice"));
                    }
                    events.push((uri, payload));
                }
                Ok(Events(events))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

impl Claims {
    /// The claims as JSON that reads back as the same claims.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let mut value = serde_json::json!({
            "iss": self.issuer,
            "iat": self.issued_at,
            "jti": self.id,
            "aud": self.audience,
            "events": self
                .events
                .iter()
                .map(|(uri, payload)| (uri.clone(), Value::Object(payload.clone())))
                .collect::<Map<String, Value>>(),
        });
        for (name, member) in [
            ("txn", serde_json::json!(self.transaction)),
            ("toe", serde_json::json!(self.time_of_event)),
            ("sub_id", serde_json::json!(self.subject)),
            ("sub", serde_json::json!(self.sub)),
            ("exp", self.has_expiry.then_some(0).into()),
        ] {
            if !member.is_null() {
                value[name] = member;
            }
        }
        value
    }

    /// Reads a claims set.
    ///
    /// # Errors
    /// Text that is not one JSON object with the claims that RFC 8417 requires, in their types.
    pub fn parse(json: &[u8]) -> Result<Claims, Refusal> {
        let wire: Wire = serde_json::from_slice(json).map_err(|error| {
            Refusal::invalid_request("the claims are not those of a Security Event Token")
                .with_detail(error.to_string())
        })?;
        let missing = |name: &'static str| {
            Refusal::invalid_request(format!("the required claim `{name}` is missing"))
        };
        let text = |claim: Option<String>, name| {
            claim
                .filter(|text| !text.is_empty())
                .ok_or_else(|| missing(name))
        };
        let issuer = text(wire.iss, "iss")?;
        let id = text(wire.jti, "jti")?;
        let issued_at = wire.iat.ok_or_else(|| missing("iat"))?.0;
        let events = wire.events.ok_or_else(|| missing("events"))?.0;
        if events.is_empty() {
            return Err(Refusal::invalid_request(
                "`events` has no member; a Security Event Token states at least one event",
            ));
        }
        let audience = match wire.aud {
            None => Vec::new(),
            Some(Audience::One(name)) => vec![name],
            Some(Audience::Several(names)) => names,
        };
        Ok(Claims {
            issuer,
            issued_at,
            id,
            audience,
            transaction: wire.txn.and_then(|txn| match txn {
                Value::Null => None,
                Value::String(text) => Some(text),
                other => Some(other.to_string()),
            }),
            time_of_event: wire.toe.map(|instant| instant.0),
            subject: wire.sub_id,
            sub: wire.sub.map(|sub| match sub {
                Value::String(text) => text,
                other => other.to_string(),
            }),
            has_expiry: wire.exp.is_some(),
            events,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"iss":"i","iat":1700000000.25,"jti":"j","aud":"a","txn":"t",
        "toe":1700000000000,"sub_id":{"format":"opaque","id":"x"},"events":{"urn:e":{}},"x":1}"#;

    #[test]
    fn claims_are_read_with_their_units() {
        let claims = Claims::parse(GOOD.as_bytes()).unwrap();
        assert_eq!(claims.issued_at.milliseconds(), 1_700_000_000_250);
        assert_eq!(
            claims.time_of_event,
            Some(Timestamp::from_seconds(1_700_000_000))
        );
        assert_eq!(claims.audience, ["a"]);
        let again = Claims::parse(claims.to_value().to_string().as_bytes()).unwrap();
        assert_eq!(again, claims);
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for (from, to) in [
            (r#""iss":"i""#, r#""iss":"i","iss":"other""#),
            (
                r#""events":{"urn:e":{}}"#,
                r#""events":{"urn:e":{},"urn:e":{"a":1}}"#,
            ),
            (r#""events":{"urn:e":{}}"#, r#""events":{"urn:e":null}"#),
            (r#""events":{"urn:e":{}}"#, r#""events":{"urn:e":"x"}"#),
            (r#""events":{"urn:e":{}}"#, r#""events":{}"#),
            (r#""events":{"urn:e":{}}"#, r#""events":["urn:e"]"#),
            (r#""aud":"a""#, r#""aud":[1]"#),
            (r#""iss":"i""#, r#""iss":"""#),
            (r#""jti":"j""#, r#""jti":null"#),
            (r#""iat":1700000000.25"#, r#""iat":"1700000000""#),
            (r#""iat":1700000000.25"#, r#""iat":1e300"#),
            (
                r#""sub_id":{"format":"opaque","id":"x"}"#,
                r#""sub_id":"x""#,
            ),
        ] {
            let text = GOOD.replacen(from, to, 1);
            assert_ne!(text, GOOD);
            assert!(Claims::parse(text.as_bytes()).is_err(), "{to}");
        }
        assert!(Claims::parse(format!("{GOOD} {{}}").as_bytes()).is_err());
    }

    #[test]
    fn whoever_sends_events_in_another_form_is_told_the_right_one() {
        let text = GOOD.replacen(r#"{"urn:e":{}}"#, r#"["urn:e"]"#, 1);
        let refusal = Claims::parse(text.as_bytes()).unwrap_err();
        let detail = refusal.detail.unwrap();
        assert!(detail.contains("members are event URIs"), "{detail}");
    }
}
