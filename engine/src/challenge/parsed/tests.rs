//! Reading: the shapes one by one, any bytes at all, and the way back from the writer.

use std::net::IpAddr;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::challenge::{Challenge, ClaimsDocument, ParsedChallenge, parse};

#[track_caller]
fn check(header: &str, expected: &[(&str, &[(&str, &str)])]) {
    let found = parse([header]);
    let found: Vec<_> = found
        .iter()
        .map(|challenge| {
            let parameters = challenge.parameters.iter();
            let parameters: Vec<_> = parameters.map(|(n, v)| (n.as_str(), v.as_str())).collect();
            (challenge.scheme.as_str(), parameters)
        })
        .collect();
    let expected: Vec<_> = expected.iter().map(|(s, p)| (*s, p.to_vec())).collect();
    assert_eq!(found, expected, "{header}");
}

#[test]
fn separators_and_quotes() {
    for header in [
        r#"Bearer a="1", b="x y""#,
        r#"Bearer a="1",b="x y""#,
        r#"Bearer a="1" b="x y""#,
        "Bearer\ta = \"1\" ,\r\n b=\"x y\",",
        r#"Bearer A='1', B='x y'"#,
        r#"Bearer a=1, b=x y"#,
        r#"Bearer, a="1", , b="\x\ y""#,
    ] {
        check(header, &[("Bearer", &[("a", "1"), ("b", "x y")])]);
    }
}

