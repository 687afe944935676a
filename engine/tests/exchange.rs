//! Requests and events as JSON: what is read is what was written, and mistakes have a place.

use highwater::engine::Engine;
use highwater::event::{Effect, Event};
use highwater::exchange::{RequestDocument, RequestError, member};
use highwater::model::{ClientAppType, Platform, TenantModel};
use highwater::settings::{EngineSettings, TenantSettings};
use highwater::token::IssuerProfile;
use serde_json::{Value, json};

fn read(signals: &Value) -> Result<RequestDocument, RequestError> {
    let profile = IssuerProfile::generic("https://idp.example");
    let text = json!({"id": "r", "now": 1_763_760_000, "ip": "192.0.2.7", "signals": signals,
        "token": {"iss": "https://idp.example", "tid": "t", "oid": "ada", "sub": "s",
            "scp": "read", "aud": "api", "iat": 1_763_759_940, "exp": 1_763_763_600}});
    RequestDocument::from_json(&text.to_string(), |_| Some(&profile))
}

#[test]
fn signals_are_read_by_name() {
    for (name, expected) in [
        ("android", Platform::Android),
        ("iOS", Platform::Ios),
        ("windows", Platform::Windows),
        ("windowsPhone", Platform::WindowsPhone),
        ("macOS", Platform::MacOs),
        ("linux", Platform::Linux),
        ("toaster", Platform::Other),
    ] {
        let document = read(&json!({"platform": name})).unwrap();
        assert_eq!(document.request().signals.platform, Some(expected));
        assert_eq!(document.now().seconds(), 1_763_760_000);
        assert_eq!(document.request().now, document.now());
    }
    for (name, expected) in [
        ("browser", ClientAppType::Browser),
        (
            "mobileAppsAndDesktopClients",
            ClientAppType::MobileAppsAndDesktopClients,
        ),
        (
            "mobile_apps_and_desktop_clients",
            ClientAppType::MobileAppsAndDesktopClients,
        ),
        ("exchangeActiveSync", ClientAppType::ExchangeActiveSync),
        ("easSupported", ClientAppType::EasSupported),
        ("other", ClientAppType::Other),
    ] {
        let document = read(&json!({"client_app_type": name})).unwrap();
        assert_eq!(document.request().signals.client_app_type, Some(expected));
    }
    assert_eq!(
        read(&json!({"country": "de"}))
            .unwrap()
            .request()
            .signals
            .country,
        Some(*b"DE")
    );
    for country in ["D1", "1D", "D", "DEU", "--"] {
        assert!(read(&json!({"country": country})).is_err(), "{country}");
    }
    let document = read(&json!({"device": {"isCompliant": true, "displayName": null}})).unwrap();
    let request = document.request();
    assert_eq!(request.signals.device_compliant(), Some(true));
    assert_eq!(member("a/b~c"), "/a~1b~0c");
}

#[test]
fn a_mistake_is_told_with_its_place() {
    let error = read(&json!({"country": "DEU"})).unwrap_err();
    assert_eq!(error.path, "/signals/country");
    let told = error.to_string();
    assert!(told.ends_with(" (at `/signals/country`)"), "{told}");

    let whole = RequestDocument::from_json("[]", |_| None).unwrap_err();
    assert_eq!(
        (whole.path.as_str(), whole.to_string()),
        ("", whole.message)
    );
}

/// Members that say nothing out of the ordinary are left out of answers.
#[test]
fn an_answer_says_what_is_out_of_the_ordinary() {
    let written = |engine: &Engine| {
        let document = read(&json!({})).unwrap();
        let token = engine.token(document.token.clone());
        let answer = engine.answer(None, &token, &document.request());
        serde_json::to_value(answer).unwrap()
    };
    let engine = Engine::new(EngineSettings::default());
    let (tenant, model) = ("t".parse().unwrap(), TenantModel::default());
    let settings = TenantSettings::default();
    engine.publish(tenant, &model, settings).unwrap();
    let answer = json!({"decision": "allow", "status": 200, "reasons": [], "policies": []});
    assert_eq!(written(&engine), answer);
    let paused = json!({"time": 1_763_759_990, "tenant": "t", "source": "s", "effect": {"stream": "paused"}});
    engine.apply(&Event::from_json(&paused.to_string()).unwrap());
    assert_eq!(written(&engine)["degraded"], true);
}

#[test]
fn subjects_are_checked_against_effects() {
    let event = |subject: &Value, effect: &Value| {
        let event = json!({"time": 100, "tenant": "t", "subject": subject, "effect": effect,
            "source": "s"});
        Event::from_json(&event.to_string())
    };
    let assurance = json!({"assurance": {"namespace": "urn:n", "level": "aal1"}});
    for (subject, effect, right) in [
        (json!({"user": "ada"}), &assurance, true),
        (json!({"session": "x"}), &assurance, true),
        (json!({"device": "d"}), &assurance, false),
        (json!({}), &json!({"stream": "paused"}), true),
        (json!({"user": "ada"}), &json!({"stream": "paused"}), false),
        (
            json!({"device": "d"}),
            &json!({"compliance": "not_compliant"}),
            true,
        ),
        (
            json!({"user": "ada"}),
            &json!({"compliance": "not_compliant"}),
            false,
        ),
    ] {
        let read = event(&subject, effect);
        assert_eq!(read.is_ok(), right, "{subject} {effect}: {read:?}");
    }
}

/// Only a reason is JSON inside; what else looks like JSON stays the text that it is.
#[test]
fn an_event_is_written_as_it_is_read() {
    let text = json!({"time": 100, "tenant": "t", "subject": {"user": "ada"}, "effect": "revoke",
        "source": "s", "id": "{\"a\":1}", "transaction": "[1]", "event_type": "{}",
        "reason": {"en": "left"}});
    let event = Event::from_json(&text.to_string()).unwrap();
    assert_eq!(event.effect, Effect::Revoke);
    assert_eq!(
        event.effect.register().to_string(),
        event.effect.register().as_str()
    );
    assert_eq!(serde_json::to_value(&event).unwrap(), text);
}
