//! What operators ask and order: why is somebody refused, since when, who said so; revoke now;
//! what would happen if; everything that is known.
//!
//! ```text
//! GET  /admin/why?tenant=…&user=…   registers that concern a subject, in words
//! POST /admin/revoke                an event of the operator's own, durable when answered
//! POST /admin/what-if               Graph's `evaluate` inputs, policy by policy
//! GET  /admin/export?tenant=…       the ledger as JSON Lines
//! POST /admin/reload                read the documents again
//! ```

mod export;
mod guard;
mod revoke;
mod what_if;
mod why;

use std::sync::Arc;

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

pub(super) use guard::{Guard, authenticate};

use super::Service;
use super::problem::Problem;

/// The routes, without the guard before them.
pub(super) fn routes(service: &Arc<Service>) -> Router {
    Router::new()
        .route("/admin/why", get(why::why))
        .route("/admin/revoke", post(revoke::revoke))
        .route("/admin/what-if", post(what_if::what_if))
        .route("/admin/export", get(export::export))
        .route("/admin/reload", post(reload))
        .with_state(Arc::clone(service))
}

/// `POST /admin/reload`: reads the documents again. 200 if all of them are in force.
async fn reload(State(service): State<Arc<Service>>) -> Result<Json<Value>, Problem> {
    tokio::task::spawn_blocking(move || service.reload_documents())
        .await
        .map_err(Problem::unavailable)?
        .map_err(|error| Problem::new(http::StatusCode::UNPROCESSABLE_ENTITY, error))?;
    Ok(Json(json!({"reloaded": true})))
}
