//! A promise that something will be durable: wait for it on a thread, or await it in a task.
//!
//! Everything that is committed together shares one [`Ticket`]. The engine knows no runtime, and
//! neither does this file: a [`Pending`] is a plain future that any executor can poll, and a
//! thread without one calls [`Pending::wait`].

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::{Condvar, Mutex};

use crate::StoreError;

/// What was enforced at once and will be durable soon.
///
/// Dropping it changes nothing: the write goes on, only nobody hears of its end.
#[derive(Clone, Debug)]
#[must_use = "the event is in force but not yet durable: wait before acknowledging it"]
pub struct Pending {
    changed: usize,
    ticket: Arc<Ticket>,
}

impl Pending {
    pub(crate) fn new(changed: usize, ticket: Arc<Ticket>) -> Pending {
        Pending { changed, ticket }
    }

    pub(crate) fn resolved(changed: usize, outcome: Result<(), StoreError>) -> Pending {
        let ticket = Arc::new(Ticket::default());
        ticket.resolve(outcome);
        Pending { changed, ticket }
    }

    /// How many registers, values and documents changed; 0 if everything was known already.
    #[must_use]
    pub fn changed(&self) -> usize {
        self.changed
    }

    /// Blocks the thread until everything is durable.
    ///
    /// # Errors
    /// Why it is not durable. It stays in force all the same, and is written once the store
    /// writes again; but it must not be acknowledged.
    pub fn wait(self) -> Result<(), StoreError> {
        let mut state = self.ticket.state.lock();
        loop {
            if let Some(outcome) = &state.outcome {
                return outcome.clone();
            }
            self.ticket.resolved.wait(&mut state);
        }
    }
}

impl Future for Pending {
    type Output = Result<(), StoreError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.ticket.state.lock();
        if let Some(outcome) = &state.outcome {
            return Poll::Ready(outcome.clone());
        }
        if !state
            .wakers
            .iter()
            .any(|known| known.will_wake(context.waker()))
        {
            state.wakers.push(context.waker().clone());
        }
        Poll::Pending
    }
}

/// The common fate of one group of writes.
#[derive(Debug, Default)]
pub(crate) struct Ticket {
    state: Mutex<State>,
    resolved: Condvar,
}

#[derive(Debug, Default)]
struct State {
    outcome: Option<Result<(), StoreError>>,
    wakers: Vec<Waker>,
}

impl Ticket {
    pub(crate) fn resolve(&self, outcome: Result<(), StoreError>) {
        let wakers = {
            let mut state = self.state.lock();
            state.outcome = Some(outcome);
            std::mem::take(&mut state.wakers)
        };
        self.resolved.notify_all();
        wakers.into_iter().for_each(Waker::wake);
    }
}
