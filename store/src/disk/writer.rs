//! The one thread that writes: takes everything that waits, writes it in one transaction, tells
//! everyone who waits, and starts over. While it writes, the next group fills: the more callers,
//! the larger the groups, and one flush pays for all of them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use redb::{Database, Durability, ReadableTable, Table};

use super::medium::{Faults, Medium};
use super::tables::{self, DOCUMENTS, REGISTERS, VALUES, refusal};
use crate::StoreError;
use crate::core::{Change, Core, Group, Writes, count};
use crate::pending::Ticket;
use crate::store::Condition;

pub(crate) struct Writer {
    pub(crate) core: Arc<Core>,
    pub(crate) medium: Box<dyn Medium>,
    pub(crate) path: PathBuf,
    pub(crate) cache_bytes: usize,
    pub(crate) two_phase_commit: bool,
    /// How long a full disk is left alone before the next attempt.
    pub(crate) retry: Duration,
    pub(crate) open: Option<(Database, Arc<Faults>)>,
}

enum Task {
    Write(Group),
    Recover(Option<Arc<Ticket>>),
    Compact(Arc<Ticket>),
    Close,
}

impl Writer {
    /// Works until the store is closed.
    pub(crate) fn run(mut self) {
        loop {
            match self.next() {
                Task::Write(group) => {
                    let _ = self.write_group(group);
                }
                Task::Recover(ticket) => {
                    let outcome = self.recover();
                    if let Some(ticket) = ticket {
                        ticket.resolve(outcome);
                    }
                }
                Task::Compact(ticket) => ticket.resolve(self.compact()),
                Task::Close => break,
            }
        }
        self.open = None;
    }

    /// Waits for something to do.
    fn next(&self) -> Task {
        let mut inner = self.core.inner.lock();
        let mut is_retry = false;
        loop {
            let Some(queue) = &mut inner.queue else {
                return Task::Close;
            };
            if let Some(ticket) = queue.reopen.take() {
                return Task::Recover(Some(ticket));
            }
            if queue.condition.error().is_none() && !queue.group.writes.is_empty() {
                let group = std::mem::take(&mut queue.group);
                queue.in_flight = Some(Arc::clone(&group.ticket));
                return Task::Write(group);
            }
            if queue.close {
                return Task::Close;
            }
            if let Some(ticket) = queue.compact.take() {
                return Task::Compact(ticket);
            }
            if matches!(queue.condition, Condition::Full(_)) {
                if is_retry {
                    return Task::Recover(None);
                }
                is_retry = self.core.work.wait_for(&mut inner, self.retry).timed_out();
            } else {
                self.core.work.wait(&mut inner);
            }
        }
    }

    fn write_group(&mut self, group: Group) -> Result<(), StoreError> {
        let outcome = self.write(&group.writes);
        let mut inner = self.core.inner.lock();
        let Some(queue) = &mut inner.queue else {
            return Ok(());
        };
        queue.in_flight = None;
        let mut failed_with_it = None;
        match &outcome {
            Ok(()) => {
                queue.condition = Condition::Ready;
                let written = group.writes.len() as u64;
                count(&self.core.counts.commits, 1);
                count(&self.core.counts.written, written);
            }
            Err(error) => {
                queue.condition = match error {
                    StoreError::Full { .. } => Condition::Full(error.clone()),
                    _ => Condition::Failed(error.clone()),
                };
                self.core.put_back(&mut queue.group.writes, group.writes);
                failed_with_it = Some(std::mem::take(&mut queue.group.ticket));
                count(&self.core.counts.failures, 1);
            }
        }
        drop(inner);
        group.ticket.resolve(outcome.clone());
        if let Some(ticket) = failed_with_it {
            ticket.resolve(outcome.clone());
        }
        outcome
    }

    fn write(&self, writes: &Writes) -> Result<(), StoreError> {
        let Some((database, faults)) = &self.open else {
            return Err(StoreError::Closed);
        };
        let attempt = || -> Result<(), redb::Error> {
            let mut transaction = database.begin_write()?;
            transaction.set_durability(Durability::Immediate)?;
            transaction.set_two_phase_commit(self.two_phase_commit);
            for (table, changes) in [
                (REGISTERS, &writes.registers),
                (VALUES, &writes.values),
                (DOCUMENTS, &writes.documents),
            ] {
                if changes.is_empty() {
                    continue;
                }
                let mut table = transaction.open_table(table)?;
                for (key, change) in changes {
                    match change {
                        Change::Put(value) => {
                            table.insert(key.as_slice(), value.as_slice())?;
                        }
                        Change::Delete => {
                            table.remove(key.as_slice())?;
                        }
                        Change::DeleteIfExpired(now) => {
                            if self.has_expired(&table, key, *now)? {
                                table.remove(key.as_slice())?;
                            }
                        }
                    }
                }
            }
            Ok(transaction.commit()?)
        };
        attempt().map_err(|error| refusal(&self.path, faults, &error))
    }

    fn has_expired(
        &self,
        table: &Table<'_, &'static [u8], &'static [u8]>,
        key: &[u8],
        now: highwater::timestamp::Timestamp,
    ) -> Result<bool, redb::Error> {
        let Some(value) = table.get(key).map_err(tables::general)? else {
            return Ok(false);
        };
        Ok(self.core.has_expired(key, value.value(), now))
    }

    /// Opens the file again and writes what waits. Only this ends a refusal.
    fn recover(&mut self) -> Result<(), StoreError> {
        // Closed first: two handles on one file would refuse each other.
        self.open = None;
        match self.reopen() {
            Ok(open) => self.open = Some(open),
            Err(error) => {
                let mut inner = self.core.inner.lock();
                if let Some(queue) = &mut inner.queue {
                    queue.condition = match &error {
                        StoreError::Full { .. } => Condition::Full(error.clone()),
                        _ => Condition::Failed(error.clone()),
                    };
                }
                return Err(error);
            }
        }
        let group = {
            let mut inner = self.core.inner.lock();
            let Some(queue) = &mut inner.queue else {
                return Err(StoreError::Closed);
            };
            let group = std::mem::take(&mut queue.group);
            queue.in_flight = Some(Arc::clone(&group.ticket));
            group
        };
        self.write_group(group)
    }

    fn reopen(&self) -> Result<(Database, Arc<Faults>), StoreError> {
        let backend = self.medium.open()?;
        tables::open(&self.path, backend, self.cache_bytes)
    }

    fn compact(&mut self) -> Result<(), StoreError> {
        let Some((database, faults)) = &mut self.open else {
            return Err(StoreError::Closed);
        };
        while database.compact().map_err(|error| match error {
            redb::CompactionError::Storage(error) => {
                refusal(&self.path, faults, &tables::general(error))
            }
            other => StoreError::Failed {
                path: self.path.clone(),
                reason: other.to_string(),
            },
        })? {}
        count(&self.core.counts.compactions, 1);
        Ok(())
    }
}
