//! The summary of a replay, as a person reads it.

use std::io::Write;

use highwater::decision::Outcome;
use highwater::reason::Reason;
use unicode_width::UnicodeWidthStr;

use super::tally::Summary;
use crate::decide::outcome;
use crate::failure::Failure;
use crate::output::{HEAD, NAME, QUIET, WARN, count, grouped, pad, paint, wrapped};
use crate::story::lapse;

/// At most so many rows of a table.
const ROWS: usize = 10;

pub(super) fn write(out: &mut impl Write, summary: &Summary) -> Result<(), Failure> {
    write!(
        out,
        "{} and {}",
        paint(HEAD, count(summary.requests, "request")),
        paint(HEAD, count(summary.events, "event")),
    )?;
    if let (Some(from), Some(until)) = (summary.from, summary.until) {
        let span = until.milliseconds().saturating_sub(from.milliseconds());
        write!(out, " in {}", lapse(span))?;
    }
    let rate = summary.decisions_per_second;
    if rate >= 1.0 {
        write!(
            out,
            "{}",
            paint(
                QUIET,
                format_args!(", decided at {} per second", rounded(rate))
            )
        )?;
    }
    writeln!(out, "\n")?;
    decisions(out, summary)?;
    events(out, summary)?;
    subjects(out, summary)?;
    ranges(out, summary)
}

/// Two digits that count, in words.
fn rounded(rate: f64) -> String {
    match rate {
        rate if rate >= 1e6 => format!("{:.1} million", rate / 1e6),
        rate if rate >= 1e4 => format!("{:.0} thousand", rate / 1e3),
        rate => format!("{rate:.0}"),
    }
}

fn decisions(out: &mut impl Write, summary: &Summary) -> Result<(), Failure> {
    writeln!(out, "{}", paint(HEAD, "decisions"))?;
    for kind in [Outcome::Allow, Outcome::Challenge, Outcome::Deny] {
        let number = summary.decisions.get(kind.as_str()).copied().unwrap_or(0);
        writeln!(out, "  {}  {:>9}", outcome(kind), grouped(number))?;
        let Some(reasons) = summary.reasons.get(kind.as_str()) else {
            continue;
        };
        let mut reasons: Vec<_> = reasons.iter().collect();
        reasons.sort_by(|one, other| other.1.cmp(one.1).then(one.0.cmp(other.0)));
        for (code, number) in reasons {
            let sentence = Reason::from_code(code).map_or("", Reason::description);
            writeln!(
                out,
                "             {:>9}  {}  {}",
                grouped(*number),
                pad(code, 22),
                paint(QUIET, sentence)
            )?;
        }
    }
    if summary.uncovered > 0 {
        writeln!(
            out,
            "  {}",
            paint(
                QUIET,
                format_args!(
                    "{} of the allowed had an objection that the client could not have answered",
                    grouped(summary.uncovered)
                )
            )
        )?;
    }
    writeln!(out)?;
    Ok(())
}

fn events(out: &mut impl Write, summary: &Summary) -> Result<(), Failure> {
    if summary.first_refusals.is_empty() {
        return Ok(());
    }
    let effective = summary
        .first_refusals
        .iter()
        .filter(|refusal| refusal.refusal.is_some())
        .count();
    writeln!(
        out,
        "{} {}",
        paint(HEAD, "first refusal after each event"),
        paint(
            QUIET,
            format_args!(
                "({effective} of {} refused a request)",
                summary.first_refusals.len()
            )
        )
    )?;
    let mut shown: Vec<_> = summary.first_refusals.iter().collect();
    if shown.len() > ROWS {
        shown.retain(|refusal| refusal.refusal.is_some());
    }
    for refusal in shown.iter().take(ROWS) {
        match &refusal.refusal {
            Some(first) => writeln!(
                out,
                "  {:>12}  {}\n                {}",
                paint(WARN, lapse(milliseconds(first.after_seconds))),
                wrapped(16, &refusal.words).trim_start(),
                paint(
                    QUIET,
                    format_args!(
                        "{} {}",
                        first.reason,
                        first.id.as_deref().unwrap_or_default()
                    )
                )
            )?,
            None => writeln!(
                out,
                "  {:>12}  {}",
                paint(QUIET, "never"),
                wrapped(16, &refusal.words).trim_start()
            )?,
        }
    }
    more(out, shown.len())?;
    writeln!(out)?;
    Ok(())
}

fn milliseconds(seconds: f64) -> i64 {
    (seconds * 1000.0).round() as i64
}

fn subjects(out: &mut impl Write, summary: &Summary) -> Result<(), Failure> {
    let affected = &summary.subjects_affected;
    writeln!(
        out,
        "{} {}",
        paint(HEAD, "subjects affected"),
        paint(
            QUIET,
            format_args!("({} of {})", affected.len(), summary.subjects)
        )
    )?;
    let name = |subject: &super::tally::AffectedSubject| {
        subject
            .name
            .clone()
            .unwrap_or_else(|| subject.subject.to_string())
    };
    let width = affected
        .iter()
        .take(ROWS)
        .map(|subject| name(subject).width())
        .max()
        .unwrap_or(0);
    for subject in affected.iter().take(ROWS) {
        writeln!(
            out,
            "  {}  {}  {}",
            pad(subject.kind, 8),
            paint(NAME, pad(&name(subject), width)),
            paint(
                QUIET,
                format_args!(
                    "{} of {} not allowed",
                    grouped(subject.refused),
                    count(subject.requests, "request")
                )
            )
        )?;
    }
    more(out, affected.len())?;
    writeln!(out)?;
    Ok(())
}

fn ranges(out: &mut impl Write, summary: &Summary) -> Result<(), Failure> {
    let ranges = &summary.location_refusals;
    if ranges.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "{} {}",
        paint(HEAD, "location refusals by range"),
        paint(QUIET, "(if a range is yours, add it to a trusted location)")
    )?;
    let width = ranges
        .iter()
        .take(ROWS)
        .map(|range| range.range.len())
        .max()
        .unwrap_or(0);
    for range in ranges.iter().take(ROWS) {
        writeln!(
            out,
            "  {}  {}  {}",
            paint(NAME, pad(&range.range, width)),
            count(range.refusals, "refusal"),
            paint(
                QUIET,
                format_args!(
                    "{}, {}, by {}",
                    count(range.addresses, "address"),
                    count(range.subjects, "subject"),
                    range.policies.join(", ")
                )
            )
        )?;
    }
    more(out, ranges.len())?;
    writeln!(out)?;
    Ok(())
}

fn more(out: &mut impl Write, number: usize) -> Result<(), Failure> {
    if number > ROWS {
        let left = grouped(number - ROWS);
        writeln!(
            out,
            "  {}",
            paint(
                QUIET,
                format_args!("and {left} more; --format json has all")
            )
        )?;
    }
    Ok(())
}
