//! What the ledger answers to whoever keeps it: registers, streams, counters.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use highwater::engine::Engine;
use highwater::event::{Dimension, Event, StreamState, Subject};
use highwater::ledger::{Entry, Facts, Retention};
use highwater::marks::{Keyring, Mark};
use highwater::settings::EngineSettings;
use highwater::timestamp::Timestamp;
use serde_json::{Value, json};

fn event(changes: &Value) -> Event {
    let mut event = json!({"time": 100, "tenant": "t", "subject": {"user": "ada"},
        "effect": "revoke", "source": "s"});
    for (name, value) in changes.as_object().unwrap() {
        event[name] = value.clone();
    }
    Event::from_json(&event.to_string()).unwrap()
}

fn facts() -> Facts {
    Facts::new(Keyring::random(), Retention::default())
}

#[test]
fn only_states_of_one_register_are_joined() {
    let entry = |changes: &Value| Entry::from_event(&event(changes));
    let earlier = entry(&json!({}));
    let later = entry(&json!({"time": 200}));
    assert!(earlier.is_same_register(&later));
    assert_eq!(earlier.clone().join(later.clone()), later);
    assert_eq!(later.clone().join(earlier.clone()), later);
    for other in [
        json!({"time": 200, "tenant": "u"}),
        json!({"time": 200, "subject": {"user": "grace"}}),
        json!({"time": 200, "effect": "block"}),
    ] {
        let other = entry(&other);
        assert!(!earlier.is_same_register(&other), "{other:?}");
        assert_eq!(earlier.clone().join(other.clone()), earlier, "{other:?}");
    }
}

/// Levels on different scales do not compare: each scale has a register.
#[test]
fn assurance_is_kept_for_each_scale() {
    let reached = |scale: &str, level: &str| {
        let effect = json!({"assurance": {"namespace": scale, "level": level}});
        event(&json!({"effect": effect}))
    };
    let facts = facts();
    for event in [reached("nist", "aal1"), reached("loa", "3")] {
        facts.apply(&event);
    }
    let entries = facts.entries(None);
    let scales: Vec<_> = entries.iter().map(Entry::namespace).collect();
    assert_eq!(scales, [Some("loa"), Some("nist")]);
    for entry in &entries {
        assert_eq!(entry.key().namespace.as_deref(), entry.namespace());
    }
    assert!(!entries[0].is_same_register(&entries[1]));
    assert_eq!(Entry::from_event(&event(&json!({}))).namespace(), None);
}

