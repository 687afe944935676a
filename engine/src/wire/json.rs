//! JSON that remembers what it was given: the order of members, and members named twice.
//!
//! `serde_json::Value` keeps the last of two members with one name, and which one an exporter's
//! reader keeps is anyone's guess. Here both stay, and whoever asks for the member decides.
//! Time and memory are bounded: depth by the parser (128), values by
//! [`MAXIMUM_VALUES`].

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// The most values one document may hold: far above the 390,000 ranges a tenant can have.
pub(crate) const MAXIMUM_VALUES: usize = 8_000_000;

/// The longest member name: that of a membership list is an identifier.
const MAXIMUM_NAME: usize = crate::identifier::Identifier::MAXIMUM_LENGTH;

/// A JSON value as written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    Array(Vec<Json>),
    /// Members in the order of the document; names may repeat.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// What the value is, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Json::Null => "null",
            Json::Bool(_) => "a boolean",
            Json::Number(_) => "a number",
            Json::Text(_) => "text",
            Json::Array(_) => "an array",
            Json::Object(_) => "an object",
        }
    }
}

/// Reads one JSON document.
pub(crate) fn parse(text: &str) -> Result<Json, String> {
    let values = Cell::new(0);
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let json = Reader { values: &values }
        .deserialize(&mut deserializer)
        .and_then(|json| deserializer.end().map(|()| json));
    json.map_err(|error| error.to_string())
}

#[derive(Clone, Copy)]
struct Reader<'count> {
    values: &'count Cell<usize>,
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        self.values.set(self.values.get() + 1);
        if self.values.get() > MAXIMUM_VALUES {
            return Err(D::Error::custom(format_args!(
                "more than {MAXIMUM_VALUES} values in one document"
            )));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Json;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(Json::Number(value))
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "no number that matters here is above 2^53"
    )]
    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value as f64))
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "no number that matters here is below -2^53"
    )]
    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value as f64))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Json, E> {
        Ok(Json::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Json, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(self)? {
            items.push(item);
        }
        Ok(Json::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Json, A::Error> {
        let mut members = Vec::new();
        while let Some(name) = access.next_key::<String>()? {
            if name.len() > MAXIMUM_NAME {
                return Err(A::Error::custom(format_args!(
                    "a member name of more than {MAXIMUM_NAME} bytes"
                )));
            }
            members.push((name, access.next_value_seed(self)?));
        }
        Ok(Json::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_named_twice_both_stay() {
        let json = parse(r#"{"a": 1, "A": [null, true, -2, "x"], "a": {}}"#).unwrap();
        assert_eq!(
            json,
            Json::Object(vec![
                ("a".into(), Json::Number(1.0)),
                (
                    "A".into(),
                    Json::Array(vec![
                        Json::Null,
                        Json::Bool(true),
                        Json::Number(-2.0),
                        Json::Text("x".into())
                    ])
                ),
                ("a".into(), Json::Object(vec![])),
            ])
        );
    }

    #[test]
    fn depth_and_size_are_bounded() {
        let deep = "[".repeat(1_000_000);
        assert!(parse(&deep).unwrap_err().contains("recursion limit"));
        let mut wide = String::from("[0");
        wide.push_str(&",0".repeat(MAXIMUM_VALUES));
        wide.push(']');
        assert!(
            parse(&wide)
                .unwrap_err()
                .contains("more than 8000000 values")
        );
    }

    #[test]
    fn broken_json_names_line_and_column() {
        assert_eq!(
            parse("{\"a\": 1,\n}").unwrap_err(),
            "trailing comma at line 2 column 1"
        );
        assert!(parse("{} x").unwrap_err().contains("trailing characters"));
        assert!(parse("").is_err());
    }

    #[test]
    fn bounds_are_reached_and_not_passed() {
        let read = |text: &str, before: usize| {
            let values = Cell::new(before);
            let mut deserializer = serde_json::Deserializer::from_str(text);
            let json = Reader { values: &values }.deserialize(&mut deserializer);
            json.map(|_| values.get())
                .map_err(|error| error.to_string())
        };
        assert_eq!(read("[1, [2]]", 0), Ok(4));
        assert_eq!(read("0", MAXIMUM_VALUES - 1), Ok(MAXIMUM_VALUES));
        for before in [MAXIMUM_VALUES, MAXIMUM_VALUES + 1] {
            assert!(read("0", before).unwrap_err().contains("values"));
        }
        let named = |length: usize| format!("{{\"{}\": 0}}", "x".repeat(length));
        assert_eq!(read(&named(MAXIMUM_NAME), 0), Ok(2));
        for length in [MAXIMUM_NAME + 1, MAXIMUM_NAME + 2] {
            assert!(read(&named(length), 0).unwrap_err().contains("name"));
        }
    }

    #[test]
    fn what_no_json_has_is_refused_by_name() {
        use serde::de::value::{BytesDeserializer, Error};
        let values = Cell::new(0);
        let bytes = BytesDeserializer::<Error>::new(b"x");
        let error = Reader { values: &values }.deserialize(bytes).unwrap_err();
        assert!(error.to_string().contains("a JSON value"), "{error}");
    }
}
