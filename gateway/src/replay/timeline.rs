//! What happened, told line by line: everything of a short log, of a long one the first of
//! every kind.

use std::collections::HashSet;
use std::io::Write;

use highwater::decision::Outcome;
use highwater::engine::Engine;
use highwater::event::Event;
use highwater::reason::Reason;
use highwater::timestamp::Timestamp;

use super::tally::Decided;
use crate::decide::outcome;
use crate::failure::Failure;
use crate::output::{HEAD, NAME, QUIET, pad, paint, wrapped};
use crate::story::{Names, address, clock_time, effect_of, tell};

/// A log of at most so many happenings is told in full.
const SHORT: usize = 60;

/// The teller.
pub(super) struct Timeline {
    /// Who is who.
    pub(super) names: Names,
    complete: bool,
    told: HashSet<Kind>,
    day: String,
}

/// Requests of one kind are told once: outcome, reason, whether the client answers challenges.
type Kind = (Outcome, Option<Reason>, bool);

impl Timeline {
    /// A timeline of so many happenings.
    pub(super) fn new(happenings: usize) -> Timeline {
        Timeline {
            names: Names::default(),
            complete: happenings <= SHORT,
            told: HashSet::new(),
            day: String::new(),
        }
    }

    /// Whether everything is told.
    pub(super) fn is_complete(&self) -> bool {
        self.complete
    }

    /// Tells an event.
    pub(super) fn event(&mut self, out: &mut dyn Write, event: &Event) -> Result<(), Failure> {
        if !self.complete {
            return Ok(());
        }
        let time = self.time(out, event.time)?;
        let sentence = wrapped(25, &effect_of(event, &self.names));
        writeln!(
            out,
            "{time}  {}  {}\n",
            paint(HEAD, "event        "),
            sentence.trim_start()
        )?;
        Ok(())
    }

    /// Tells a request, if it is the first of its kind.
    pub(super) fn request(
        &mut self,
        out: &mut dyn Write,
        decided: &Decided<'_>,
        engine: &Engine,
    ) -> Result<(), Failure> {
        let (decision, facts) = (decided.decision, decided.facts());
        let kind = (decision.outcome(), decision.reason(), facts.capable);
        if !self.told.insert(kind) && !self.complete {
            return Ok(());
        }
        self.names.learn(decided.claims, facts);
        let request = decided.document.request();
        let mut explanation = engine.explain(decided.token, &request);
        // The challenge that was just given is remembered already; the decision stands.
        explanation.decision = decision;
        let answer = explanation.answer(decided.document.id.clone(), decided.token, &request);
        let time = self.time(out, request.now)?;
        writeln!(
            out,
            "{time}  {} {}  {}  {}  {}",
            outcome(answer.decision),
            answer.status,
            paint(
                NAME,
                pad(
                    self.names.of(facts.subject.as_str()),
                    self.names.width().clamp(12, 36)
                )
            ),
            pad(&address(explanation.address.observed), 16),
            paint(QUIET, answer.id.as_deref().unwrap_or_default()),
        )?;
        for sentence in tell(&answer, &explanation, facts, request.now) {
            writeln!(out, "{}", wrapped(10, &sentence))?;
        }
        writeln!(out)?;
        Ok(())
    }

    /// Says that only some of it was told.
    pub(super) fn end(&self, out: &mut dyn Write) -> Result<(), Failure> {
        if !self.complete && !self.told.is_empty() {
            writeln!(
                out,
                "{}\n",
                paint(
                    QUIET,
                    "(the first of every kind; `explain` tells any other)"
                )
            )?;
        }
        Ok(())
    }

    /// The time of day; a new day gets a line.
    fn time(&mut self, out: &mut dyn Write, time: Timestamp) -> Result<String, Failure> {
        let text = clock_time(time);
        let Some((day, time)) = text.split_once(' ') else {
            return Ok(text);
        };
        if self.day != day {
            self.day = day.to_owned();
            writeln!(out, "{}\n", paint(HEAD, format_args!("{day} (UTC)")))?;
        }
        Ok(time.to_owned())
    }
}
