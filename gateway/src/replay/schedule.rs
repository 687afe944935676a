//! What happened, in order: events and requests merged by time.
//!
//! A first pass reads only the time of each request and remembers where its line is, so that
//! a log of millions of requests needs its own size in memory and 24 bytes per line. Files need
//! not be in order. At the same instant an event comes before a request.

use std::path::{Path, PathBuf};

use highwater::event::Event;
use highwater::timestamp::Timestamp;
use serde::Deserialize;

use crate::failure::Failure;
use crate::input::{read, read_stdin};

/// Everything there is to replay.
#[derive(Debug)]
pub(super) struct Schedule {
    files: Vec<RequestFile>,
    events: Vec<Event>,
    items: Vec<Item>,
}

#[derive(Debug)]
struct RequestFile {
    name: PathBuf,
    content: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Item {
    time: Timestamp,
    what: What,
}

/// Events before requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Event(u32),
    Request { file: u16, offset: usize },
}

/// One thing that happened.
#[derive(Clone, Copy, Debug)]
pub(super) enum Happening<'a> {
    /// An event, by its position among the events.
    Event(usize, &'a Event),
    /// A request, as its line.
    Request(Line<'a>),
}

/// One line of a file of requests.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'a> {
    file: &'a RequestFile,
    offset: usize,
}

/// All that the first pass reads.
#[derive(Deserialize)]
struct When {
    now: Timestamp,
}

impl Schedule {
    /// Merges `events` and the requests of `files`.
    pub(super) fn read(events: Vec<Event>, files: &[PathBuf]) -> Result<Schedule, Failure> {
        let files = files
            .iter()
            .map(|path| {
                Ok(RequestFile {
                    name: path.clone(),
                    content: match path.as_path() == Path::new("-") {
                        true => read_stdin()?,
                        false => read(path)?,
                    },
                })
            })
            .collect::<Result<Vec<_>, Failure>>()?;
        let too_many = |_| Failure::Input("too many files or events to replay at once".to_owned());
        let mut items = Vec::new();
        for (index, event) in events.iter().enumerate() {
            items.push(Item {
                time: event.time,
                what: What::Event(u32::try_from(index).map_err(too_many)?),
            });
        }
        for (index, file) in files.iter().enumerate() {
            let index = u16::try_from(index).map_err(too_many)?;
            // A line without a readable time keeps its place in the file.
            let mut time = Timestamp::MINIMUM;
            for (offset, line) in file.lines() {
                if let Ok(when) = serde_json::from_slice::<When>(line) {
                    time = when.now;
                }
                items.push(Item {
                    time,
                    what: What::Request {
                        file: index,
                        offset,
                    },
                });
            }
        }
        items.sort_by_key(|item| (item.time, item.what));
        Ok(Schedule {
            files,
            events,
            items,
        })
    }

    /// How many events and requests there are.
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// The events, in the order in which they were read.
    pub(super) fn events(&self) -> &[Event] {
        &self.events
    }

    /// What happened, in order.
    pub(super) fn happenings(&self) -> impl Iterator<Item = Happening<'_>> {
        self.items.iter().filter_map(|item| match item.what {
            What::Event(index) => {
                let index = index as usize;
                Some(Happening::Event(index, self.events.get(index)?))
            }
            What::Request { file, offset } => Some(Happening::Request(Line {
                file: self.files.get(usize::from(file))?,
                offset,
            })),
        })
    }
}

impl RequestFile {
    /// Lines that hold anything, with their offsets.
    fn lines(&self) -> impl Iterator<Item = (usize, &[u8])> {
        let mut offset = if self.content.starts_with(b"\xef\xbb\xbf") {
            3
        } else {
            0
        };
        std::iter::from_fn(move || {
            loop {
                let rest = self.content.get(offset..).filter(|rest| !rest.is_empty())?;
                let start = offset;
                let line = first_line(rest);
                offset += line.len() + 1;
                if !line.trim_ascii().is_empty() {
                    return Some((start, line));
                }
            }
        })
    }
}

fn first_line(text: &[u8]) -> &[u8] {
    text.split(|&byte| byte == b'\n').next().unwrap_or_default()
}

impl<'a> Line<'a> {
    /// The text of the line.
    pub(super) fn text(&self) -> std::borrow::Cow<'a, str> {
        let rest = self.file.content.get(self.offset..).unwrap_or_default();
        String::from_utf8_lossy(first_line(rest).trim_ascii())
    }

    /// `file:line`, for people.
    pub(super) fn place(&self) -> String {
        let before = self.file.content.get(..self.offset).unwrap_or_default();
        let number = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
        format!("{}:{number}", self.file.name.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_decides_and_events_come_first() {
        let event =
            Event::from_json(r#"{"time": 20, "tenant": "t", "effect": "revoke", "source": "s"}"#)
                .unwrap();
        let path = std::env::temp_dir().join(format!("schedule-{}.jsonl", std::process::id()));
        std::fs::write(&path, "{\"now\": 30}\n\n{\"now\": 20}\nbad\n{\"now\": 10}").unwrap();
        let schedule = Schedule::read(vec![event], std::slice::from_ref(&path)).unwrap();
        std::fs::remove_file(&path).unwrap();
        let order: Vec<String> = schedule
            .happenings()
            .map(|happening| match happening {
                Happening::Event(..) => "event".to_owned(),
                Happening::Request(line) => line.text().into_owned(),
            })
            .collect();
        assert_eq!(
            order,
            [
                "{\"now\": 10}",
                "event",
                "{\"now\": 20}",
                "bad",
                "{\"now\": 30}"
            ]
        );
    }
}
