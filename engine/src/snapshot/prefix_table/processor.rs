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
use super::ipv4::{Flat, Leaf};
use super::range_map::{KeyedAddress, RangeMap};

/// How to count the ascending keys of a cache line that are below a key.
pub(super) trait Counter: Copy {
    /// Of 16 keys of 32 bits.
    fn below_32(self, line: &[u32; 16], key: u32) -> usize;
    /// Of 8 keys of 64 bits.
    fn below_64(self, line: &[u64; 8], key: u64) -> usize;
}

/// Counts on any processor.
#[derive(Debug, Clone, Copy)]
pub(super) struct Portable;

impl Counter for Portable {
    #[inline(always)]
    fn below_32(self, line: &[u32; 16], key: u32) -> usize {
        line.iter().map(|&end| u32::from(end < key)).sum::<u32>() as usize
    }

    #[inline(always)]
    fn below_64(self, line: &[u64; 8], key: u64) -> usize {
        line.iter().map(|&end| usize::from(end < key)).sum()
    }
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
                pub(super) fn flat<L: Leaf>(
                    self,
                    flat: &Flat<L>,
                    address: u32,
                ) -> LocationSetIndex {
                    #[target_feature(enable = $features)]
                    fn lookup<L: Leaf>(flat: &Flat<L>, address: u32) -> LocationSetIndex {
                        flat.lookup(address)
                    }
                    // SAFETY: `self` is the proof that the processor has the enabled features.
                    unsafe { lookup(flat, address) }
                }

                #[inline(always)]
                pub(super) fn ranges<A: KeyedAddress>(
                    self,
                    ranges: &RangeMap<A>,
                    address: A,
                ) -> LocationSetIndex {
                    #[target_feature(enable = $features)]
                    fn lookup<A: KeyedAddress>(
                        ranges: &RangeMap<A>,
                        address: A,
                        counter: $name,
                    ) -> LocationSetIndex {
                        ranges.lookup(address, counter)
                    }
                    // SAFETY: `self` is the proof that the processor has the enabled features.
                    unsafe { lookup(ranges, address, self) }
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
        fn below_32(self, line: &[u32; 16], key: u32) -> usize {
            // SAFETY: `self` is the proof that the processor has AVX2.
            unsafe { below_32_avx2(line, key) }
        }

        #[inline(always)]
        fn below_64(self, line: &[u64; 8], key: u64) -> usize {
            // SAFETY: `self` is the proof that the processor has AVX2.
            unsafe { below_64_avx2(line, key) }
        }
    }

    impl Counter for Avx512 {
        #[inline(always)]
        fn below_32(self, line: &[u32; 16], key: u32) -> usize {
            // SAFETY: `self` is the proof that the processor has AVX-512.
            unsafe { below_32_avx512(line, key) }
        }

        #[inline(always)]
        fn below_64(self, line: &[u64; 8], key: u64) -> usize {
            // SAFETY: `self` is the proof that the processor has AVX-512.
            unsafe { below_64_avx512(line, key) }
        }
    }

    #[inline]
    #[target_feature(enable = "avx2,popcnt")]
    fn below_32_avx2(line: &[u32; 16], key: u32) -> usize {
        // There is only a signed comparison: shift both sides by half the range.
        let key = _mm256_xor_si256(
            _mm256_set1_epi32(key.cast_signed()),
            _mm256_set1_epi32(i32::MIN),
        );
        let (low, high) = (half_below_32::<0>(line, key), half_below_32::<8>(line, key));
        (low | high << 8).count_ones() as usize
    }

