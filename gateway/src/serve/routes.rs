//! What each kind of listener answers.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;

use super::{Service, health};
use crate::config::serve::ListenerKind;

/// The routes of a listener.
pub(crate) fn of(kind: ListenerKind, service: &Arc<Service>, intake: &Router) -> Router {
    let common = Router::new()
        .route("/healthz", get(health::alive))
        .with_state(Arc::clone(service));
    match kind {
        ListenerKind::Decisions | ListenerKind::Admin => common,
        ListenerKind::Intake => common.merge(intake.clone()),
    }
}
