//! The ledger and its marks as one thing: events go in, marks come out.

use std::collections::HashMap;

use parking_lot::Mutex;

use super::counters::{CounterValues, Counters, count};
use super::names::Names;
use super::projection::Projections;
use super::streams::{StreamStatus, Streams};
use super::{Entry, Retention};
use crate::event::{Dimension, Effect, Event};
use crate::identifier::{Identifier, TenantId};
use crate::marks::{KeyHash, Keyring, Mark, MarkKey, Marks, SubjectKeys};
use crate::timestamp::Timestamp;

/// How many locks the subjects are spread over.
const SHARDS: usize = 64;

/// Everything known about every subject of every tenant.
///
/// # Consistency
/// When [`apply`](Self::apply) or [`merge`](Self::merge) returns, every decision that starts
/// afterwards sees the change. A decision that runs at the same time sees each mark either
/// before or after it.
#[derive(Debug)]
pub struct Facts {
    retention: Retention,
    /// Registers by subject; a subject is in one shard, and its writers wait for each other.
    shards: [Mutex<Shard>; SHARDS],
    projections: Projections,
    streams: Streams,
    marks: Marks,
    counters: Counters,
}

#[derive(Debug, Default)]
struct Shard {
    subjects: HashMap<MarkKey, Vec<Entry>, KeyHash>,
    names: Names,
}

/// What applying an event did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The register's new state, if the event changed it; `None` if the event was known already
    /// or superseded. This is what a store has to keep.
    pub changed: Option<Entry>,
}

impl Facts {
    /// No facts, under a secret and a retention.
    #[must_use]
    pub fn new(keyring: Keyring, retention: Retention) -> Facts {
        Facts {
            retention,
            shards: std::array::from_fn(|_| Mutex::default()),
            projections: Projections::new(),
            streams: Streams::new(),
            marks: Marks::new(keyring),
            counters: Counters::default(),
        }
    }

    /// Applies one event: joins it with the register that it writes.
    ///
    /// The event's time is taken as it is; hold it back first with [`Event::clamped`].
    pub fn apply(&self, event: &Event) -> Applied {
        let entry = Entry::from_event(event);
        Applied {
            changed: self.join(entry.clone()).then_some(entry),
        }
    }

    /// Joins a register of another node or of a store. Whether it changed anything here.
    pub fn merge(&self, entry: Entry) -> bool {
        self.join(entry)
    }

    /// What decisions read.
    #[must_use]
    pub fn marks(&self) -> &Marks {
        &self.marks
    }

    /// How long registers are kept.
    #[must_use]
    pub fn retention(&self) -> Retention {
        self.retention
    }

    /// Every register, of one tenant or of all, in the order of their keys: two ledgers that
    /// hold the same registers export the same bytes.
    ///
    /// Taken shard by shard: registers that change meanwhile are in either state.
    #[must_use]
    pub fn entries(&self, tenant: Option<&TenantId>) -> Vec<Entry> {
        let mut entries = Vec::new();
        for shard in &self.shards {
            let shard = shard.lock();
            entries.extend(
                shard
                    .subjects
                    .values()
                    .flatten()
                    .filter(|entry| tenant.is_none_or(|tenant| entry.tenant() == tenant))
                    .cloned(),
            );
        }
        entries.sort_by(Entry::compare_keys);
        entries
    }

