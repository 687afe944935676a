//! From a verified token to facts that are in force and durable.
//!
//! Everything that a token changes goes into one batch: its facts, what it says about the
//! directory, the token itself if it has to wait for a name, and the note that it was seen. The
//! batch is in force when it is committed; only when it is durable is the token acknowledged.
//!
//! A token that was seen before is treated like a new one: joining its facts again changes
//! nothing, and if the first attempt was not durable, the repetition has to make it so. The
//! memory of tokens is for the operator, who wants to know that a transmitter repeats itself.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use highwater::event::Effect;
use highwater::timestamp::Timestamp;
use highwater_signals::delivery::push::Delivery;
use highwater_signals::set::KeptSet;
use highwater_signals::{Interpretation, Notice};
use highwater_store::{Batch, Space, Value};
use metrics::{counter, gauge};

use super::Intake;
use super::source::Source;

/// How long a batch may take to become durable before the token is not acknowledged.
const PATIENCE: Duration = Duration::from_secs(15);

/// What stands before the keys of tokens that wait for a name.
const WAITING: &str = "waiting/";

/// How many tokens may wait for a name.
const ROOM: usize = 10_000;

/// How often waiting tokens are tried again without a reason.
const RETRY: Duration = Duration::from_secs(60);

/// How often at most the moment at which a transmitter was heard is written down.
const HEARD_SECONDS: i64 = 60;

/// How many tokens wait for a name.
#[derive(Debug, Default)]
pub(super) struct WaitingCount(AtomicUsize);

/// How a token came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Via {
    Push,
    Poll,
}

impl Via {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Via::Push => "push",
            Via::Poll => "poll",
        }
    }
}

