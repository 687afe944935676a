//! What a client is told, and what the service behind is told about the client.
//!
//! The engine's challenge goes into `WWW-Authenticate` to the letter: clients compare letters.
//! Beside it every refusal has a problem document (RFC 9457) with a stable reason code. Nothing
//! of an error's details is in either.

use std::fmt::Write as _;

use bytes::Bytes;
use highwater::challenge::{Challenge, InvalidToken, TokenRequired};
use highwater::decision::{Decision, Outcome};
use highwater::identifier::Identifier;
use highwater::request::Request;
use highwater::token::{SubjectKind, TokenFacts, VerifiedToken};
use http::header::{
    CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
};
use http::{Response, StatusCode};
use serde_json::json;

use crate::token::{Authorization, TokenError};

/// `allow`, `challenge` or `deny`.
pub const DECISION: HeaderName = HeaderName::from_static("x-highwater-decision");
/// Why, the strongest first, separated by commas.
pub const REASONS: HeaderName = HeaderName::from_static("x-highwater-reasons");
/// `uncovered`, `degraded`, separated by commas.
pub const FLAGS: HeaderName = HeaderName::from_static("x-highwater-flags");
/// The tenant of the token.
pub const TENANT: HeaderName = HeaderName::from_static("x-highwater-tenant");
/// The subject of the token.
pub const SUBJECT: HeaderName = HeaderName::from_static("x-highwater-subject");
/// `user` or `workload`.
pub const SUBJECT_KIND: HeaderName = HeaderName::from_static("x-highwater-subject-kind");
/// The application that the token was issued to.
pub const APP: HeaderName = HeaderName::from_static("x-highwater-app");

/// With what every header about a decision begins.
const PREFIX: &str = "x-highwater-";

/// A refusal on its way out, whatever carries it.
#[derive(Clone, Debug)]
pub struct Answer {
    /// 400, 401, 403 or 503.
    pub status: StatusCode,
    /// `WWW-Authenticate`, the content type, and the headers about the decision.
    pub headers: HeaderMap,
    /// A problem document.
    pub body: Bytes,
    /// One sentence, free of quotes and control characters.
    description: &'static str,
}

impl Answer {
    /// The answer to a decision; `None` if the request is allowed. `request` is the one that was
    /// decided. `policies` are named in the problem document, if there are any: they tell a
    /// client how the tenant protects itself.
    #[must_use]
    pub fn to_decision(
        decision: &Decision,
        token: &VerifiedToken,
        request: &Request<'_>,
        policies: &[Identifier],
    ) -> Option<Answer> {
        if decision.outcome() == Outcome::Allow {
            return None;
        }
        let facts = token.facts();
        let authenticate = match Challenge::for_decision(decision, facts, request) {
            Some(challenge) => Some(challenge.header_value()),
            None => InvalidToken::for_decision(decision, facts, request)
                .map(|denial| denial.header_value()),
        };
        let (code, description) = decision.reason().map_or(("denied", ""), |reason| {
            (reason.as_str(), reason.description())
        });
        let status = StatusCode::from_u16(decision.status()).unwrap_or(StatusCode::FORBIDDEN);
        let mut answer = Answer::problem(status, code, description, policies);
        describe_decision(decision, &mut answer.headers);
        insert(
            &mut answer.headers,
            WWW_AUTHENTICATE,
            authenticate.as_deref(),
        );
        Some(answer)
    }

