//! Microsoft Graph, read for as long as the gateway runs: documents, facts and names.
//!
//! ```text
//! collections ──► feeds ──► facts ─────► store (with the feed's memory, in one batch)
//!                      ├──► names ─────► directory
//!                      └──► listings ──► documents ──► reload ──► last good ones to the store
//! ```
//!
//! The feeds of a tenant take turns page by page, so that a directory of a million users does not
//! keep its policies waiting. Graph sets the pace: a feed that is throttled waits as long as Graph
//! says, the others go on.

mod documents;
mod memory;

use std::sync::Arc;
use std::time::Duration;

use highwater::identifier::{Identifier, TenantId};
use highwater::timestamp::Timestamp;
use highwater_signals::delivery::HttpRequest;
use highwater_signals::graph::{Feed, FeedAction, FeedOutcome, GraphNotice};
use highwater_store::{Batch, Document, Space, Value};
use metrics::{counter, gauge};

use self::documents::Listings;
use super::Intake;
use super::access::Access;
use super::outbound::spread;
use super::source::StreamMemory;
use crate::config::graph::{Collection, GraphSection};
use crate::failure::Failure;
use crate::serve::Service;

/// How long a page may take.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The longest page that is read.
const MAXIMUM_PAGE: usize = 32 << 20;

/// The pause after facts that could not be made durable.
const NOT_DURABLE: Duration = Duration::from_secs(5);

/// How often at most the moment at which Graph was up to date is written down.
const HEARD_SECONDS: i64 = 60;

/// Hands the last good documents of every tenant on, so that a start does not depend on Graph.
pub(super) fn restore(service: &Service) {
    for section in &service.configuration.graph.0 {
        let tenant = section.tenant().get_ref();
        let collections = section.collections();
        let brings_policies = collections.contains(&Collection::Policies)
            || collections.contains(&Collection::NamedLocations);
        let synchronised = &service.documents.synchronised;
        if brings_policies {
            synchronised.expect(tenant.clone());
        }
        let Some(document) = service.store.document(tenant) else {
            continue;
        };
        match Listings::from_bytes(document.bytes()) {
            Some(listings) => {
                tracing::info!(
                    %tenant, published = %document.published(), digest = %document.digest(),
                    "documents of the last run are used until Graph is read"
                );
                synchronised.set(tenant.clone(), listings.bundle());
            }
            None => {
                tracing::warn!(%tenant, "documents in the store cannot be read; Graph is needed");
            }
        }
    }
}

/// Starts reading Graph for every tenant that says so.
///
/// # Errors
/// Credentials that are incomplete.
pub(super) fn start(intake: &Arc<Intake>) -> Result<(), Failure> {
    for section in &intake.service.configuration.graph.0 {
        let synchroniser = Synchroniser::new(intake, section)?;
        let tasks = &intake.service.tasks;
        tasks.spawn(synchroniser.run());
    }
    Ok(())
}

/// Everything that is read of one tenant.
struct Synchroniser {
    intake: Arc<Intake>,
    tenant: TenantId,
    source: Identifier,
    access: Access,
    feeds: Vec<OneFeed>,
    listings: Listings,
    heard: Option<Timestamp>,
}

struct OneFeed {
    collection: Collection,
    feed: Feed,
    /// When it was last up to date.
    completed: Option<Timestamp>,
}

impl Synchroniser {
    fn new(intake: &Arc<Intake>, section: &GraphSection) -> Result<Synchroniser, Failure> {
        let service = &intake.service;
        let config = section.config();
        let (tenant, source) = (config.tenant.clone(), config.source.clone());
        let credentials = section
            .credentials
            .complete()
            .map_err(|message| Failure::Input(format!("graph of tenant `{tenant}`: {message}")))?;
        let feeds = section.collections().into_iter().map(|collection| {
            let state = memory::restore(&*service.store, &tenant, collection);
            OneFeed {
                collection,
                feed: Feed::new(
                    collection.kind(),
                    config.clone(),
                    section.base_url(),
                    section.interval_seconds(),
                    state,
                ),
                completed: None,
            }
        });
        let kept: StreamMemory = super::memory(&*service.store, source.as_str());
        let from = kept.heard.unwrap_or_else(|| service.now());
        service
            .store
            .facts()
            .watch_stream(&source, section.stale_after_seconds(), from);
        let last = service.store.document(&tenant);
        Ok(Synchroniser {
            intake: Arc::clone(intake),
            access: Access::new(Some(credentials), &service.configuration.folder),
            feeds: feeds.collect(),
            listings: last
                .and_then(|document| Listings::from_bytes(document.bytes()))
                .unwrap_or_default(),
            heard: kept.heard,
            tenant,
            source,
        })
    }

