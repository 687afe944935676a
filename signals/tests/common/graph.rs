//! Feeds of Graph and the answers that they get.

use highwater::event::{Effect, Event};
use highwater::identifier::Identifier;
use highwater::timestamp::Timestamp;
use highwater_signals::delivery::HttpResponse;
use highwater_signals::graph::{Feed, FeedOutcome, FeedState, GraphConfig, ResourceKind};
use serde_json::{Value, json};

pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_780_000_000);
pub(crate) const ENDPOINT: &str = "https://graph.microsoft.com/v1.0";
pub(crate) const ADA: &str = "0a000000-0000-4000-8000-000000000001";

pub(crate) fn id(text: &str) -> Identifier {
    Identifier::new(text).unwrap()
}

pub(crate) fn feed_from(kind: ResourceKind, state: FeedState) -> Feed {
    Feed::new(kind, GraphConfig::new(id("tenant")), ENDPOINT, 30, state)
}

pub(crate) fn feed(kind: ResourceKind) -> Feed {
    feed_from(kind, FeedState::default())
}

pub(crate) fn respond(feed: &mut Feed, status: u16, body: &Value, now: Timestamp) -> FeedOutcome {
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
pub(crate) fn round(objects: &Value) -> Value {
    json!({
        "value": objects,
        "@odata.deltaLink": format!("{ENDPOINT}/x/delta?$deltatoken=1"),
    })
}

pub(crate) fn effects(events: &[Event]) -> Vec<Effect> {
    events.iter().map(|event| event.effect.clone()).collect()
}

pub(crate) fn at(seconds: i64) -> Timestamp {
    NOW.plus_seconds(seconds)
}
