//! Feeds of Graph over time: page after page, round after round, and when something goes wrong.

#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use common::graph::{ADA, ENDPOINT, NOW, at, effects, feed, feed_from, id, respond, round};
use highwater::event::{Dimension, Effect, Subject};
use highwater_signals::graph::{
    DocumentKind, Feed, FeedAction, FeedState, GraphConfig, MembershipChange, ResourceKind,
};
use serde_json::{Value, json};

#[test]
fn pages_are_followed_but_not_to_another_host() {
    let mut feed = feed(ResourceKind::User);
    let FeedAction::Send(first) = feed.next(NOW) else {
        panic!("waits");
    };
    assert!(
        first
            .url
            .starts_with("https://graph.microsoft.com/v1.0/users/delta?$select=")
    );
    let next = format!("{ENDPOINT}/users/delta?$skiptoken=a");
    let body = json!({ "value": [], "@odata.nextLink": next });
    assert!(!respond(&mut feed, 200, &body, NOW).complete);
    let FeedAction::Send(second) = feed.next(NOW) else {
        panic!("waits");
    };
    assert_eq!(second.url, next);
    for elsewhere in [
        "https://graph.microsoft.com.evil.example/v1.0/users",
        "https://graph.microsoft.com@evil.example/",
        "http://graph.microsoft.com/v1.0/users",
    ] {
        let body = json!({ "value": [{ "id": ADA, "accountEnabled": false }], "@odata.nextLink": elsewhere });
        let outcome = respond(&mut feed, 200, &body, NOW);
        assert!(outcome.failure.is_some(), "{elsewhere}");
        assert_eq!(outcome.facts.events, []);
    }
}

#[test]
fn a_feed_starts_over_when_told_and_notices_who_is_gone() {
    let mut feed = feed(ResourceKind::User);
    let both =
        json!([{ "id": "a", "accountEnabled": true }, { "id": "b", "accountEnabled": true }]);
    respond(&mut feed, 200, &round(&both), NOW);
    let FeedAction::Wait(until) = feed.next(NOW) else {
        panic!("does not wait");
    };
    assert_eq!(until, at(30));
    for (status, body) in [
        (410, Value::Null),
        (
            400,
            json!({ "error": { "code": "syncStateNotFound", "message": "" } }),
        ),
    ] {
        let outcome = respond(&mut feed, status, &body, at(30));
        assert!(outcome.resync);
    }
    let FeedAction::Send(again) = feed.next(at(100)) else {
        panic!("waits");
    };
    assert!(again.url.contains("/users/delta?$select="));
    let one = json!([{ "id": "a", "accountEnabled": true }]);
    let outcome = respond(&mut feed, 200, &round(&one), at(100));
    assert_eq!(
        effects(&outcome.facts.events),
        [Effect::Block, Effect::Revoke]
    );
    assert_eq!(
        outcome.facts.events[0]
            .subject
            .member(highwater::event::Dimension::User),
        Some(&id("b"))
    );
}

#[test]
fn a_feed_goes_on_where_it_ended() {
    let mut feed = feed(ResourceKind::User);
    respond(
        &mut feed,
        200,
        &round(&json!([{ "id": "a", "accountEnabled": false }])),
        NOW,
    );
    let kept = serde_json::to_string(feed.state()).unwrap();
    let mut feed = feed_from(ResourceKind::User, serde_json::from_str(&kept).unwrap());
    let FeedAction::Send(next) = feed.next(NOW) else {
        panic!("waits");
    };
    assert!(next.url.contains("$deltatoken=1"));
    let enabled = round(&json!([{ "id": "a", "accountEnabled": true }]));
    let found = respond(&mut feed, 200, &enabled, at(1)).facts.events;
    assert_eq!(effects(&found), [Effect::Unblock]);
    // Without the state, the ledger's word is enough to lift the block.
    let mut state = FeedState::default();
    state.assume_blocked(id("a"));
    let mut feed = feed_from(ResourceKind::User, state);
    let found = respond(&mut feed, 200, &enabled, at(1)).facts.events;
    assert_eq!(effects(&found), [Effect::Unblock]);
}

