//! An explanation as a person reads it: the verdict in two lines, then who, where, which
//! policies, which events.

use std::io::Write;

use anstyle::Style;
use highwater::event::Dimension;
use highwater::explain::{MarkExplanation, PolicyExplanation};
use highwater::timestamp::Timestamp;
use unicode_width::UnicodeWidthStr;

use super::Explained;
use crate::decide::outcome;
use crate::failure::Failure;
use crate::output::{BAD, GOOD, HEAD, NAME, QUIET, WARN, pad, paint, wrapped};
use crate::story::{address, clock_time, lapse, tell};

/// The widest column of policy names.
const WIDEST_NAME: usize = 48;

pub(super) fn write(out: &mut impl Write, explained: &Explained) -> Result<(), Failure> {
    let Explained {
        document,
        answer,
        explanation,
        ..
    } = explained;
    write!(out, "{} {}", outcome(answer.decision), answer.status)?;
    if let Some(id) = &answer.id {
        write!(out, "  {}", paint(NAME, id))?;
    }
    let reasons: Vec<_> = answer.reasons.iter().map(|code| code.as_str()).collect();
    writeln!(out, "  {}", paint(QUIET, reasons.join(", ")))?;
    for sentence in tell(answer, explanation, &document.token, document.now()) {
        writeln!(out, "{}", wrapped(2, &sentence))?;
    }
    writeln!(out)?;
    who(out, explained)?;
    policies(out, &explanation.policies)?;
    marks(out, &explanation.marks, document.now())?;
    if let Some(header) = &answer.www_authenticate {
        writeln!(out, "{}", paint(HEAD, "header"))?;
        writeln!(
            out,
            "  {}",
            paint(QUIET, format_args!("WWW-Authenticate: {header}"))
        )?;
        if let Some(claims) = &answer.claims {
            writeln!(out, "  {}", paint(QUIET, format_args!("claims: {claims}")))?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn who(out: &mut impl Write, explained: &Explained) -> Result<(), Failure> {
    let Explained {
        document,
        explanation,
        names,
        ..
    } = explained;
    let token = &document.token;
    let mut row = |name: &str, text: String| {
        let text = wrapped(7, &text);
        writeln!(out, "{}  {}", paint(HEAD, pad(name, 5)), text.trim_start())
    };
    let mut members: Vec<String> = Vec::new();
    for dimension in Dimension::ALL {
        if let Some(id) = token.carried(dimension) {
            members.push(format!("{dimension} {}", names.of(id)));
        }
    }
    row("who", members.join(", "))?;
    let now = document.now();
    let since = |time: Timestamp| lapse(now.milliseconds().saturating_sub(time.milliseconds()));
    row(
        "token",
        format!(
            "issued {} ({} before), expires {}; {}",
            clock_time(token.issued_at),
            since(token.issued_at),
            clock_time(token.expires),
            if token.capable {
                "the client answers challenges"
            } else {
                "the client does not answer challenges"
            }
        ),
    )?;
    let mut place = format!("observed {}", address(explanation.address.observed));
    if let Some(seen) = explanation.address.issuer_seen {
        place.push_str(&format!(", at issue {seen}"));
    }
    row("where", place)?;
    for location in &explanation.locations {
        let name = if location.display_name.is_empty() {
            &location.id
        } else {
            &location.display_name
        };
        let prefix = location.prefix.as_deref().unwrap_or_default();
        row("", format!("in {name} {}", paint(QUIET, prefix)))?;
    }
    if explanation.locations.is_empty() && explanation.address.observed.is_some() {
        row("", paint(QUIET, "in no named location").to_string())?;
    }
    writeln!(out)?;
    Ok(())
}

/// Those that object first, those that do not apply last; otherwise as in the documents.
fn rank(policy: &PolicyExplanation) -> u8 {
    match policy.result {
        "failure" => 0,
        "reportOnlyFailure" | "reportOnlyInterrupted" => 1,
        "unknown" => 2,
        "success" | "reportOnlySuccess" => 3,
        "notApplied" | "reportOnlyNotApplied" => 4,
        _ => 5,
    }
}

fn style(policy: &PolicyExplanation) -> (Style, &'static str) {
    match rank(policy) {
        0 => (BAD, "✗"),
        1 | 2 => (WARN, "!"),
        3 => (GOOD, "✓"),
        _ => (QUIET, "·"),
    }
}

fn policies(out: &mut impl Write, policies: &[PolicyExplanation]) -> Result<(), Failure> {
    if policies.is_empty() {
        return Ok(());
    }
    let name = |policy: &PolicyExplanation| {
        let name = if policy.display_name.is_empty() {
            &policy.id
        } else {
            &policy.display_name
        };
        shortened(name)
    };
    let mut sorted: Vec<&PolicyExplanation> = policies.iter().collect();
    sorted.sort_by_key(|policy| rank(policy));
    let width = sorted
        .iter()
        .map(|policy| name(policy).width())
        .max()
        .unwrap_or(0);
    let results = sorted
        .iter()
        .map(|policy| policy.result.len())
        .max()
        .unwrap_or(0);
    writeln!(out, "{}", paint(HEAD, "policies"))?;
    for policy in sorted {
        let (style, sign) = style(policy);
        let mut conditions = Vec::new();
        for (sign, names) in [
            ("✓", &policy.conditions_satisfied),
            ("✗", &policy.conditions_not_satisfied),
            ("?", &policy.conditions_unknown),
        ] {
            conditions.extend(names.iter().map(|name| format!("{sign} {}", short(name))));
        }
        writeln!(
            out,
            "  {} {}  {}  {}",
            paint(style, sign),
            pad(&name(policy), width),
            paint(style, pad(policy.result, results)),
            conditions.join("  ")
        )?;
        let mut remarks: Vec<&str> = policy.reasons.clone();
        if !policy.note.is_empty() {
            remarks.push(policy.note);
        }
        if !remarks.is_empty() {
            writeln!(out, "    {}", paint(QUIET, remarks.join("; ")))?;
        }
    }
    writeln!(out)?;
    Ok(())
}

/// Graph's longest word, as people say it.
fn short(condition: &str) -> &str {
    match condition {
        "ipAddressSeenByResourceProvider" => "location",
        other => other,
    }
}

fn shortened(name: &str) -> String {
    if name.width() <= WIDEST_NAME {
        return name.to_owned();
    }
    let mut text = String::new();
    for character in name.chars() {
        if text.width() + 2 > WIDEST_NAME {
            break;
        }
        text.push(character);
    }
    text.push('…');
    text
}

fn marks(out: &mut impl Write, marks: &[MarkExplanation], now: Timestamp) -> Result<(), Failure> {
    if marks.is_empty() {
        return Ok(());
    }
    writeln!(out, "{}", paint(HEAD, "events that concern this token"))?;
    for mark in marks {
        let ago = lapse(now.milliseconds().saturating_sub(mark.since.milliseconds()));
        let side = if mark.since > now { "after" } else { "before" };
        write!(
            out,
            "  {}  {} {}",
            clock_time(mark.since),
            mark.dimension,
            paint(WARN, mark.register)
        )?;
        if let Ok(effect @ serde_json::Value::Object(_)) = serde_json::to_value(&mark.effect) {
            write!(out, " {effect}")?;
        }
        write!(
            out,
            "  {}",
            paint(QUIET, format_args!("{ago} {side}, says {}", mark.source))
        )?;
        if let Some(event) = &mark.event {
            write!(out, "{}", paint(QUIET, format_args!(", event {event}")))?;
        }
        if let Some(reason) = &mark.reason {
            write!(out, "{}", paint(QUIET, format_args!(", {reason}")))?;
        }
        writeln!(out)?;
    }
    writeln!(out)?;
    Ok(())
}