    /// Reads until the gateway stops.
    async fn run(mut self) {
        let shutdown = self.intake.service.shutdown.clone();
        tokio::select! {
            () = self.read_for_ever() => {}
            () = shutdown.cancelled() => {}
        }
    }

    async fn read_for_ever(&mut self) {
        loop {
            let mut next = None;
            for index in 0..self.feeds.len() {
                let now = self.intake.service.now();
                match self.feeds[index].feed.next(now) {
                    FeedAction::Send(request) => {
                        self.page(index, &request).await;
                        next = Some(now);
                    }
                    FeedAction::Wait(until) => {
                        next = Some(next.map_or(until, |next: Timestamp| next.min(until)));
                    }
                }
            }
            self.hand_on().await;
            let now = self.intake.service.now();
            let wait = next.map_or(0, |next| next.milliseconds() - now.milliseconds());
            if let Ok(wait @ 1..) = u64::try_from(wait) {
                tokio::time::sleep(spread(Duration::from_millis(wait))).await;
            }
        }
    }

    /// One page of one feed.
    async fn page(&mut self, index: usize, request: &HttpRequest) {
        let collection = self.feeds[index].collection;
        let outcome = match self.ask(request).await {
            Ok(answer) => {
                if matches!(answer.status, 429 | 503) {
                    counter!("highwater_graph_throttled_total", "tenant" => self.tenant.to_string(), "collection" => collection.as_str()).increment(1);
                }
                let now = self.intake.service.now();
                self.feeds[index].feed.respond(answer.response(), now)
            }
            Err(reason) => {
                self.feeds[index].feed.lost(self.intake.service.now());
                FeedOutcome {
                    failure: Some(reason),
                    ..FeedOutcome::default()
                }
            }
        };
        self.tell(collection, &outcome);
        self.take(index, outcome).await;
    }

    async fn ask(&self, request: &HttpRequest) -> Result<super::outbound::Answer, String> {
        let outbound = &self.intake.outbound;
        let token = self
            .access
            .token(outbound)
            .await
            .map_err(|error| error.to_string())?;
        let answer = outbound
            .send(request, token.as_ref(), MAXIMUM_PAGE, TIMEOUT)
            .await
            .map_err(|error| format!("`{}`: {error}", request.url))?;
        if answer.status == 401 {
            self.access.refused().await;
        }
        Ok(answer)
    }

    fn tell(&self, collection: Collection, outcome: &FeedOutcome) {
        let (tenant, collection) = (&self.tenant, collection.as_str());
        let result = match outcome {
            FeedOutcome { resync: true, .. } => "resync",
            FeedOutcome {
                failure: Some(_), ..
            } => "failed",
            _ => "read",
        };
        counter!("highwater_graph_pages_total", "tenant" => tenant.to_string(), "collection" => collection, "outcome" => result)
            .increment(1);
        if let Some(reason) = &outcome.failure {
            tracing::warn!(
                %tenant, collection, reason,
                "Graph cannot be read; what is known stays (without permission for it, leave it out with `read`)"
            );
        }
        for notice in &outcome.facts.notices {
            match notice {
                GraphNotice::Unreadable { path, reason } => {
                    tracing::warn!(%tenant, collection, path, reason, "an object cannot be read");
                }
                notice => tracing::debug!(%tenant, collection, ?notice, "notice"),
            }
        }
        if !outcome.facts.events.is_empty() {
            tracing::info!(%tenant, collection, events = outcome.facts.events.len(), "Graph reported changes");
        }
    }

