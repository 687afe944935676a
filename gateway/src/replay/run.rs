//! Applying and deciding, one happening after the other.
//!
//! Between two events the marks stand still, so the requests in between are read first, then
//! decided in one go, which is what the clock measures, then counted.

use std::io::Write;
use std::time::{Duration, Instant};

use highwater::decision::Decision;
use highwater::exchange::RequestDocument;
use highwater::timestamp::Timestamp;
use highwater::token::VerifiedToken;
use serde_json::Value;

use super::schedule::{Happening, Line, Schedule};
use super::tally::{Decided, Summary, Tally};
use super::timeline::Timeline;
use crate::deployment::Deployment;
use crate::failure::Failure;
use crate::output::{Progress, WARN, paint, say};

/// At most so many requests are decided in one go.
const BATCH: usize = 1024;
/// At most so many malformed requests are named.
const NAMED: usize = 5;

/// How fast to go through the log.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// Without waiting.
    Max,
    /// So many times faster than it happened.
    Times(f64),
}

/// One replay.
pub(super) struct Run<'a> {
    deployment: &'a Deployment,
    schedule: &'a Schedule,
    pace: Pace,
    tally: Tally<'a>,
    timeline: Timeline,
    batch: Vec<Prepared>,
    deciding: Duration,
    began: Option<(Timestamp, Instant)>,
    malformed: usize,
}

/// A request, ready to be decided.
struct Prepared {
    document: RequestDocument,
    token: VerifiedToken,
    claims: Value,
}

impl<'a> Run<'a> {
    /// A replay of `schedule`.
    pub(super) fn new(deployment: &'a Deployment, schedule: &'a Schedule, pace: Pace) -> Run<'a> {
        Run {
            deployment,
            schedule,
            pace,
            tally: Tally::new(schedule.events()),
            timeline: Timeline::new(schedule.len()),
            batch: Vec::new(),
            deciding: Duration::ZERO,
            began: None,
            malformed: 0,
        }
    }

    /// Goes through everything; `out` gets the timeline.
    pub(super) fn go(mut self, mut out: Option<&mut dyn Write>) -> Result<Summary, Failure> {
        if out.is_some() {
            self.learn_names();
        }
        let schedule = self.schedule;
        // At the pace of the log its lines are the progress.
        let mut progress = match self.pace {
            Pace::Max => Some(Progress::new("replaying", schedule.len())),
            Pace::Times(_) => None,
        };
        for happening in schedule.happenings() {
            match happening {
                Happening::Event(index, event) => {
                    self.decide_batch(&mut out)?;
                    self.wait_for(event.time, &mut out)?;
                    self.deployment.engine.apply(event);
                    self.tally.event(index, event);
                    if let Some(out) = &mut out {
                        self.timeline.event(*out, event)?;
                    }
                }
                Happening::Request(line) => {
                    self.prepare(&line);
                    if self.batch.len() >= BATCH || matches!(self.pace, Pace::Times(_)) {
                        self.decide_batch(&mut out)?;
                    }
                }
            }
            if let Some(progress) = &mut progress {
                progress.advance(1);
            }
        }
        self.decide_batch(&mut out)?;
        drop(progress);
        if let Some(out) = out {
            self.timeline.end(out)?;
        }
        Ok(self.tally.finish(self.deciding, self.malformed))
    }

    /// A short log is told in full, events too, so names are learned before the first one.
    fn learn_names(&mut self) {
        if !self.timeline.is_complete() {
            return;
        }
        for happening in self.schedule.happenings() {
            if let Happening::Request(line) = happening
                && let Ok(value) = serde_json::from_str::<Value>(&line.text())
            {
                let claims = value["token"].clone();
                if let Ok(document) = self.read(value) {
                    self.timeline.names.learn(&claims, &document.token);
                }
            }
        }
    }

    fn read(&self, value: Value) -> Result<RequestDocument, highwater::exchange::RequestError> {
        RequestDocument::from_value(value, |issuer| self.deployment.profile(issuer))
    }

    fn prepare(&mut self, line: &Line<'_>) {
        let read = serde_json::from_str::<Value>(&line.text())
            .map_err(|error| format!("not JSON: {error}"))
            .and_then(|value| {
                let claims = value["token"].clone();
                let document = self.read(value).map_err(|error| error.to_string())?;
                Ok((document, claims))
            });
        match read {
            Ok((document, claims)) => self.batch.push(Prepared {
                token: self.deployment.engine.token(document.token.clone()),
                document,
                claims,
            }),
            Err(reason) => {
                self.malformed += 1;
                if self.malformed <= NAMED {
                    let place = line.place();
                    say(format_args!(
                        "{} {place}: {reason}",
                        paint(WARN, "left out:")
                    ));
                }
            }
        }
    }

    fn decide_batch(&mut self, out: &mut Option<&mut dyn Write>) -> Result<(), Failure> {
        let batch = std::mem::take(&mut self.batch);
        if let (Pace::Times(_), Some(first)) = (self.pace, batch.first()) {
            self.wait_for(first.document.now(), out)?;
        }
        let engine = &self.deployment.engine;
        let begun = Instant::now();
        let decisions: Vec<Decision> = batch
            .iter()
            .map(|prepared| engine.decide(&prepared.token, &prepared.document.request()))
            .collect();
        self.deciding += begun.elapsed();
        for (prepared, decision) in batch.iter().zip(decisions) {
            let decided = Decided {
                document: &prepared.document,
                token: &prepared.token,
                claims: &prepared.claims,
                decision,
            };
            self.tally.request(&decided, engine);
            if let Some(out) = out {
                self.timeline.request(*out, &decided, engine)?;
            }
        }
        Ok(())
    }

    fn wait_for(
        &mut self,
        time: Timestamp,
        out: &mut Option<&mut dyn Write>,
    ) -> Result<(), Failure> {
        let Pace::Times(factor) = self.pace else {
            return Ok(());
        };
        let (first, begun) = *self.began.get_or_insert((time, Instant::now()));
        let passed = time.milliseconds().saturating_sub(first.milliseconds());
        let due =
            Duration::try_from_secs_f64(passed as f64 / 1000.0 / factor).unwrap_or(Duration::ZERO);
        if let Some(left) = due.checked_sub(begun.elapsed()) {
            if let Some(out) = out {
                out.flush()?;
            }
            std::thread::sleep(left);
        }
        Ok(())
    }
}
