//! The one face of every store: memory only, on disk, shared between nodes.

use std::sync::Arc;

use highwater::event::Event;
use highwater::identifier::TenantId;
use highwater::ledger::{Entry, Facts};
use highwater::timestamp::Timestamp;

use crate::{Document, Pending, Space, StoreError, Value};

/// Where facts go to last.
///
/// # Consistency
/// When [`commit`](Self::commit) returns, the events are in force: every decision that starts
/// afterwards sees them. When the returned [`Pending`] resolves without an error, they are
/// durable, and only then may they be acknowledged to whoever sent them. An event that was known
/// already resolves no earlier than the write of the one that made it known.
///
/// # Blocking and async
/// `commit` itself never waits for the disk. `store.apply(&event).wait()` blocks a thread,
/// `store.apply(&event).await` a task of any runtime:
///
/// ```
/// use highwater::event::Event;
/// use highwater_store::{Store, StoreError};
///
/// async fn take(store: &dyn Store, event: &Event) -> Result<(), StoreError> {
///     store.apply(event).await
/// }
///
/// fn take_blocking(store: &dyn Store, event: &Event) -> Result<(), StoreError> {
///     store.apply(event).wait()
/// }
/// ```
pub trait Store: Send + Sync + 'static {
    /// What decisions read. Change it only through the store.
    fn facts(&self) -> &Arc<Facts>;

    /// Puts everything in force at once and writes it in one transaction: after a crash all of
    /// it is there, or nothing.
    fn commit(&self, batch: Batch) -> Pending;

    /// Keeps `key` until `expires` and tells whether it is new: how a replayed Security Event
    /// Token is recognised.
    fn remember(&self, space: Space, key: &str, expires: Timestamp) -> Remembered;

    /// A small value.
    fn value(&self, space: Space, key: &str) -> Option<Value>;

    /// The small values of a space, in the order of their keys.
    fn values(&self, space: Space) -> Vec<(String, Value)>;

    /// The last good documents of a tenant.
    fn document(&self, tenant: &TenantId) -> Option<Document>;

    /// The last good documents of every tenant.
    fn documents(&self) -> Vec<Document>;

    /// Forgets the registers that no living token depends on and the values that expired, here
    /// and on disk. The space becomes free inside the file; [`Self::compact`] makes it smaller.
    ///
    /// # Errors
    /// The store refuses writes. What is forgotten in memory is forgotten on disk later.
    fn forget(&self, now: Timestamp) -> Result<Forgotten, StoreError>;

    /// Gives free space inside the file back to the disk; nothing to do in a store that only
    /// remembers. Writes wait meanwhile, seconds per gigabyte; decisions do not.
    ///
    /// # Errors
    /// The store refuses writes, or compaction failed.
    fn compact(&self) -> Result<(), StoreError>;

    /// Opens the file again after writing to it failed, and writes what has not been written.
    ///
    /// # Errors
    /// Why the store still refuses writes.
    fn reopen(&self) -> Result<(), StoreError>;

    /// How the store is.
    fn status(&self) -> StoreStatus;

    /// Tells `follower` everything that changes through local commits from now on. One follower
    /// at a time: a second one takes the place of the first.
    fn follow(&self, follower: Arc<dyn Follower>);

    /// Applies one event: [`commit`](Self::commit) of nothing else.
    fn apply(&self, event: &Event) -> Pending {
        self.commit(Batch::new().event(event))
    }
}

/// Who wants to know what changed here, to tell other nodes. Called under the store's lock, so
/// it only notes what it is told.
pub trait Follower: Send + Sync + 'static {
    /// A register changed.
    fn register_changed(&self, entry: &Entry);

    /// The documents of a tenant changed.
    fn document_changed(&self, document: &Document);
}

/// What is committed together.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    pub(crate) origin: Origin,
    pub(crate) registers: Vec<Entry>,
    pub(crate) values: Vec<(Space, String, Option<Value>)>,
    pub(crate) documents: Vec<Document>,
}

