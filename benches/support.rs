//! What the benches share: inputs that are the same in every run.

pub mod inputs;
pub mod scaling;
pub mod tenant;

/// A fixed stream of numbers (splitmix64).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The stream that starts at `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// The next 64 bits.
    pub fn narrow(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// The next 128 bits.
    pub fn wide(&mut self) -> u128 {
        (u128::from(self.narrow()) << 64) | u128::from(self.narrow())
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.narrow()) * bound as u128) >> 64) as usize
    }

    /// A number below `bound`, the number `n` about `n + 1` times rarer than zero.
    pub fn zipf(&mut self, bound: usize) -> usize {
        // The inverse of the continuous distribution with density 1 / x on 1..=bound.
        let uniform = (self.narrow() >> 11) as f64 / (1_u64 << 53) as f64;
        let rank = (bound as f64 + 1.0).powf(uniform);
        (rank as usize - 1).min(bound - 1)
    }
}
