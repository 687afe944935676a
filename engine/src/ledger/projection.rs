//! Which subjects stand behind one key of the marks.
//!
//! A subject with a single member, and the tenant itself, own their key. The parts of a
//! conjunction are shared: `ada in session 1` and `ada in session 2` are both found by a token
//! that only carries `ada`. Such a mark can also fall (a block is lifted), so it is recomputed
//! from every subject behind it, and this index remembers which those are.

use std::collections::HashMap;

use parking_lot::Mutex;

use crate::event::{DimensionSet, Subject};
use crate::marks::{Mark, MarkKey, Marks, SubjectKeys};

/// How many locks the index is spread over.
const SHARDS: usize = 16;

/// The subjects with several members, by the keys under which tokens find them.
#[derive(Debug)]
pub(super) struct Projections {
    shards: [Mutex<HashMap<MarkKey, Behind>>; SHARDS],
}

/// Subjects behind one key, by the key of the whole subject, with what each says.
type Behind = HashMap<MarkKey, Mark>;

impl Projections {
    pub(super) fn new() -> Projections {
        Projections {
            shards: std::array::from_fn(|_| Mutex::default()),
        }
    }

    /// Makes `mark` what the subject says, in every mark that depends on it. `present` tells
    /// whether the subject still has registers.
    ///
    /// The caller serialises calls for one subject.
    pub(super) fn publish(
        &self,
        marks: &Marks,
        subject: &Subject,
        keys: &SubjectKeys,
        mark: Option<Mark>,
    ) {
        let members = keys.dimensions();
        let keyring = marks.keyring();
        let whole = keys.subject_key(keyring, subject.skip());
        for part in parts(subject) {
            let key = keys.projection(keyring, members, part);
            let mut shard = self.shard(key).lock();
            let behind = shard.entry(key).or_default();
            match mark {
                Some(mark) => behind.insert(whole, mark),
                None => behind.remove(&whole),
            };
            let joined = behind.values().copied().fold(Mark::NOTHING, Mark::join);
            if behind.is_empty() {
                shard.remove(&key);
            }
            // Still under the lock: two subjects behind one key may not overtake one another.
            marks.write(key, joined);
        }
    }

    /// The whole keys of the subjects behind `key`.
    pub(super) fn subjects_behind(&self, key: MarkKey) -> Vec<MarkKey> {
        let shard = self.shard(key).lock();
        shard
            .get(&key)
            .map(|behind| behind.keys().copied().collect())
            .unwrap_or_default()
    }

    fn shard(&self, key: MarkKey) -> &Mutex<HashMap<MarkKey, Behind>> {
        &self.shards[key.shard(SHARDS)]
    }
}

/// The parts of a conjunction that a token may share with it and still be concerned: not empty,
/// and lacking only members that may be ignored.
fn parts(subject: &Subject) -> impl Iterator<Item = DimensionSet> + use<> {
    let members = subject.dimensions();
    let skip = subject.skip();
    members
        .subsets()
        .filter(move |&part| members.difference(part).intersection(skip).is_empty())
}