#[test]
fn a_listing_is_compared_when_it_is_complete() {
    let mut feed = feed(ResourceKind::Policy);
    let next = format!("{ENDPOINT}/identity/conditionalAccess/policies?$skiptoken=1");
    let first = json!({ "value": [{ "id": "p1", "state": "enabled" }], "@odata.nextLink": next });
    let last = json!({ "value": [{ "id": "p2", "state": "enabled" }] });
    assert_eq!(respond(&mut feed, 200, &first, NOW).facts.documents, []);
    let outcome = respond(&mut feed, 200, &last, NOW);
    let change = &outcome.facts.documents[0];
    assert_eq!(change.kind, DocumentKind::Policies);
    assert_eq!(change.changed, ["p1", "p2"]);
    assert_eq!(change.document["value"].as_array().unwrap().len(), 2);
    // The same again, then a change and a removal.
    respond(&mut feed, 200, &first, NOW);
    assert_eq!(respond(&mut feed, 200, &last, NOW).facts.documents, []);
    let changed = json!({ "value": [{ "state": "disabled", "id": "p2" }] });
    let outcome = respond(&mut feed, 200, &changed, NOW);
    let change = &outcome.facts.documents[0];
    assert_eq!(
        (&change.changed[..], &change.removed[..]),
        (&["p2".to_owned()][..], &["p1".to_owned()][..])
    );
    // A failure in the middle is no deletion.
    respond(
        &mut feed,
        200,
        &json!({ "value": [], "@odata.nextLink": next }),
        NOW,
    );
    let outcome = respond(&mut feed, 500, &Value::Null, NOW);
    assert!(outcome.failure.is_some() && outcome.facts.documents.is_empty());
    let broken = json!({ "value": [{ "state": "enabled" }] });
    let outcome = respond(&mut feed, 200, &broken, NOW);
    assert!(outcome.failure.is_some() && outcome.facts.documents.is_empty());
}

#[test]
fn another_page_of_the_same_host_is_followed_however_short_its_name() {
    for (endpoint, next) in [
        ("https://h.io/v1.0", "https://h.io/beta/users?$skiptoken=a"),
        ("http://h/v1.0", "http://h/beta/users?$skiptoken=a"),
    ] {
        let config = GraphConfig::new(id("tenant"));
        let state = FeedState::default();
        let mut feed = Feed::new(ResourceKind::User, config, endpoint, 30, state);
        let body = json!({ "value": [], "@odata.nextLink": next });
        assert_eq!(respond(&mut feed, 200, &body, NOW).failure, None);
        let FeedAction::Send(second) = feed.next(NOW) else {
            panic!("waits");
        };
        assert_eq!(second.url, next);
    }
}

#[test]
fn what_fails_is_asked_again_later_and_later() {
    let mut feed = feed(ResourceKind::User);
    respond(&mut feed, 200, &round(&json!([])), NOW);
    let busy = json!({ "error": { "code": "tooManyRequests", "message": "later" } });
    let (mut now, mut pauses) = (at(30), Vec::new());
    for attempt in 0..6 {
        if attempt % 2 == 0 {
            let outcome = respond(&mut feed, 429, &busy, now);
            assert!(outcome.failure.unwrap().contains("tooManyRequests"));
            assert!(!outcome.resync, "only an expired address starts over");
        } else {
            feed.lost(now);
        }
        let FeedAction::Wait(until) = feed.next(now) else {
            panic!("does not wait");
        };
        pauses.push(until.seconds() - now.seconds());
        now = until;
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32]);
    let FeedAction::Send(again) = feed.next(now) else {
        panic!("waits");
    };
    assert!(again.url.contains("$deltatoken=1"), "where it ended");
}

