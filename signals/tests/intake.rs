//! Files of any kind, told apart by what they hold.

#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use common::mapping::{id, opaque};
use common::{AUDIENCE, ISSUER, NOW, draft, emitter, receiver};
use highwater::event::{Dimension, Effect, Subject};
use highwater::timestamp::Timestamp;
use highwater_signals::directory::{DirectoryMap, NoDirectory, Principal};
use highwater_signals::intake::{Expectation, Intake, Outcome, Report};
use highwater_signals::set::Algorithm;
use highwater_signals::subject::{Name, Spelling, SubjectId};
use highwater_signals::transmitter::ProfileName;
use highwater_signals::{ErrorCode, EventType};
use serde_json::{Value, json};

fn expectation() -> Expectation {
    Expectation {
        trust_unsigned: true,
        tenant: Some(id("tenant")),
        ..Expectation::new(id("file"), NOW)
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

fn vouched(issuer: &str, subject: &Value, event: EventType) -> Value {
    json!({
        "iss": issuer, "aud": AUDIENCE, "jti": "j", "iat": NOW.seconds(),
        "sub_id": subject, "events": { event.uri(): {} },
    })
}

#[test]
fn a_document_with_a_mistake_is_one_document() {
    let broken = "{\n  \"iss\": \"https://idp.example\",\n  \"iat\" 1\n}";
    let prose = "hello\nworld\n";
    let versions = "{\n\"a\": 1.2.3\n";
    for text in [broken, prose, versions] {
        let reports = read(expectation(), text);
        assert_eq!(reports.len(), 1, "{reports:?}");
        assert_eq!(reports[0].input, "f");
        let why = reports[0].description.as_deref().unwrap();
        assert!(why.starts_with("the file is not JSON: "), "{why}");
    }
}

#[test]
fn a_single_line_that_is_no_json_is_read_as_a_token() {
    let reports = read(expectation(), "# pasted\na?c.def.ghi\n");
    assert_eq!((reports.len(), &*reports[0].input), (1, "f"));
    let why = reports[0].description.as_deref().unwrap();
    assert!(why.contains("compact JWS"), "{why}");
}

#[test]
fn a_line_of_broken_json_is_no_token() {
    for (text, input) in [("{\"a\":", "f"), ("[1\n{\"a\": 1}\n", "f:1")] {
        let reports = read(expectation(), text);
        assert_eq!(reports[0].input, input);
        let why = reports[0].description.as_deref().unwrap();
        assert!(why.starts_with("not JSON: EOF while parsing"), "{why}");
    }
}

#[test]
fn a_file_of_remarks_says_nothing() {
    assert!(read(expectation(), "# nothing today\n\n# nor tomorrow\n").is_empty());
}

#[test]
fn tokens_one_per_line_are_reported_one_by_one() {
    let emitter = emitter(Algorithm::ES256, "k");
    let token = emitter.sign(&draft("j")).unwrap();
    let with_keys = Expectation {
        jwks: Some(emitter.jwks().unwrap()),
        ..expectation()
    };
    let reports = read(
        with_keys,
        &format!("{token}\n\n# the same again\n{token}\n"),
    );
    let summary: Vec<_> = reports
        .iter()
        .map(|report| (report.input.as_str(), report.outcome))
        .collect();
    assert_eq!(
        summary,
        [("f:1", Outcome::Accepted), ("f:4", Outcome::Accepted)]
    );
}

/// SSF 1.0 section 4.2.3: claims that are not known are ignored.
#[test]
fn claims_with_members_of_an_engine_event_are_still_claims() {
    for name in ["source", "effect"] {
        let mut claims = claims();
        claims[name] = json!("x");
        let reports = read(expectation(), &claims.to_string());
        assert_eq!(reports[0].outcome, Outcome::Accepted, "{reports:?}");
    }
}

#[test]
fn a_configured_transmitter_is_asked_before_the_expectation() {
    let emitter = emitter(Algorithm::ES256, "k");
    let configured = receiver(&json!({ "tenant": "t", "jwks": emitter.jwks().unwrap() }));
    let read = |text: &str| {
        let mut intake = Intake::new(expectation(), &NoDirectory).with_receiver(&configured);
        let mut reports = intake.file("f", text.as_bytes());
        let event = reports.remove(0).events.remove(0);
        (
            event.provenance.source.to_string(),
            event.tenant.to_string(),
        )
    };
    let own = |source: &str, tenant: &str| (source.to_owned(), tenant.to_owned());
    assert_eq!(read(&claims().to_string()), own("idp", "t"));
    assert_eq!(read(&emitter.sign(&draft("j")).unwrap()), own("idp", "t"));
    let another = vouched(
        "https://another.example",
        &opaque("u"),
        EventType::SessionsRevoked,
    );
    assert_eq!(read(&another.to_string()), own("file", "tenant"));
}

#[test]
fn a_token_for_nobody_is_refused_for_that() {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove("aud");
    let reports = read(expectation(), &claims.to_string());
    assert_eq!(reports[0].err, Some(ErrorCode::InvalidRequest));
    let why = reports[0].description.as_deref().unwrap();
    assert!(why.contains("`aud` is missing"), "{why}");
}

#[test]
fn the_profile_and_the_tenant_are_those_that_are_expected() {
    let subject = json!({ "subject_type": "iss-sub", "iss": ISSUER, "sub": "u" });
    let old = vouched(ISSUER, &subject, EventType::SessionsRevoked).to_string();
    assert_eq!(read(expectation(), &old)[0].outcome, Outcome::Refused);
    let legacy = Expectation {
        profile: ProfileName::Legacy,
        ..expectation()
    };
    let reports = read(legacy, &old);
    assert_eq!(reports[0].outcome, Outcome::Accepted, "{reports:?}");
    assert_eq!(reports[0].events[0].tenant.as_str(), "tenant");
}

/// Whoever reads a file by hand may read all of it, whatever a stream would be allowed to say.
#[test]
fn a_file_may_say_everything() {
    let foreign = json!({ "format": "iss_sub", "iss": "https://other.example", "sub": "u" });
    let tenant = json!({ "format": "complex", "tenant": opaque("elsewhere") });
    for (subject, event, effect) in [
        (&foreign, EventType::SessionsRevoked, Effect::Revoke),
        (&tenant, EventType::SessionRevoked, Effect::Revoke),
        (&opaque("u"), EventType::AccountEnabled, Effect::Unblock),
    ] {
        let reports = read(expectation(), &vouched(ISSUER, subject, event).to_string());
        assert_eq!(reports[0].events[0].effect, effect, "{reports:?}");
    }
}

#[test]
fn a_name_that_the_directory_does_not_know_stands_for_itself() {
    for (subject, user) in [
        (
            json!({ "format": "email", "email": "ada@example.com" }),
            "ada@example.com",
        ),
        (
            json!({ "format": "phone_number", "phone_number": "+12065550100" }),
            "+12065550100",
        ),
        (
            json!({ "format": "account", "uri": "acct:ada@example.com" }),
            "acct:ada@example.com",
        ),
        (json!({ "format": "scim", "uri": "/Users/ada" }), "ada"),
    ] {
        let mut directory = DirectoryMap::new();
        let token = vouched(ISSUER, &subject, EventType::SessionsRevoked).to_string();
        let found = |directory: &DirectoryMap| {
            let mut reports = Intake::new(expectation(), directory).file("f", token.as_bytes());
            reports.remove(0).events.remove(0).subject
        };
        assert_eq!(found(&directory), Subject::of(Dimension::User, id(user)));
        let object = subject.as_object().unwrap();
        let Ok(SubjectId::Simple(name)) = SubjectId::parse(object, Spelling::Final) else {
            panic!("{subject} is one name");
        };
        let known = Principal::user(id("object"));
        directory.bind(id("tenant"), name, known, Timestamp::MINIMUM);
        assert_eq!(
            found(&directory),
            Subject::of(Dimension::User, id("object"))
        );
    }
}

#[test]
fn a_page_is_reported_with_all_that_it_says() {
    let page = json!({
        "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#users",
        "value": [
            { "id": "u", "accountEnabled": false, "mail": "u@example.com" },
            { "id": "v", "accountEnabled": "perhaps" },
        ],
    })
    .to_string();
    let mut intake = Intake::new(expectation(), &NoDirectory);
    let report = intake.file("f", page.as_bytes()).remove(0);
    assert_eq!(
        (report.outcome, report.description),
        (Outcome::Accepted, None)
    );
    assert_eq!(report.events[0].provenance.source, id("file"));
    assert_eq!(report.graph.events, report.events);
    assert_eq!(report.graph.names[0].0, Name::email("u@example.com"));
    assert_eq!(report.notices.len(), 1);
    assert_eq!(report.notices[0]["notice"], "unreadable");
    // Nobody's state differs the second time.
    let nobody = page.replace(r#","mail":"u@example.com""#, "");
    let again = intake.file("f", nobody.as_bytes()).remove(0);
    assert_eq!(again.outcome, Outcome::Ignored);
    let why = again.description.as_deref();
    assert_eq!(why, Some("the page changes nothing"));
}

#[test]
fn whatever_is_not_accepted_is_explained() {
    let reason = |claims: &Value| {
        let report = read(expectation(), &claims.to_string()).remove(0);
        (report.outcome, report.description)
    };
    assert_eq!(reason(&claims()), (Outcome::Accepted, None));
    let ignored = |why: &str| (Outcome::Ignored, Some(why.to_owned()));
    let mut unknown = claims();
    unknown["events"] = json!({ "urn:a": {}, "urn:b": {} });
    assert_eq!(
        reason(&unknown),
        ignored("the event type `urn:a` is not known; the event type `urn:b` is not known")
    );
    let strange = json!({ "format": "x-badge", "id": "7" });
    assert_eq!(
        reason(&vouched(ISSUER, &strange, EventType::SessionsRevoked)),
        ignored("the subject format `x-badge` names nothing here")
    );
    let mut token = claims();
    token["events"] = json!({ EventType::RecoveryActivated.uri(): {} });
    let (outcome, why) = reason(&token);
    assert_eq!(outcome, Outcome::Ignored);
    assert!(why.unwrap().contains("a recovery alone"));
    let expectation = Expectation {
        audience: Some("https://us.example".to_owned()),
        ..expectation()
    };
    let refused = read(expectation, &claims().to_string()).remove(0);
    let why = refused.description.unwrap();
    assert!(why.contains("does not name this receiver"), "{why}");
    assert!(why.contains("https://us.example"), "the operator may know");
}

#[test]
fn what_else_happened_is_reported_as_well() {
    let mut token = vouched(ISSUER, &opaque("u"), EventType::SessionsRevoked);
    let later = NOW.seconds() + 3600;
    token["events"][EventType::SessionsRevoked.uri()] = json!({ "event_timestamp": later });
    let report = read(expectation(), &token.to_string()).remove(0);
    assert_eq!(report.outcome, Outcome::Accepted);
    assert_eq!(report.notices[0]["notice"], "time_clamped");
}

#[test]
fn an_intake_shows_what_it_expects() {
    let intake = Intake::new(expectation(), &NoDirectory);
    let shown = format!("{intake:?}");
    assert!(shown.starts_with("Intake { expectation: Expectation {"));
}