    /// The 8 keys from `FROM` on. A function and no closure: those were not inlined everywhere.
    #[inline]
    #[target_feature(enable = "avx2,popcnt")]
    fn half_below_32<const FROM: usize>(line: &[u32; 16], key: __m256i) -> i32 {
        let ends = _mm256_setr_epi32(
            line[FROM].cast_signed(),
            line[FROM + 1].cast_signed(),
            line[FROM + 2].cast_signed(),
            line[FROM + 3].cast_signed(),
            line[FROM + 4].cast_signed(),
            line[FROM + 5].cast_signed(),
            line[FROM + 6].cast_signed(),
            line[FROM + 7].cast_signed(),
        );
        let ends = _mm256_xor_si256(ends, _mm256_set1_epi32(i32::MIN));
        _mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpgt_epi32(key, ends)))
    }

    #[inline]
    #[target_feature(enable = "avx2,popcnt")]
    fn below_64_avx2(line: &[u64; 8], key: u64) -> usize {
        let key = _mm256_xor_si256(
            _mm256_set1_epi64x(key.cast_signed()),
            _mm256_set1_epi64x(i64::MIN),
        );
        let (low, high) = (half_below_64::<0>(line, key), half_below_64::<4>(line, key));
        (low | high << 4).count_ones() as usize
    }

    /// The 4 keys from `FROM` on.
    #[inline]
    #[target_feature(enable = "avx2,popcnt")]
    fn half_below_64<const FROM: usize>(line: &[u64; 8], key: __m256i) -> i32 {
        let ends = _mm256_setr_epi64x(
            line[FROM].cast_signed(),
            line[FROM + 1].cast_signed(),
            line[FROM + 2].cast_signed(),
            line[FROM + 3].cast_signed(),
        );
        let ends = _mm256_xor_si256(ends, _mm256_set1_epi64x(i64::MIN));
        _mm256_movemask_pd(_mm256_castsi256_pd(_mm256_cmpgt_epi64(key, ends)))
    }

    #[inline]
    #[target_feature(enable = "avx512f,popcnt")]
    fn below_32_avx512(line: &[u32; 16], key: u32) -> usize {
        let end = |position: usize| line[position].cast_signed();
        let ends = _mm512_setr_epi32(
            end(0),
            end(1),
            end(2),
            end(3),
            end(4),
            end(5),
            end(6),
            end(7),
            end(8),
            end(9),
            end(10),
            end(11),
            end(12),
            end(13),
            end(14),
            end(15),
        );
        _mm512_cmplt_epu32_mask(ends, _mm512_set1_epi32(key.cast_signed())).count_ones() as usize
    }

    #[inline]
    #[target_feature(enable = "avx512f,popcnt")]
    fn below_64_avx512(line: &[u64; 8], key: u64) -> usize {
        let end = |position: usize| line[position].cast_signed();
        let ends = _mm512_setr_epi64(
            end(0),
            end(1),
            end(2),
            end(3),
            end(4),
            end(5),
            end(6),
            end(7),
        );
        _mm512_cmplt_epu64_mask(ends, _mm512_set1_epi64(key.cast_signed())).count_ones() as usize
    }
}

impl Processor {
    /// [`Flat::lookup`] with the best instructions there are.
    #[inline(always)]
    pub(super) fn flat<L: Leaf>(self, flat: &Flat<L>, address: u32) -> LocationSetIndex {
        #[inline(never)]
        fn portable<L: Leaf>(flat: &Flat<L>, address: u32) -> LocationSetIndex {
            flat.lookup(address)
        }
        match self {
            Self::Portable => portable(flat, address),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(avx2) => avx2.flat(flat, address),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(avx512) => avx512.flat(flat, address),
        }
    }

    /// [`RangeMap::lookup`] with the best instructions there are.
    #[inline(always)]
    pub(super) fn ranges<A: KeyedAddress>(
        self,
        ranges: &RangeMap<A>,
        address: A,
    ) -> LocationSetIndex {
        #[inline(never)]
        fn portable<A: KeyedAddress>(ranges: &RangeMap<A>, address: A) -> LocationSetIndex {
            ranges.lookup(address, Portable)
        }
        match self {
            Self::Portable => portable(ranges, address),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(avx2) => avx2.ranges(ranges, address),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(avx512) => avx512.ranges(ranges, address),
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
