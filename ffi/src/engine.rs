//! The engine handle: made in memory or over a file, shared by every thread, ended once.

use std::ffi::c_char;
use std::sync::Arc;

use highwater::engine::Engine;
use highwater::event::StreamState;
use highwater::ledger::Facts;
use highwater::marks::Keyring;
use highwater::timestamp::Timestamp;
use highwater::token::IssuerProfiles;
use highwater_signals::Receiver;
use highwater_signals::directory::DirectoryMap;
use highwater_store::{DiskStore, MemoryStore, Store};
use parking_lot::RwLock;
use serde_json::json;

use crate::error::{Failure, Outcome};
use crate::handle::{Handle, Kind, free, give, with, without};
use crate::log::{highwater_log_level, say};
use crate::options::Options;
use crate::status::highwater_status;
use crate::text::{highwater_text, identifier, path, required, text, write_optional, write_text};

/// A continuous access evaluation engine. Made by `highwater_engine_new` or
/// `highwater_engine_open`, shared by any number of threads, ended by `highwater_engine_free`.
///
/// Decisions never wait: not for a publication, not for an event, not for the disk.
pub struct highwater_engine {
    pub(crate) engine: Engine,
    pub(crate) issuers: IssuerProfiles,
    pub(crate) receiver: RwLock<Receiver>,
    /// What transmitters and feeds said about names.
    pub(crate) directory: RwLock<DirectoryMap>,
    store: Option<Box<dyn Store>>,
    process: u32,
}

impl Handle for highwater_engine {
    const KIND: Kind = Kind::Engine;
}

impl highwater_engine {
    fn new(
        mut options: Options,
        store: impl FnOnce(Arc<Facts>, &Options) -> Outcome<Box<dyn Store>>,
    ) -> Outcome<highwater_engine> {
        let issuers = options.issuers();
        let receiver = options.receiver()?;
        let facts = Facts::new(Keyring::random(), options.settings.retention());
        let store = store(Arc::new(facts), &options)?;
        Ok(highwater_engine {
            engine: Engine::with_facts(options.settings, Arc::clone(store.facts())),
            issuers,
            receiver: RwLock::new(receiver),
            directory: RwLock::new(DirectoryMap::new()),
            store: Some(store),
            process: std::process::id(),
        })
    }

    /// Where facts go. Refused in a process that was forked after the engine was made: the
    /// thread that writes did not come along, and locks may be held by threads that are not there.
    pub(crate) fn store(&self) -> Outcome<&dyn Store> {
        match &self.store {
            Some(store) if self.process == std::process::id() => Ok(&**store),
            _ => Err(Failure::new(
                highwater_status::Forked,
                "the process was forked after the engine was made; make another engine here",
            )),
        }
    }
}

impl Drop for highwater_engine {
    fn drop(&mut self) {
        if self.process != std::process::id() {
            // The writer of the file lives in the other process; waiting for it would not end.
            std::mem::forget(self.store.take());
        }
    }
}

/// Makes an engine that keeps its facts in memory.
///
/// `options` is a JSON object, all of it optional; of length zero: every default.
/// `settings`: the settings of the engine (`[engine]` of `docs/configuration.md`, lengths of
/// time in seconds). `issuers`: profiles of issuers (`[[issuer]]` there); without any, Entra by
/// its well-known issuers and every other issuer as generic. `transmitters`: whose security
/// events are taken (`docs/signals.md`).
///
/// # Safety
/// - `options` is valid for reading `options_length` bytes; null if that is zero.
/// - `engine` is valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn highwater_engine_new(
    options: *const c_char,
    options_length: usize,
    engine: *mut *mut highwater_engine,
) -> highwater_status {
    without(|| {
        let engine = required("engine", engine)?;
        // SAFETY: the caller's promise.
        let options = Options::read(unsafe { text("options", options, options_length) }?)?;
        let made =
            highwater_engine::new(options, |facts, _| Ok(Box::new(MemoryStore::new(facts))))?;
        // SAFETY: checked above, and valid by the caller's promise.
        unsafe { give(engine, made) };
        Ok(())
    })
}

/// Makes an engine whose facts are kept in the file at `path`: what was applied before is in
/// force again when this returns. The documents are not in it; publish them again.
///
/// `options` as in `highwater_engine_new`, and `store`: `{"creation": "if_missing" (default),
/// "never" or "always", "cache_bytes": 67108864, "two_phase_commit": false,
/// "retry_milliseconds": 1000, "threads": one per core}`.
///
/// A file that is damaged, cut off or foreign is refused, never taken for an empty store. One
/// process at a time has a file open.
///
/// # Safety
/// - `path` is valid for reading `path_length` bytes, `options` for `options_length`; null if
///   that is zero.
/// - `engine` is valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn highwater_engine_open(
    path: *const c_char,
    path_length: usize,
    options: *const c_char,
    options_length: usize,
    engine: *mut *mut highwater_engine,
) -> highwater_status {
    without(|| {
        let engine = required("engine", engine)?;
        // SAFETY: the caller's promise.
        let file = unsafe { self::path("path", path, path_length) }?;
        // SAFETY: the caller's promise.
        let options = Options::read(unsafe { text("options", options, options_length) }?)?;
        let made = highwater_engine::new(options, |facts, options| {
            let store = DiskStore::open(file, facts, &options.store())?;
            say(
                highwater_log_level::Information,
                &format!(
                    "opened `{}`: {}, {} registers",
                    file.display(),
                    if store.status().is_new {
                        "a new store"
                    } else {
                        "a store that was there"
                    },
                    store.restored(),
                ),
            );
            Ok(Box::new(store))
        })?;
        // SAFETY: checked above, and valid by the caller's promise.
        unsafe { give(engine, made) };
        Ok(())
    })
}

