//! Graph feeds: pages in, facts out, whatever the order and however often.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::PathBuf;

use highwater::event::{Compliance, Effect, Event, RiskLevel};
use highwater::identifier::Identifier;
use highwater::timestamp::Timestamp;
use highwater_signals::delivery::HttpResponse;
use highwater_signals::graph::{
    DocumentKind, Feed, FeedAction, FeedOutcome, FeedState, GraphConfig, GraphNotice,
    MembershipChange, Page, ResourceKind,
};
use highwater_signals::subject::Name;
use serde_json::{Value, json};

const NOW: Timestamp = Timestamp::from_seconds(1_780_000_000);
const ENDPOINT: &str = "https://graph.microsoft.com/v1.0";
const ADA: &str = "0a000000-0000-4000-8000-000000000001";

fn id(text: &str) -> Identifier {
    Identifier::new(text).unwrap()
}

fn feed_from(kind: ResourceKind, state: FeedState) -> Feed {
    Feed::new(kind, GraphConfig::new(id("tenant")), ENDPOINT, 30, state)
}

fn feed(kind: ResourceKind) -> Feed {
    feed_from(kind, FeedState::default())
}

fn respond(feed: &mut Feed, status: u16, body: &Value, now: Timestamp) -> FeedOutcome {
    let body = body.to_string();
    let outcome = feed.respond(
        HttpResponse {
            status,
            retry_after_seconds: None,
            body: body.as_bytes(),
        },
        now,
    );
    for event in &outcome.facts.events {
        event.check().unwrap();
    }
    outcome
}

/// A complete round of one page.
fn round(objects: &Value) -> Value {
    json!({
        "value": objects,
        "@odata.deltaLink": format!("{ENDPOINT}/x/delta?$deltatoken=1"),
    })
}

fn effects(events: &[Event]) -> Vec<Effect> {
    events.iter().map(|event| event.effect.clone()).collect()
}

fn at(seconds: i64) -> Timestamp {
    NOW.plus_seconds(seconds)
}

#[test]
fn a_user_is_cut_off_disabled_enabled_and_deleted() {
    let mut feed = feed(ResourceKind::User);
    let user = |more: Value| {
        let mut user = json!({ "id": ADA.to_uppercase() });
        for (name, value) in more.as_object().unwrap() {
            user[name] = value.clone();
        }
        round(&json!([user]))
    };
    // The first round: nothing is wrong, so nothing is said.
    let first = respond(
        &mut feed,
        200,
        &user(json!({ "accountEnabled": true, "mail": "Ada@Example.com",
            "signInSessionsValidFromDateTime": "2020-01-01T00:00:00Z" })),
        NOW,
    );
    assert!(first.complete);
    assert_eq!(first.facts.events, []);
    assert_eq!(first.facts.names[0].0, Name::email("Ada@example.com"));

    let cut = "2026-05-28T20:26:30.5Z";
    let body = user(json!({ "signInSessionsValidFromDateTime": cut }));
    let found = respond(&mut feed, 200, &body, at(1)).facts.events;
    assert_eq!(effects(&found), [Effect::Revoke]);
    assert_eq!(found[0].time, Timestamp::from_rfc3339(cut).unwrap());
    assert_eq!(
        respond(&mut feed, 200, &body, at(2)).facts.events,
        [],
        "a replay says nothing"
    );

    let body = user(json!({ "accountEnabled": false }));
    let found = respond(&mut feed, 200, &body, at(3)).facts.events;
    assert_eq!(effects(&found), [Effect::Block, Effect::Revoke]);
    let body = user(json!({ "accountEnabled": true }));
    let found = respond(&mut feed, 200, &body, at(3)).facts.events;
    assert_eq!(effects(&found), [Effect::Unblock]);
    assert!(
        found[0].time > at(3),
        "later than the block, though no time has passed"
    );

    let body = user(json!({ "@removed": { "reason": "changed" } }));
    let found = respond(&mut feed, 200, &body, at(5)).facts.events;
    assert_eq!(effects(&found), [Effect::Block, Effect::Revoke]);
    let body = user(json!({ "accountEnabled": true }));
    let found = respond(&mut feed, 200, &body, at(6)).facts.events;
    assert_eq!(effects(&found), [Effect::Unblock], "restored");
    let body = user(json!({ "@removed": { "reason": "deleted" } }));
    let found = respond(&mut feed, 200, &body, at(7)).facts.events;
    assert_eq!(effects(&found), [Effect::Purge, Effect::Revoke]);
}

