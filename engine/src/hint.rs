//! Hints to kernel and processor, and one comparison of eight numbers at once. The hints change how
//! fast memory answers, never what it holds.
//!
//! One of two modules of the engine with `unsafe` code (the other counts for the location table:
//! `snapshot::prefix_table::processor`), because none of these has a safe face. No hint reads or
//! writes the memory it is given, so all are sound for any address range at all; the safe signatures
//! only make sure that the range is the caller's own. The comparison works on values.
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

/// Asks for the cache line of an address, whatever is there.
#[inline(always)]
fn prefetch_line(address: *const i8) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch has no effect on memory or registers and cannot fault, wherever the
        // address leads.
        unsafe {
            _mm_prefetch::<_MM_HINT_T0>(address);
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}

/// Asks for the cache line of a value that will be read soon.
#[inline(always)]
pub(crate) fn prefetch<T>(value: &T) {
    prefetch_line(std::ptr::from_ref(value).cast());
}

/// Asks for the cache line after a value's.
#[inline(always)]
pub(crate) fn prefetch_next<T>(value: &T) {
    prefetch_line(std::ptr::from_ref(value).cast::<i8>().wrapping_add(64));
}

/// Asks for every cache line of a value that will be read soon.
#[inline(always)]
pub(crate) fn prefetch_all<T>(value: &T) {
    let first: *const i8 = std::ptr::from_ref(value).cast();
    for offset in (0..size_of::<T>()).step_by(64) {
        prefetch_line(first.wrapping_add(offset));
    }
}

/// Asks for the first cache lines of values that will be read soon: at most four.
#[inline(always)]
pub(crate) fn prefetch_first<T>(values: &[T]) {
    const LINES: usize = 4;
    let per_line = (64 / size_of::<T>().max(1)).max(1);
    for value in values.iter().step_by(per_line).take(LINES) {
        prefetch(value);
    }
}

/// Which of the eight halves of `pairs`, the lower half of the first pair first, are `wanted`: one
/// bit each.
#[inline(always)]
pub(crate) fn equal_halves(pairs: [u64; 4], wanted: u32) -> u32 {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::*;
        let [a, b, c, d] = pairs.map(u64::cast_signed);
        // SAFETY: SSE2, all that these instructions need, is part of x86-64.
        // They work on values in registers and touch no memory.
        unsafe {
            let wanted = _mm_set1_epi32(wanted.cast_signed());
            let low = _mm_cmpeq_epi32(_mm_set_epi64x(b, a), wanted);
            let high = _mm_cmpeq_epi32(_mm_set_epi64x(d, c), wanted);
            let bits = |equal| _mm_movemask_ps(_mm_castsi128_ps(equal)).cast_unsigned();
            bits(low) | bits(high) << 4
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    equal_halves_portable(pairs, wanted)
}

/// [`equal_halves`] on any processor.
#[cfg(any(test, not(target_arch = "x86_64")))]
fn equal_halves_portable(pairs: [u64; 4], wanted: u32) -> u32 {
    let half = |position: usize| (pairs[position / 2] >> (position % 2 * 32)) as u32;
    (0..8).fold(0, |bits, position| {
        bits | u32::from(half(position) == wanted) << position
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn vectors_and_numbers_compare_alike(halves: [u32; 8], wanted: u32, equal: u8) {
            let half = |position: usize| {
                let is_equal = equal >> position & 1 == 1;
                u64::from(if is_equal { wanted } else { halves[position] })
            };
            let pairs = std::array::from_fn(|pair| half(2 * pair) | half(2 * pair + 1) << 32);
            let bits = equal_halves(pairs, wanted);
            prop_assert_eq!(bits, equal_halves_portable(pairs, wanted));
            prop_assert_eq!(bits & u32::from(equal), u32::from(equal));
        }
    }
}
