//! One process against one that was stopped and started again over what it kept on disk.
//!
//! Half of a case runs over a store in a file; the store is closed, opened again under another
//! secret and the rest runs over it. What an engine remembers of its challenges is not kept, and
//! the oracle that this is held against forgets them at the same step; every decision has to be
//! the same otherwise.

use std::path::Path;
use std::sync::Arc;

use highwater::engine::Engine;
use highwater::identifier::TenantId;
use highwater::ledger::Facts;
use highwater::marks::Keyring;
use highwater::timestamp::Timestamp;
use highwater_store::{Batch, DiskOptions, DiskStore, Document, Store};

use super::engine::{Headers, Run};
use super::{ReadCase, oracle};
use crate::vector::{Answer, Case, Step, TENANT};

/// The oracle, restarted in the middle of the case.
#[derive(Clone, Copy, Debug, Default)]
pub struct RestartedOracle;

impl RestartedOracle {
    /// The answers to the requests of a case, in order.
    #[must_use]
    pub fn run_read(&self, read: &ReadCase<'_>) -> Vec<Answer> {
        let middle = middle(read);
        oracle::run(read, |number, oracle| {
            if number == middle {
                oracle.restart();
            }
        })
    }
}

/// The engine over a store in a file, stopped and started again in the middle of the case.
#[derive(Clone, Copy, Debug)]
pub struct RestartedSurface<'a> {
    /// Where the store may be; the file must not exist, and does not afterwards.
    pub file: &'a Path,
}

impl RestartedSurface<'_> {
    /// The name in failures.
    pub const NAME: &'static str = "engine, stopped and reopened";

    /// The answers to the requests of a case, in order.
    ///
    /// # Panics
    /// The file cannot be written or read again, or is not what was written.
    #[must_use]
    pub fn run_read(&self, read: &ReadCase<'_>) -> Vec<Answer> {
        let middle = middle(read);
        let (mut store, mut run) = self.start(read, 1);
        let documents = documents(read.case);
        drop(store.commit(Batch::new().document(documents.clone())));
        let mut answers = Vec::new();
        for (number, (step, line)) in read.steps().enumerate() {
            if number == middle {
                answers.extend(run.answers());
                store.close().expect("the store can be closed");
                (store, run) = self.start(read, 2);
                let kept = store.document(documents.tenant());
                assert_eq!(
                    kept.map(|kept| kept.digest()),
                    Some(documents.digest()),
                    "documents are kept"
                );
            }
            match (step, line) {
                (Step::Event(event), _) => drop(store.apply(event)),
                (Step::Request { .. }, Some(line)) => run.decide(line),
                (Step::Request { .. }, None) => run.refuse(),
            }
        }
        answers.extend(run.answers());
        store.close().expect("the store can be closed");
        std::fs::remove_file(self.file).expect("the file is ours");
        answers
    }

    fn start<'r>(&self, read: &'r ReadCase<'_>, secret: u64) -> (DiskStore, Run<'r>) {
        let settings = read.settings();
        let keyring = Keyring::from_seed([secret, secret]);
        let facts = Arc::new(Facts::new(keyring, settings.retention()));
        let options = DiskOptions {
            threads: 1,
            cache_bytes: 1 << 20,
            ..DiskOptions::default()
        };
        let store = DiskStore::open(self.file, Arc::clone(&facts), &options)
            .unwrap_or_else(|error| panic!("{}: {error}", self.file.display()));
        (
            store,
            Run::start(read, Engine::with_facts(settings, facts), Headers::LeftOut),
        )
    }
}

fn middle(read: &ReadCase<'_>) -> usize {
    read.steps().count() / 2
}

fn documents(case: &Case) -> Document {
    let all = [&case.documents.policies[..], &case.documents.locations[..]].concat();
    Document::new(
        TenantId::new(TENANT).expect("the constant is an identifier"),
        serde_json::Value::from(all).to_string().into_bytes(),
        Timestamp::from_seconds(0),
    )
}
