//! Hints to kernel and processor. They change how fast memory answers, never what it holds.
//!
//! One of two modules of the engine with `unsafe` code (the other counts for the location table:
//! `snapshot::prefix_table::processor`), because the two hints have no safe
//! face. No call reads or writes the memory it is given, so all are sound for any address
//! range at all; the safe signatures only make sure that the range is the caller's own.
//!
//! What they are worth, with ten million subjects on a machine of two busy cores
//! (`highwater-compare --only marks-10m`, once as it is and once with huge pages forbidden to the
//! process): a known subject takes 208 instead of 328 ns, in a batch 40 instead of 89 ns; and the
//! batch, which lives on prefetching, takes a third of the time of single lookups.

#![allow(unsafe_code, reason = "the hints below have no safe face")]

use std::mem::MaybeUninit;

/// Below this size huge pages gain nothing.
#[cfg(target_os = "linux")]
const HUGE_FROM: usize = 4 << 20;

/// Asks for huge pages under memory that has been allocated, but not touched yet.
///
/// Small ranges and systems without the hint are left alone; a refusal by the kernel is ignored,
/// because the memory works all the same.
pub(crate) fn huge_pages<T>(memory: &mut [MaybeUninit<T>]) {
    #[cfg(target_os = "linux")]
    {
        const PAGE: usize = 4096;
        let bytes = size_of_val(memory);
        let start = memory.as_mut_ptr().addr().next_multiple_of(PAGE);
        let skipped = start - memory.as_ptr().addr();
        if bytes < HUGE_FROM || skipped >= bytes {
            return;
        }
        let length = (bytes - skipped) / PAGE * PAGE;
        let first = memory.as_mut_ptr().cast::<u8>().wrapping_add(skipped);
        assert!(first.addr().is_multiple_of(PAGE) && skipped + length <= bytes);
        // SAFETY: `madvise` with `MADV_HUGEPAGE` keeps the contents of the range.
        // The range is page aligned and inside `memory`, which the caller borrows exclusively.
        unsafe {
            libc::madvise(first.cast(), length, libc::MADV_HUGEPAGE);
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = memory;
}

/// Asks for the cache line of a value that will be read soon.
#[inline(always)]
pub(crate) fn prefetch<T>(value: &T) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch has no effect on memory or registers and cannot fault.
        // The address comes from a reference, so it is valid anyway.
        unsafe {
            _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(value).cast());
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = value;
}

/// Asks for every cache line of a value that will be read soon.
#[inline(always)]
pub(crate) fn prefetch_all<T>(value: &T) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let first: *const i8 = std::ptr::from_ref(value).cast();
        for offset in (0..size_of::<T>()).step_by(64) {
            // SAFETY: a prefetch has no effect on memory or registers and cannot fault.
            // The address is within the value that the reference is to.
            unsafe {
                _mm_prefetch::<_MM_HINT_T0>(first.wrapping_add(offset));
            }
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = value;
}