    //= https://www.rfc-editor.org/rfc/rfc6750#section-3.1
    /// The answer to a request without a token that could be verified. `usual` says where to get
    /// one if the token does not.
    #[must_use]
    pub fn to_token_error(error: &TokenError, usual: &Authorization) -> Answer {
        let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::UNAUTHORIZED);
        let mut answer = Answer::problem(status, error.reason(), error.description(), &[]);
        let Authorization { uri, client_id } = error.authorization().unwrap_or(usual);
        let authenticate = match (error.status(), error.code()) {
            (503, _) => {
                answer
                    .headers
                    .insert(RETRY_AFTER, HeaderValue::from_static("5"));
                None
            }
            (_, None) => Some(TokenRequired::new(uri, client_id).header_value()),
            (401, Some(_)) => {
                Some(InvalidToken::new(uri, client_id, error.description()).header_value())
            }
            (_, Some(code)) => Some(format!("Bearer realm=\"\", error=\"{code}\"")),
        };
        insert(
            &mut answer.headers,
            WWW_AUTHENTICATE,
            authenticate.as_deref(),
        );
        answer
            .headers
            .insert(DECISION, HeaderValue::from_static("deny"));
        insert(&mut answer.headers, REASONS, Some(error.reason()));
        answer
    }

    /// Any other refusal, with a code of the host's own for logs and programs.
    #[must_use]
    pub fn problem(
        status: StatusCode,
        code: &str,
        description: &'static str,
        policies: &[Identifier],
    ) -> Answer {
        let mut problem = json!({
            "title": status.canonical_reason().unwrap_or_default(),
            "status": status.as_u16(),
            "detail": description,
            "reason": code,
        });
        if !policies.is_empty() {
            problem["policies"] = json!(policies);
        }
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        // What is refused now may be allowed in a second.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Answer {
            status,
            headers,
            body: format!("{problem}\n").into(),
            description,
        }
    }

    /// One sentence about why, fit to stand in a header.
    #[must_use]
    pub const fn description(&self) -> &'static str {
        self.description
    }

    /// The answer as an HTTP response.
    #[must_use]
    pub fn into_response<B: From<Bytes>>(self) -> Response<B> {
        let mut response = Response::new(self.body.into());
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }

    //= https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#responses
    /// The answer to a gRPC call: trailers only, status 16 (unauthenticated), 7 (permission
    /// denied) or 14 (unavailable), and `www-authenticate` as metadata.
    #[must_use]
    pub fn into_grpc_response<B: From<Bytes>>(self, content_type: &HeaderValue) -> Response<B> {
        let status = match self.status.as_u16() {
            403 => "7",
            503 => "14",
            _ => "16",
        };
        let mut response = Response::new(Bytes::new().into());
        let headers = response.headers_mut();
        *headers = self.headers;
        headers.remove(CACHE_CONTROL);
        headers.insert(CONTENT_TYPE, content_type.clone());
        headers.insert(GRPC_STATUS, HeaderValue::from_static(status));
        // Descriptions are printable ASCII without `%`: they are their own percent-encoding.
        headers.insert(GRPC_MESSAGE, HeaderValue::from_static(self.description));
        response
    }
}

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

/// Removes every header about a decision, so that the one whom it is about cannot write it.
pub fn remove_verdict(headers: &mut HeaderMap) {
    let is_ours = |name: &HeaderName| name.as_str().starts_with(PREFIX);
    if !headers.keys().any(is_ours) {
        return;
    }
    let ours: Vec<HeaderName> = headers
        .keys()
        .filter(|name| is_ours(name))
        .cloned()
        .collect();
    for name in ours {
        headers.remove(name);
    }
}

/// Writes what was decided: [`DECISION`], [`REASONS`] and [`FLAGS`].
pub fn describe_decision(decision: &Decision, headers: &mut HeaderMap) {
    headers.insert(
        DECISION,
        HeaderValue::from_static(decision.outcome().as_str()),
    );
    if !decision.reasons().is_empty() {
        let mut reasons = String::new();
        for reason in decision.reasons().iter() {
            let separator = if reasons.is_empty() { "" } else { ", " };
            // INVARIANT: writing to a `String` cannot fail.
            let _ = write!(reasons, "{separator}{reason}");
        }
        insert(headers, REASONS, Some(&reasons));
    }
    let flags = match (decision.is_uncovered(), decision.is_degraded()) {
        (false, false) => return,
        (true, false) => "uncovered",
        (false, true) => "degraded",
        (true, true) => "uncovered, degraded",
    };
    headers.insert(FLAGS, HeaderValue::from_static(flags));
}

/// Writes who it is: [`TENANT`], [`SUBJECT`], [`SUBJECT_KIND`] and [`APP`]. Text beyond ASCII is
/// UTF-8.
pub fn describe_identity(facts: &TokenFacts, headers: &mut HeaderMap) {
    insert(headers, TENANT, Some(facts.tenant.as_str()));
    insert(headers, SUBJECT, Some(facts.subject.as_str()));
    let kind = match facts.kind {
        SubjectKind::User => "user",
        SubjectKind::Workload => "workload",
    };
    headers.insert(SUBJECT_KIND, HeaderValue::from_static(kind));
    insert(headers, APP, facts.app.as_ref().map(Identifier::as_str));
}

/// Identifiers have no control characters, so every one of them is a header value.
fn insert(headers: &mut HeaderMap, name: HeaderName, value: Option<&str>) {
    if let Some(Ok(value)) = value.map(|value| HeaderValue::from_bytes(value.as_bytes())) {
        headers.insert(name, value);
    }
}
