//! Whether the process lives, and whether it knows what it needs to know.
//!
//! Not ready is no reason to stop deciding: a gateway that lost its transmitter or its disk goes
//! on with what it has. It is what an operator and a load balancer ought to see.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response as AxumResponse};
use bytes::Bytes;
use highwater_store::Concern;
use http::header::CONTENT_TYPE;
use http::{Response, StatusCode};
use http_body_util::{Either, Full};
use serde::Serialize;

use super::Service;
use super::connection::AnswerBody;

/// `/healthz`: the process answers. Says nothing about what it knows.
pub(super) fn alive() -> Response<AnswerBody> {
    Response::new(Either::Left(Full::new(Bytes::from_static(b"ok\n"))))
}

/// `GET /readyz`: 200 if every part is ready, else 503; the parts by name.
pub(super) async fn ready(State(service): State<Arc<Service>>) -> AxumResponse {
    let readiness = service.readiness();
    let status = if readiness.is_ready() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(readiness)).into_response()
}

/// `GET /metrics`: what Prometheus reads.
pub(super) async fn metrics(State(service): State<Arc<Service>>) -> AxumResponse {
    let text = service.metrics.render(&service);
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}

/// Every part that has to be in order.
#[derive(Debug, Serialize)]
pub(crate) struct Readiness {
    /// Whether all are.
    ready: bool,
    /// The parts.
    parts: Vec<Part>,
}

/// One part.
#[derive(Debug, Serialize)]
pub(crate) struct Part {
    /// What it is: `store`, `documents`, `stream`, `keys`, `process`.
    part: &'static str,
    /// Which one, where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// Whether it is in order.
    ready: bool,
    /// Its condition in words.
    condition: String,
}

impl Readiness {
    /// Whether every part is in order.
    pub(crate) fn is_ready(&self) -> bool {
        self.ready
    }
}

impl Service {
    /// How every part is.
    pub(crate) fn readiness(&self) -> Readiness {
        let mut parts = vec![self.store_part()];
        parts.extend(self.document_parts());
        parts.extend(self.stream_parts());
        parts.extend(self.key_parts());
        if self.shutdown.is_cancelled() {
            parts.push(part("process", None, false, "told to stop"));
        }
        Readiness {
            ready: parts.iter().all(|part| part.ready),
            parts,
        }
    }

    fn store_part(&self) -> Part {
        let status = self.store.status();
        let concerns = Concern::of(
            &status,
            self.mesh_status().as_ref(),
            self.now(),
            self.mesh_bound(),
        );
        let words: Vec<String> = concerns.iter().map(Concern::to_string).collect();
        if words.is_empty() {
            part("store", None, true, status.condition.as_str())
        } else {
            part("store", None, false, words.join("; "))
        }
    }

    fn document_parts(&self) -> Vec<Part> {
        let tenants = self.documents.tenants();
        if tenants.is_empty() {
            let accepts_any = self.engine.settings().accept_any_tenant;
            let condition = if accepts_any {
                "no tenant is configured; only marks apply"
            } else {
                "no tenant is configured; every token is refused"
            };
            return vec![part("documents", None, accepts_any, condition)];
        }
        tenants
            .into_iter()
            .map(|(tenant, documents)| {
                let name = tenant.map_or_else(|| "*".to_owned(), |tenant| tenant.to_string());
                match (documents.published, documents.error) {
                    (Some(published), None) => part(
                        "documents",
                        Some(name),
                        true,
                        format_args!(
                            "version {} with {} policies and {} locations",
                            published.version, published.policies, published.locations
                        ),
                    ),
                    (Some(published), Some(error)) => part(
                        "documents",
                        Some(name),
                        false,
                        format_args!("version {} stays in force: {error}", published.version),
                    ),
                    (None, error) => part(
                        "documents",
                        Some(name),
                        false,
                        error.as_deref().unwrap_or("not read yet"),
                    ),
                }
            })
            .collect()
    }

    fn stream_parts(&self) -> Vec<Part> {
        let now = self.now();
        let streams = self.engine.facts().streams();
        streams
            .into_iter()
            .map(|stream| {
                let is_good = !stream.is_degraded(now);
                let state = stream.state.as_str();
                let condition = match stream.last_activity {
                    Some(last) if is_good => format!("{state}, last heard of at {last}"),
                    Some(last) => format!("{state}, silent since {last}"),
                    None => format!("{state}, not heard of yet"),
                };
                part(
                    "stream",
                    Some(stream.source.to_string()),
                    is_good,
                    condition,
                )
            })
            .collect()
    }
}

impl Service {
    /// The keys of each issuer. Known keys go on while theirs cannot be fetched. A gateway that
    /// takes events only needs none.
    fn key_parts(&self) -> Vec<Part> {
        let Some(validator) = self.judge.validator() else {
            if !self.configuration.serve.decides() {
                return Vec::new();
            }
            let condition = "no audience is configured; every token is refused";
            return vec![part("keys", None, false, condition)];
        };
        validator
            .key_status()
            .map(|status| {
                let condition = match (status.keys, status.unreachable) {
                    (0, _) => "none is known yet".to_owned(),
                    (count, false) => format!("{count} known"),
                    (count, true) => format!("{count} known; they cannot be fetched at present"),
                };
                part("keys", Some(status.issuer), status.keys > 0, condition)
            })
            .collect()
    }
}

fn part(part: &'static str, name: Option<String>, ready: bool, condition: impl ToString) -> Part {
    Part {
        part,
        name,
        ready,
        condition: condition.to_string(),
    }
}
