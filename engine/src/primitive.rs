//! What marks and snapshots synchronise with, so that a model checker can take its place.
//!
//! Under `--cfg loom` every atomic access is a point where another thread may run, and every
//! value that the memory model allows a load to see is tried. Under `--cfg shuttle` threads change
//! at random places: larger scenes than can be tried out, but every load sees the last store.

#[cfg(any(loom, shuttle))]
pub(crate) use self::model::*;
#[cfg(not(any(loom, shuttle)))]
pub(crate) use self::real::*;

#[cfg(not(any(loom, shuttle)))]
mod real {
    pub(crate) use arc_swap::{ArcSwap, ArcSwapOption};
    pub(crate) use parking_lot::Mutex;
    pub(crate) use std::sync::Arc;
    pub(crate) use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
}

#[cfg(any(loom, shuttle))]
mod model {
    #[cfg(loom)]
    use loom as checker;
    #[cfg(shuttle)]
    use shuttle as checker;

    pub(crate) use checker::sync::Arc;
    pub(crate) use checker::sync::atomic::{AtomicU32, AtomicU64, Ordering};
    #[cfg(test)]
    pub(crate) use checker::thread;

    /// The checker's mutex with the face of `parking_lot`'s.
    #[derive(Debug)]
    pub(crate) struct Mutex<T>(checker::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Mutex<T> {
            Mutex(checker::sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> checker::sync::MutexGuard<'_, T> {
            self.0
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
        }
    }

    /// A replaceable pointer with the face of `arc_swap`'s. The lock orders more than the real
    /// one has to; the generation beside it is modelled as it is.
    #[derive(Debug)]
    pub(crate) struct ArcSwap<T>(Mutex<Arc<T>>);

    impl<T> ArcSwap<T> {
        pub(crate) fn from_pointee(value: T) -> ArcSwap<T> {
            ArcSwap(Mutex::new(Arc::new(value)))
        }

        pub(crate) fn load(&self) -> Arc<T> {
            self.load_full()
        }

        pub(crate) fn load_full(&self) -> Arc<T> {
            Arc::clone(&self.0.lock())
        }

        pub(crate) fn store(&self, value: Arc<T>) {
            let before = std::mem::replace(&mut *self.0.lock(), value);
            drop(before);
        }
    }

    /// The same for a pointer that may be missing. What it points to does not change, so the
    /// pointers are std's.
    #[derive(Debug)]
    pub(crate) struct ArcSwapOption<T>(Mutex<Option<std::sync::Arc<T>>>);

    impl<T> Default for ArcSwapOption<T> {
        fn default() -> Self {
            ArcSwapOption(Mutex::new(None))
        }
    }

    impl<T> ArcSwapOption<T> {
        pub(crate) fn load(&self) -> Option<std::sync::Arc<T>> {
            self.0.lock().clone()
        }

        pub(crate) fn load_full(&self) -> Option<std::sync::Arc<T>> {
            self.load()
        }

        pub(crate) fn swap(&self, value: Option<std::sync::Arc<T>>) -> Option<std::sync::Arc<T>> {
            std::mem::replace(&mut *self.0.lock(), value)
        }

        /// As the real one: between reading and replacing, others may get in, and it starts over.
        pub(crate) fn rcu(
            &self,
            mut change: impl FnMut(Option<&std::sync::Arc<T>>) -> Option<std::sync::Arc<T>>,
        ) {
            loop {
                let known = self.load();
                let wanted = change(known.as_ref());
                let mut present = self.0.lock();
                let pointer = |value: &Option<std::sync::Arc<T>>| {
                    value
                        .as_ref()
                        .map_or(std::ptr::null(), std::sync::Arc::as_ptr)
                };
                if pointer(&present) == pointer(&known) {
                    *present = wanted;
                    return;
                }
            }
        }
    }
}
