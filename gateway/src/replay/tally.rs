//! Counting: the summary of a replay.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use highwater::decision::{Decision, Outcome};
use highwater::engine::Engine;
use highwater::event::Event;
use highwater::exchange::RequestDocument;
use highwater::identifier::Identifier;
use highwater::reason::Reason;
use highwater::timestamp::Timestamp;
use highwater::token::{SubjectKind, TokenFacts, VerifiedToken};
use serde::Serialize;
use serde_json::Value;

use super::ranges::{RangeRefusals, Ranges};
use super::refusals::{FirstRefusal, FirstRefusals};
use crate::story::Names;

/// One request with its decision.
pub(super) struct Decided<'a> {
    pub(super) document: &'a RequestDocument,
    pub(super) token: &'a VerifiedToken,
    pub(super) claims: &'a Value,
    pub(super) decision: Decision,
}

impl Decided<'_> {
    pub(super) fn facts(&self) -> &TokenFacts {
        self.token.facts()
    }
}

/// The result of a replay; as JSON, what `replay --format json` prints.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    /// Events applied.
    pub(super) events: usize,
    /// Requests decided.
    pub(super) requests: usize,
    /// Requests that could not be read.
    pub(super) malformed: usize,
    /// When the log begins.
    pub(super) from: Option<Timestamp>,
    /// When it ends.
    pub(super) until: Option<Timestamp>,
    /// Requests by outcome.
    pub(super) decisions: BTreeMap<&'static str, usize>,
    /// Requests by outcome and strongest reason.
    pub(super) reasons: BTreeMap<&'static str, BTreeMap<&'static str, usize>>,
    /// Requests let pass although something objected.
    pub(super) uncovered: usize,
    /// Different subjects seen.
    pub(super) subjects: usize,
    /// Those that were not always allowed, the most refused first.
    pub(super) subjects_affected: Vec<AffectedSubject>,
    /// For every event, the first request that it refused.
    pub(super) first_refusals: Vec<FirstRefusal>,
    /// Where location refusals came from, and the range that would have to be added.
    pub(super) location_refusals: Vec<RangeRefusals>,
    /// Time spent deciding.
    pub(super) seconds: f64,
    /// Decisions in one second of it.
    pub(super) decisions_per_second: f64,
}

/// A subject that was not always allowed.
#[derive(Debug, Serialize)]
pub(super) struct AffectedSubject {
    pub(super) tenant: Identifier,
    pub(super) kind: &'static str,
    pub(super) subject: Identifier,
    /// What people call it, if a token said so.
    pub(super) name: Option<String>,
    pub(super) requests: usize,
    pub(super) refused: usize,
}

/// Counts while the replay runs.
pub(super) struct Tally<'a> {
    requests: usize,
    events: usize,
    span: Option<(Timestamp, Timestamp)>,
    counts: HashMap<(Outcome, Option<Reason>), usize>,
    uncovered: usize,
    /// By tenant, kind and id: requests and refusals.
    subjects: HashMap<(Identifier, SubjectKind, Identifier), (usize, usize)>,
    names: Names,
    refusals: FirstRefusals<'a>,
    ranges: Ranges,
}

impl<'a> Tally<'a> {
    /// Nothing counted; `events` are all that will happen.
    pub(super) fn new(events: &'a [Event]) -> Tally<'a> {
        Tally {
            requests: 0,
            events: 0,
            span: None,
            counts: HashMap::new(),
            uncovered: 0,
            subjects: HashMap::new(),
            names: Names::default(),
            refusals: FirstRefusals::new(events),
            ranges: Ranges::default(),
        }
    }

    /// An event was applied.
    pub(super) fn event(&mut self, index: usize, event: &Event) {
        self.events += 1;
        self.at(event.time);
        self.refusals.applied(index, event);
    }

    /// A request was decided.
    pub(super) fn request(&mut self, decided: &Decided<'_>, engine: &Engine) {
        let decision = &decided.decision;
        self.requests += 1;
        self.at(decided.document.now());
        *self
            .counts
            .entry((decision.outcome(), decision.reason()))
            .or_default() += 1;
        self.uncovered += usize::from(decision.is_uncovered());
        let facts = decided.facts();
        let subject = (facts.tenant.clone(), facts.kind, facts.subject.clone());
        let counted = self.subjects.entry(subject).or_default();
        counted.0 += 1;
        if decision.outcome() == Outcome::Allow {
            return;
        }
        counted.1 += 1;
        if counted.1 == 1 {
            self.names.learn(decided.claims, facts);
        }
        self.refusals.refused(decided);
        self.ranges.refused(decided, engine);
    }

    fn at(&mut self, time: Timestamp) {
        let (from, until) = self.span.unwrap_or((time, time));
        self.span = Some((from.min(time), until.max(time)));
    }

    /// The summary. `deciding` is the time that decisions took.
    pub(super) fn finish(self, deciding: Duration, malformed: usize) -> Summary {
        let mut decisions = BTreeMap::new();
        let mut reasons: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
        for outcome in [Outcome::Allow, Outcome::Challenge, Outcome::Deny] {
            decisions.insert(outcome.as_str(), 0);
        }
        for ((outcome, reason), count) in self.counts {
            *decisions.entry(outcome.as_str()).or_default() += count;
            if let Some(reason) = reason {
                reasons
                    .entry(outcome.as_str())
                    .or_default()
                    .insert(reason.as_str(), count);
            }
        }
        let subjects = self.subjects.len();
        let mut affected: Vec<AffectedSubject> = self
            .subjects
            .into_iter()
            .filter(|(_, (_, refused))| *refused > 0)
            .map(
                |((tenant, kind, subject), (requests, refused))| AffectedSubject {
                    name: match self.names.of(subject.as_str()) {
                        name if name == subject.as_str() => None,
                        name => Some(name.to_owned()),
                    },
                    tenant,
                    kind: match kind {
                        SubjectKind::User => "user",
                        SubjectKind::Workload => "workload",
                    },
                    subject,
                    requests,
                    refused,
                },
            )
            .collect();
        affected.sort_by(|one, other| {
            (other.refused, &one.tenant, &one.subject).cmp(&(
                one.refused,
                &other.tenant,
                &other.subject,
            ))
        });
        let seconds = deciding.as_secs_f64();
        Summary {
            events: self.events,
            requests: self.requests,
            malformed,
            from: self.span.map(|span| span.0),
            until: self.span.map(|span| span.1),
            decisions,
            reasons,
            uncovered: self.uncovered,
            subjects,
            subjects_affected: affected,
            first_refusals: self.refusals.finish(&self.names),
            location_refusals: self.ranges.finish(),
            seconds,
            decisions_per_second: if seconds > 0.0 {
                self.requests as f64 / seconds
            } else {
                0.0
            },
        }
    }
}