#[test]
fn a_password_change_and_a_clock_ahead() {
    let mut feed = feed(ResourceKind::User);
    let body = round(&json!([{ "id": ADA, "lastPasswordChangeDateTime": "2030-01-01T00:00:00Z" }]));
    let outcome = respond(&mut feed, 200, &body, NOW);
    assert_eq!(outcome.facts.events[0].time, NOW.plus_seconds(60));
    assert_eq!(
        outcome.facts.notices,
        [GraphNotice::TimeClamped { id: id(ADA) }]
    );
    let config = GraphConfig {
        password_change_revokes: false,
        ..GraphConfig::new(id("tenant"))
    };
    let mut feed = Feed::new(
        ResourceKind::User,
        config,
        ENDPOINT,
        30,
        FeedState::default(),
    );
    assert_eq!(respond(&mut feed, 200, &body, NOW).facts.events, []);
}

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
fn devices_are_known_to_tokens_by_another_id() {
    let mut feed = feed(ResourceKind::Device);
    let body = round(&json!([
        { "id": "object", "deviceId": "d", "accountEnabled": true, "isCompliant": false },
        { "id": "stranger", "@removed": { "reason": "changed" } },
    ]));
    let outcome = respond(&mut feed, 200, &body, NOW);
    assert_eq!(
        effects(&outcome.facts.events),
        [Effect::Compliance(Compliance::NotCompliant)]
    );
    assert_eq!(
        outcome.facts.events[0]
            .subject
            .member(highwater::event::Dimension::Device),
        Some(&id("d"))
    );
    assert_eq!(
        outcome.facts.notices,
        [GraphNotice::UnknownDevice { id: id("stranger") }]
    );
    let body = round(&json!([{ "id": "object", "@removed": { "reason": "deleted" } }]));
    let found = respond(&mut feed, 200, &body, at(1)).facts.events;
    assert_eq!(effects(&found), [Effect::Purge, Effect::Revoke]);
}

#[test]
fn groups_change_by_members() {
    let mut feed = feed(ResourceKind::Group);
    let body = round(&json!([{ "id": "g", "members@delta": [
        { "@odata.type": "#microsoft.graph.user", "id": "a" },
        { "@odata.type": "#microsoft.graph.user", "id": "b" },
        { "@odata.type": "#microsoft.graph.user", "id": "c", "@removed": { "reason": "deleted" } },
    ]}]));
    let joined = |member| MembershipChange::Joined {
        group: id("g"),
        member: id(member),
    };
    let found = respond(&mut feed, 200, &body, NOW).facts.memberships;
    assert_eq!(found, [joined("a"), joined("b")]);
    assert_eq!(feed.state().memberships(), json!({ "g": ["a", "b"] }));
    assert_eq!(respond(&mut feed, 200, &body, NOW).facts.memberships, []);
    let body = round(&json!([{ "id": "g", "@removed": { "reason": "changed" } }]));
    let found = respond(&mut feed, 200, &body, NOW).facts.memberships;
    assert_eq!(found, [MembershipChange::Gone { group: id("g") }]);
    assert_eq!(feed.state().memberships(), json!({}));
}

