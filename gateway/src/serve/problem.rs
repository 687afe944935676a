//! Refusals that programs and people can read: problem documents (RFC 9457).

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderValue};
use serde_json::json;

/// A problem document on its way out.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    detail: String,
}

impl Problem {
    /// What the caller got wrong.
    pub(crate) fn bad_request(detail: impl ToString) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, detail)
    }

    /// What does not work here, for now.
    pub(crate) fn unavailable(detail: impl ToString) -> Problem {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail)
    }

    /// Any problem.
    pub(crate) fn new(status: StatusCode, detail: impl ToString) -> Problem {
        Problem {
            status,
            detail: detail.to_string(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = json!({
            "title": self.status.canonical_reason().unwrap_or("problem"),
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        let mut answer = (self.status, format!("{body}\n")).into_response();
        answer.headers_mut().insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        answer
    }
}
