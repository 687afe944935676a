//! What the marks synchronise with, so that a model checker can take its place.
//!
//! Under `--cfg loom` every atomic access is a point where another thread may run, and every
//! value that the memory model allows a load to see is tried.

#[cfg(loom)]
pub(super) use self::model::*;
#[cfg(not(loom))]
pub(super) use self::real::*;

#[cfg(not(loom))]
mod real {
    pub(in super::super) use arc_swap::ArcSwap;
    pub(in super::super) use parking_lot::Mutex;
    pub(in super::super) use std::sync::Arc;
    pub(in super::super) use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
}

#[cfg(loom)]
mod model {
    pub(in super::super) use loom::sync::Arc;
    pub(in super::super) use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering};

    /// loom's mutex with the face of `parking_lot`'s.
    #[derive(Debug)]
    pub(in super::super) struct Mutex<T>(loom::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(in super::super) fn new(value: T) -> Mutex<T> {
            Mutex(loom::sync::Mutex::new(value))
        }

        pub(in super::super) fn lock(&self) -> loom::sync::MutexGuard<'_, T> {
            self.0
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
        }
    }

    /// A replaceable pointer with the face of `arc_swap`'s. The lock orders more than the real
    /// one has to; the generation beside it is modelled as it is.
    #[derive(Debug)]
    pub(in super::super) struct ArcSwap<T>(Mutex<Arc<T>>);

    impl<T> ArcSwap<T> {
        pub(in super::super) fn from_pointee(value: T) -> ArcSwap<T> {
            ArcSwap(Mutex::new(Arc::new(value)))
        }

        pub(in super::super) fn load(&self) -> Arc<T> {
            self.load_full()
        }

        pub(in super::super) fn load_full(&self) -> Arc<T> {
            Arc::clone(&self.0.lock())
        }

        pub(in super::super) fn store(&self, value: Arc<T>) {
            let before = std::mem::replace(&mut *self.0.lock(), value);
            drop(before);
        }
    }
}
