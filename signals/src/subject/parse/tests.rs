//! Every format in every spelling, and what names nothing.

use super::*;

#[track_caller]
fn parse(text: &str, spelling: Spelling) -> Result<SubjectId, SubjectError> {
    let value: Value = serde_json::from_str(text).unwrap();
    SubjectId::parse(value.as_object().unwrap(), spelling)
}

#[test]
fn the_final_spelling_writes_back() {
    for text in [
        r#"{"format":"account","uri":"acct:a@b"}"#,
        r#"{"format":"email","email":"A.b@example.com"}"#,
        r#"{"format":"iss_sub","iss":"https://i/","sub":"s"}"#,
        r#"{"format":"opaque","id":"x"}"#,
        r#"{"format":"phone_number","phone_number":"+12065550100"}"#,
        r#"{"format":"did","url":"did:example:1/p?q"}"#,
        r#"{"format":"uri","uri":"urn:x"}"#,
        r#"{"format":"jwt_id","iss":"i","jti":"j"}"#,
        r#"{"format":"saml_assertion_id","issuer":"i","assertion_id":"_1"}"#,
        r#"{"format":"ip-addresses","ip-addresses":["10.0.0.1","2001:db8::1"]}"#,
        r#"{"format":"scim","uri":"/Users/1","externalId":"e"}"#,
        r#"{"format":"aliases","identifiers":[{"format":"opaque","id":"x"}]}"#,
        r#"{"format":"complex","user":{"format":"opaque","id":"x"},"zone":{"format":"opaque","id":"z"}}"#,
    ] {
        let expected: Value = serde_json::from_str(text).unwrap();
        assert_eq!(parse(text, Spelling::Final).unwrap().to_value(), expected);
        assert_eq!(parse(text, Spelling::Legacy).unwrap().to_value(), expected);
    }
}

#[test]
fn earlier_spellings_are_read_only_where_they_are_expected() {
    let cases = [
        (
            r#"{"subject_type":"iss-sub","iss":"i","sub":"s"}"#,
            r#"{"format":"iss_sub","iss":"i","sub":"s"}"#,
        ),
        (
            r#"{"user":{"format":"opaque","id":"u"},"n":1}"#,
            r#"{"format":"complex","user":{"format":"opaque","id":"u"}}"#,
        ),
        (
            r#"{"subject_type":"id_token_claims","iss":"i","sub":"s","email":"e@x"}"#,
            r#"{"format":"iss_sub","iss":"i","sub":"s"}"#,
        ),
    ];
    for (text, expected) in cases {
        let expected: Value = serde_json::from_str(expected).unwrap();
        assert_eq!(parse(text, Spelling::Legacy).unwrap().to_value(), expected);
        assert!(parse(text, Spelling::Final).is_err(), "{text}");
    }
    let hyphen = r#"{"format":"jwt-id","iss":"i","jti":"j"}"#;
    assert!(matches!(
        parse(hyphen, Spelling::Final).unwrap(),
        SubjectId::Simple(Name::Unknown { .. })
    ));
}

#[test]
fn a_subject_that_names_nothing_is_refused() {
    for text in [
        r"{}",
        r#"{"format":""}"#,
        r#"{"format":"email"}"#,
        r#"{"format":"email","email":""}"#,
        r#"{"format":"email","email":null}"#,
        r#"{"format":"iss_sub","iss":"i"}"#,
        r#"{"format":"aliases","identifiers":[]}"#,
        r#"{"format":"aliases","identifiers":[{"format":"aliases","identifiers":[]}]}"#,
        r#"{"format":"complex"}"#,
        r#"{"format":"complex","user":{"format":"complex","user":{"format":"opaque","id":"x"}}}"#,
        r#"{"format":"complex","user":{"id":"x"}}"#,
        r#"{"format":"ip-addresses","ip-addresses":["ten"]}"#,
    ] {
        assert!(parse(text, Spelling::Final).is_err(), "{text}");
        assert!(parse(text, Spelling::Legacy).is_err(), "{text}");
    }
}

#[test]
fn a_complex_subject_without_format_has_a_member_of_the_old_names() {
    let user = r#"{"format":"opaque","id":"u"}"#;
    assert!(parse(&format!(r#"{{"user":{user}}}"#), Spelling::Legacy).is_ok());
    for text in [
        format!(r#"{{"zone":{user}}}"#),
        r#"{"user":"u"}"#.to_owned(),
        r#"{"zone":"z"}"#.to_owned(),
    ] {
        let error = parse(&text, Spelling::Legacy).unwrap_err();
        assert!(error.message.contains("`format`"), "{text}: {error}");
    }
}

#[test]
fn a_complex_subject_has_up_to_sixteen_members() {
    let members = |count: usize| {
        let mut object = serde_json::json!({ "format": "complex", "note": "no member" });
        for number in 0..count {
            let name = format!("member{number}");
            object[name] = serde_json::json!({ "format": "opaque", "id": "x" });
        }
        parse(&object.to_string(), Spelling::Final)
    };
    assert!(members(MAXIMUM_MEMBERS).is_ok());
    let error = members(MAXIMUM_MEMBERS + 1).unwrap_err();
    assert!(error.message.contains("too many"), "{error}");
}

#[test]
fn addresses_and_numbers_are_compared_in_one_form() {
    assert_eq!(
        Name::email("Ada@EXAMPLE.com"),
        Name::email("Ada@example.COM")
    );
    assert_ne!(
        Name::email("ada@example.com"),
        Name::email("Ada@example.com")
    );
    assert_eq!(
        Name::phone_number("+1 (206) 555-0123"),
        Name::phone_number("+12065550123")
    );
}
