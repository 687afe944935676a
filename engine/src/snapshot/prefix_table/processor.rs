//! The instructions that count: the only `unsafe` of the location table.
//!
//! A lookup counts bits (IPv4) and counts keys below a key (ranges). Processors have instructions
//! for both that a build for any x86-64 may not use, so the table asks once, when it is made,
//! and remembers. The answer is a *proof*: [`Avx2`] and [`Avx512`] can only be had by asking.
//!
//! What is unsafe is to run such an instruction where it does not exist, nothing else: memory is
//! accessed by checked indices everywhere, here too.
//!
//! Measured on a build for any x86-64 (`benches/record/location.md`): safe code alone costs the
//! IPv6 routing table twice to three times as much per lookup.
#![allow(unsafe_code)]

use std::net::IpAddr;

use super::PrefixTable;
use super::index::LocationSetIndex;
use super::map::Lookup;
use super::range_map::KeyedAddress;

/// How to count the ascending numbers of a cache line that are below a number.
pub(super) trait Counter: Copy {
    /// Of the first `count` numbers of 32 bits.
    fn below_32(self, line: &[i32; 16], number: i32, count: usize) -> usize;
    /// Of the first `count` numbers of 64 bits.
    fn below_64(self, line: &[i64; 8], number: i64, count: usize) -> usize;
}

/// Counts on any processor.
#[derive(Debug, Clone, Copy)]
pub(super) struct Portable;

impl Counter for Portable {
    #[inline(always)]
    fn below_32(self, line: &[i32; 16], number: i32, count: usize) -> usize {
        let line = line.iter().take(count);
        line.map(|&end| u32::from(end < number)).sum::<u32>() as usize
    }

    #[inline(always)]
    fn below_64(self, line: &[i64; 8], number: i64, count: usize) -> usize {
        let line = line.iter().take(count);
        line.map(|&end| usize::from(end < number)).sum()
    }
}

/// The lowest `count` bits of what was found out about each number of a line.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn first(count: usize, bits: u32) -> usize {
    (bits & ((1 << count) - 1)).count_ones() as usize
}

/// What this processor offers.
#[derive(Debug, Clone, Copy)]
pub(super) enum Processor {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
}

impl Default for Processor {
    fn default() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            if let Some(avx512) = Avx512::detect() {
                return Self::Avx512(avx512);
            }
            if let Some(avx2) = Avx2::detect() {
                return Self::Avx2(avx2);
            }
        }
        Self::Portable
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) use self::x86_64::{Avx2, Avx512};

#[cfg(target_arch = "x86_64")]
mod x86_64 {
    use std::arch::x86_64::*;

    use super::*;

    macro_rules! level {
        ($name:ident, $features:literal, [$($feature:tt),*], $doc:literal) => {
            #[doc = $doc]
            ///
            /// INVARIANT: exists only where the processor has all these instructions.
            #[derive(Debug, Clone, Copy)]
            pub(in super::super) struct $name(());

            impl $name {
                pub(in super::super) fn detect() -> Option<Self> {
                    let all = true $(&& is_x86_feature_detected!($feature))*;
                    all.then_some(Self(()))
                }

                #[inline(always)]
                pub(super) fn lookup<A: KeyedAddress>(
                    self,
                    layout: &impl Lookup<A>,
                    address: A,
                ) -> LocationSetIndex {
                    #[target_feature(enable = $features)]
                    fn lookup<A: KeyedAddress>(
                        layout: &impl Lookup<A>,
                        address: A,
                        counter: $name,
                    ) -> LocationSetIndex {
                        layout.lookup(address, counter)
                    }
                    // SAFETY: `self` is the proof that the processor has the enabled features.
                    unsafe { lookup(layout, address, self) }
                }

                pub(super) fn lookup_batch(
                    self,
                    table: &PrefixTable,
                    addresses: &[IpAddr],
                    sets: &mut [LocationSetIndex],
                ) {
                    #[target_feature(enable = $features)]
                    fn lookup(
                        table: &PrefixTable,
                        addresses: &[IpAddr],
                        sets: &mut [LocationSetIndex],
                        counter: $name,
                    ) {
                        table.lookup_batch_with(addresses, sets, counter);
                    }
                    // SAFETY: `self` is the proof that the processor has the enabled features.
                    unsafe { lookup(table, addresses, sets, self) }
                }
            }
        };
    }

    level!(
        Avx2,
        "avx2,bmi1,bmi2,lzcnt,popcnt",
        ["avx2", "bmi1", "bmi2", "lzcnt", "popcnt"],
        "Proof of 256-bit comparisons and of bit counting."
    );
    level!(
        Avx512,
        "avx512f,avx512bw,avx512dq,avx512vl,avx2,bmi1,bmi2,lzcnt,popcnt",
        [
            "avx512f", "avx512bw", "avx512dq", "avx512vl", "avx2", "bmi1", "bmi2", "lzcnt",
            "popcnt"
        ],
        "Proof of 512-bit comparisons and of bit counting."
    );