/// A reason that is JSON is the same reason however it is spaced; any other stays as it is.
#[test]
fn a_reason_has_one_form() {
    let reason = |text: &str| {
        let mut event = event(&json!({}));
        event.provenance.reason = Some(text.to_owned());
        let entry = Entry::from_event(&event);
        assert_eq!(Entry::from(event), entry);
        entry.provenance().reason.clone().unwrap()
    };
    assert_eq!(reason("{ \"en\" : \"left\" }"), r#"{"en":"left"}"#);
    assert_eq!(reason("[ 1 ]"), "[1]");
    assert_eq!(reason(" left "), " left ");
    assert_eq!(reason(" 1 "), " 1 ");
}

#[test]
fn a_ledger_counts_what_it_took_and_keeps() {
    let facts = facts();
    assert!(facts.is_empty());
    assert_eq!(facts.len(), 0);
    assert_eq!(
        facts.counters(),
        highwater::ledger::CounterValues::default()
    );
    facts.apply(&event(&json!({})));
    facts.apply(&event(&json!({})));
    facts.apply(&event(&json!({"subject": {"user": "grace"}})));
    facts.count_clamped();
    assert!(!facts.is_empty());
    assert_eq!(facts.len(), 2);
    assert_eq!(facts.retention(), Retention::default());
    let counted = facts.counters();
    let counted = (counted.changed, counted.unchanged, counted.clamped);
    assert_eq!(counted, (2, 1, 1));
    assert_eq!(facts.forget_expired(Timestamp::from_seconds(1 << 40)), 2);
    assert_eq!(facts.counters().forgotten, 2);
    assert!(facts.is_empty());
}

#[test]
fn a_ledger_knows_its_streams() {
    let facts = facts();
    let source = "s".parse().unwrap();
    let at = Timestamp::from_seconds;
    assert!(facts.streams().is_empty() && !facts.is_degraded(at(1 << 40)));
    facts.watch_stream(&source, 60, at(100));
    assert!(!facts.is_degraded(at(160)) && facts.is_degraded(at(161)));
    facts.observe(&source, at(150));
    assert!(!facts.is_degraded(at(210)) && facts.is_degraded(at(211)));
    let status = facts.streams().remove(0);
    assert_eq!(status.last_activity, Some(at(150)));
    assert_eq!(status.stale_after_seconds, Some(60));
    assert_eq!(status.state, StreamState::Enabled);
    assert!(!status.is_degraded(at(210)) && status.is_degraded(at(211)));
    facts.apply(&event(
        &json!({"subject": {}, "effect": {"stream": "paused"}}),
    ));
    assert_eq!(facts.streams()[0].state, StreamState::Paused);
    assert!(facts.is_degraded(at(0)));
}

/// How long each register may be needed, to the millisecond.
#[test]
fn a_register_is_kept_as_long_as_it_can_refuse_a_token() {
    const TOKEN: i64 = 28 * 3600 + 3600;
    const SESSION: i64 = 90 * 24 * 3600 + TOKEN;
    let retention = Retention::default();
    let of = |dimension| Subject::of(dimension, "x".parse().unwrap());
    let both = || of(Dimension::Token).with(Dimension::Session, "y".parse().unwrap());
    for (effect, subject, expected) in [
        ("revoke", of(Dimension::User), Some(TOKEN)),
        ("refresh", of(Dimension::User), Some(TOKEN)),
        ("deny", of(Dimension::Token), Some(TOKEN)),
        ("deny", of(Dimension::Session), Some(SESSION)),
        ("deny", both(), Some(SESSION)),
        ("deny", both().skipping(Dimension::Token), Some(TOKEN)),
        ("deny", both().skipping(Dimension::Session), Some(SESSION)),
        ("block", of(Dimension::User), None),
        ("purge", of(Dimension::User), None),
    ] {
        let kind = if effect == "deny" { "token" } else { "user" };
        let any = json!({"effect": effect, "subject": {kind: "z"}});
        let mut event = event(&any);
        event.subject = subject;
        let entry = Entry::from_event(&event);
        let last = expected.map(|seconds| event.time.plus_seconds(seconds));
        assert_eq!(retention.last_use(&entry), last, "{event:?}");
        assert_eq!(entry.register().expires(), last.is_some(), "{event:?}");
        let Some(last) = last else {
            let end = Timestamp::from_milliseconds(i64::MAX);
            assert!(!retention.has_expired(&entry, end), "{event:?}");
            continue;
        };
        let next = Timestamp::from_milliseconds(last.milliseconds() + 1);
        assert!(!retention.has_expired(&entry, last), "{event:?}");
        assert!(retention.has_expired(&entry, next), "{event:?}");
    }
}

/// How long registers are kept is what the settings of the engine say.
#[test]
fn an_engine_keeps_registers_as_long_as_its_settings_say() {
    let settings = EngineSettings {
        longest_token_lifetime: 7,
        longest_session_lifetime: 70,
        retention_margin: 3,
        ..EngineSettings::default()
    };
    let expected = Retention {
        token_lifetime_seconds: 7,
        session_lifetime_seconds: 70,
        skew_seconds: 3,
    };
    assert_eq!(settings.retention(), expected);
    let engine = Engine::new(settings);
    assert_eq!(engine.facts().retention(), expected);
    engine.apply(&event(&json!({})));
    assert_eq!(engine.forget_expired(Timestamp::from_seconds(110)), 0);
    assert_eq!(engine.forget_expired(Timestamp::from_seconds(111)), 1);
}

/// Seconds where they say all, a fraction where there is one, milliseconds where nothing else is
/// read as what it was.
#[test]
fn instants_are_written_as_they_are_read() {
    for (milliseconds, text) in [
        (0, "0"),
        (1000, "1"),
        (1500, "1.5"),
        (-1, "-0.001"),
        (999, "0.999"),
        (1_763_760_000_000, "1763760000"),
        (1_763_760_000_001, "1763760000.001"),
        (99_999_999_999_999, "99999999999.999"),
        (100_000_000_000_000, "100000000000000"),
    ] {
        let instant = Timestamp::from_milliseconds(milliseconds);
        let written = serde_json::to_string(&instant).unwrap();
        assert_eq!(written, text);
        assert_eq!(
            serde_json::from_str::<Timestamp>(&written).unwrap(),
            instant
        );
    }
}

/// How many bytes the table of marks takes is told, and grows with it.
#[test]
fn the_bytes_of_the_table_are_told() {
    let facts = facts();
    let (hot, exact) = facts.marks().bytes();
    assert!(hot > 1 && exact > 1);
    facts.marks().reserve(1_000_000);
    let (more_hot, more_exact) = facts.marks().bytes();
    assert!(
        more_hot >= 8_000_000 && more_exact > exact,
        "{more_hot} {more_exact}"
    );
}

/// Two marks that say the same say it together: of everything, the more restrictive.
#[test]
fn the_join_of_a_mark_with_itself_is_the_mark() {
    let all = Mark {
        purged: true,
        denied_session: true,
        denied_token: true,
        blocked: true,
        ..Mark::NOTHING
    };
    assert_eq!(all.join(all), all);
    assert_eq!(Mark::NOTHING.join(all), all);
    assert_eq!(all.join(Mark::NOTHING), all);
}
