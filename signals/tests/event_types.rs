//! What single event types do besides the usual, and what is said about it.

#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use common::NOW;
use common::mapping::{claims, events, expected, interpret, opaque};
use highwater::event::StreamState;
use highwater_signals::directory::DirectoryChange;
use highwater_signals::subject::Name;
use highwater_signals::{EventType, Notice};
use serde_json::{Value, json};

fn email(address: &str) -> Value {
    json!({ "format": "email", "email": address })
}

/// RISC 1.0 section 2.5: the subject has the old value, the payload the new one.
#[test]
fn a_changed_identifier_is_another_name_of_whatever_kind_it_was() {
    let changes = json!({
        "subjects": { "email": "itself", "phone_number": "itself", "account": "itself" },
        "authority": { "may_change_identifiers": true },
    });
    let aliases = json!({ "format": "aliases", "identifiers": [opaque("u"), email("a@x")] });
    let new_email = Name::email("new");
    for (subject, new) in [
        (email("a@x"), Some(new_email.clone())),
        (
            json!({ "format": "phone_number", "phone_number": "+12065550100" }),
            Some(Name::phone_number("new")),
        ),
        (
            json!({ "format": "account", "uri": "acct:a@x" }),
            Some(Name::Account {
                uri: "new".to_owned(),
            }),
        ),
        (
            json!({ "format": "complex", "user": email("a@x") }),
            Some(new_email.clone()),
        ),
        // An identifier that nobody else can get has no new value.
        (opaque("u"), None),
    ] {
        let payload = json!({ "new-value": "new" });
        let token = claims(&subject, EventType::IdentifierChanged, &payload);
        let found = interpret(&changes, &token).unwrap().directory;
        let names: Vec<_> = found
            .into_iter()
            .map(|change| match change {
                DirectoryChange::Alias { new, .. } => new,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(names, Vec::from_iter(new), "{subject}");
    }
    for subject in [
        aliases.clone(),
        json!({ "format": "complex", "user": aliases }),
    ] {
        let payload = json!({ "new-value": "new" });
        let token = claims(&subject, EventType::IdentifierChanged, &payload);
        let found = interpret(&changes, &token).unwrap().directory;
        let is_alias = |change: &DirectoryChange| {
            matches!(change, DirectoryChange::Alias { old, new, .. }
                if *old == Name::email("a@x") && *new == new_email)
        };
        assert!(!found.is_empty() && found.iter().all(is_alias), "{found:?}");
    }
}

/// Lifting what was said about the old owner takes both: the word that there is a new one, and
/// the right to lift.
#[test]
fn a_recycled_identifier_is_cleared_by_whoever_may_say_and_lift() {
    for (may_change, may_unblock, effects) in [
        (false, false, &["revoke"][..]),
        (true, false, &["revoke"]),
        (false, true, &["revoke"]),
        (true, true, &["revoke", "unblock", "{risk:none}"]),
    ] {
        let changes = json!({
            "subjects": { "email": "itself" },
            "authority": { "may_change_identifiers": may_change, "may_unblock": may_unblock },
        });
        let subject = email("a@x");
        let found = events(
            &changes,
            &subject,
            EventType::IdentifierRecycled,
            &json!({}),
        );
        let user = json!({ "user": "a@x" });
        let rows: Vec<_> = effects
            .iter()
            .map(|effect| (*effect, user.clone()))
            .collect();
        assert_eq!(found, expected(&rows), "{may_change} {may_unblock}");
    }
}

/// RISC 1.0 section 2.8: whether events about the account flow from now on.
#[test]
fn who_takes_part_in_the_exchange_is_noticed() {
    for (event, monitored) in [
        (EventType::OptIn, Some(true)),
        (EventType::OptOutCancelled, Some(true)),
        (EventType::OptOutEffective, Some(false)),
        (EventType::OptOutInitiated, None),
    ] {
        let found = interpret(&json!({}), &claims(&opaque("u"), event, &json!({}))).unwrap();
        assert_eq!(found.events, []);
        let flows = found.notices.iter().find_map(|notice| match notice {
            Notice::Coverage { monitored, .. } => Some(*monitored),
            _ => None,
        });
        assert_eq!(flows, monitored, "{event:?}");
        assert_eq!(found.notices.len(), 1, "{event:?}");
    }
}

#[test]
fn whoever_reads_the_notices_is_told_that_a_rule_ignores_an_event() {
    let rules = json!({ "rules": [{ "event": "session-revoked", "effect": "ignore" }] });
    let token = claims(&opaque("u"), EventType::SessionRevoked, &json!({}));
    let found = interpret(&rules, &token).unwrap();
    assert!(
        matches!(&found.notices[..], [Notice::NoEffect { reason, .. }] if reason.contains("rule")),
        "{:?}",
        found.notices
    );
}

#[test]
fn the_latest_instant_that_both_clocks_allow_is_taken_as_it_is() {
    for (ahead, moved) in [(60, false), (61, true)] {
        let payload = json!({ "event_timestamp": NOW.seconds() + ahead });
        let token = claims(&opaque("u"), EventType::SessionsRevoked, &payload);
        let found = interpret(&json!({}), &token).unwrap();
        assert_eq!(found.events[0].time, NOW.plus_seconds(60));
        let noticed = found
            .notices
            .iter()
            .any(|notice| matches!(notice, Notice::TimeClamped { .. }));
        assert_eq!(noticed, moved, "{ahead}");
    }
}

/// A notice is counted under the name that its JSON has.
#[test]
fn a_notice_is_counted_under_its_own_name() {
    let text = String::new;
    for notice in [
        Notice::UnknownEventType { uri: text() },
        Notice::NoEffect {
            uri: text(),
            reason: text(),
        },
        Notice::TimeClamped {
            claimed: NOW,
            used: NOW,
        },
        Notice::Unresolved { name: text() },
        Notice::UnknownFormat { format: text() },
        Notice::UnsupportedMember { member: text() },
        Notice::NonConformant { what: text() },
        Notice::StreamVerified {
            stream: None,
            solicited: true,
        },
        Notice::StreamStatus {
            stream: None,
            status: StreamState::Paused,
            reason: None,
        },
        Notice::Coverage {
            subject: text(),
            monitored: true,
        },
    ] {
        let value = serde_json::to_value(&notice).unwrap();
        assert_eq!(value["notice"], notice.label());
    }
}
