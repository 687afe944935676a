//! Where results and words go, and what they look like.
//!
//! Results are written with styles always; `anstream` takes them out where no terminal shows
//! them, or where `NO_COLOR` asks for it.

mod progress;

pub(crate) use progress::Progress;

use std::fmt::{self, Display};
use std::io::{self, BufWriter, Write};

use anstyle::{AnsiColor, Style};
use unicode_width::UnicodeWidthStr;

/// Good news.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();
/// Worth a look.
pub(crate) const WARN: Style = AnsiColor::Yellow.on_default().bold();
/// Bad news.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
/// Names of things.
pub(crate) const NAME: Style = AnsiColor::Cyan.on_default();
/// Headings.
pub(crate) const HEAD: Style = Style::new().bold();
/// What is there for the record.
pub(crate) const QUIET: Style = Style::new().dimmed();

/// How results are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Human,
    /// For programs: one JSON object, or one per line.
    Json,
}

/// `text` in a style.
pub(crate) fn paint<T: Display>(style: Style, text: T) -> Painted<T> {
    Painted { style, text }
}

/// Text in a style. Widths and alignments apply to the text alone.
pub(crate) struct Painted<T> {
    style: Style,
    text: T,
}

impl<T: Display> Display for Painted<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.style)?;
        self.text.fmt(formatter)?;
        write!(formatter, "{:#}", self.style)
    }
}

/// `text` filled up with blanks to `width` columns of a terminal.
pub(crate) fn pad(text: &str, width: usize) -> String {
    let missing = width.saturating_sub(text.width());
    format!("{text}{}", " ".repeat(missing))
}

/// `count` with its noun, and the thousands apart.
pub(crate) fn count(count: usize, noun: &str) -> String {
    let plural = match noun.strip_suffix('y') {
        _ if count == 1 => noun.to_owned(),
        Some(stem) if !noun.ends_with("ay") => format!("{stem}ies"),
        _ if noun.ends_with('s') => format!("{noun}es"),
        _ => format!("{noun}s"),
    };
    format!("{} {plural}", grouped(count))
}

/// A number with its thousands apart.
pub(crate) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A sentence in lines that fit the terminal, each behind `indent` blanks. Where no terminal shows
/// it, one line.
pub(crate) fn wrapped(indent: usize, sentence: &str) -> String {
    let width = terminal_size::terminal_size_of(io::stdout())
        .map_or(usize::MAX, |(width, _)| usize::from(width.0));
    wrap(indent, sentence, width)
}

fn wrap(indent: usize, sentence: &str, width: usize) -> String {
    let blanks = " ".repeat(indent);
    let mut text = blanks.clone();
    let mut column = indent;
    for word in sentence.split(' ') {
        if column > indent && column + 1 + word.width() > width {
            text.push('\n');
            text.push_str(&blanks);
            column = indent;
        }
        if column > indent {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += word.width();
    }
    text
}

/// Stdout for people: with colours where they show.
pub(crate) fn human() -> BufWriter<impl Write> {
    // Large enough that a long run writes nothing while its progress bar is on the terminal.
    BufWriter::with_capacity(64 * 1024, anstream::stdout().lock())
}

/// Stdout for programs.
pub(crate) fn machine() -> BufWriter<io::StdoutLock<'static>> {
    BufWriter::with_capacity(64 * 1024, io::stdout().lock())
}

/// A line of words, to stderr. If nobody listens, that is fine.
pub(crate) fn say(line: fmt::Arguments<'_>) {
    let _ = writeln!(anstream::stderr(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(count(1, "policy"), "1 policy");
        assert_eq!(count(12_345, "policy"), "12,345 policies");
        assert_eq!(count(2, "address"), "2 addresses");
        assert_eq!(count(0, "file"), "0 files");
        assert_eq!(grouped(1_000_000), "1,000,000");
        assert_eq!(grouped(999), "999");
    }

    #[test]
    fn sentences_break_between_words() {
        assert_eq!(wrap(2, "one two three", 9), "  one two\n  three");
        assert_eq!(wrap(2, "one two three", usize::MAX), "  one two three");
        assert_eq!(wrap(2, "unbreakable word", 5), "  unbreakable\n  word");
    }

    #[test]
    fn columns_count_what_a_terminal_shows() {
        assert_eq!(pad("Zürich", 8), "Zürich  ");
        assert_eq!(pad("東京", 6), "東京  ");
        assert_eq!(pad("long", 2), "long");
    }
}
