//! One node of the mesh, without a network: what it does with what it hears, and what it wants.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use highwater::ledger::Entry;
use highwater::timestamp::Timestamp;

use super::message::{Key, Message, Pointer};
use super::outbox::{Outbox, Outgoing, Publication};
use crate::{Batch, Document, Pending, Store, codec};

/// Revisions remembered to publish against; beyond this all are forgotten and asked for again.
const REVISIONS: usize = 1 << 17;

/// A node's knowledge of the bus.
///
/// `applied` is the revision up to which everything was joined. Live messages form runs of
/// consecutive revisions; the current run goes from `run_start` to `newest`. The node is current
/// when the run begins no later than right after `applied`:
///
/// ```text
/// revisions   1 ── applied        run_start ── newest
///             everything joined   │ joined as they came
///                        missing ─┘ read again with Plan::Delta
/// ```
pub struct Node {
    store: Arc<dyn Store>,
    outbox: Arc<Outbox>,
    /// Names the bucket that the revisions belong to.
    bucket: Option<String>,
    applied: u64,
    run_start: u64,
    newest: u64,
    is_synchronised: bool,
    /// Whether the revisions may be those of another bucket by now.
    is_doubtful: bool,
    /// While everything is read: the registers and documents that the bus has.
    seen: Option<HashSet<Key>>,
    revisions: HashMap<Key, u64>,
    /// When this node last knew everything.
    current_at: Option<Timestamp>,
    counts: Counts,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    received: u64,
    malformed: u64,
    gaps: u64,
    conflicts: u64,
    published: u64,
    full: u64,
    delta: u64,
}

/// How a node is doing, for metrics and readiness.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MeshStatus {
    /// Whether everything on the bus was read since this node started.
    pub is_synchronised: bool,
    /// The revision up to which everything was joined.
    pub applied: u64,
    /// The highest revision heard of.
    pub newest: u64,
    /// When this node last knew everything that the bus knew; `None`: never yet. The age of this
    /// is the lag: heartbeats of all nodes make it grow only while something is wrong.
    pub current_at: Option<Timestamp>,
    /// What is in force here and not yet published.
    pub outbox: usize,
    /// Messages received.
    pub received: u64,
    /// Messages that could not be read.
    pub malformed: u64,
    /// Times that revisions were missing.
    pub gaps: u64,
    /// Publications that met another one.
    pub conflicts: u64,
    /// Publications that the bus took.
    pub published: u64,
    /// Times that everything was read.
    pub full_reads: u64,
    /// Times that what was missed was read.
    pub delta_reads: u64,
}

impl MeshStatus {
    /// How old this node's knowledge of the bus is, in milliseconds; `None` before it first read
    /// the bus.
    #[must_use]
    pub fn lag_milliseconds(&self, now: Timestamp) -> Option<i64> {
        self.current_at
            .map(|at| now.milliseconds().saturating_sub(at.milliseconds()).max(0))
    }
}

/// What has to be read to know everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Every last value.
    Full,
    /// Every last value from this revision on.
    Delta {
        /// The first revision that may be missing.
        from: u64,
    },
}

/// What a message leads to.
#[derive(Debug)]
pub enum Heard {
    /// It is in force; resolves when it is durable here.
    Applied(Pending),
    /// The documents it points to are newer than ours: fetch them.
    Fetch(Pointer),
    /// Nothing: a heartbeat, a marker, or bytes that are no message.
    Nothing,
}

/// What a publisher does after it met another's value.
#[derive(Debug)]
pub enum Conflict {
    /// Publish again, against this revision.
    Retry(Publication),
    /// The bus has what we have, or more.
    Settled,
    /// Fetch the documents that won.
    Fetch(Pointer),
    /// The bus has a value of another version of this software. It is not ours to replace: ours
    /// stays in the outbox, where metrics show it.
    Unreadable,
}

