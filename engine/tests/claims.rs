//! Claims as issuers, logs and gateways write them.

use highwater::token::{ClaimError, IssuerProfile, TokenFacts};
use serde_json::{Value, json};

fn read(name: &str, value: &Value) -> Result<TokenFacts, ClaimError> {
    let mut claims = json!({"iss": "https://idp.example", "tid": "t", "oid": "ada", "sub": "s",
        "scp": "read", "aud": "api", "iat": 1_763_759_940, "exp": 1_763_763_600});
    claims[name] = value.clone();
    let claims = claims.as_object().cloned().unwrap_or_default();
    TokenFacts::from_claims(&claims, &IssuerProfile::generic("https://idp.example"))
}

#[test]
fn guests_are_told_by_number_or_text() {
    for (value, expected) in [
        (json!(0), Some(false)),
        (json!(1), Some(true)),
        (json!("0"), Some(false)),
        (json!("1"), Some(true)),
        (Value::Null, None),
    ] {
        assert_eq!(read("acct", &value).unwrap().guest, expected, "{value}");
    }
    for value in [json!(2), json!("2"), json!(""), json!("01"), json!(true)] {
        assert!(read("acct", &value).is_err(), "{value}");
    }
}

#[test]
fn a_level_of_assurance_may_be_a_number() {
    for (value, expected) in [(json!("1"), "1"), (json!(1), "1"), (json!("aal2"), "aal2")] {
        let facts = read("acr", &value).unwrap();
        assert_eq!(facts.level.as_deref(), Some(expected), "{value}");
    }
    assert!(read("acr", &json!(["1"])).is_err());
}

#[test]
fn an_instant_may_be_text_of_digits_and_nothing_else() {
    for value in [
        json!("1763759940"),
        json!(1_763_759_940),
        json!(1_763_759_940.0),
    ] {
        let facts = read("iat", &value).unwrap();
        assert_eq!(facts.issued_at.seconds(), 1_763_759_940, "{value}");
    }
    for text in ["", "1e3", "+5", "-5", " 5", "1763759940.5", "inf", "soon"] {
        assert!(read("iat", &json!(text)).is_err(), "{text}");
    }
}
