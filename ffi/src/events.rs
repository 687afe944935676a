//! Engine events: facts that a host states itself.

use std::ffi::c_char;

use highwater::event::{Event, EventError};
use highwater_store::Batch;
use serde_json::Value;

use crate::engine::highwater_engine;
use crate::error::{Failure, Outcome};
use crate::handle::with;
use crate::options::read_json;
use crate::status::highwater_status;
use crate::text::{text, write_optional};

/// Applies engine events: one JSON object, or an array of them (`docs/signals.md` has the form),
/// all or none. When this returns they are in force for every decision that starts afterwards,
/// and durable if the engine has a file. `changed` receives how many registers changed, 0 if
/// everything was known already; it may be null.
///
/// `HIGHWATER_STATUS_STORE_FULL` and `HIGHWATER_STATUS_STORE_FAILED` mean that they are in force
/// and will be written later, but must not be acknowledged.
///
/// # Safety
/// - `engine` is an engine.
/// - `events` is valid for reading `events_length` bytes.
/// - `changed` is null or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn highwater_engine_apply(
    engine: *const highwater_engine,
    events: *const c_char,
    events_length: usize,
    changed: *mut usize,
) -> highwater_status {
    let body = |engine: &highwater_engine| {
        // SAFETY: the caller's promise.
        let events = read(unsafe { text("events", events, events_length) }?)?;
        let count = commit(engine, &events)?;
        // SAFETY: null or valid by the caller's promise.
        unsafe { write_optional(changed, count) };
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { with(engine, body) }
}

/// Puts events in force and waits until they are durable. How many registers changed.
pub(crate) fn commit(engine: &highwater_engine, events: &[Event]) -> Outcome<usize> {
    let batch = events.iter().fold(Batch::new(), Batch::event);
    let pending = engine.store()?.commit(batch);
    let changed = pending.changed();
    pending.wait()?;
    Ok(changed)
}

fn read(text: &str) -> Outcome<Vec<Event>> {
    let value: Value = read_json("events", text, highwater_status::InvalidEvent)?;
    let refused = |error: EventError, place: String| {
        Failure::at(
            highwater_status::InvalidEvent,
            format!("`events`: {error}"),
            format!("{place}{}", error.path),
        )
    };
    match value {
        Value::Array(values) => values
            .iter()
            .enumerate()
            .map(|(index, value)| {
                Event::from_value(value).map_err(|error| refused(error, format!("/{index}")))
            })
            .collect(),
        value => Ok(vec![
            Event::from_value(&value).map_err(|error| refused(error, String::new()))?,
        ]),
    }
}
