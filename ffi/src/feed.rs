//! One collection of Microsoft Graph, read page by page: it remembers what it saw, so that a
//! page says what has changed.
//!
//! The host sends the requests and hands over the responses; the feed says which and when.

use std::ffi::c_char;

use highwater::timestamp::Timestamp;
use highwater_signals::delivery::HttpResponse;
use highwater_signals::graph::{
    Feed, FeedAction, FeedState, GraphConfig, GraphFacts, ResourceKind,
};
use parking_lot::RwLock;
use serde::Deserialize;
use serde_json::json;

use crate::engine::highwater_engine;
use crate::error::Outcome;
use crate::events::commit;
use crate::handle::{Handle, Kind, borrow, exclusive, free, give, shared, with, without};
use crate::options::read_json;
use crate::status::highwater_status;
use crate::text::{bytes, highwater_text, json, required, text, write_text};

/// One feed of one tenant. Exclusive: one thread at a time.
pub struct highwater_feed {
    feed: RwLock<Tenant>,
}

impl Handle for highwater_feed {
    const KIND: Kind = Kind::Feed;
}

struct Tenant {
    feed: Feed,
    config: GraphConfig,
}

/// The options of a feed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    kind: Collection,
    graph: GraphConfig,
    #[serde(default = "endpoint")]
    endpoint: String,
    #[serde(default = "interval")]
    interval_seconds: i64,
    #[serde(default)]
    state: FeedState,
}

fn endpoint() -> String {
    "https://graph.microsoft.com/v1.0".to_owned()
}

const fn interval() -> i64 {
    60
}

/// The collections, as Graph calls them.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Collection {
    Users,
    ServicePrincipals,
    Groups,
    Devices,
    RiskyUsers,
    RiskyServicePrincipals,
    Policies,
    NamedLocations,
    DirectoryObjects,
}

impl From<Collection> for ResourceKind {
    fn from(collection: Collection) -> ResourceKind {
        match collection {
            Collection::Users => ResourceKind::User,
            Collection::ServicePrincipals => ResourceKind::ServicePrincipal,
            Collection::Groups => ResourceKind::Group,
            Collection::Devices => ResourceKind::Device,
            Collection::RiskyUsers => ResourceKind::RiskyUser,
            Collection::RiskyServicePrincipals => ResourceKind::RiskyServicePrincipal,
            Collection::Policies => ResourceKind::Policy,
            Collection::NamedLocations => ResourceKind::NamedLocation,
            Collection::DirectoryObjects => ResourceKind::DirectoryObject,
        }
    }
}

/// Makes a feed. `options` is a JSON object: `kind` (`users`, `servicePrincipals`, `groups`,
/// `devices`, `riskyUsers`, `riskyServicePrincipals`, `policies`, `namedLocations`,
/// `directoryObjects`), `graph` (`{"tenant": …}`, and what differs from the defaults of
/// `docs/signals.md`), `endpoint` (default `https://graph.microsoft.com/v1.0`),
/// `interval_seconds` (default 60), and `state` (what `highwater_feed_state` wrote earlier).
///
/// # Safety
/// - `options` is valid for reading `options_length` bytes.
/// - `feed` is valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn highwater_feed_new(
    options: *const c_char,
    options_length: usize,
    feed: *mut *mut highwater_feed,
) -> highwater_status {
    without(|| {
        let place = required("feed", feed)?;
        // SAFETY: the caller's promise.
        let options = unsafe { text("options", options, options_length) }?;
        let options: Options = read_json("options", options, highwater_status::InvalidSettings)?;
        let feed = Feed::new(
            options.kind.into(),
            options.graph.clone(),
            &options.endpoint,
            options.interval_seconds,
            options.state,
        );
        let made = highwater_feed {
            feed: RwLock::new(Tenant {
                feed,
                config: options.graph,
            }),
        };
        // SAFETY: checked above, and valid by the caller's promise.
        unsafe { give(place, made) };
        Ok(())
    })
}