/// Ends an engine. Null is fine. Writes that wait are finished first. Tokens may be freed before
/// or after their engine.
///
/// # Safety
/// - `engine` is null, or an engine that no thread uses any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn highwater_engine_free(engine: *mut highwater_engine) {
    // SAFETY: the caller's promise.
    unsafe { free(engine) }
}

/// Forgets the facts that no token alive at `now` (milliseconds since 1970) can be refused by,
/// in memory and in the file. `forgotten` receives how many registers went; it may be null.
/// Call it every few minutes; decisions are not held up.
///
/// # Safety
/// - `engine` is an engine.
/// - `forgotten` is null or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn highwater_engine_forget_expired(
    engine: *const highwater_engine,
    now: i64,
    forgotten: *mut usize,
) -> highwater_status {
    let body = |engine: &highwater_engine| {
        let gone = engine.store()?.forget(Timestamp::from_milliseconds(now))?;
        // SAFETY: null or valid by the caller's promise.
        unsafe { write_optional(forgotten, gone.registers) };
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { with(engine, body) }
}

/// Makes the event stream of `source` stale after so many seconds of silence, counted from `now`
/// (milliseconds since 1970) at the earliest. While any stream is stale, decisions are flagged
/// `degraded`.
///
/// # Safety
/// - `engine` is an engine.
/// - `source` is valid for reading `source_length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn highwater_engine_watch_stream(
    engine: *const highwater_engine,
    source: *const c_char,
    source_length: usize,
    stale_after_seconds: i64,
    now: i64,
) -> highwater_status {
    let body = |engine: &highwater_engine| {
        // SAFETY: the caller's promise.
        let source = unsafe { identifier("source", source, source_length) }?;
        if stale_after_seconds < 0 {
            return Err(Failure::at(
                highwater_status::InvalidArgument,
                "`stale_after_seconds` is negative",
                "stale_after_seconds",
            ));
        }
        let facts = engine.store()?.facts();
        facts.watch_stream(
            &source,
            stale_after_seconds,
            Timestamp::from_milliseconds(now),
        );
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { with(engine, body) }
}

/// Notes that `source` was heard of at `heard` (milliseconds since 1970): an empty poll, a
/// verification. Events that are applied do not do this by themselves.
///
/// # Safety
/// - `engine` is an engine.
/// - `source` is valid for reading `source_length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn highwater_engine_observe_stream(
    engine: *const highwater_engine,
    source: *const c_char,
    source_length: usize,
    heard: i64,
) -> highwater_status {
    let body = |engine: &highwater_engine| {
        // SAFETY: the caller's promise.
        let source = unsafe { identifier("source", source, source_length) }?;
        let facts = engine.store()?.facts();
        facts.observe(&source, Timestamp::from_milliseconds(heard));
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { with(engine, body) }
}

/// Says how the engine is, as a JSON object: `version`, `semantics`, `facts` (`registers`,
/// `changed`, `unchanged`, `forgotten`, `clamped`), `store` (`condition`: `ready`, `full` or
/// `failed`, `error`, `is_new`, `waiting`, `commits`, `written`, `failures`), `degraded`, and
/// `streams` (`source`, `state`, `since`, `last_activity`, `stale_after_seconds`, `degraded`).
/// `now` is in milliseconds since 1970. Counters count since the engine was made.
///
/// # Safety
/// - `engine` is an engine.
/// - `status` is valid for writing; free the text with `highwater_text_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn highwater_engine_status(
    engine: *const highwater_engine,
    now: i64,
    status: *mut highwater_text,
) -> highwater_status {
    let body = |engine: &highwater_engine| {
        let place = required("status", status)?;
        let report = status_report(engine, Timestamp::from_milliseconds(now))?;
        // SAFETY: checked above, and valid by the caller's promise.
        unsafe { write_text(place, report.to_string()) };
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { with(engine, body) }
}

fn status_report(engine: &highwater_engine, now: Timestamp) -> Outcome<serde_json::Value> {
    let store = engine.store()?;
    let facts = store.facts();
    let counters = facts.counters();
    let status = store.status();
    let streams: Vec<_> = facts
        .streams()
        .iter()
        .map(|stream| {
            json!({
                "source": stream.source,
                "state": match stream.state {
                    StreamState::Enabled => "enabled",
                    StreamState::Paused => "paused",
                    StreamState::Disabled => "disabled",
                },
                "since": stream.since,
                "last_activity": stream.last_activity,
                "stale_after_seconds": stream.stale_after_seconds,
                "degraded": stream.is_degraded(now),
            })
        })
        .collect();
    Ok(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "semantics": highwater::SEMANTICS_VERSION,
        "facts": {
            "registers": facts.len(),
            "changed": counters.changed,
            "unchanged": counters.unchanged,
            "forgotten": counters.forgotten,
            "clamped": counters.clamped,
        },
        "store": {
            "condition": status.condition.as_str(),
            "error": status.condition.error().map(ToString::to_string),
            "is_new": status.is_new,
            "waiting": status.waiting,
            "commits": status.commits,
            "written": status.written,
            "failures": status.failures,
        },
        "degraded": facts.is_degraded(now),
        "streams": streams,
    }))
}

/// Opens the store's file again after writing to it failed, and writes what has not been written.
/// In memory there is nothing to do.
///
/// # Safety
/// - `engine` is an engine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn highwater_engine_reopen(
    engine: *const highwater_engine,
) -> highwater_status {
    // SAFETY: the caller's promise.
    unsafe { with(engine, |engine| Ok(engine.store()?.reopen()?)) }
}