    impl Counter for Avx2 {
        #[inline(always)]
        fn below_32(self, line: &[i32; 16], number: i32, count: usize) -> usize {
            // SAFETY: `self` is the proof that the processor has AVX2.
            first(count, unsafe { below_32_avx2(line, number) })
        }

        #[inline(always)]
        fn below_64(self, line: &[i64; 8], number: i64, count: usize) -> usize {
            // SAFETY: `self` is the proof that the processor has AVX2.
            first(count, unsafe { below_64_avx2(line, number) })
        }
    }

    impl Counter for Avx512 {
        #[inline(always)]
        fn below_32(self, line: &[i32; 16], number: i32, count: usize) -> usize {
            // SAFETY: `self` is the proof that the processor has AVX-512.
            first(count, unsafe { below_32_avx512(line, number) })
        }

        #[inline(always)]
        fn below_64(self, line: &[i64; 8], number: i64, count: usize) -> usize {
            // SAFETY: `self` is the proof that the processor has AVX-512.
            first(count, unsafe { below_64_avx512(line, number) })
        }
    }

    // One bit per number, set where it is below.

    #[inline]
    #[target_feature(enable = "avx2")]
    fn below_32_avx2(line: &[i32; 16], number: i32) -> u32 {
        let number = _mm256_set1_epi32(number);
        let (low, high) = (
            half_below_32::<0>(line, number),
            half_below_32::<8>(line, number),
        );
        low | high << 8
    }

    /// The 8 numbers from `FROM` on. A function and no closure: those were not inlined everywhere.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn half_below_32<const FROM: usize>(line: &[i32; 16], number: __m256i) -> u32 {
        let ends = _mm256_setr_epi32(
            line[FROM],
            line[FROM + 1],
            line[FROM + 2],
            line[FROM + 3],
            line[FROM + 4],
            line[FROM + 5],
            line[FROM + 6],
            line[FROM + 7],
        );
        _mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpgt_epi32(number, ends))).cast_unsigned()
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn below_64_avx2(line: &[i64; 8], number: i64) -> u32 {
        let number = _mm256_set1_epi64x(number);
        let (low, high) = (
            half_below_64::<0>(line, number),
            half_below_64::<4>(line, number),
        );
        low | high << 4
    }

    /// The 4 numbers from `FROM` on.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn half_below_64<const FROM: usize>(line: &[i64; 8], number: __m256i) -> u32 {
        let ends = _mm256_setr_epi64x(line[FROM], line[FROM + 1], line[FROM + 2], line[FROM + 3]);
        _mm256_movemask_pd(_mm256_castsi256_pd(_mm256_cmpgt_epi64(number, ends))).cast_unsigned()
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn below_32_avx512(line: &[i32; 16], number: i32) -> u32 {
        let ends = _mm512_setr_epi32(
            line[0], line[1], line[2], line[3], line[4], line[5], line[6], line[7], line[8],
            line[9], line[10], line[11], line[12], line[13], line[14], line[15],
        );
        u32::from(_mm512_cmplt_epi32_mask(ends, _mm512_set1_epi32(number)))
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn below_64_avx512(line: &[i64; 8], number: i64) -> u32 {
        let ends = _mm512_setr_epi64(
            line[0], line[1], line[2], line[3], line[4], line[5], line[6], line[7],
        );
        u32::from(_mm512_cmplt_epi64_mask(ends, _mm512_set1_epi64(number)))
    }
}

impl Processor {
    /// [`Lookup::lookup`] with the best instructions there are.
    #[inline(always)]
    pub(super) fn lookup<A: KeyedAddress>(
        self,
        layout: &impl Lookup<A>,
        address: A,
    ) -> LocationSetIndex {
        #[inline(never)]
        fn portable<A: KeyedAddress>(layout: &impl Lookup<A>, address: A) -> LocationSetIndex {
            layout.lookup(address, Portable)
        }
        match self {
            Self::Portable => portable(layout, address),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(avx2) => avx2.lookup(layout, address),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(avx512) => avx512.lookup(layout, address),
        }
    }

    /// [`PrefixTable::lookup_batch_with`] with the best instructions there are.
    pub(super) fn lookup_batch(
        self,
        table: &PrefixTable,
        addresses: &[IpAddr],
        sets: &mut [LocationSetIndex],
    ) {
        match self {
            Self::Portable => table.lookup_batch_with(addresses, sets, Portable),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(avx2) => avx2.lookup_batch(table, addresses, sets),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(avx512) => avx512.lookup_batch(table, addresses, sets),
        }
    }
}
