//! The claims document: what a new token must say, as JSON that every base64 decoder agrees on.
//!
//! Standard base64 and base64url differ in two characters, and padding in a third. In ASCII,
//! the two characters come only from `>`, `?`, `~` and DEL as the last byte of a group, so
//! those are written as `\u00XX` like everything beyond ASCII; and blanks after the first brace
//! make the length a multiple of three. Then both alphabets, padded or not, are the same text.

use std::fmt::{self, Write};
use std::net::IpAddr;

use serde_json::{Map, Value, json};

use super::encoding::{Base64Writer, Counter};

/// The claims request of one challenge, all under `access_token`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ClaimsDocument<'a> {
    /// `nbf`, essential: the new token must be issued at or after this second.
    pub not_before: Option<i64>,
    /// `xms_rp_ipaddr`: the address at which the resource provider sees the client.
    pub resource_seen_address: Option<IpAddr>,
    /// `acrs`, essential: the authentication context that the operation needs.
    pub authentication_context: Option<&'a str>,
    /// Claims that the host adds. A name that this document sets itself is left out here: a
    /// host cannot weaken what the decision asks for.
    pub additional: Option<&'a Map<String, Value>>,
}

impl<'a> ClaimsDocument<'a> {
    /// The document as minified ASCII JSON, its length a multiple of three.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut text = String::with_capacity(self.padded_length());
        // INVARIANT: writing to a `String` cannot fail, and nothing here fails by itself.
        let _ = self.write_padded(&mut text);
        text
    }

    /// The document as a JSON value, for answers that show it in the clear.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let mut members: Map<String, Value> = self
            .host_claims()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        if let Some(seconds) = self.not_before {
            let value = json!({"essential": true, "value": seconds.to_string()});
            members.insert("nbf".to_owned(), value);
        }
        if let Some(address) = self.resource_seen_address {
            let value = json!({"value": address.to_string()});
            members.insert("xms_rp_ipaddr".to_owned(), value);
        }
        if let Some(context) = self.authentication_context {
            let value = json!({"essential": true, "value": context});
            members.insert("acrs".to_owned(), value);
        }
        json!({ "access_token": members })
    }

    /// Writes the document as base64. Allocates nothing.
    ///
    /// # Errors
    /// Those of `target`.
    pub fn write_base64(&self, target: &mut impl Write) -> fmt::Result {
        self.write_padded(&mut Base64Writer::new(target))
    }

    fn padded_length(&self) -> usize {
        let mut counter = Counter::default();
        // INVARIANT: the counter never fails.
        let _ = self.write_json(&mut counter, 0);
        counter.0.next_multiple_of(3)
    }

    fn write_padded(&self, target: &mut impl Write) -> fmt::Result {
        let mut counter = Counter::default();
        self.write_json(&mut counter, 0)?;
        self.write_json(target, counter.0.next_multiple_of(3) - counter.0)
    }

    fn write_json(&self, target: &mut impl Write, blanks: usize) -> fmt::Result {
        write!(target, "{{{:blanks$}\"access_token\":{{", "")?;
        let mut separator = "";
        if let Some(seconds) = self.not_before {
            write!(target, r#""nbf":{{"essential":true,"value":"{seconds}"}}"#)?;
            separator = ",";
        }
        if let Some(address) = self.resource_seen_address {
            write!(
                target,
                r#"{separator}"xms_rp_ipaddr":{{"value":"{address}"}}"#
            )?;
            separator = ",";
        }
        if let Some(context) = self.authentication_context {
            write!(target, r#"{separator}"acrs":{{"essential":true,"value":"#)?;
            write_string(target, context)?;
            target.write_char('}')?;
            separator = ",";
        }
        for (name, value) in self.host_claims() {
            target.write_str(separator)?;
            write_string(target, name)?;
            target.write_char(':')?;
            write_value(target, value)?;
            separator = ",";
        }
        target.write_str("}}")
    }

    fn host_claims(&self) -> impl Iterator<Item = (&'a String, &'a Value)> {
        let own = [
            ("nbf", self.not_before.is_some()),
            ("xms_rp_ipaddr", self.resource_seen_address.is_some()),
            ("acrs", self.authentication_context.is_some()),
        ];
        self.additional
            .into_iter()
            .flatten()
            .filter(move |(name, _)| !own.contains(&(name.as_str(), true)))
    }
}

fn write_value(target: &mut impl Write, value: &Value) -> fmt::Result {
    match value {
        Value::Null => target.write_str("null"),
        Value::Bool(true) => target.write_str("true"),
        Value::Bool(false) => target.write_str("false"),
        Value::Number(number) => write!(target, "{number}"),
        Value::String(text) => write_string(target, text),
        Value::Array(elements) => {
            let mut separator = '[';
            for element in elements {
                target.write_char(separator)?;
                write_value(target, element)?;
                separator = ',';
            }
            target.write_str(if elements.is_empty() { "[]" } else { "]" })
        }
        Value::Object(members) => {
            let mut separator = '{';
            for (name, member) in members {
                target.write_char(separator)?;
                write_string(target, name)?;
                target.write_char(':')?;
                write_value(target, member)?;
                separator = ',';
            }
            target.write_str(if members.is_empty() { "{}" } else { "}" })
        }
    }
}

fn write_string(target: &mut impl Write, text: &str) -> fmt::Result {
    target.write_char('"')?;
    for character in text.chars() {
        match character {
            '"' | '\\' => {
                target.write_char('\\')?;
                target.write_char(character)?;
            }
            ' '..='}' if character != '>' && character != '?' => target.write_char(character)?,
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    write!(target, "\\u{unit:04x}")?;
                }
            }
        }
    }
    target.write_char('"')
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_three_claims_of_the_engine() {
        let document = ClaimsDocument {
            not_before: Some(1_763_760_000),
            resource_seen_address: Some("2001:db8::7".parse().unwrap()),
            authentication_context: Some("c1"),
            additional: None,
        };
        assert_eq!(
            document.to_json(),
            concat!(
                r#"{ "access_token":{"nbf":{"essential":true,"value":"1763760000"},"#,
                r#""xms_rp_ipaddr":{"value":"2001:db8::7"},"#,
                r#""acrs":{"essential":true,"value":"c1"}}}"#
            )
        );
    }

    #[test]
    fn a_host_adds_claims_and_replaces_none() {
        let additional = json!({
            "acrs": {"values": ["c1", "~"]}, "nbf": {"value": "0"}, "é?": [null, true, 1.5, {}, []]
        });
        let document = ClaimsDocument {
            not_before: Some(7),
            additional: additional.as_object(),
            ..ClaimsDocument::default()
        };
        assert_eq!(
            document.to_json().replace("{ ", "{").replace("{ ", "{"),
            concat!(
                r#"{"access_token":{"nbf":{"essential":true,"value":"7"},"#,
                r#""acrs":{"values":["c1","\u007e"]},"#,
                r#""\u00e9\u003f":[null,true,1.5,{},[]]}}"#
            )
        );
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            "[ -\u{ff}>?~]{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// Semantics §7: every decoder, either alphabet, padding demanded or refused, agrees.
        #[test]
        fn every_base64_decoder_reads_the_same_json(
            not_before in any::<Option<i64>>(),
            address in any::<Option<IpAddr>>(),
            context in any::<Option<String>>(),
            members in prop::collection::btree_map(any::<String>(), any_json(), 0..4),
        ) {
            let additional: Map<String, Value> = members.into_iter().collect();
            let document = ClaimsDocument {
                not_before,
                resource_seen_address: address,
                authentication_context: context.as_deref(),
                additional: Some(&additional),
            };
            let json = document.to_json();
            prop_assert!(json.bytes().all(|byte| (b' '..0x7e).contains(&byte)));
            prop_assert_eq!(json.len() % 3, 0);
            prop_assert_eq!(
                serde_json::from_str::<Value>(&json).unwrap(),
                document.to_value()
            );
            let mut encoded = String::new();
            document.write_base64(&mut encoded).unwrap();
            prop_assert!(encoded.bytes().all(|byte| byte.is_ascii_alphanumeric()));
            prop_assert_eq!(STANDARD.decode(&encoded).unwrap(), json.as_bytes());
            prop_assert_eq!(URL_SAFE_NO_PAD.decode(&encoded).unwrap(), json.as_bytes());
        }
    }
}