#[test]
fn json_ends_where_its_object_ends() {
    // Braces, commas and escaped quotes in its strings are its own, whatever quotes are around.
    for json in [
        r#"{"a":"x}y"}"#,
        r#"{"a":"\"}, b=3"}"#,
        r#"{"a":1, "b":{"c":"{"}}"#,
    ] {
        for header in [
            format!("Bearer claims={json}, b=2, c=\"3\""),
            format!("Bearer claims='{json}', b=2, c=\"3\""),
            format!("Bearer claims=\"{json}\", b=2, c=\"3\""),
        ] {
            let expected = [("claims", json), ("b", "2"), ("c", "3")];
            check(&header, &[("Bearer", &expected)]);
        }
    }
    let json = r#"{"a":"it', c=9"}"#;
    check(
        &format!("Bearer claims='{json}', b=2"),
        &[("Bearer", &[("claims", json), ("b", "2")])],
    );
    // A brace alone in quotes begins nothing.
    for separator in [",", " "] {
        check(
            &format!(r#"Bearer a="{{"{separator} b="}}""#),
            &[("Bearer", &[("a", "{"), ("b", "}")])],
        );
    }
    // One that ends what never began is a character like any other.
    check(
        r#"Bearer a="x}y", b=2"#,
        &[("Bearer", &[("a", "x}y"), ("b", "2")])],
    );
    // Where quotes are escaped, the value ends with its own quote and not with a later brace.
    check(
        r#"Bearer claims="{\"a\":1}", b=}"#,
        &[("Bearer", &[("claims", r#"{"a":1}"#), ("b", "}")])],
    );
}

#[test]
fn parameters_of_another_header_are_not_those_of_the_first() {
    let found = parse([
        "Bearer a=1",
        "b=2",
        "=3",
        "Negotiate abc def",
        "Basic x=1, ey==",
    ]);
    let found: Vec<_> = found
        .iter()
        .map(|challenge| {
            let names = challenge.parameters.iter().map(|(name, _)| name.as_str());
            let names: Vec<_> = names.collect();
            let token68 = challenge.token68.as_deref();
            (challenge.scheme.as_str(), names.join(" "), token68)
        })
        .collect();
    let expected = [
        ("Bearer", "a", None),
        ("", "b", None),
        ("", "", None),
        ("Negotiate", "", Some("abc")),
        ("Basic", "x ey", None),
    ];
    let expected = expected.map(|(scheme, names, token68)| (scheme, names.to_owned(), token68));
    assert_eq!(found, expected);
}

#[test]
fn equal_signs_before_a_value_are_no_padding() {
    check("Basic a==b", &[("Basic", &[("a", "b")])]);
    check("Basic a==\"b\"", &[("Basic", &[("a", "b")])]);
}

#[test]
fn a_description_is_found_by_either_name() {
    for (header, expected) in [
        ("Bearer error_description=\"why\"", Some("why")),
        ("Bearer errorDescription=\"why\"", Some("why")),
        ("Bearer error=\"why\"", None),
    ] {
        assert_eq!(parse([header])[0].error_description(), expected, "{header}");
    }
    // JSON that is not encoded keeps its percent signs.
    let json = r#"{"a":"%41"}"#;
    let read = parse([format!("Bearer claims={json}").as_str()]);
    assert_eq!(read[0].claims_text().as_deref(), Some(json));
}

#[test]
fn several_challenges_in_one_line() {
    check(
        r#"Negotiate, NTLM, PoP nonce="ey==", Bearer a="1" Basic realm=x"#,
        &[
            ("Negotiate", &[]),
            ("NTLM", &[]),
            ("PoP", &[("nonce", "ey==")]),
            ("Bearer", &[("a", "1")]),
            ("Basic", &[("realm", "x")]),
        ],
    );
    check(
        "Foo bar=can't parse this, error=my bad, Bearer claims=\"ey==\"",
        &[
            ("Foo", &[("bar", "can't parse this"), ("error", "my bad")]),
            ("Bearer", &[("claims", "ey==")]),
        ],
    );
}

#[test]
fn token68_and_stray_commas() {
    let found = parse(["Negotiate abc==, Basic def, Bearer x=a@*,b@*,c=1"]);
    assert_eq!(found[0].token68.as_deref(), Some("abc=="));
    assert_eq!(found[1].token68.as_deref(), Some("def"));
    assert_eq!(found[2].parameter("X"), Some("a@*,b@*"));
    assert_eq!(found[2].parameter("c"), Some("1"));
}

#[test]
fn unterminated_values_hide_nothing_that_follows() {
    check(
        "Bearer a=\"open, b=2",
        &[("Bearer", &[("a", "open"), ("b", "2")])],
    );
    check(
        "Bearer a={\"open, b='2, c=3",
        &[("Bearer", &[("a", "{\"open"), ("b", "'2"), ("c", "3")])],
    );
}

#[test]
fn every_encoding_of_claims_reads_the_same() {
    let expected = json!({"access_token": {"acrs": {"value": "ÿ>"}}});
    for value in [
        r#""eyJhY2Nlc3NfdG9rZW4iOnsiYWNycyI6eyJ2YWx1ZSI6IsO/PiJ9fX0=""#,
        r#""eyJhY2Nlc3NfdG9rZW4iOnsiYWNycyI6eyJ2YWx1ZSI6IsO_PiJ9fX0""#,
        r#"eyJhY2Nlc3NfdG9rZW4iOnsiYWNycyI6eyJ2YWx1ZSI6IsO_PiJ9fX0="#,
        r#""eyJhY2Nlc3NfdG9rZW4iOnsiYWNycyI6eyJ2YWx1ZSI6IsO%2FPiJ9fX0%3D""#,
        r#""{"access_token":{"acrs":{"value":"ÿ>"}}}""#,
        r#""{\"access_token\":{\"acrs\":{\"value\":\"ÿ>\"}}}""#,
        r#"{"access_token":{"acrs":{"value":"ÿ>"}}}"#,
        r#"'{"access_token": {"acrs":{"value":"ÿ>"}}}'"#,
        r#"'{\"access_token\": {\"acrs\":{\"value\":\"ÿ>\"}}}'"#,
        r#""%7B%22access_token%22%3A%7B%22acrs%22:%7B%22value%22:%22%C3%BF%3E%22%7D%7D%7D""#,
    ] {
        let header = format!("Bearer Claims={value}, error=insufficient_claims");
        let found = parse([&header]);
        assert_eq!(found.len(), 1, "{header}");
        assert_eq!(
            found[0].claims().map(Value::Object),
            Some(expected.clone()),
            "{header}"
        );
        assert!(found[0].is_claims_challenge(), "{header}");
    }
    for value in [
        "\"\"",
        "\"not base64\"",
        "\"eyJ\"",
        "\"%ff\"",
        "\"{\"",
        "{\"",
    ] {
        let header = format!("Bearer error=\"insufficient_claims\", claims={value}");
        let found = parse([&header]);
        assert_eq!(found[0].claims(), None, "{header}");
        assert!(!found[0].is_claims_challenge(), "{header}");
    }
}

/// The quadratic traps: openers that never close.
#[test]
fn hostile_headers_are_read_in_one_pass() {
    for unit in [
        "a={ ",
        "a=\" ",
        "a=' ",
        "a={\" ",
        "a=\"{\"x ",
        "a='{ ",
        "==",
        "{",
        "\"",
        "\\\"",
    ] {
        let header = unit.repeat(200_000 / unit.len());
        let found = parse([&header]);
        let length: usize = found
            .iter()
            .flat_map(|c| &c.parameters)
            .map(|p| p.1.len())
            .sum();
        assert!(length <= header.len(), "{unit}");
    }
}

fn structure() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "Bearer ",
            "PoP",
            ",",
            " ",
            "=",
            "\"",
            "\\",
            "'",
            "{",
            "}",
            "claims=",
            "error=",
            "insufficient_claims",
            "%7B",
            "\n",
            "eyJ9",
            "==",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..4),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_bytes_panic(header in structure(), other in prop::collection::vec(any::<u8>(), 0..200)) {
        for challenge in parse([&header, &other]) {
            let _ = (challenge.claims(), challenge.error_description());
        }
    }

    /// Semantics §7: what is written is read back, whatever the host and the token put in.
    #[test]
    fn what_is_written_is_read_back(
        uri in any::<String>(),
        client_id in any::<String>(),
        description in any::<String>(),
        not_before in any::<Option<i64>>(),
        address in any::<Option<IpAddr>>(),
        context in any::<Option<String>>(),
        name in any::<String>(),
        value in any::<String>(),
        lines in 0..3_usize,
    ) {
        let additional: Map<String, Value> = [(name, Value::from(value))].into_iter().collect();
        let claims = ClaimsDocument {
            not_before,
            resource_seen_address: address,
            authentication_context: context.as_deref(),
            additional: Some(&additional),
        };
        let header = Challenge::new(&uri, &client_id, claims)
            .with_description(&description)
            .header_value();
        let mut values = vec!["PoP nonce=\"a\""; lines];
        values.push(&header);
        let found = parse(values);
        prop_assert_eq!(found.len(), lines + 1);
        let challenge: &ParsedChallenge = &found[lines];
        let names: Vec<_> = challenge.parameters.iter().map(|(name, _)| name.as_str()).collect();
        prop_assert_eq!(names, [
            "realm", "authorization_uri", "client_id", "error_description", "error", "claims",
        ]);
        prop_assert!(challenge.is_claims_challenge());
        prop_assert_eq!(challenge.claims().map(Value::Object), Some(claims.to_value()));
        let safe: String = client_id
            .chars()
            .filter(|&c| c.is_ascii_graphic() && !",\"\\=".contains(c))
            .collect();
        prop_assert_eq!(challenge.parameter("client_id"), Some(safe.as_str()));
    }
}