#[test]
fn risk_is_level_and_state_together() {
    let risk = |level: &str, state: &str, at: &str| {
        json!({ "value": [{ "id": ADA, "riskLevel": level, "riskState": state,
            "riskLastUpdatedDateTime": at, "isDeleted": false }] })
    };
    let mut feed = feed(ResourceKind::RiskyUser);
    let mut found = |level, state, at| {
        effects(
            &respond(&mut feed, 200, &risk(level, state, at), NOW)
                .facts
                .events,
        )
    };
    assert_eq!(found("none", "remediated", "2026-05-28T01:00:00Z"), []);
    assert_eq!(
        found("medium", "atRisk", "2026-05-28T02:00:00Z"),
        [Effect::Risk(RiskLevel::Medium)]
    );
    assert_eq!(found("medium", "atRisk", "2026-05-28T02:00:00Z"), []);
    assert_eq!(
        found("low", "confirmedCompromised", "2026-05-28T03:00:00Z"),
        [Effect::Risk(RiskLevel::High), Effect::Revoke]
    );
    assert_eq!(
        found("high", "atRisk", "2026-05-28T02:30:00Z"),
        [],
        "older than what is known"
    );
    assert_eq!(
        found("high", "dismissed", "2026-05-28T04:00:00Z"),
        [Effect::Risk(RiskLevel::None)]
    );
    assert_eq!(found("hidden", "atRisk", "2026-05-28T05:00:00Z"), []);
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
fn what_cannot_be_read_is_noticed_and_does_not_stop_the_rest() {
    let mut feed = feed(ResourceKind::User);
    let body = round(&json!([
        { "accountEnabled": false },
        { "id": "x", "accountEnabled": "no" },
        { "id": "y", "signInSessionsValidFromDateTime": "yesterday" },
        { "id": "z", "accountEnabled": false },
    ]));
    let outcome = respond(&mut feed, 200, &body, NOW);
    assert_eq!(outcome.facts.notices.len(), 3);
    assert_eq!(outcome.facts.events.len(), 2);
}

/// Every example response of Microsoft's own documentation is read as what it is.
#[test]
fn published_examples_are_read() {
    let root = std::env::var_os("HIGHWATER_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared")),
        PathBuf::from,
    );
    let path = root.join("data/graph-docs/examples.jsonl");
    let Ok(text) = std::fs::read_to_string(&path) else {
        assert!(
            std::env::var_os("CI").is_none(),
            "no examples at {}",
            path.display()
        );
        eprintln!("skipped: no examples at {}", path.display());
        return;
    };
    let (mut pages, mut objects, mut documents) = (0, 0, 0);
    for line in text.lines() {
        let example: Value = serde_json::from_str(line).unwrap();
        let body = &example["body"];
        if !body.is_object() {
            continue;
        }
        let page = Page::from_value(body.clone()).unwrap();
        let name = example["page"].as_str().unwrap();
        let expected = [
            ("user-delta", ResourceKind::User),
            ("delta-query-users", ResourceKind::User),
            ("directoryrole-delta", ResourceKind::Group),
            ("directoryobject-delta", ResourceKind::DirectoryObject),
            ("list-namedlocations", ResourceKind::NamedLocation),
            ("list-policies", ResourceKind::Policy),
            ("riskyusers-get", ResourceKind::RiskyUser),
            (
                "riskyserviceprincipal-get",
                ResourceKind::RiskyServicePrincipal,
            ),
        ]
        .into_iter()
        .find(|(part, _)| name.contains(part));
        if let Some((_, kind)) = expected.filter(|_| example["kind"] == "response") {
            assert_eq!(page.kind, Some(kind), "{name} {}", example["block"]);
        }
        let Some(kind) = page.kind else {
            continue;
        };
        pages += 1;
        objects += page.objects.len();
        let mut feed = feed(kind);
        let outcome = feed.respond(
            HttpResponse {
                status: 200,
                retry_after_seconds: None,
                body: body.to_string().as_bytes(),
            },
            NOW,
        );
        documents += outcome.facts.documents.len();
        for event in &outcome.facts.events {
            event.check().unwrap();
        }
    }
    println!("{pages} pages with {objects} objects, {documents} collections of documents");
    assert!(
        pages > 40 && objects > 60,
        "{pages} pages, {objects} objects"
    );
}
