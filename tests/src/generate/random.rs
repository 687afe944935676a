//! A small, fast, seeded source of choices (splitmix64): one seed, one case, on every machine.
//!
//! A fuzzer steers instead: the first choices are its bytes, one each, and the seed is for what
//! comes after them.

/// The source.
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
    steering: std::vec::IntoIter<u8>,
}

impl Random {
    /// Starts from a seed.
    #[must_use]
    pub fn new(seed: u64) -> Random {
        Random {
            state: seed,
            steering: Vec::new().into_iter(),
        }
    }

    /// Takes the first choices from `bytes`.
    #[must_use]
    pub fn steered(bytes: &[u8]) -> Random {
        Random {
            state: 0,
            steering: Vec::from(bytes).into_iter(),
        }
    }

    /// 64 bits.
    pub fn bits(&mut self) -> u64 {
        if let Some(choice) = self.steering.next() {
            return u64::from(choice);
        }
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below `bound`, which is not zero.
    pub fn below(&mut self, bound: usize) -> usize {
        let bound = bound.max(1) as u64;
        usize::try_from(self.bits() % bound).unwrap_or(0)
    }

    /// True in `percent` of a hundred cases.
    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of several.
    ///
    /// # Panics
    /// If there are none.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    /// A few of several, each at most once, in their order.
    pub fn some_of<'a, T>(&mut self, items: &'a [T], percent: usize) -> Vec<&'a T> {
        items.iter().filter(|_| self.chance(percent)).collect()
    }
}
