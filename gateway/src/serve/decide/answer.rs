//! Verdicts as status, headers and body, for HTTP and gRPC alike. Refusals are those of the tower
//! layer, so that a client meets the same words whichever way an API is protected.

use bytes::Bytes;
use highwater_tower::answer::{
    APP, Answer as Refusal, DECISION, FLAGS, REASONS, SUBJECT, SUBJECT_KIND, TENANT,
    describe_decision, describe_identity,
};
use highwater_tower::token::{Authorization, TokenError};
use http::header::{HeaderName, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::judge::{Decided, Verdict};
use crate::config::serve::Fail;

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

/// The answer to a verdict. `usual` says where to get a token, where nothing else does.
pub(super) fn of(verdict: &Verdict, usual: &Authorization) -> Answer {
    match verdict {
        Verdict::Decided(decided) => decision(decided),
        Verdict::Token(error) => token(error, usual),
        Verdict::Unjudged { reason, fail } => unjudged(reason, *fail),
    }
}

fn decision(decided: &Decided) -> Answer {
    // Policies are in the decision log; a client is not told how the tenant protects itself.
    let refusal = Refusal::to_decision(&decided.decision, &decided.token, &decided.request(), &[]);
    if let Some(refusal) = refusal {
        return Answer::from(refusal);
    }
    let mut headers = HeaderMap::with_capacity(8);
    describe_decision(&decided.decision, &mut headers);
    describe_identity(decided.token.facts(), &mut headers);
    Answer {
        status: StatusCode::OK,
        headers,
        body: Bytes::new(),
    }
}

fn token(error: &TokenError, usual: &Authorization) -> Answer {
    let mut answer = Answer::from(Refusal::to_token_error(error, usual));
    // 400 would be right for a malformed request (RFC 6750), but gateways that ask by subrequest
    // make an error of their own of it. The header says what it is.
    answer.status = StatusCode::UNAUTHORIZED;
    answer
}

fn unjudged(reason: &'static str, fail: Fail) -> Answer {
    let mut answer = match fail {
        Fail::Open => Answer {
            status: StatusCode::OK,
            headers: HeaderMap::with_capacity(4),
            body: Bytes::new(),
        },
        Fail::Closed => {
            let sentence = "Nobody can judge this request at present";
            let status = StatusCode::SERVICE_UNAVAILABLE;
            let mut answer = Answer::from(Refusal::problem(status, reason, sentence, &[]));
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

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Answer {
        Answer {
            status: refusal.status,
            headers: refusal.headers,
            body: refusal.body,
        }
    }
}
