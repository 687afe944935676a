//! Every challenge that servers and client test suites are known to contain, read back.
//!
//! The headers are not in this repository: `HIGHWATER_SHARED` says where they are, the default
//! is `shared` beside the repository. Without them the tests skip, loudly; under `CI` they fail.

use std::path::{Path, PathBuf};

use highwater::challenge::{Challenge, ClaimsDocument, ParsedChallenge, parse};
use serde_json::Value;

fn entries(file: &str) -> Option<Vec<Value>> {
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let shared = std::env::var_os("HIGHWATER_SHARED").map_or_else(default, PathBuf::from);
    let path = shared.join(file);
    let Ok(text) = std::fs::read_to_string(&path) else {
        let missing = format!("{} is missing: set HIGHWATER_SHARED", path.display());
        assert!(std::env::var_os("CI").is_none(), "{missing}");
        eprintln!("SKIPPED: {missing}");
        return None;
    };
    Some(serde_json::from_str(&text).expect("a list of entries"))
}

/// The one challenge that asks for claims, by either value of `error`.
fn asking<'a>(challenges: &'a [ParsedChallenge], about: &str) -> &'a ParsedChallenge {
    let mut asking = challenges
        .iter()
        .filter(|challenge| challenge.parameter("claims").is_some());
    let found = asking.next().unwrap_or_else(|| panic!("nothing: {about}"));
    assert_eq!(asking.next(), None, "{about}");
    found
}

#[test]
fn collected_headers_say_what_their_collectors_say() {
    let Some(entries) = entries("reference/claims-challenges.json") else {
        return;
    };
    let (mut challenges, mut others) = (0, 0);
    for entry in entries {
        let expected = &entry["decoded_claims"];
        let Some(header) = entry["header"].as_str() else {
            // Seen without its header; then in ours.
            let claims = ClaimsDocument {
                additional: expected["access_token"].as_object(),
                ..ClaimsDocument::default()
            };
            let written = Challenge::new("https://idp.example", "api", claims).header_value();
            let read = asking(&parse([&written]), &written).claims();
            assert_eq!(read.map(Value::Object).as_ref(), Some(expected));
            continue;
        };
        let found = parse([header]);
        let readable = found
            .iter()
            .find_map(ParsedChallenge::claims)
            .map_or(Value::Null, Value::Object);
        assert_eq!(readable, *expected, "{header}");
        let kind = entry["expect"].as_str().unwrap();
        if kind.starts_with("challenge") {
            let asking = asking(&found, header);
            assert_eq!(asking.scheme, "Bearer", "{header}");
            let specified = asking.error() == Some("insufficient_claims");
            assert_eq!(
                asking.is_claims_challenge(),
                specified && !expected.is_null()
            );
            challenges += 1;
        } else {
            // Damaged or missing claims: read without complaint, and not taken for a challenge.
            assert!(
                !found.iter().any(ParsedChallenge::is_claims_challenge),
                "{header}"
            );
            others += 1;
        }
    }
    assert_eq!((challenges, others), (24, 10));
}

#[test]
fn headers_of_client_suites_say_what_the_suites_expect() {
    let Some(entries) = entries("data/challenges/headers.json") else {
        return;
    };
    let mut with_claims = 0;
    for entry in &entries {
        let id = entry["id"].as_str().unwrap();
        let lines = entry["www_authenticate"].as_array().unwrap();
        let found = parse(lines.iter().map(|line| line.as_str().unwrap()));
        let expected = &entry["expected"];
        if let Some(count) = expected["challenges"].as_u64() {
            assert_eq!(found.len() as u64, count, "{id}");
        }
        let bearer = found.iter().find(|challenge| challenge.scheme == "Bearer");
        if let Some(parameters) = expected["params"].as_object() {
            for (name, value) in parameters {
                let read = bearer.and_then(|bearer| bearer.parameter(name));
                assert_eq!(read, value.as_str(), "{id}");
            }
        }
        match expected["claims"].as_str() {
            // One suite wants text that is neither JSON nor base64 handed through.
            Some(opaque @ "some_claims") => {
                let asking = asking(&found, id);
                assert_eq!(asking.parameter("claims"), Some(opaque));
                assert_eq!(asking.claims(), None);
            }
            Some(text) => {
                let asking = asking(&found, id);
                assert_eq!(asking.claims_text().as_deref(), Some(text), "{id}");
                let json = serde_json::from_str::<Value>(text).ok();
                assert_eq!(asking.claims().map(Value::Object), json, "{id}");
                with_claims += 1;
            }
            None if expected.get("claims").is_some() => {
                assert!(
                    !found.iter().any(ParsedChallenge::is_claims_challenge),
                    "{id}"
                );
            }
            None => {}
        }
        if id == "cpp-not_for_scheme" {
            assert_eq!(bearer.unwrap().parameter("key"), None);
            assert_eq!(found[0].parameter("key"), Some("value"));
        }
        if id == "py-two-claims-challenges" {
            let all: Vec<_> = found.iter().filter_map(ParsedChallenge::claims).collect();
            assert_eq!(all.len(), 2);
        }
    }
    assert_eq!((entries.len(), with_claims), (45, 19));
}
