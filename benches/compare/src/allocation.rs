//! Counts what is allocated: the size of every subject is measured the same way.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

#[global_allocator]
static COUNTING: Counting = Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

struct Counting;

// SAFETY: every call is handed to the system's allocator unchanged; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let live = LIVE.fetch_add(layout.size(), Relaxed) + layout.size();
        PEAK.fetch_max(live, Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`, which is that of the system's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: `pointer` came from `alloc` above, that is from the system, with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// What building something cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Allocated {
    /// Bytes more than before that are still held.
    pub(crate) held: usize,
    /// Bytes more than before that were held at the worst moment.
    pub(crate) peak: usize,
}

/// Runs `build` and counts.
pub(crate) fn counted<T>(build: impl FnOnce() -> T) -> (T, Allocated) {
    let before = LIVE.load(Relaxed);
    PEAK.store(before, Relaxed);
    let built = build();
    let held = LIVE.load(Relaxed).saturating_sub(before);
    let peak = PEAK.load(Relaxed).saturating_sub(before);
    (built, Allocated { held, peak })
}
