//! What the ledger answers to whoever keeps it: registers, streams, counters.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use highwater::event::{Dimension, Event, StreamState, Subject};
use highwater::ledger::{Entry, Facts, Retention};
use highwater::marks::Keyring;
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
