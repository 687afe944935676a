//! What others report: Security Event Tokens, Graph, documents on disk.

use std::sync::Arc;

use axum::Router;

use super::Service;
use crate::failure::Failure;

/// Starts everything that brings facts and documents in: background tasks go into
/// `service.tasks` and end with `service.shutdown`. Returns the routes of the intake listeners.
///
/// # Errors
/// A configuration that cannot work.
pub(crate) fn start(_service: &Arc<Service>) -> Result<Router, Failure> {
    Ok(Router::new())
}
