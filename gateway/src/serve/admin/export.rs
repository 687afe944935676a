//! `GET /admin/export`: every register as JSON Lines. Each line is the event that won it, so
//! whatever reads events reads an export.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use highwater::identifier::Identifier;
use highwater::ledger::Entry;
use http::header::CONTENT_TYPE;
use serde::Deserialize;

use crate::serve::Service;
use crate::serve::problem::Problem;

/// Registers written at once.
const CHUNK: usize = 512;

/// Which registers: those of one tenant, or all.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Selection {
    tenant: Option<String>,
}

/// Answers with the registers, as they are at this moment.
pub(super) async fn export(
    State(service): State<Arc<Service>>,
    Query(selection): Query<Selection>,
) -> Result<Response, Problem> {
    let tenant = match &selection.tenant {
        None => None,
        Some(text) => Some(
            Identifier::new(text)
                .map_err(|error| Problem::bad_request(format!("`tenant`: {error}")))?,
        ),
    };
    let entries =
        tokio::task::spawn_blocking(move || service.engine.facts().entries(tenant.as_ref()))
            .await
            .map_err(Problem::unavailable)?;
    // Text is made while it is read, so a large ledger is never there twice.
    let chunks = stream::unfold(entries.into_iter(), |mut entries| async move {
        let chunk: Vec<Entry> = entries.by_ref().take(CHUNK).collect();
        (!chunk.is_empty()).then(|| (Ok::<Bytes, Infallible>(lines(&chunk)), entries))
    });
    let body = Body::from_stream(chunks);
    Ok(([(CONTENT_TYPE, "application/jsonl")], body).into_response())
}

fn lines(entries: &[Entry]) -> Bytes {
    let mut text = Vec::with_capacity(entries.len() * 256);
    for entry in entries {
        // Writing to memory does not fail, and every register has a JSON form.
        if serde_json::to_writer(&mut text, entry).is_ok() {
            text.push(b'\n');
        }
    }
    Bytes::from(text)
}
