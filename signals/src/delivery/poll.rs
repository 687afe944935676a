//! Poll delivery (RFC 8936): ask, take, make durable, acknowledge with the next question.
//!
//! An acknowledged token is forgotten by its transmitter. So a token is acknowledged only after
//! [`PollClient::durable`], and acknowledgements of a request that failed are sent again:
//! acknowledging twice is harmless, not acknowledging only costs a repetition.

use std::collections::{BTreeMap, BTreeSet};

use highwater::timestamp::Timestamp;
use serde::{Deserialize, Serialize};

use super::push::Delivery;
use super::{HttpRequest, HttpResponse};
use crate::directory::Directory;
use crate::receiver::Receiver;
use crate::refusal::{ErrorBody, Refusal};
use crate::set::verify::VerifyError;

/// The body of a poll request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PollRequest {
    /// How many tokens may come at most; 0 for none.
    #[serde(rename = "maxEvents", skip_serializing_if = "Option::is_none", default)]
    pub max_events: Option<u32>,
    /// Whether to answer at once even if there is nothing. Absent means no: a long poll.
    #[serde(
        rename = "returnImmediately",
        skip_serializing_if = "Option::is_none",
        default
    )]
    pub return_immediately: Option<bool>,
    /// Tokens that are durable here.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub ack: Vec<String>,
    /// Tokens that are refused, with the reason.
    #[serde(
        rename = "setErrs",
        skip_serializing_if = "BTreeMap::is_empty",
        default
    )]
    pub errors: BTreeMap<String, ErrorBody>,
}

/// The body of a poll response.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct PollResponse {
    /// Tokens by their `jti`.
    pub sets: BTreeMap<String, String>,
    /// Whether more wait at the transmitter.
    #[serde(rename = "moreAvailable", default)]
    pub more_available: bool,
}

/// How a transmitter is polled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PollConfig {
    /// Where.
    pub endpoint_url: String,
    /// How many tokens at once.
    #[serde(default = "PollConfig::default_max_events")]
    pub max_events: u32,
    /// Whether the transmitter may hold the request until there is something. Keycloak never
    /// does.
    #[serde(default = "PollConfig::default_long_poll")]
    pub long_poll: bool,
    /// Without long polling, or where it is ignored: how long to wait between empty answers.
    #[serde(default = "PollConfig::default_interval")]
    pub interval_seconds: i64,
}

impl PollConfig {
    const fn default_max_events() -> u32 {
        100
    }

    const fn default_long_poll() -> bool {
        true
    }

    const fn default_interval() -> i64 {
        5
    }
}

/// What the host does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PollAction {
    /// Send this and hand the response to [`PollClient::respond`].
    Send(HttpRequest),
    /// Nothing before this instant.
    Wait(Timestamp),
}

/// What came of a response.
#[derive(Debug, Default)]
pub struct PollOutcome {
    /// Tokens to make durable; report each to [`PollClient::durable`].
    pub deliveries: Vec<Delivery>,
    /// Transmitters whose keys are to be fetched; the tokens come again with the next poll.
    pub fetch_keys: BTreeSet<String>,
    /// What went wrong with the poll itself, for the operator.
    pub failure: Option<String>,
}

/// The longest pause after failures, in seconds.
const MAXIMUM_BACKOFF_SECONDS: i64 = 300;

/// Polls one transmitter.
#[derive(Clone, Debug)]
pub struct PollClient {
    config: PollConfig,
    ready: PollRequest,
    in_flight: Option<PollRequest>,
    /// Tokens of the last answer whose key is not known, and when each was first seen.
    unknown: BTreeMap<String, Timestamp>,
    not_before: Timestamp,
    failures: u32,
}

impl PollClient {
    /// A client that may poll at once.
    #[must_use]
    pub fn new(config: PollConfig) -> PollClient {
        PollClient {
            config,
            ready: PollRequest::default(),
            in_flight: None,
            unknown: BTreeMap::new(),
            not_before: Timestamp::MINIMUM,
            failures: 0,
        }
    }

    /// The next request, or how long to wait. A request that was never answered is replaced.
    pub fn next(&mut self, now: Timestamp) -> PollAction {
        self.restore();
        if now < self.not_before {
            return PollAction::Wait(self.not_before);
        }
        let mut request = std::mem::take(&mut self.ready);
        request.max_events = Some(self.config.max_events);
        // Acknowledgements are delivered at once; the next question may hang again.
        let settles = !request.ack.is_empty() || !request.errors.is_empty();
        request.return_immediately = Some(settles || !self.config.long_poll);
        let http = self.http(&request);
        self.in_flight = Some(request);
        PollAction::Send(http)
    }

