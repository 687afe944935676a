//! `POST /signals/{transmitter}`: push delivery (RFC 8935).
//!
//! The protocol is in [`highwater_signals::delivery::push`]; here it meets a connection. The
//! answer is 202 only after the token is durable, and whatever may succeed later is 503.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use highwater_signals::delivery::push::{PushRequest, PushResponse, PushStep};
use highwater_signals::set::compact::MAXIMUM_SET_BYTES;
use highwater_signals::{ErrorBody, ErrorCode};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use metrics::counter;

use super::Intake;
use super::admission::Via;
use super::keys;
use super::source::Source;

/// How long the body of a token may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The longest body: a token, and the line end that harmless clients add.
const MAXIMUM_BODY: usize = MAXIMUM_SET_BYTES + 2;

/// The routes of transmitters that push.
pub(super) fn routes(intake: &Arc<Intake>) -> Router {
    Router::new()
        .route("/signals/{transmitter}", any(receive))
        .with_state(Arc::clone(intake))
}

async fn receive(
    State(intake): State<Arc<Intake>>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    let pushing =
        |source: &&Arc<Source>| source.name().as_str() == name && source.section.push.is_some();
    let Some(source) = intake.sources.iter().find(pushing) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let (head, body) = request.into_parts();
    let body = match read(body).await {
        Ok(body) => body,
        Err((status, description)) => {
            intake.count(source, Via::Push, "refused");
            return problem(status, description);
        }
    };
    let request = PushRequest {
        method: head.method.as_str(),
        content_type: only(&head.headers, header::CONTENT_TYPE),
        authorization: only(&head.headers, header::AUTHORIZATION),
        body: &body,
    };
    answer(&intake, source, &request).await
}

async fn answer(intake: &Arc<Intake>, source: &Arc<Source>, request: &PushRequest<'_>) -> Response {
    let endpoint = match source.endpoint(&intake.service.configuration.folder) {
        Ok(Some(endpoint)) => endpoint,
        Ok(None) => return StatusCode::NOT_FOUND.into_response(),
        Err(error) => {
            tracing::error!(transmitter = %source.name(), %error, "pushes cannot be authenticated");
            intake.count(source, Via::Push, "unavailable");
            return response(PushResponse::unavailable(30));
        }
    };
    let arrived = intake.service.now();
    let mut waited = false;
    loop {
        let step = endpoint.receive(
            &mut source.receiver.lock(),
            request,
            &*intake.directory.read(),
            arrived,
        );
        match step {
            PushStep::Respond(answer) => {
                refused(intake, source, &answer);
                return response(answer);
            }
            PushStep::Persist(delivery) => {
                let durable = intake.admit(source, &delivery, Via::Push).await;
                return response(delivery.answer(durable));
            }
            PushStep::FetchKeys { .. } => {
                keys::fetch(intake, source);
                source.settled().await;
                waited = true;
            }
            PushStep::AwaitKeys { .. } if !waited && *source.fetching.borrow() => {
                source.settled().await;
                waited = true;
            }
            PushStep::AwaitKeys {
                retry_after_seconds,
                ..
            } => {
                intake.count(source, Via::Push, "unavailable");
                return response(PushResponse::unavailable(retry_after_seconds));
            }
        }
    }
}

fn refused(intake: &Intake, source: &Source, answer: &PushResponse) {
    intake.count(source, Via::Push, "refused");
    let error = serde_json::from_slice::<ErrorBody>(&answer.body).ok();
    let (code, description) = match &error {
        Some(error) => (error.err.as_str(), error.description.as_str()),
        None => ("", ""),
    };
    counter!(
        "highwater_set_refusals_total",
        "transmitter" => source.name().to_string(),
        "code" => error.as_ref().map_or("", |error| error.err.as_str()),
    )
    .increment(1);
    tracing::warn!(
        transmitter = %source.name(), status = answer.status, code, description,
        "a pushed token was refused"
    );
}

/// The value of a header that may stand once; twice is as good as never.
fn only(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

async fn read(body: Body) -> Result<Bytes, (StatusCode, &'static str)> {
    let whole = Limited::new(body, MAXIMUM_BODY).collect();
    match tokio::time::timeout(PATIENCE, whole).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err((
            StatusCode::PAYLOAD_TOO_LARGE,
            "the body is longer than a Security Event Token may be",
        )),
        Ok(Err(_)) => Err((StatusCode::BAD_REQUEST, "the body broke off")),
        Err(_) => Err((StatusCode::REQUEST_TIMEOUT, "the body did not come in time")),
    }
}

fn problem(status: StatusCode, description: &'static str) -> Response {
    let body = ErrorBody {
        err: ErrorCode::InvalidRequest,
        description: description.to_owned(),
    };
    (status, axum::Json(body)).into_response()
}

fn response(answer: PushResponse) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    // Statuses of the protocol, or one that the configuration has checked.
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in answer.headers {
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().append(name, value);
        }
    }
    response
}
