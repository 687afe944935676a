//! What each kind of listener answers.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::get;
use http::StatusCode;

use super::listener::Callers;
use super::problem::Problem;
use super::{Service, admin, decide, health};
use crate::config::serve::ListenerKind;
use crate::config::serve::ListenerSection;
use crate::failure::Failure;

/// The routes of a listener.
///
/// # Errors
/// The admin token cannot be read.
pub(super) fn of(
    section: &ListenerSection,
    service: &Arc<Service>,
    intake: &Router,
) -> Result<Router, Failure> {
    // Names of tenants and sources are nobody's business on the internet, where transmitters are.
    let ready = Router::new()
        .route("/readyz", get(health::ready))
        .with_state(Arc::clone(service));
    let metrics = Router::new()
        .route("/metrics", get(health::metrics))
        .with_state(Arc::clone(service));
    let routes = match section.kind {
        ListenerKind::Decisions => ready
            .merge(metrics)
            .merge(decide::envoy_routes(service, Callers::of(section))),
        ListenerKind::Intake => intake.clone(),
        ListenerKind::Admin => {
            let guard = admin::Guard::of(section, service)?;
            let guarded = metrics.merge(admin::routes(service));
            ready.merge(guarded.layer(axum::middleware::from_fn_with_state(
                Arc::new(guard),
                admin::authenticate,
            )))
        }
    };
    // gRPC answers what it does not know with status 200: a gateway that asks at a wrong path must
    // not take that for a verdict.
    Ok(routes
        .fallback(async || Problem::new(StatusCode::NOT_FOUND, "nothing is answered here"))
        .layer(DefaultBodyLimit::max(service.limits.body_bytes)))
}
