//! An allocator that counts, for tests that state how much memory something may take.
//!
//! It is the whole program's, so a test that uses it is a file of its own; it counts for each
//! thread apart, so tests beside each other do not disturb one another.
#![allow(dead_code)] // each test uses its own part

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counting;

thread_local! {
    static CALLS: Cell<usize> = const { Cell::new(0) };
    static LIVE: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call is passed on to the system's allocator unchanged; the counters are
// thread-locals without destructor and allocate nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.with(|calls| calls.set(calls.get() + 1));
        let live = LIVE.with(|live| {
            live.set(live.get().wrapping_add(layout.size()));
            live.get()
        });
        PEAK.with(|peak| peak.set(peak.get().max(live)));
        // SAFETY: the caller's obligations are those of `System`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.with(|live| live.set(live.get().saturating_sub(layout.size())));
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What this thread has allocated so far: how many times.
pub(crate) fn allocations() -> usize {
    CALLS.with(Cell::get)
}

/// What a piece of work took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken {
    /// How often it asked for memory.
    pub(crate) calls: usize,
    /// The most bytes that it held at one time, beyond what was held before.
    pub(crate) peak: usize,
    /// The bytes that it held at its end, those of its result among them.
    pub(crate) held: usize,
}

/// Does `work` and tells what it took on this thread.
pub(crate) fn taken<R>(work: impl FnOnce() -> R) -> (R, Taken) {
    let (calls, live) = (allocations(), LIVE.with(Cell::get));
    PEAK.with(|peak| peak.set(live));
    let result = work();
    let taken = Taken {
        calls: allocations() - calls,
        peak: PEAK.with(Cell::get).saturating_sub(live),
        held: LIVE.with(Cell::get).saturating_sub(live),
    };
    (result, taken)
}
