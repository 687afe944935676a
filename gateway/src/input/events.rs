//! Events from files.

use std::path::PathBuf;

use highwater::event::Event;

use super::lines::Lines;
use crate::failure::Failure;

/// At most so many bad lines are shown.
const SHOWN: usize = 5;

/// Every event of `files`, in their order.
///
/// One line that cannot be read refuses them all: without its event, what should be refused
/// would be allowed.
pub(crate) fn read_all(files: &[PathBuf]) -> Result<Vec<Event>, Failure> {
    let mut events = Vec::new();
    let mut wrong = Vec::new();
    for file in files {
        let mut lines = Lines::open(file)?;
        while let Some((number, text)) = lines.next()? {
            match Event::from_json(&text) {
                Ok(event) => events.push(event),
                Err(error) => wrong.push(format!("{}:{number}: {error}", file.display())),
            }
        }
    }
    if wrong.is_empty() {
        return Ok(events);
    }
    let mut message = format!(
        "{} cannot be read as {}; nothing was decided, because a missing event allows what it \
         should refuse",
        crate::output::count(wrong.len(), "line"),
        if wrong.len() == 1 {
            "an event"
        } else {
            "events"
        },
    );
    for line in wrong.iter().take(SHOWN) {
        message.push_str("\n  ");
        message.push_str(line);
    }
    if wrong.len() > SHOWN {
        message.push_str(&format!("\n  and {} more", wrong.len() - SHOWN));
    }
    Err(Failure::Input(message))
}
