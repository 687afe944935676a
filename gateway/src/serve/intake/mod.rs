//! What others report: Security Event Tokens, Graph, documents on disk.
//!
//! ```text
//! POST /signals/{transmitter} ──► push ──┐
//! transmitter ◄── ask ────────── poll ───┼──► admission ──► store: in force, then durable
//!             ◄── manage ─────── stream  │        ▲
//!             ◄── fetch ──────── keys    │    directory ◄── names
//! Graph ◄── ask ──────────────── graph ──┴────────┴──► documents ──► reload
//! files ◄── watch ────────────── watch ──────────────────────────────┘
//! ```
//!
//! Each arrow to the outside is a task of its own that retries for as long as the gateway runs.
//! None of them is waited for by a decision: an outage costs freshness, which the streams of the
//! ledger show, and nothing else.

mod access;
mod admission;
mod command;
mod directory;
mod graph;
mod keys;
mod outbound;
mod poll;
mod push;
mod source;
mod stream;
mod watch;

pub(crate) use command::Stream;

use std::sync::Arc;

use axum::Router;
use highwater_store::{Space, Store};
use tokio::sync::Notify;

use self::admission::WaitingCount;
use self::directory::NamesOfPeople;
use self::outbound::Outbound;
use self::source::{Source, StreamMemory};
use super::Service;
use crate::failure::Failure;

/// Everything that brings facts and documents in.
pub(super) struct Intake {
    service: Arc<Service>,
    outbound: Outbound,
    sources: Vec<Arc<Source>>,
    directory: NamesOfPeople,
    /// Told when the directory has learnt a name.
    names_learnt: Notify,
    waiting: WaitingCount,
}

/// Restores what is needed before documents are read for the first time.
pub(crate) fn prepare(service: &Service) {
    graph::restore(service);
}

/// Starts everything that brings facts and documents in: background tasks go into
/// `service.tasks` and end with `service.shutdown`. Returns the routes of the intake listeners.
///
/// # Errors
/// A configuration that cannot work.
pub(crate) fn start(service: &Arc<Service>) -> Result<Router, Failure> {
    watch::start(service);
    let configuration = &service.configuration;
    if configuration.transmitters.is_empty() && configuration.graph.0.is_empty() {
        // Whoever asks nobody needs no certificates either.
        return Ok(Router::new());
    }
    let outbound = Outbound::new()
        .map_err(|error| Failure::Broken(format!("cannot make connections: {error}")))?;
    let mut sources = Vec::new();
    for section in &configuration.transmitters {
        let memory = memory(&*service.store, section.name().get_ref().as_str());
        sources.push(Arc::new(Source::new(
            section,
            &configuration.folder,
            memory,
        )?));
    }
    let intake = Arc::new(Intake {
        service: Arc::clone(service),
        outbound,
        sources,
        directory: NamesOfPeople::restore(&*service.store),
        names_learnt: Notify::new(),
        waiting: WaitingCount::default(),
    });
    for source in &intake.sources {
        listen_to(&intake, source);
    }
    graph::start(&intake)?;
    service.tasks.spawn(Arc::clone(&intake).try_waiting());
    Ok(push::routes(&intake))
}

fn listen_to(intake: &Arc<Intake>, source: &Arc<Source>) {
    let section = &source.section;
    let now = intake.service.now();
    if section.is_watched() {
        let from = source.memory.lock().heard.unwrap_or(now);
        let stale_after = section.liveness().stale_after_seconds;
        intake
            .service
            .store
            .facts()
            .watch_stream(source.name(), stale_after, from);
    }
    let tasks = &intake.service.tasks;
    tasks.spawn(keys::keep(Arc::clone(intake), Arc::clone(source)));
    if let Some(poll) = section.poll.clone() {
        tasks.spawn(poll::run(Arc::clone(intake), Arc::clone(source), poll));
    }
    if let Some(stream) = section.stream.clone() {
        tasks.spawn(stream::keep(Arc::clone(intake), Arc::clone(source), stream));
    }
}

/// What was kept of a transmitter's stream. What cannot be read is made again.
fn memory(store: &dyn Store, name: &str) -> StreamMemory {
    store
        .value(Space::Stream, name)
        .and_then(|value| serde_json::from_slice(&value.bytes).ok())
        .unwrap_or_default()
}
