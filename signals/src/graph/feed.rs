//! One feed: ask, read the pages, come back later, start over when Graph says so.
//!
//! Every answer names the next address. It is followed only to where the first question went:
//! the request carries a token that can read the directory.

use std::collections::BTreeSet;

use highwater::event::Subject;
use highwater::identifier::Identifier;
use highwater::timestamp::Timestamp;
use serde_json::{Map, Value};

use super::objects::Reader;
use super::page::{Page, PageError, ResourceKind};
use super::state::FeedState;
use super::{GraphConfig, GraphFacts, GraphNotice, listing};
use crate::delivery::{HttpRequest, HttpResponse};

/// What the host does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FeedAction {
    /// Send this, with an access token, and hand the response to [`Feed::respond`].
    Send(HttpRequest),
    /// Nothing before this instant.
    Wait(Timestamp),
}

/// What came of a response.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FeedOutcome {
    /// What changed.
    pub facts: GraphFacts,
    /// The objects whose memory in [`FeedState::objects`] may have changed or gone: what to write
    /// down besides the facts.
    pub touched: BTreeSet<Identifier>,
    /// Whether the round is complete: the feed is up to date.
    pub complete: bool,
    /// Whether Graph asked to start over.
    pub resync: bool,
    /// What went wrong, for the operator.
    pub failure: Option<String>,
}

/// The longest pause after failures, in seconds.
const MAXIMUM_BACKOFF_SECONDS: i64 = 300;

/// One feed of one tenant.
#[derive(Clone, Debug)]
pub struct Feed {
    kind: ResourceKind,
    config: GraphConfig,
    start: String,
    interval_seconds: i64,
    state: FeedState,
    /// The next page of the current round.
    next: Option<String>,
    /// Whether the current round shows every object.
    full: bool,
    /// The objects of a listing whose last page has not come yet.
    collected: Vec<Map<String, Value>>,
    not_before: Timestamp,
    failures: u32,
}

impl Feed {
    /// A feed at `endpoint` (such as `https://graph.microsoft.com/v1.0`), asked every
    /// `interval_seconds`, that goes on where `state` ended.
    #[must_use]
    pub fn new(
        kind: ResourceKind,
        config: GraphConfig,
        endpoint: &str,
        interval_seconds: i64,
        state: FeedState,
    ) -> Feed {
        let mut feed = Feed {
            kind,
            config,
            start: format!("{}/{}", endpoint.trim_end_matches('/'), kind.path()),
            interval_seconds,
            full: state.link.is_none(),
            next: state.link.clone(),
            state,
            collected: Vec::new(),
            not_before: Timestamp::MINIMUM,
            failures: 0,
        };
        if feed.full {
            feed.state.begin_round();
        }
        feed
    }

    /// What to keep across restarts.
    #[must_use]
    pub fn state(&self) -> &FeedState {
        &self.state
    }

    /// The next request, or how long to wait.
    #[must_use]
    pub fn next(&self, now: Timestamp) -> FeedAction {
        if now < self.not_before {
            return FeedAction::Wait(self.not_before);
        }
        let mut request = HttpRequest::bare(
            "GET",
            self.next.clone().unwrap_or_else(|| self.start.clone()),
        );
        if self.kind.documents().is_none() {
            request
                .headers
                .push(("prefer", "return=minimal".to_owned()));
        }
        FeedAction::Send(request)
    }

    /// Takes a response.
    pub fn respond(&mut self, response: HttpResponse<'_>, now: Timestamp) -> FeedOutcome {
        if response.status == 410 {
            return self.start_over(now);
        }
        let page = match response.status {
            200..=299 => Page::parse(response.body),
            status => Err(match Page::parse(response.body) {
                Err(error @ PageError::Graph { .. }) => error,
                _ => PageError::Json(format!("Graph answered with {status}")),
            }),
        };
        match page {
            Ok(page) => self.page(page, now),
            Err(PageError::Graph { code, .. }) if is_resync(&code) => self.start_over(now),
            Err(error) => self.failed(error.to_string(), now, response.retry_after_seconds),
        }
    }

    /// No answer came.
    pub fn lost(&mut self, now: Timestamp) {
        self.failed(String::new(), now, None);
    }

    fn failed(&mut self, what: String, now: Timestamp, retry_after: Option<i64>) -> FeedOutcome {
        let pause = retry_after
            .unwrap_or(1_i64 << self.failures.min(9))
            .clamp(1, MAXIMUM_BACKOFF_SECONDS);
        self.failures = self.failures.saturating_add(1);
        self.not_before = now.plus_seconds(pause);
        FeedOutcome {
            failure: Some(what),
            ..FeedOutcome::default()
        }
    }

