//! Graph feeds: pages in, facts out, whatever the order and however often.

#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use std::path::PathBuf;

use common::graph::{ADA, ENDPOINT, NOW, at, effects, feed, id, respond, round};
use highwater::event::{Compliance, Effect, RiskLevel};
use highwater::timestamp::Timestamp;
use highwater_signals::delivery::HttpResponse;
use highwater_signals::directory::Principal;
use highwater_signals::graph::{
    Feed, FeedState, GraphConfig, GraphNotice, MembershipChange, Page, ResourceKind,
};
use highwater_signals::subject::Name;
use serde_json::{Value, json};

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

/// Entra disables workload identities in its own name, apart from the switch of the tenant.
#[test]
fn whoever_is_disabled_by_microsoft_is_blocked_once() {
    for disabled in [
        json!({ "accountEnabled": false }),
        json!({ "accountEnabled": true,
            "disabledByMicrosoftStatus": "DisabledDueToViolationOfServicesAgreement" }),
        json!({ "accountEnabled": true, "isDisabled": true }),
    ] {
        let mut feed = feed(ResourceKind::ServicePrincipal);
        let mut object = disabled.clone();
        object["id"] = json!(ADA);
        let body = round(&json!([object]));
        let found = respond(&mut feed, 200, &body, NOW).facts.events;
        assert_eq!(
            effects(&found),
            [Effect::Block, Effect::Revoke],
            "{disabled}"
        );
        let replayed = respond(&mut feed, 200, &body, at(1)).facts.events;
        assert_eq!(replayed, [], "{disabled}");
    }
}

#[test]
fn a_cut_off_at_the_horizon_is_still_reported() {
    let reported = |age: i64| {
        let config = GraphConfig {
            horizon_seconds: 100,
            ..GraphConfig::new(id("tenant"))
        };
        let state = FeedState::default();
        let mut feed = Feed::new(ResourceKind::User, config, ENDPOINT, 30, state);
        let body =
            round(&json!([{ "id": ADA, "signInSessionsValidFromDateTime": at(-age).to_string() }]));
        !respond(&mut feed, 200, &body, NOW).facts.events.is_empty()
    };
    assert_eq!((reported(100), reported(101)), (true, false));
}

#[test]
fn a_fact_says_when_it_was_seen_and_which_property_showed_it() {
    let mut feed = feed(ResourceKind::User);
    for (enabled, seen) in [(false, NOW), (true, at(3)), (false, at(9))] {
        let body = round(&json!([{ "id": ADA, "accountEnabled": enabled }]));
        let found = respond(&mut feed, 200, &body, seen).facts.events;
        assert_eq!(found[0].time, seen);
        let shown = found[0].provenance.event_type.as_deref();
        assert_eq!(shown, Some("microsoft.graph/accountEnabled"));
    }
}

/// Graph writes the first day of the first year where there is no instant.
#[test]
fn the_first_day_of_the_first_year_means_never() {
    let never = "0001-01-01T00:00:00Z";
    let mut users = feed(ResourceKind::User);
    let body = round(&json!([{ "id": ADA, "accountEnabled": true, "deletedDateTime": never }]));
    assert_eq!(respond(&mut users, 200, &body, NOW).facts.events, []);
    let mut risky = feed(ResourceKind::RiskyUser);
    let body = json!({ "value": [{ "id": ADA, "riskLevel": "low", "riskState": "atRisk",
        "riskLastUpdatedDateTime": never }] });
    let found = respond(&mut risky, 200, &body, NOW).facts.events;
    assert_eq!(found[0].time, NOW, "dated when it was seen");
}

#[test]
fn a_user_is_known_by_every_address_and_every_issuer() {
    let mut feed = feed(ResourceKind::User);
    let body = round(&json!([{ "id": ADA, "mail": "ada@Example.com",
        "userPrincipalName": "ada@example.com",
        "proxyAddresses": ["SMTP:ada@example.com", "smtp:countess@example.com", "X400:c=us", 7],
        "identities": [
            { "issuer": "https://idp.example", "issuerAssignedId": "s" },
            { "issuer": "https://idp.example" },
        ],
    }]));
    let found = respond(&mut feed, 200, &body, NOW).facts.names;
    let ada = Principal::user(id(ADA));
    let expected = [
        Name::email("ada@example.com"),
        Name::email("countess@example.com"),
        Name::IssSub {
            iss: "https://idp.example".to_owned(),
            sub: "s".to_owned(),
        },
    ];
    assert_eq!(found, expected.map(|name| (name, ada.clone(), NOW)));
}

#[test]
fn a_risk_is_said_again_when_it_was_assessed_again() {
    let mut feed = feed(ResourceKind::RiskyUser);
    let mut told = |level: &str, assessed: Option<Timestamp>, now: Timestamp| {
        let body = json!({ "value": [{ "id": ADA, "riskLevel": level, "riskState": "atRisk",
            "riskLastUpdatedDateTime": assessed.map(|at| at.to_string()) }] });
        effects(&respond(&mut feed, 200, &body, now).facts.events)
    };
    let high = [Effect::Risk(RiskLevel::High), Effect::Revoke];
    assert_eq!(told("high", Some(at(-20)), NOW), high);
    // Tokens issued since then belong to a user who is at risk again.
    assert_eq!(told("high", Some(at(-10)), at(1)), high);
    // Without an instant, only another level is news.
    assert_eq!(told("high", None, at(2)), []);
    let medium = [Effect::Risk(RiskLevel::Medium)];
    assert_eq!(told("medium", None, at(3)), medium);
    assert_eq!(told("medium", None, at(4)), []);
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
