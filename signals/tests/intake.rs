//! Files of any kind, told apart by what they hold.

#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use common::{AUDIENCE, ISSUER, NOW, draft, emitter};
use highwater::identifier::Identifier;
use highwater_signals::ErrorCode;
use highwater_signals::directory::NoDirectory;
use highwater_signals::intake::{Expectation, Intake, Outcome, Report};
use highwater_signals::set::Algorithm;
use serde_json::{Value, json};

fn expectation() -> Expectation {
    Expectation {
        trust_unsigned: true,
        tenant: Some(Identifier::new("tenant").unwrap()),
        ..Expectation::new(Identifier::new("file").unwrap(), NOW)
    }
}

fn read(expectation: Expectation, text: &str) -> Vec<Report> {
    Intake::new(expectation, &NoDirectory).file("f", text.as_bytes())
}

fn claims() -> Value {
    draft("j").claims(ISSUER)
}

#[test]
fn every_kind_of_document_is_recognised() {
    let event = json!({ "time": 1, "tenant": "t", "subject": { "user": "u" }, "effect": "revoke", "source": "s" });
    let page = json!({ "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#users", "value": [{ "id": "u", "accountEnabled": false }] });
    for (document, count) in [(claims(), 1), (event, 1), (page, 2)] {
        let reports = read(expectation(), &document.to_string());
        assert_eq!(reports.len(), 1);
        assert_eq!(reports[0].outcome, Outcome::Accepted, "{reports:?}");
        assert_eq!(reports[0].input, "f");
        assert_eq!(reports[0].events.len(), count);
    }
    for text in ["{}", "7", "{\"a\":", "hello", r#"{"value":[{"x":1}]}"#] {
        let reports = read(expectation(), text);
        assert_eq!(reports[0].outcome, Outcome::Refused, "{text}");
        assert_eq!(reports[0].err, Some(ErrorCode::InvalidRequest));
    }
    assert!(read(expectation(), " \n").is_empty());
}

#[test]
fn lines_and_arrays_are_reported_one_by_one() {
    let mut unknown = claims();
    unknown["events"] = json!({ "urn:example": {} });
    let mut wrong = claims();
    wrong["jti"] = json!("");
    let lines = format!("{}\n\n{unknown}\n{wrong}\n", claims());
    let reports = read(expectation(), &lines);
    let summary: Vec<(&str, Outcome)> = reports
        .iter()
        .map(|report| (report.input.as_str(), report.outcome))
        .collect();
    assert_eq!(
        summary,
        [
            ("f:1", Outcome::Accepted),
            ("f:3", Outcome::Ignored),
            ("f:4", Outcome::Refused)
        ]
    );
    let array = json!([claims(), unknown]).to_string();
    let reports = read(expectation(), &array);
    assert_eq!(reports[1].input, "f#/1");
    let line = serde_json::to_value(&reports[0]).unwrap();
    assert_eq!(line["outcome"], "accepted");
    assert_eq!(line["err"], Value::Null);
    assert_eq!(line["events"][0]["effect"], "revoke");
}

#[test]
fn tokens_are_verified_with_the_given_keys() {
    let emitter = emitter(Algorithm::ES256, "k");
    let token = emitter.sign(&draft("j")).unwrap();
    let with_keys = Expectation {
        jwks: Some(emitter.jwks().unwrap()),
        trust_unsigned: false,
        ..expectation()
    };
    assert_eq!(
        read(with_keys.clone(), &token)[0].outcome,
        Outcome::Accepted
    );
    let poll = json!({ "sets": { "j": token } }).to_string();
    assert_eq!(read(with_keys, &poll)[0].outcome, Outcome::Accepted);
    let without = read(expectation(), &token);
    assert_eq!(without[0].err, Some(ErrorCode::InvalidKey));
}

#[test]
fn what_is_expected_is_checked() {
    let refused = |change: &dyn Fn(&mut Expectation), expected| {
        let mut expectation = expectation();
        change(&mut expectation);
        let reports = read(expectation, &claims().to_string());
        assert_eq!(reports[0].err, Some(expected), "{reports:?}");
    };
    refused(
        &|e| e.trust_unsigned = false,
        ErrorCode::AuthenticationFailed,
    );
    refused(&|e| e.issuer = Some("x".into()), ErrorCode::InvalidIssuer);
    refused(
        &|e| e.audience = Some("x".into()),
        ErrorCode::InvalidAudience,
    );
    refused(
        &|e| e.now = NOW.plus_seconds(-3600),
        ErrorCode::InvalidRequest,
    );
    let expectation = Expectation {
        issuer: Some(ISSUER.to_owned()),
        audience: Some(AUDIENCE.to_owned()),
        ..expectation()
    };
    assert_eq!(
        read(expectation, &claims().to_string())[0].outcome,
        Outcome::Accepted
    );
}