    /// The address for changes is too old: everything is read again, and what is not there any
    /// more is noticed at the end.
    fn start_over(&mut self, now: Timestamp) -> FeedOutcome {
        self.next = None;
        self.state.link = None;
        self.full = true;
        self.collected.clear();
        self.state.begin_round();
        let mut outcome = self.failed("Graph asked to start over".to_owned(), now, None);
        outcome.resync = true;
        outcome
    }

    fn page(&mut self, page: Page, now: Timestamp) -> FeedOutcome {
        for link in [&page.next_link, &page.delta_link].into_iter().flatten() {
            if origin(link) != origin(&self.start) {
                return self.failed(
                    format!("`{link}` leads away from where the first question went; not followed"),
                    now,
                    None,
                );
            }
        }
        self.failures = 0;
        let mut outcome = FeedOutcome::default();
        let complete = page.next_link.is_none();
        if self.kind.documents().is_some() {
            self.collected.extend(page.objects);
        } else {
            let ids = page.objects.iter().filter_map(|object| object.get("id"));
            outcome.touched = ids
                .filter_map(|id| Identifier::new(id.as_str()?).ok())
                .collect();
            outcome.facts = read(self.kind, page.objects, &self.config, &mut self.state, now);
        }
        self.next = page.next_link;
        self.not_before = now;
        if complete {
            self.end_round(page.delta_link, now, &mut outcome);
        }
        outcome
    }

    fn end_round(&mut self, delta: Option<String>, now: Timestamp, outcome: &mut FeedOutcome) {
        if let Some(kind) = self.kind.documents() {
            match listing::compare(kind, std::mem::take(&mut self.collected), &mut self.state) {
                Ok(change) => outcome.facts.documents.extend(change),
                Err(reason) => outcome.failure = Some(reason),
            }
        } else if self.full
            && !matches!(
                self.kind,
                // A listing of the risky leaves out whoever never was.
                ResourceKind::RiskyUser | ResourceKind::RiskyServicePrincipal
            )
        {
            outcome.touched.extend(self.state.unseen(self.kind));
            outcome.facts.append(self.unseen(now));
        }
        outcome.complete = true;
        self.next.clone_from(&delta);
        self.full = delta.is_none();
        self.state.link = delta;
        if self.full {
            self.state.begin_round();
        }
        self.not_before = now.plus_seconds(self.interval_seconds);
    }

    /// What a full round did not show is gone, though perhaps not for ever.
    fn unseen(&mut self, now: Timestamp) -> GraphFacts {
        let kind = self.kind;
        let unseen = self.state.unseen(kind);
        let mut reader = Reader {
            config: &self.config,
            state: &mut self.state,
            now,
            facts: GraphFacts::default(),
        };
        for id in unseen {
            let dimension = match kind {
                ResourceKind::Group => {
                    reader.group_gone(&id);
                    continue;
                }
                ResourceKind::User => highwater::event::Dimension::User,
                ResourceKind::ServicePrincipal => highwater::event::Dimension::Workload,
                ResourceKind::Device => highwater::event::Dimension::Device,
                _ => continue,
            };
            let named = reader.known(&id).token_id.clone();
            if dimension == highwater::event::Dimension::Device && named.is_none() {
                continue;
            }
            let subject = Subject::of(dimension, named.unwrap_or_else(|| id.clone()));
            reader.block(&id, &subject, "not listed any more");
        }
        reader.facts
    }
}

/// Reads the objects of a page. Where one object comes several times, the last state counts.
pub(crate) fn read(
    kind: ResourceKind,
    objects: Vec<Map<String, Value>>,
    config: &GraphConfig,
    state: &mut FeedState,
    now: Timestamp,
) -> GraphFacts {
    let mut reader = Reader {
        config,
        state,
        now,
        facts: GraphFacts::default(),
    };
    for (index, object) in objects.iter().enumerate() {
        let path = format!("/value/{index}");
        if let Err(reason) = reader.object(kind, &path, object) {
            reader
                .facts
                .notices
                .push(GraphNotice::Unreadable { path, reason });
        }
    }
    reader.facts
}

fn is_resync(code: &str) -> bool {
    ["resyncRequired", "syncStateNotFound", "syncStateInvalid"]
        .iter()
        .any(|known| known.eq_ignore_ascii_case(code))
}

/// Scheme, host and port.
fn origin(url: &str) -> &str {
    let after_scheme = url.find("://").map_or(0, |at| at + 3);
    let end = url[after_scheme..]
        .find(['/', '?', '#'])
        .map_or(url.len(), |at| after_scheme + at);
    &url[..end]
}
