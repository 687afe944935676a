//! Verdicts as status, headers and body, for HTTP and gRPC alike.

use std::fmt::Write;

use bytes::Bytes;
use highwater::challenge::{Challenge, InvalidToken};
use highwater::decision::{Decision, Outcome};
use highwater::token::{SubjectKind, TokenFacts};
use highwater_tower::token::TokenError;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::judge::{Decided, Verdict};
use crate::config::serve::Fail;

/// What the gateway did: `allow`, `challenge`, `deny` or `unjudged`.
pub(super) const DECISION: HeaderName = HeaderName::from_static("x-highwater-decision");
/// Why, the strongest first, separated by commas.
const REASONS: HeaderName = HeaderName::from_static("x-highwater-reasons");
/// `uncovered`, `degraded`.
const FLAGS: HeaderName = HeaderName::from_static("x-highwater-flags");
const TENANT: HeaderName = HeaderName::from_static("x-highwater-tenant");
const SUBJECT: HeaderName = HeaderName::from_static("x-highwater-subject");
const SUBJECT_KIND: HeaderName = HeaderName::from_static("x-highwater-subject-kind");
const APP: HeaderName = HeaderName::from_static("x-highwater-app");

/// Every header that says something about a decision: what a gateway has to take out of requests
/// of clients, and what it passes on to the API.
pub(super) const HEADERS: [HeaderName; 7] =
    [DECISION, REASONS, FLAGS, TENANT, SUBJECT, SUBJECT_KIND, APP];

/// An answer, whatever carries it.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// The answer to a verdict.
pub(super) fn of(verdict: &Verdict) -> Answer {
    match verdict {
        Verdict::Decided(decided) if decided.decision.outcome() == Outcome::Allow => {
            allowed(decided)
        }
        Verdict::Decided(decided) => refused(decided),
        Verdict::Token(error) => refused_token(error),
        Verdict::Unjudged { reason, fail } => unjudged(reason, *fail),
    }
}

fn allowed(decided: &Decided) -> Answer {
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(DECISION, HeaderValue::from_static("allow"));
    tell_decision(&decided.decision, &mut headers);
    tell_identity(decided.token.facts(), &mut headers);
    Answer {
        status: StatusCode::OK,
        headers,
        body: Bytes::new(),
    }
}

fn refused(decided: &Decided) -> Answer {
    let decision = &decided.decision;
    let facts = decided.token.facts();
    let request = decided.request();
    let authenticate = match Challenge::for_decision(decision, facts, &request) {
        Some(challenge) => Some(challenge.header_value()),
        None => InvalidToken::for_decision(decision, facts, &request)
            .map(|denial| denial.header_value()),
    };
    let status = StatusCode::from_u16(decision.status()).unwrap_or(StatusCode::FORBIDDEN);
    let (code, detail) = decision.reason().map_or(("denied", ""), |reason| {
        (reason.as_str(), reason.description())
    });
    let mut answer = problem(status, code, detail);
    let outcome = HeaderValue::from_static(decision.outcome().as_str());
    answer.headers.insert(DECISION, outcome);
    tell_decision(decision, &mut answer.headers);
    insert(
        &mut answer.headers,
        WWW_AUTHENTICATE,
        authenticate.as_deref(),
    );
    answer
}

fn refused_token(error: &TokenError) -> Answer {
    // 400 would be right for a malformed request (RFC 6750), but gateways that ask by subrequest
    // make an error of their own of it. The code says what it is.
    let mut answer = problem(
        StatusCode::UNAUTHORIZED,
        error.reason(),
        error.description(),
    );
    answer
        .headers
        .insert(DECISION, HeaderValue::from_static("deny"));
    insert(
        &mut answer.headers,
        WWW_AUTHENTICATE,
        Some(&authenticate(error)),
    );
    answer
}

//= https://www.rfc-editor.org/rfc/rfc6750#section-3
/// The challenge of a token that is missing or not accepted. Without a token no error is named.
fn authenticate(error: &TokenError) -> String {
    let place = error.authorization();
    let (uri, client_id) = place.map_or(("", ""), |place| (&*place.uri, &*place.client_id));
    match error.code() {
        None => "Bearer realm=\"\"".to_owned(),
        Some("invalid_token") => {
            InvalidToken::new(uri, client_id, error.description()).header_value()
        }
        Some(code) => format!(
            "Bearer realm=\"\", error_description=\"{}\", error=\"{code}\"",
            error.description()
        ),
    }
}

fn unjudged(reason: &'static str, fail: Fail) -> Answer {
    let mut answer = match fail {
        Fail::Open => Answer {
            status: StatusCode::OK,
            headers: HeaderMap::with_capacity(4),
            body: Bytes::new(),
        },
        Fail::Closed => {
            let mut answer = problem(
                StatusCode::SERVICE_UNAVAILABLE,
                reason,
                "Nobody can judge this request at present",
            );
            answer
                .headers
                .insert(RETRY_AFTER, HeaderValue::from_static("5"));
            answer
        }
    };
    answer
        .headers
        .insert(DECISION, HeaderValue::from_static("unjudged"));
    answer
        .headers
        .insert(REASONS, HeaderValue::from_static(reason));
    answer
}

fn tell_decision(decision: &Decision, headers: &mut HeaderMap) {
    let mut reasons = decision.reasons().iter();
    if let Some(first) = reasons.next() {
        match reasons.next() {
            None => {
                headers.insert(REASONS, HeaderValue::from_static(first.as_str()));
            }
            Some(second) => {
                let mut list = format!("{}, {}", first.as_str(), second.as_str());
                for reason in reasons {
                    // INVARIANT: writing to a `String` cannot fail.
                    let _ = write!(list, ", {}", reason.as_str());
                }
                insert(headers, REASONS, Some(&list));
            }
        }
    }
    let flags = match (decision.is_uncovered(), decision.is_degraded()) {
        (false, false) => return,
        (true, false) => "uncovered",
        (false, true) => "degraded",
        (true, true) => "uncovered, degraded",
    };
    headers.insert(FLAGS, HeaderValue::from_static(flags));
}

/// Who it is, for the API behind the gateway.
fn tell_identity(facts: &TokenFacts, headers: &mut HeaderMap) {
    insert(headers, TENANT, Some(facts.tenant.as_str()));
    insert(headers, SUBJECT, Some(facts.subject.as_str()));
    let kind = match facts.kind {
        SubjectKind::User => "user",
        SubjectKind::Workload => "workload",
    };
    headers.insert(SUBJECT_KIND, HeaderValue::from_static(kind));
    insert(headers, APP, facts.app.as_ref().map(|app| app.as_str()));
}

/// Identifiers have no control characters, so that every one of them is a header value.
fn insert(headers: &mut HeaderMap, name: HeaderName, value: Option<&str>) {
    if let Some(Ok(value)) = value.map(|value| HeaderValue::from_bytes(value.as_bytes())) {
        headers.insert(name, value);
    }
}

/// A problem document (RFC 9457). Codes and sentences are ours, so nothing has to be escaped.
fn problem(status: StatusCode, code: &str, detail: &str) -> Answer {
    let title = status.canonical_reason().unwrap_or_default();
    let number = status.as_u16();
    let body = format!(
        "{{\"title\":\"{title}\",\"status\":{number},\"detail\":\"{detail}\",\"reason\":\"{code}\"}}\n"
    );
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/problem+json"),
    );
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Answer {
        status,
        headers,
        body: Bytes::from(body),
    }
}
