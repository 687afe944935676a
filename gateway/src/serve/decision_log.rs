//! The decision log: JSON Lines of what was decided about whom, without secrets.
//!
//! Decisions never wait for a disk: lines are handed to a thread, and where it cannot keep up
//! they are dropped and counted. A token's id is in the log, its text never is.

use std::cell::Cell;
use std::fs::{File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufWriter, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use highwater::decision::Decision;
use highwater::identifier::Identifier;
use highwater::timestamp::Timestamp;
use highwater::token::VerifiedToken;
use serde::Serialize;
use serde_json::json;

use super::decide::Decided;
use crate::config::logs::DecisionLogSection;
use crate::failure::Failure;

/// Lines that may wait for the disk.
const WAITING: usize = 16 * 1024;

/// Where decisions are written down.
pub(crate) struct DecisionLog {
    /// Taken when the log ends: the thread ends with it.
    sender: Option<SyncSender<Record>>,
    thread: Option<JoinHandle<()>>,
    allowed: f64,
    refused: f64,
    reopen: Arc<AtomicBool>,
}

/// What is written about one decision.
pub(crate) struct Record {
    token: Arc<VerifiedToken>,
    decision: Decision,
    policies: Vec<Identifier>,
    time: Timestamp,
    address: Option<IpAddr>,
    context: Option<String>,
    method: Option<String>,
    path: Option<String>,
    took: Duration,
}

impl Record {
    /// Notes a decision. The query is left out: people put secrets there.
    pub(super) fn new(
        decided: &Decided,
        target: (Option<&str>, Option<&str>),
        took: Duration,
    ) -> Record {
        let (method, path) = target;
        let bare = |path: &str| path.split(['?', '#']).next().unwrap_or_default().to_owned();
        Record {
            token: Arc::clone(&decided.token),
            decision: decided.decision,
            policies: decided.policies.clone(),
            time: decided.now,
            address: decided.address,
            context: decided.context.clone(),
            method: method.map(str::to_owned),
            path: path.map(bare),
            took,
        }
    }
}

impl Serialize for Record {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let facts = self.token.facts();
        let reasons: Vec<&str> = self.decision.reasons().iter().map(|r| r.as_str()).collect();
        json!({
            "time": self.time,
            "decision": self.decision.outcome().as_str(),
            "status": self.decision.status(),
            "reasons": reasons,
            "policies": self.policies,
            "uncovered": self.decision.is_uncovered(),
            "degraded": self.decision.is_degraded(),
            "tenant": facts.tenant,
            "subject": facts.subject,
            "token": facts.id,
            "session": facts.session,
            "app": facts.app,
            "device": facts.device,
            "address": self.address,
            "auth_context": self.context,
            "method": self.method,
            "path": self.path,
            "took_us": u64::try_from(self.took.as_micros()).unwrap_or(u64::MAX),
        })
        .serialize(serializer)
    }
}

impl DecisionLog {
    /// Opens the log and starts its thread, which ends with the log.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn open(
        section: &DecisionLogSection,
        folder: &Path,
    ) -> Result<DecisionLog, Failure> {
        let path = (section.path != Path::new("-")).then(|| folder.join(&section.path));
        let out = target(path.as_deref())?;
        let (sender, receiver) = sync_channel(WAITING);
        let reopen = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&reopen);
        let thread = std::thread::Builder::new()
            .name("highwater-decision-log".to_owned())
            .spawn(move || write_all(&receiver, out, path, &asked))
            .map_err(|error| Failure::Broken(format!("cannot start the decision log: {error}")))?;
        Ok(DecisionLog {
            sender: Some(sender),
            thread: Some(thread),
            allowed: section.allowed,
            refused: section.refused,
            reopen,
        })
    }

    /// Writes a decision down, if it is its turn.
    pub(super) fn write(&self, is_allowed: bool, record: impl FnOnce() -> Record) {
        let part = if is_allowed {
            self.allowed
        } else {
            self.refused
        };
        if part >= 1.0 || part > 0.0 && random_part() < part {
            // Full: the disk is slower than the decisions, and these do not wait.
            let is_sent = self
                .sender
                .as_ref()
                .is_some_and(|sender| sender.try_send(record()).is_ok());
            if !is_sent {
                metrics::counter!("highwater_decision_log_dropped_total").increment(1);
            }
        }
    }

    /// Opens the file again before the next line: the old one was moved away.
    pub(super) fn reopen(&self) {
        self.reopen.store(true, Ordering::Release);
    }
}

/// Writes what waits.
impl Drop for DecisionLog {
    fn drop(&mut self) {
        self.sender = None;
        if let Some(thread) = self.thread.take() {
            // It does not panic; if it did, there is nothing left to write.
            let _ = thread.join();
        }
    }
}

type Out = BufWriter<Box<dyn Write + Send>>;

fn target(path: Option<&Path>) -> Result<Out, Failure> {
    let out: Box<dyn Write + Send> = match path {
        None => Box::new(io::stdout()),
        Some(path) => Box::new(open(path).map_err(|error| {
            Failure::Broken(format!("cannot write `{}`: {error}", path.display()))
        })?),
    };
    Ok(BufWriter::with_capacity(64 << 10, out))
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

fn write_all(
    receiver: &Receiver<Record>,
    mut out: Out,
    path: Option<PathBuf>,
    reopen: &AtomicBool,
) {
    while let Ok(record) = receiver.recv() {
        if reopen.swap(false, Ordering::AcqRel) {
            match target(path.as_deref()) {
                Ok(new) => out = new,
                Err(error) => tracing::error!(%error, "the decision log goes on in its old file"),
            }
        }
        let written = write_line(&mut out, &record)
            .and_then(|()| {
                // What is waiting goes into the same flush.
                receiver
                    .try_iter()
                    .take(WAITING)
                    .try_for_each(|record| write_line(&mut out, &record))
            })
            .and_then(|()| out.flush());
        if let Err(error) = written {
            tracing::error!(%error, "decisions cannot be written down");
            metrics::counter!("highwater_decision_log_dropped_total").increment(1);
        }
    }
}

fn write_line(out: &mut Out, record: &Record) -> io::Result<()> {
    serde_json::to_writer(&mut *out, record)?;
    out.write_all(b"\n")
}

/// A number from 0 to 1 that nobody can foresee, for sampling.
fn random_part() -> f64 {
    thread_local! {
        static STATE: Cell<u64> = Cell::new(RandomState::new().hash_one(0_u64) | 1);
    }
    STATE.with(|state| {
        // xorshift64*: its upper bits are even enough to choose lines of a log by.
        let mut next = state.get();
        next ^= next >> 12;
        next ^= next << 25;
        next ^= next >> 27;
        state.set(next);
        (next.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 / (1_u64 << 53) as f64
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sampling_takes_about_its_part() {
        let taken = (0..100_000).filter(|_| random_part() < 0.1).count();
        assert!((9_000..11_000).contains(&taken), "{taken}");
    }
}