impl Intake {
    /// Puts a token in force and waits until it is durable. `false`: it must not be acknowledged.
    pub(super) async fn admit(&self, source: &Source, delivery: &Delivery, via: Via) -> bool {
        let now = self.service.now();
        let claims = delivery.set.claims();
        let (name, id) = (source.name().as_str(), claims.id.as_str());
        let seen = format!("{name} {id}");
        let is_new = self.service.store.value(Space::Replay, &seen).is_none();
        let mut batch = self.effects(source, &delivery.interpretation, now, Batch::new());
        if is_new {
            let note = Value::new([]).expiring(now.plus_seconds(self.retention_seconds()));
            batch = batch.value(Space::Replay, seen, note);
        }
        if is_new && delivery.interpretation.is_incomplete() {
            batch = self.keep(source, &delivery.set.kept(), batch);
        }
        let pending = self.service.store.commit(batch);
        self.heard(source, now);
        let durable = match tokio::time::timeout(PATIENCE, pending).await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                tracing::error!(transmitter = name, id, %error, "a token is in force but not durable: not acknowledged");
                false
            }
            Err(_) => {
                tracing::error!(
                    transmitter = name,
                    id,
                    "a token is in force but not durable yet: not acknowledged"
                );
                false
            }
        };
        let outcome = match (durable, is_new) {
            (false, _) => "unavailable",
            (true, true) => "accepted",
            (true, false) => "repeated",
        };
        self.count(source, via, outcome);
        self.notice(source, id, &delivery.interpretation);
        durable
    }

    /// Counts what became of a token.
    pub(super) fn count(&self, source: &Source, via: Via, outcome: &'static str) {
        counter!(
            "highwater_sets_total",
            "transmitter" => source.name().to_string(),
            "via" => via.as_str(),
            "outcome" => outcome,
        )
        .increment(1);
    }

    fn effects(
        &self,
        source: &Source,
        interpretation: &Interpretation,
        now: Timestamp,
        mut batch: Batch,
    ) -> Batch {
        for event in &interpretation.events {
            batch = batch.event(event);
            let Effect::Stream(state) = event.effect else {
                continue;
            };
            let mut liveness = source.liveness.lock();
            if let Some(gap) = liveness.status(state, event.time, now) {
                tracing::warn!(
                    transmitter = %source.name(), since = %gap.since, until = %gap.until,
                    "the stream stood still; events may be missing"
                );
                if let Some(refresh) = liveness.gap_event(gap) {
                    batch = batch.event(&refresh);
                }
            }
        }
        for change in &interpretation.directory {
            batch = self.directory.apply(change, batch);
        }
        batch
    }

    /// The transmitter gave a sign of life.
    pub(super) fn heard(&self, source: &Source, now: Timestamp) {
        source.liveness.lock().heard(now);
        self.service.store.facts().observe(source.name(), now);
        let mut memory = source.memory.lock();
        let is_due = memory
            .heard
            .is_none_or(|heard| heard.plus_seconds(HEARD_SECONDS) <= now);
        if is_due {
            memory.heard = Some(now);
            drop(memory);
            // Nobody waits for it: the worst is a stream that looks older than it is.
            drop(self.service.store.commit(self.remember(source)));
        }
    }

    /// Writes down what is kept of a stream.
    pub(super) fn remember(&self, source: &Source) -> Batch {
        let memory = source.memory.lock().clone();
        match serde_json::to_vec(&memory) {
            Ok(bytes) => {
                Batch::new().value(Space::Stream, source.name().to_string(), Value::new(bytes))
            }
            Err(_) => Batch::new(),
        }
    }

    /// How long a token can matter.
    fn retention_seconds(&self) -> i64 {
        let settings = self.service.engine.settings();
        settings.longest_token_lifetime + settings.retention_margin
    }

    fn keep(&self, source: &Source, set: &KeptSet, batch: Batch) -> Batch {
        let Ok(bytes) = serde_json::to_vec(set) else {
            return batch;
        };
        let id = set.claims.get("jti").and_then(|id| id.as_str());
        // The oldest comes first in the order of keys.
        let key = format!(
            "{WAITING}{:016}/{}/{}",
            set.verified_at.milliseconds().max(0),
            source.name(),
            id.unwrap_or_default(),
        );
        if self.waiting.0.load(Ordering::Relaxed) >= ROOM {
            counter!("highwater_waiting_sets_lost_total", "transmitter" => source.name().to_string())
                .increment(1);
            tracing::error!(
                transmitter = %source.name(), id,
                "too many tokens wait for a name that nobody knows; this one has no effect"
            );
            return batch;
        }
        self.waiting.0.fetch_add(1, Ordering::Relaxed);
        self.show_waiting();
        let expires = set.verified_at.plus_seconds(self.retention_seconds());
        batch.value(Space::Transmitter, key, Value::new(bytes).expiring(expires))
    }

    fn show_waiting(&self) {
        #[expect(clippy::cast_precision_loss, reason = "at most ROOM")]
        gauge!("highwater_waiting_sets").set(self.waiting.0.load(Ordering::Relaxed) as f64);
    }

    fn notice(&self, source: &Source, id: &str, interpretation: &Interpretation) {
        let name = source.name();
        for notice in &interpretation.notices {
            counter!(
                "highwater_set_notices_total",
                "transmitter" => name.to_string(),
                "notice" => notice.label(),
            )
            .increment(1);
            match notice {
                Notice::StreamStatus { status, reason, .. } => {
                    tracing::warn!(
                        transmitter = %name, status = ?status, reason,
                        "the transmitter changed the stream's status"
                    );
                }
                Notice::StreamVerified { solicited, .. } => {
                    tracing::debug!(transmitter = %name, solicited, "stream verified");
                }
                notice => tracing::debug!(transmitter = %name, id, ?notice, "notice"),
            }
        }
        if !interpretation.events.is_empty() {
            tracing::info!(
                transmitter = %name, id, events = interpretation.events.len(),
                "token taken"
            );
        }
    }

    /// Tries again what waits for a name, now and then and whenever the directory has learnt
    /// something, until the gateway stops.
    pub(super) async fn try_waiting(self: std::sync::Arc<Intake>) {
        loop {
            let intake = std::sync::Arc::clone(&self);
            // Thousands of tokens may wait.
            if tokio::task::spawn_blocking(move || intake.try_waiting_once())
                .await
                .is_err()
            {
                tracing::error!("trying tokens again ended early");
            }
            tokio::select! {
                () = tokio::time::sleep(RETRY) => {}
                () = self.names_learnt.notified() => {}
                () = self.service.shutdown.cancelled() => return,
            }
        }
    }

    fn try_waiting_once(&self) {
        let now = self.service.now();
        let mut left = 0;
        for (key, value) in self.service.store.values(Space::Transmitter) {
            if !key.starts_with(WAITING) {
                continue;
            }
            let is_over = value.expires.is_some_and(|expires| expires <= now);
            let outcome = if is_over {
                None
            } else {
                serde_json::from_slice::<KeptSet>(&value.bytes)
                    .ok()
                    .and_then(|kept| self.again(&kept))
            };
            match outcome {
                // Over, unreadable, or its transmitter is gone: nothing will come of it.
                None => drop(
                    self.service
                        .store
                        .commit(Batch::new().remove_value(Space::Transmitter, key)),
                ),
                Some((source, interpretation)) => {
                    let mut batch = self.effects(source, &interpretation, now, Batch::new());
                    if interpretation.is_incomplete() {
                        left += 1;
                    } else {
                        tracing::info!(transmitter = %source.name(), "a token that waited for a name is in force");
                        batch = batch.remove_value(Space::Transmitter, key);
                    }
                    drop(self.service.store.commit(batch));
                }
            }
        }
        self.waiting.0.store(left, Ordering::Relaxed);
        self.show_waiting();
    }

    fn again(&self, kept: &KeptSet) -> Option<(&Source, Interpretation)> {
        let source = self
            .sources
            .iter()
            .find(|source| *source.name() == kept.transmitter)?;
        let receiver = source.receiver.lock();
        let set = receiver.restore(kept).ok()?;
        let interpretation = receiver.interpret(&set, &*self.directory.read()).ok()?;
        Some((source, interpretation))
    }
}