    /// Puts what a page says in force and writes it down together with the feed's memory.
    async fn take(&mut self, index: usize, outcome: FeedOutcome) {
        let now = self.intake.service.now();
        let collection = self.feeds[index].collection;
        let mut batch = Batch::new();
        for event in &outcome.facts.events {
            batch = batch.event(event);
        }
        let mut learnt = false;
        for (name, principal, seen) in &outcome.facts.names {
            let (next, is_new) =
                self.intake
                    .directory
                    .observe(&self.tenant, name, principal, *seen, batch);
            batch = next;
            learnt |= is_new;
        }
        let state = self.feeds[index].feed.state();
        batch = memory::written(batch, &self.tenant, collection, state, &outcome);
        if outcome.complete {
            if collection == Collection::Groups {
                self.listings.take_groups(&state.objects);
            }
            self.feeds[index].completed = Some(now);
            gauge!("highwater_graph_objects", "tenant" => self.tenant.to_string(), "collection" => collection.as_str())
                .set(count(self.feeds[index].feed.state().objects.len()));
            batch = self.heard(now, batch);
        }
        for change in outcome.facts.documents {
            tracing::info!(
                tenant = %self.tenant, kind = ?change.kind, changed = change.changed.len(),
                removed = change.removed.len(), "documents differ"
            );
            self.listings.take(change);
        }
        if outcome.complete {
            self.listings.complete(collection);
        }
        let pending = self.intake.service.store.commit(batch);
        if learnt {
            self.intake.names_learnt.notify_one();
        }
        if let Err(error) = pending.await {
            // In force, and written as soon as the store writes again; only the pace changes.
            tracing::error!(tenant = %self.tenant, %error, "what Graph said is in force but not durable");
            tokio::time::sleep(spread(NOT_DURABLE)).await;
        }
    }

    /// Graph is as fresh as the collection that was up to date longest ago.
    fn heard(&mut self, now: Timestamp, batch: Batch) -> Batch {
        let oldest = self.feeds.iter().map(|feed| feed.completed).min().flatten();
        let Some(heard) = oldest else {
            return batch;
        };
        self.intake
            .service
            .store
            .facts()
            .observe(&self.source, heard);
        let is_due = self
            .heard
            .is_none_or(|before| before.plus_seconds(HEARD_SECONDS) <= now);
        if !is_due {
            return batch;
        }
        self.heard = Some(heard);
        let memory = StreamMemory {
            heard: Some(heard),
            ..StreamMemory::default()
        };
        match serde_json::to_vec(&memory) {
            Ok(bytes) => batch.value(Space::Stream, self.source.to_string(), Value::new(bytes)),
            Err(_) => batch,
        }
    }

    /// Publishes the documents if they differ, and keeps them for the next start if they compile.
    async fn hand_on(&mut self) {
        let collections: Vec<Collection> = self.feeds.iter().map(|feed| feed.collection).collect();
        let Some((bundle, bytes)) = self.listings.changed(&collections) else {
            return;
        };
        let service = Arc::clone(&self.intake.service);
        let tenant = self.tenant.clone();
        let published = tokio::task::spawn_blocking(move || {
            service.documents.synchronised.set(tenant.clone(), bundle);
            service.reload_tenant(&tenant)
        })
        .await;
        let outcome = match published {
            Ok(Ok(())) => "published",
            Ok(Err(error)) => {
                tracing::error!(tenant = %self.tenant, %error, "documents from Graph refused; what was in force stays");
                "refused"
            }
            Err(error) => {
                tracing::error!(tenant = %self.tenant, %error, "reading documents ended early");
                "refused"
            }
        };
        counter!("highwater_document_reloads_total", "trigger" => "graph", "outcome" => outcome)
            .increment(1);
        if outcome != "published" {
            return;
        }
        let document = Document::new(self.tenant.clone(), bytes, self.intake.service.now());
        let store = &self.intake.service.store;
        let known = store.document(&self.tenant);
        if known.is_some_and(|known| known.digest() == document.digest()) {
            return;
        }
        let digest = document.digest();
        match store.commit(Batch::new().document(document)).await {
            Ok(()) => {
                tracing::info!(tenant = %self.tenant, %digest, "documents kept for the next start");
            }
            Err(error) => {
                tracing::error!(tenant = %self.tenant, %error, "the documents are in force but not kept for the next start");
            }
        }
    }
}

/// For gauges, which are floating point.
#[expect(clippy::cast_precision_loss, reason = "no directory has 2^52 objects")]
fn count(number: usize) -> f64 {
    number as f64
}