    /// A request that only delivers acknowledgements, for a host that is shutting down; `None`
    /// if there are none.
    pub fn acknowledge_only(&mut self) -> Option<HttpRequest> {
        self.restore();
        if self.ready.ack.is_empty() && self.ready.errors.is_empty() {
            return None;
        }
        let mut request = std::mem::take(&mut self.ready);
        request.max_events = Some(0);
        request.return_immediately = Some(true);
        let http = self.http(&request);
        self.in_flight = Some(request);
        Some(http)
    }

    fn http(&self, request: &PollRequest) -> HttpRequest {
        let body = serde_json::to_value(request).unwrap_or_default();
        let mut http = HttpRequest::json("POST", self.config.endpoint_url.clone(), &body);
        if !request.errors.is_empty() {
            http.headers.push(("content-language", "en-US".to_owned()));
        }
        http
    }

    /// Takes a response.
    pub fn respond(
        &mut self,
        response: HttpResponse<'_>,
        receiver: &mut Receiver,
        directory: &dyn Directory,
        now: Timestamp,
    ) -> PollOutcome {
        let mut outcome = PollOutcome::default();
        if !(200..300).contains(&response.status) {
            self.failed(now, response.retry_after_seconds);
            outcome.failure = Some(format!("the poll was answered with {}", response.status));
            return outcome;
        }
        let parsed = if response.body.is_empty() {
            Ok(PollResponse::default())
        } else {
            serde_json::from_slice::<PollResponse>(response.body)
        };
        let answer = match parsed {
            Ok(answer) => answer,
            Err(error) => {
                self.failed(now, None);
                outcome.failure = Some(format!("the poll response cannot be read: {error}"));
                return outcome;
            }
        };
        self.in_flight = None;
        self.failures = 0;
        let empty = answer.sets.is_empty();
        self.unknown.retain(|id, _| answer.sets.contains_key(id));
        for (id, token) in answer.sets {
            self.token(&id, &token, receiver, directory, now, &mut outcome);
        }
        let stalled = !self.unknown.is_empty();
        self.not_before = if stalled || (empty && !answer.more_available) {
            now.plus_seconds(self.config.interval_seconds)
        } else {
            now
        };
        outcome
    }

    fn token(
        &mut self,
        id: &str,
        token: &str,
        receiver: &mut Receiver,
        directory: &dyn Directory,
        now: Timestamp,
        outcome: &mut PollOutcome,
    ) {
        let refused = |refusal: &Refusal| ErrorBody::from(refusal);
        let set = match receiver.verify(token.as_bytes(), now) {
            Ok(set) => {
                self.unknown.remove(id);
                set
            }
            Err(VerifyError::Refused(refusal)) => {
                self.unknown.remove(id);
                self.ready.errors.insert(id.to_owned(), refused(&refusal));
                return;
            }
            Err(VerifyError::UnknownKey { transmitter, .. }) => {
                let Some(known) = receiver.transmitter_mut(&transmitter) else {
                    return;
                };
                let since = *self.unknown.entry(id.to_owned()).or_insert(now);
                if known.keys.begin(now) {
                    outcome.fetch_keys.insert(transmitter);
                } else if let Some(refusal) = known.keys.unknown_key(since) {
                    self.unknown.remove(id);
                    self.ready.errors.insert(id.to_owned(), refused(&refusal));
                }
                return;
            }
        };
        if set.claims().id != id {
            let refusal =
                Refusal::invalid_request("the token's `jti` is not that under which it was sent");
            self.ready.errors.insert(id.to_owned(), refused(&refusal));
            return;
        }
        match receiver.interpret(&set, directory) {
            Ok(interpretation) => outcome.deliveries.push(Delivery {
                set,
                interpretation,
            }),
            Err(refusal) => {
                self.ready.errors.insert(id.to_owned(), refused(&refusal));
            }
        }
    }

    /// The events of this token are durable: it may be acknowledged.
    pub fn durable(&mut self, id: &str) {
        if !self.ready.ack.iter().any(|known| known == id) {
            self.ready.ack.push(id.to_owned());
        }
    }

    /// No answer came.
    pub fn lost(&mut self, now: Timestamp) {
        self.failed(now, None);
    }

    fn failed(&mut self, now: Timestamp, retry_after_seconds: Option<i64>) {
        self.restore();
        let pause = 1_i64 << self.failures.min(9);
        self.failures = self.failures.saturating_add(1);
        let pause = retry_after_seconds
            .unwrap_or(pause)
            .clamp(1, MAXIMUM_BACKOFF_SECONDS);
        self.not_before = now.plus_seconds(pause);
    }

    /// Whatever was said in a request that was not answered is said again.
    fn restore(&mut self) {
        if let Some(request) = self.in_flight.take() {
            for id in request.ack {
                self.durable(&id);
            }
            for (id, error) in request.errors {
                self.ready.errors.entry(id).or_insert(error);
            }
        }
    }

    /// What will be said with the next request.
    #[must_use]
    pub fn ready(&self) -> &PollRequest {
        &self.ready
    }
}