/// Says what to do next, as a JSON object: `{"send": {"method", "url", "headers": [[name,
/// value], …], "body"}}`, to which the host adds its access token, or `{"wait": milliseconds
/// since 1970}`. `now` is in milliseconds since 1970.
///
/// # Safety
/// - `feed` is a feed.
/// - `action` is valid for writing; free the text with `highwater_text_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn highwater_feed_next(
    feed: *const highwater_feed,
    now: i64,
    action: *mut highwater_text,
) -> highwater_status {
    let body = |handle: &highwater_feed| {
        let place = required("action", action)?;
        let feed = shared(Kind::Feed, &handle.feed)?;
        let action = match feed.feed.next(Timestamp::from_milliseconds(now)) {
            FeedAction::Wait(until) => json!({"wait": until.milliseconds()}),
            FeedAction::Send(request) => json!({"send": {
                "method": request.method,
                "url": request.url,
                "headers": request.headers,
                "body": request.body.map(|body| String::from_utf8_lossy(&body).into_owned()),
            }}),
        };
        // SAFETY: checked above, and valid by the caller's promise.
        unsafe { write_text(place, action.to_string()) };
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { with(feed, body) }
}

/// Takes a response and applies what has changed to `engine`. `http_status` is its status code,
/// `retry_after_seconds` its `Retry-After` or a negative number without one, `data` its body.
///
/// `outcome` receives a JSON object and may be null: `events`, `changed` (registers), `documents`
/// (policies and locations that changed: publish them), `memberships`, `notices`, `complete` (the
/// round is over: keep `highwater_feed_state`), `resync` and `failure`. When this returns
/// `HIGHWATER_STATUS_OK`, the events are in force and durable.
///
/// # Safety
/// - `feed` is a feed, `engine` an engine.
/// - `data` is valid for reading `data_length` bytes; null if that is zero.
/// - `outcome` is null or valid for writing; free the text with `highwater_text_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn highwater_feed_respond(
    feed: *mut highwater_feed,
    engine: *const highwater_engine,
    http_status: u16,
    retry_after_seconds: i64,
    data: *const u8,
    data_length: usize,
    now: i64,
    outcome: *mut highwater_text,
) -> highwater_status {
    let body = |handle: &highwater_feed| {
        // SAFETY: the caller's promise.
        let engine = unsafe { borrow(engine) }?;
        // SAFETY: the caller's promise.
        let data = unsafe { bytes("data", data, data_length) }?;
        engine.store()?;
        let mut tenant = exclusive(Kind::Feed, &handle.feed)?;
        let response = HttpResponse {
            status: http_status,
            retry_after_seconds: (retry_after_seconds >= 0).then_some(retry_after_seconds),
            body: data,
        };
        let now = Timestamp::from_milliseconds(now);
        // The feed moves on only when what it said is durable: otherwise the page comes again.
        let mut next = tenant.feed.clone();
        let made = next.respond(response, now);
        let changed = apply(engine, &tenant.config, &made.facts)?;
        tenant.feed = next;
        if made.failure.is_none() {
            engine.store()?.facts().observe(&tenant.config.source, now);
        }
        let written = json!({
            "events": made.facts.events,
            "changed": changed,
            "documents": made.facts.documents,
            "memberships": made.facts.memberships,
            "notices": made.facts.notices,
            "complete": made.complete,
            "resync": made.resync,
            "failure": made.failure,
        });
        // SAFETY: null or valid by the caller's promise.
        unsafe { write_text(outcome, written.to_string()) };
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { with(feed.cast_const(), body) }
}

/// Notes that no response came.
///
/// # Safety
/// - `feed` is a feed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn highwater_feed_lost(
    feed: *mut highwater_feed,
    now: i64,
) -> highwater_status {
    let body = |handle: &highwater_feed| {
        let mut tenant = exclusive(Kind::Feed, &handle.feed)?;
        tenant.feed.lost(Timestamp::from_milliseconds(now));
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { with(feed.cast_const(), body) }
}

/// Writes what the feed remembers, as JSON for the `state` of a later one. Losing it costs one
/// full round, never a wrong decision.
///
/// # Safety
/// - `feed` is a feed.
/// - `state` is valid for writing; free the text with `highwater_text_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn highwater_feed_state(
    feed: *const highwater_feed,
    state: *mut highwater_text,
) -> highwater_status {
    let body = |handle: &highwater_feed| {
        let place = required("state", state)?;
        let tenant = shared(Kind::Feed, &handle.feed)?;
        // SAFETY: checked above, and valid by the caller's promise.
        unsafe { write_text(place, json(tenant.feed.state())?) };
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { with(feed, body) }
}

/// Ends a feed. Null is fine.
///
/// # Safety
/// - `feed` is null, or a feed that no thread uses any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn highwater_feed_free(feed: *mut highwater_feed) {
    // SAFETY: the caller's promise.
    unsafe { free(feed) }
}

fn apply(engine: &highwater_engine, config: &GraphConfig, facts: &GraphFacts) -> Outcome<usize> {
    let changed = commit(engine, &facts.events)?;
    if !facts.names.is_empty() {
        let mut directory = engine.directory.write();
        for (name, principal, seen) in &facts.names {
            directory.observe(
                config.tenant.clone(),
                name.clone(),
                principal.clone(),
                *seen,
            );
        }
    }
    Ok(changed)
}