/// What a full round no longer shows, by the kind of the object.
#[test]
fn whatever_is_not_listed_any_more_is_gone_in_the_way_of_its_kind() {
    let blocked = |dimension, name: &str| {
        let subject = Subject::of(dimension, id(name));
        vec![
            (Effect::Block, subject.clone()),
            (Effect::Revoke, subject.clone()),
        ]
    };
    let group = MembershipChange::Gone { group: id("x") };
    for (kind, mut object, events, memberships) in [
        (
            ResourceKind::User,
            json!({ "accountEnabled": true }),
            blocked(Dimension::User, "x"),
            vec![],
        ),
        (
            ResourceKind::ServicePrincipal,
            json!({ "accountEnabled": true }),
            blocked(Dimension::Workload, "x"),
            vec![],
        ),
        (
            ResourceKind::Device,
            json!({ "deviceId": "d" }),
            blocked(Dimension::Device, "d"),
            vec![],
        ),
        // No token carries the object's own id.
        (ResourceKind::Device, json!({}), vec![], vec![]),
        (ResourceKind::Group, json!({}), vec![], vec![group]),
        // A listing of the risky does not have whoever is no longer at risk.
        (
            ResourceKind::RiskyUser,
            json!({ "riskLevel": "none", "riskState": "none" }),
            vec![],
            vec![],
        ),
    ] {
        let mut feed = feed(kind);
        object["id"] = json!("x");
        respond(&mut feed, 200, &round(&json!([object])), NOW);
        assert!(respond(&mut feed, 410, &Value::Null, at(30)).resync);
        let outcome = respond(&mut feed, 200, &round(&json!([])), at(60));
        let found: Vec<_> = outcome
            .facts
            .events
            .into_iter()
            .map(|event| (event.effect, event.subject))
            .collect();
        assert_eq!(found, events, "{kind:?} {object}");
        assert_eq!(outcome.facts.memberships, memberships, "{kind:?} {object}");
    }
}

#[test]
fn whoever_is_known_to_be_gone_is_not_missed_again() {
    let mut feed = feed(ResourceKind::User);
    let gone = json!([{ "id": "a", "@removed": { "reason": "changed" } }]);
    respond(&mut feed, 200, &round(&gone), NOW);
    respond(&mut feed, 410, &Value::Null, at(30));
    let outcome = respond(&mut feed, 200, &round(&json!([])), at(60));
    assert_eq!(outcome.facts.events, []);
}

#[test]
fn a_page_of_changes_says_nothing_about_those_it_does_not_have() {
    let mut feed = feed(ResourceKind::User);
    let both =
        json!([{ "id": "a", "accountEnabled": true }, { "id": "b", "accountEnabled": true }]);
    respond(&mut feed, 200, &round(&both), NOW);
    // After a restart nobody has been seen yet.
    let kept = serde_json::to_string(feed.state()).unwrap();
    let mut feed = feed_from(ResourceKind::User, serde_json::from_str(&kept).unwrap());
    let one = json!([{ "id": "a", "accountEnabled": true }]);
    let outcome = respond(&mut feed, 200, &round(&one), at(30));
    assert!(outcome.complete);
    assert_eq!(outcome.facts.events, []);
}

#[test]
fn every_listing_is_a_collection_of_its_kind() {
    for (kind, documents) in [
        (ResourceKind::Policy, DocumentKind::Policies),
        (ResourceKind::NamedLocation, DocumentKind::NamedLocations),
        (ResourceKind::RoleAssignment, DocumentKind::RoleAssignments),
    ] {
        let mut feed = feed(kind);
        let outcome = respond(&mut feed, 200, &json!({ "value": [{ "id": "x" }] }), NOW);
        assert_eq!(outcome.facts.documents[0].kind, documents);
        assert_eq!(outcome.facts.documents[0].changed, ["x"]);
    }
}