    /// The registers behind the mark of one token of `tenant`, in the order of their keys: what
    /// an explanation cites.
    pub fn concerning<'a>(
        &self,
        tenant: &TenantId,
        carried: impl Fn(Dimension) -> Option<&'a str>,
    ) -> Vec<Entry> {
        let keys = SubjectKeys::new(self.marks.keyring(), tenant, &carried);
        let mut entries = Vec::new();
        for shape in self.marks.shapes() {
            let Some(key) = keys.key(self.marks.keyring(), shape) else {
                continue;
            };
            let subjects = match shape.len() {
                0 | 1 => vec![key],
                _ => self.projections.subjects_behind(key),
            };
            for subject in subjects {
                let shard = self.shard(subject).lock();
                entries.extend(
                    shard
                        .subjects
                        .get(&subject)
                        .into_iter()
                        .flatten()
                        .filter(|entry| entry.subject().concerns(&carried))
                        .cloned(),
                );
            }
        }
        entries.sort_by(Entry::compare_keys);
        entries
    }

    /// Forgets registers that no token alive at `now` depends on, and returns how many.
    ///
    /// `forgotten` is told each of them, for stores that have to follow.
    pub fn forget_expired_with(&self, now: Timestamp, mut forgotten: impl FnMut(&Entry)) -> usize {
        let mut total = 0;
        for shard in &self.shards {
            let mut shard = shard.lock();
            shard.subjects.retain(|&subject, registers| {
                let before = registers.len();
                let mut some = None;
                registers.retain(|entry| {
                    let expired = self.retention.has_expired(entry, now);
                    if expired {
                        forgotten(entry);
                        some = Some(entry.clone());
                    }
                    !expired
                });
                total += before - registers.len();
                if let Some(entry) = some {
                    self.publish(subject, &entry, registers);
                }
                !registers.is_empty()
            });
        }
        count(&self.counters.forgotten, total as u64);
        total
    }

    /// Forgets registers that no token alive at `now` depends on, and returns how many.
    pub fn forget_expired(&self, now: Timestamp) -> usize {
        self.forget_expired_with(now, |_| {})
    }

    /// How many registers are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shards
            .iter()
            .map(|shard| shard.lock().subjects.values().map(Vec::len).sum::<usize>())
            .sum()
    }

    /// Whether no register is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.shards
            .iter()
            .all(|shard| shard.lock().subjects.is_empty())
    }

    /// Counts since the ledger was made.
    #[must_use]
    pub fn counters(&self) -> CounterValues {
        self.counters.values()
    }

    /// Counts an event whose time had to be held back.
    pub fn count_clamped(&self) {
        count(&self.counters.clamped, 1);
    }

    /// Makes the stream of `source` stale after so many seconds of silence, counted from `from`
    /// at the earliest.
    pub fn watch_stream(&self, source: &Identifier, stale_after_seconds: i64, from: Timestamp) {
        self.streams.watch(source, stale_after_seconds, from);
    }

    /// Notes that `source` was heard of: an event, a poll or a verification. Earlier moments
    /// than already known change nothing.
    pub fn observe(&self, source: &Identifier, heard: Timestamp) {
        self.streams.observe(source, heard);
    }

    /// The streams that were configured or heard of, by source.
    #[must_use]
    pub fn streams(&self) -> Vec<StreamStatus> {
        self.streams.statuses()
    }

    /// Whether some stream is stale, paused or disabled at `now`. One atomic load.
    #[must_use]
    pub fn is_degraded(&self, now: Timestamp) -> bool {
        self.streams.is_degraded(now)
    }

    /// Whether the register changed.
    fn join(&self, mut entry: Entry) -> bool {
        let keyring = self.marks.keyring();
        let subject = SubjectKeys::of_subject(keyring, entry.tenant(), entry.subject())
            .subject_key(keyring, entry.subject().skip());
        let mut shard = self.shard(subject).lock();
        let Shard { subjects, names } = &mut *shard;
        entry.share(names);
        let registers = subjects.entry(subject).or_default();
        let position = match registers.iter().position(|known| known.same_slot(&entry)) {
            Some(position) if entry.outranks(&registers[position]) => {
                registers[position] = entry;
                position
            }
            Some(_) => {
                count(&self.counters.unchanged, 1);
                return false;
            }
            None => {
                if registers.is_empty() {
                    // Most subjects have one register, and a ledger has millions of subjects.
                    registers.reserve_exact(1);
                }
                registers.push(entry);
                registers.len() - 1
            }
        };
        // Everything below stays under the subject's lock, or an older state could be the last
        // one to be published.
        let entry = &registers[position];
        self.publish(subject, entry, registers);
        if let Effect::Stream(state) = entry.effect() {
            let source = &entry.provenance().source;
            self.streams
                .report(source, entry.tenant(), *state, entry.time());
        }
        count(&self.counters.changed, 1);
        true
    }

    /// Brings the marks in step with the registers of the subject that `entry` is about.
    fn publish(&self, subject: MarkKey, entry: &Entry, registers: &[Entry]) {
        let mark = registers
            .iter()
            .map(Entry::mark)
            .fold(Mark::NOTHING, Mark::join);
        let members = entry.subject().dimensions();
        if members.len() <= 1 {
            self.marks.write(subject, mark);
        } else {
            let keyring = self.marks.keyring();
            let keys = SubjectKeys::of_subject(keyring, entry.tenant(), entry.subject());
            let mark = (!registers.is_empty()).then_some(mark);
            self.projections
                .publish(&self.marks, entry.subject(), &keys, mark);
        }
        self.marks.use_shape(members);
    }

    fn shard(&self, subject: MarkKey) -> &Mutex<Shard> {
        &self.shards[subject.shard(SHARDS)]
    }
}
