//! What a feed last saw, row by row in the store.
//!
//! A feed's memory is as large as the directory, and a page changes little of it. So every object
//! has a row, written in the same batch as the facts that made it what it is: after a crash the
//! feed knows exactly what it has said.

use highwater::identifier::{Identifier, TenantId};
use highwater::timestamp::Timestamp;
use highwater_signals::graph::{FeedOutcome, FeedState, Known};
use highwater_store::{Batch, Space, Store, Value};
use serde::{Deserialize, Serialize};

use crate::config::graph::Collection;

/// Where a feed goes on.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Position {
    link: Option<String>,
    last: Option<Timestamp>,
}

/// What the store remembers of a feed; nothing if it remembers nothing whole.
pub(super) fn restore(store: &dyn Store, tenant: &TenantId, collection: Collection) -> FeedState {
    let mut state = FeedState::default();
    let key = key(tenant, collection);
    let objects = format!("{key}/");
    for (row, value) in store.values(Space::DeltaLink) {
        if row == key {
            let position: Position = serde_json::from_slice(&value.bytes).unwrap_or_default();
            state.link = position.link;
            state.last = position.last;
        } else if let Some(id) = row.strip_prefix(&objects) {
            match (
                Identifier::new(id),
                serde_json::from_slice::<Known>(&value.bytes),
            ) {
                (Ok(id), Ok(known)) => {
                    state.objects.insert(id, known);
                }
                _ => {
                    // What is not known whole is asked for again from the start.
                    tracing::warn!(
                        row,
                        "an object in the store cannot be read; Graph is read again"
                    );
                    state.link = None;
                }
            }
        }
    }
    state
}

/// Adds what a page changed in the feed's memory. Where the feed goes on is only written with the
/// last page of a round: after a crash the whole round is read again.
pub(super) fn written(
    mut batch: Batch,
    tenant: &TenantId,
    collection: Collection,
    state: &FeedState,
    outcome: &FeedOutcome,
) -> Batch {
    let key = key(tenant, collection);
    for id in &outcome.touched {
        let row = format!("{key}/{id}");
        batch = match state.objects.get(id).map(serde_json::to_vec) {
            Some(Ok(bytes)) => batch.value(Space::DeltaLink, row, Value::new(bytes)),
            Some(Err(_)) => batch,
            None => batch.remove_value(Space::DeltaLink, row),
        };
    }
    if outcome.complete || outcome.resync {
        let position = Position {
            link: state.link.clone(),
            last: state.last,
        };
        if let Ok(bytes) = serde_json::to_vec(&position) {
            batch = batch.value(Space::DeltaLink, key, Value::new(bytes));
        }
    }
    batch
}

fn key(tenant: &TenantId, collection: Collection) -> String {
    format!("graph/{tenant}/{}", collection.as_str())
}