/// Whether the followers have to hear of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Origin {
    #[default]
    Here,
    OtherNode,
}

impl Batch {
    /// Nothing.
    #[must_use]
    pub fn new() -> Batch {
        Batch::default()
    }

    /// What another node has published already: it is kept, but not published again.
    #[must_use]
    pub fn from_other_node() -> Batch {
        Batch {
            origin: Origin::OtherNode,
            ..Batch::default()
        }
    }

    /// Adds an event. Its time is taken as it is; hold it back first with
    /// [`Event::clamped`](highwater::event::Event::clamped).
    #[must_use]
    pub fn event(self, event: &Event) -> Batch {
        self.register(Entry::from_event(event))
    }

    /// Adds a register to be joined with the one that is known.
    #[must_use]
    pub fn register(mut self, entry: Entry) -> Batch {
        self.registers.push(entry);
        self
    }

    /// Adds a small value that replaces the one under the same key.
    #[must_use]
    pub fn value(mut self, space: Space, key: impl Into<String>, value: Value) -> Batch {
        self.values.push((space, key.into(), Some(value)));
        self
    }

    /// Adds the removal of a small value.
    #[must_use]
    pub fn remove_value(mut self, space: Space, key: impl Into<String>) -> Batch {
        self.values.push((space, key.into(), None));
        self
    }

    /// Adds documents that replace those of the same tenant unless these outrank them.
    #[must_use]
    pub fn document(mut self, document: Document) -> Batch {
        self.documents.push(document);
        self
    }
}

/// What [`Store::remember`] found.
#[derive(Clone, Debug)]
pub struct Remembered {
    /// Whether the key was not known.
    pub is_new: bool,
    /// When the memory of it is durable.
    pub pending: Pending,
}

/// What [`Store::forget`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Registers that no living token depends on.
    pub registers: usize,
    /// Small values that expired.
    pub values: usize,
}

impl Forgotten {
    /// Both together.
    #[must_use]
    pub fn total(&self) -> u64 {
        (self.registers + self.values) as u64
    }
}

/// How a store is.
#[derive(Clone, Debug)]
pub struct StoreStatus {
    /// Whether it writes.
    pub condition: Condition,
    /// Whether the file was made by this very opening: an empty ledger is then no surprise.
    pub is_new: bool,
    /// Writes that are in force but not durable yet.
    pub waiting: usize,
    /// Transactions since the store was opened.
    pub commits: u64,
    /// Registers, values and documents written since the store was opened.
    pub written: u64,
    /// Commits that failed since the store was opened.
    pub failures: u64,
    /// Registers and values forgotten since the store was opened.
    pub forgotten: u64,
    /// The instant of the last [`Store::forget`] that came to its end. If it grows old, nobody
    /// forgets any more: see [`Housekeeping`](crate::Housekeeping).
    pub forgot_at: Option<Timestamp>,
    /// Compactions since the store was opened.
    pub compactions: u64,
    /// Size of the file in bytes; `None` where there is none.
    pub bytes: Option<u64>,
}

/// Whether a store writes.
#[derive(Clone, Debug)]
pub enum Condition {
    /// Events are written and acknowledged.
    Ready,
    /// Events are in force but refused; the store tries again by itself.
    Full(StoreError),
    /// Events are in force but refused until [`Store::reopen`].
    Failed(StoreError),
}

impl Condition {
    /// Why events are refused, if they are.
    #[must_use]
    pub fn error(&self) -> Option<&StoreError> {
        match self {
            Condition::Ready => None,
            Condition::Full(error) | Condition::Failed(error) => Some(error),
        }
    }

    /// The condition's name in metrics and readiness reports.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Condition::Ready => "ready",
            Condition::Full(_) => "full",
            Condition::Failed(_) => "failed",
        }
    }
}
