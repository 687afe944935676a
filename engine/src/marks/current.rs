//! Which table is the current one, at the price of one comparison.
//!
//! Growing replaces the table. Counting references on every decision would cost more than the
//! lookup, so each thread keeps the table that it used last and a generation tells whether that
//! is still the right one. The old table goes when the last thread has moved on.
//!
//! # Consistency
//! A reader that starts after [`Current::replace`] returned uses the new table. Hazard: a thread
//! that never reads again keeps its last table in memory until it ends.

use std::cell::RefCell;

use super::table::Table;
use crate::primitive::{Arc, ArcSwap, AtomicU64, Ordering};

/// The table in use. Replaced by one writer at a time.
#[derive(Debug)]
pub(super) struct Current {
    /// Tells the tables of two engines apart.
    owner: u64,
    /// Raised after every replacement.
    generation: AtomicU64,
    table: ArcSwap<Table>,
}

/// A table as one thread remembers it.
#[derive(Debug)]
pub(super) struct Remembered {
    owner: u64,
    generation: u64,
    table: Arc<Table>,
}

thread_local! {
    static LAST: RefCell<Option<Remembered>> = const { RefCell::new(None) };
}

impl Current {
    pub(super) fn new(table: Table) -> Current {
        static OWNERS: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        Current {
            owner: OWNERS.fetch_add(1, std::sync::atomic::Ordering::Relaxed),
            generation: AtomicU64::new(0),
            table: ArcSwap::from_pointee(table),
        }
    }

    /// Reads in the current table, if this thread used it last. `None`: ask [`with`](Self::with).
    ///
    /// Apart, so that `read` is called in one place only and becomes part of the caller: called in
    /// two, as `with` does, it stays a function of its own that costs half as much as a lookup.
    #[inline(always)]
    pub(super) fn with_last<R>(&self, read: impl FnOnce(&Table) -> R) -> Option<R> {
        LAST.try_with(|last| {
            let last = last.try_borrow().ok()?;
            let last = last.as_ref().filter(|last| self.is_current(last))?;
            Some(read(&last.table))
        })
        .ok()
        .flatten()
    }

    /// Reads in the current table, as this thread remembers it.
    #[inline(always)]
    pub(super) fn with<R>(&self, mut read: impl FnMut(&Table) -> R) -> R {
        match self.with_last(&mut read) {
            Some(answer) => answer,
            None => self.with_another(&mut read),
        }
    }

    /// Reads in the current table, which this thread did not use last.
    #[cold]
    #[inline(never)]
    fn with_another<R>(&self, read: &mut impl FnMut(&Table) -> R) -> R {
        LAST.try_with(|last| {
            // Nothing below reads recursively, so the borrow only fails while the thread ends.
            let mut last = last.try_borrow_mut().ok()?;
            Some(read(self.remembered(&mut last)))
        })
        .ok()
        .flatten()
        .unwrap_or_else(|| read(&self.table.load()))
    }

    /// Whether `last` is the table in use.
    #[inline(always)]
    fn is_current(&self, last: &Remembered) -> bool {
        last.owner == self.owner && last.generation == self.generation.load(Ordering::Acquire)
    }

    /// The current table, from memory if that is still right.
    pub(super) fn remembered<'a>(&self, last: &'a mut Option<Remembered>) -> &'a Table {
        if !last.as_ref().is_some_and(|last| self.is_current(last)) {
            *last = None;
        }
        &last.get_or_insert_with(|| self.remember()).table
    }

    /// The table is loaded after the generation: it may be newer, never older.
    #[cold]
    fn remember(&self) -> Remembered {
        Remembered {
            owner: self.owner,
            generation: self.generation.load(Ordering::Acquire),
            table: self.table.load_full(),
        }
    }

    /// The table itself. For the writer.
    pub(super) fn table(&self) -> Arc<Table> {
        self.table.load_full()
    }

    /// Puts another table in place. For the writer.
    pub(super) fn replace(&self, table: Table) {
        self.table.store(Arc::new(table));
        self.generation.fetch_add(1, Ordering::Release);
    }
}