impl Node {
    /// A node around `store`, which `outbox` follows from now on.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, outbox: Arc<Outbox>) -> Node {
        store.follow(Arc::clone(&outbox) as Arc<dyn crate::Follower>);
        Node {
            store,
            outbox,
            bucket: None,
            applied: 0,
            run_start: u64::MAX,
            newest: 0,
            is_synchronised: false,
            is_doubtful: false,
            seen: None,
            revisions: HashMap::new(),
            current_at: None,
            counts: Counts::default(),
        }
    }

    /// Whether revisions are missing that only reading can bring.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        !self.is_synchronised || self.is_doubtful || self.newest > self.applied
    }

    /// The connection was made anew: whatever answers now may hold another bucket.
    pub fn doubt(&mut self) {
        self.is_doubtful = true;
    }

    /// Starts reading: what has to be read from the bucket that calls itself `bucket` and is at
    /// revision `last`.
    pub fn begin(&mut self, bucket: &str, last: u64) -> Plan {
        let is_same = self.bucket.as_deref() == Some(bucket) && last >= self.applied;
        if last < self.newest {
            // Heard of revisions that the bucket does not have: of another bucket, or of this one
            // since it was asked. The run starts over; what is missed then is a gap.
            self.newest = 0;
            self.run_start = u64::MAX;
        }
        if self.is_synchronised && is_same {
            self.counts.delta += 1;
            return Plan::Delta {
                from: self.applied + 1,
            };
        }
        // Another bucket, or one that lost its end: its numbers mean something else.
        self.bucket = Some(bucket.to_owned());
        self.applied = 0;
        self.is_synchronised = false;
        self.revisions.clear();
        self.seen = Some(HashSet::new());
        self.counts.full += 1;
        Plan::Full
    }

    /// A message that was read. `key` is `None` for keys that are no [`Key`].
    pub fn read(&mut self, revision: u64, key: Option<Key>, payload: &[u8]) -> Heard {
        self.take(revision, key, payload)
    }

    /// Reading is complete up to revision `last`: `last` is what the bucket was at when the
    /// reading began, or later.
    pub fn finish(&mut self, last: u64, now: Timestamp) {
        self.applied = self.applied.max(last);
        self.close_run(now);
        self.is_synchronised = true;
        self.is_doubtful = false;
        if let Some(seen) = self.seen.take() {
            self.publish_unseen(&seen, now);
        }
        if !self.is_behind() {
            self.current_at = Some(now);
        }
    }

    /// A message that was heard live. Joined at once, whatever is missing before it.
    pub fn hear(
        &mut self,
        revision: u64,
        key: Option<Key>,
        payload: &[u8],
        now: Timestamp,
    ) -> Heard {
        if revision == self.newest + 1 && self.run_start <= self.newest {
            self.newest = revision;
        } else if revision > self.newest {
            if self.is_synchronised && revision > self.applied + 1 {
                self.counts.gaps += 1;
            }
            self.run_start = revision;
            self.newest = revision;
        } else {
            // Backwards. On a subscription in order, that is a bucket that began anew.
            self.is_doubtful = true;
        }
        self.close_run(now);
        self.take(revision, key, payload)
    }

    /// Documents that were fetched.
    pub fn fetched(&mut self, document: Document) -> Pending {
        self.store
            .commit(Batch::from_other_node().document(document))
    }

    /// What to publish next, after `after`, at most `most`. Expired registers are dropped.
    pub fn publications(
        &mut self,
        after: Option<Key>,
        most: usize,
        now: Timestamp,
    ) -> Vec<Publication> {
        let retention = self.store.facts().retention();
        let mut publications = Vec::new();
        for (key, outgoing) in self.outbox.peek(after, most) {
            let expires = match &outgoing {
                Outgoing::Register(entry) => retention.last_use(entry),
                Outgoing::Document(_) => None,
            };
            if expires.is_some_and(|expires| now > expires) {
                self.outbox.remove(key, &outgoing);
                continue;
            }
            publications.push(Publication {
                key,
                expected: self.revisions.get(&key).copied().unwrap_or(0),
                outgoing,
                expires,
            });
        }
        publications
    }

    /// The bus took a publication as `revision`.
    pub fn published(&mut self, publication: &Publication, revision: u64) {
        self.counts.published += 1;
        self.note_revision(publication.key, revision);
        self.outbox.remove(publication.key, &publication.outgoing);
    }

    /// The bus had another value: `current` is it, with its revision; `None` if there is none.
    pub fn conflict(
        &mut self,
        publication: Publication,
        current: Option<(u64, &[u8])>,
    ) -> Conflict {
        self.counts.conflicts += 1;
        let key = publication.key;
        let (revision, payload) = current.unwrap_or((0, &[]));
        self.note_revision(key, revision);
        let theirs = match payload {
            // Nothing, or the marker of something that expired.
            [] => None,
            _ => match Message::decode(key, payload) {
                Ok(message) => Some(message),
                Err(_) => {
                    self.counts.malformed += 1;
                    return Conflict::Unreadable;
                }
            },
        };
        let is_settled = match (&publication.outgoing, &theirs) {
            (Outgoing::Register(mine), Some(Message::Register(theirs))) => !mine.outranks(theirs),
            (Outgoing::Document(mine), Some(Message::Document(theirs))) => {
                theirs.digest == mine.digest() && theirs.published == mine.published()
                    || theirs.outranks(mine)
            }
            _ => false,
        };
        if is_settled {
            self.outbox.remove(key, &publication.outgoing);
        }
        match theirs {
            Some(Message::Register(entry)) => {
                drop(self.store.commit(Batch::from_other_node().register(*entry)));
            }
            Some(Message::Document(pointer)) if self.wants(&pointer) => {
                return Conflict::Fetch(pointer);
            }
            _ => {}
        }
        if is_settled {
            Conflict::Settled
        } else {
            Conflict::Retry(Publication {
                expected: revision,
                ..publication
            })
        }
    }

    /// How this node is doing.
    #[must_use]
    pub fn status(&self) -> MeshStatus {
        MeshStatus {
            is_synchronised: self.is_synchronised,
            applied: self.applied,
            newest: self.newest,
            current_at: self.current_at,
            outbox: self.outbox.len(),
            received: self.counts.received,
            malformed: self.counts.malformed,
            gaps: self.counts.gaps,
            conflicts: self.counts.conflicts,
            published: self.counts.published,
            full_reads: self.counts.full,
            delta_reads: self.counts.delta,
        }
    }

    /// Joins the current run to what was applied, if nothing is missing between them.
    fn close_run(&mut self, now: Timestamp) {
        if self.run_start <= self.applied.saturating_add(1) {
            self.applied = self.applied.max(self.newest);
        }
        if !self.is_behind() {
            self.current_at = Some(now);
        }
    }

    fn take(&mut self, revision: u64, key: Option<Key>, payload: &[u8]) -> Heard {
        self.counts.received += 1;
        let Some(key) = key else {
            return Heard::Nothing;
        };
        let is_last = self.note_revision(key, revision);
        if payload.is_empty() {
            // A marker that the value expired. Nodes forget by themselves.
            return Heard::Nothing;
        }
        let Ok(message) = Message::decode(key, payload) else {
            self.counts.malformed += 1;
            return Heard::Nothing;
        };
        if let Some(seen) = &mut self.seen {
            seen.insert(key);
        }
        match message {
            Message::Register(entry) => {
                let batch = Batch::from_other_node().register((*entry).clone());
                let pending = self.store.commit(batch);
                // Known already, or the bus is behind us: then it has to learn.
                if is_last && pending.changed() == 0 {
                    self.publish_newer(key, &entry);
                }
                Heard::Applied(pending)
            }
            Message::Document(pointer) if self.wants(&pointer) => Heard::Fetch(pointer),
            Message::Document(pointer) => {
                if is_last {
                    self.publish_newer_document(key, &pointer);
                }
                Heard::Nothing
            }
        }
    }

    fn publish_newer(&self, key: Key, theirs: &Entry) {
        let subject = theirs.subject();
        let carried = |dimension| subject.member(dimension).map(|member| member.as_str());
        let mine = self
            .store
            .facts()
            .concerning(theirs.tenant(), carried)
            .into_iter()
            .find(|mine| mine.is_same_register(theirs));
        if let Some(mine) = mine
            && mine.outranks(theirs)
        {
            self.outbox.put(key, Outgoing::Register(Box::new(mine)));
        }
    }

    fn publish_newer_document(&self, key: Key, theirs: &Pointer) {
        if let Some(mine) = self.store.document(&theirs.tenant)
            && (mine.published(), mine.digest()) > (theirs.published, theirs.digest)
        {
            self.outbox.put(key, Outgoing::Document(mine));
        }
    }

    /// What we know and the bus does not: changes of before this node started, or a bus that
    /// lost them.
    fn publish_unseen(&self, seen: &HashSet<Key>, now: Timestamp) {
        let facts = self.store.facts();
        for entry in facts.entries(None) {
            let key = Key::of_register(&codec::encode(&entry));
            if !seen.contains(&key) && !facts.retention().has_expired(&entry, now) {
                self.outbox.put(key, Outgoing::Register(Box::new(entry)));
            }
        }
        for document in self.store.documents() {
            let key = Key::of_tenant(document.tenant());
            if !seen.contains(&key) {
                self.outbox.put(key, Outgoing::Document(document));
            }
        }
    }

    fn wants(&self, pointer: &Pointer) -> bool {
        self.store
            .document(&pointer.tenant)
            .is_none_or(|mine| pointer.outranks(&mine))
    }

    /// Remembers the revision of a key; whether it is the highest known of that key.
    fn note_revision(&mut self, key: Key, revision: u64) -> bool {
        if self.revisions.len() >= REVISIONS {
            self.revisions.clear();
        }
        let known = self.revisions.entry(key).or_insert(revision);
        *known = revision.max(*known);
        *known == revision
    }
}
