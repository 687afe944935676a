//! The addresses of one family in a batch, and where they came from.

use super::address::Address;
use super::range_map::BATCH;

/// At most [`BATCH`] addresses.
pub(super) struct Gathered<A> {
    /// Beyond `count`, addresses that nobody asked about.
    addresses: [A; BATCH],
    positions: [u8; BATCH],
    count: usize,
}

impl<A: Address> Gathered<A> {
    #[inline(always)]
    pub(super) fn new() -> Self {
        Self {
            addresses: [A::FIRST; BATCH],
            positions: [0; BATCH],
            count: 0,
        }
    }

    #[inline(always)]
    pub(super) fn push(&mut self, address: A, position: usize) {
        self.addresses[self.count] = address;
        // A batch is shorter than 256.
        self.positions[self.count] = position as u8;
        self.count += 1;
    }

    #[inline(always)]
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The addresses, and the position of each in the batch.
    #[inline(always)]
    pub(super) fn taken(&self) -> (&[A], &[u8]) {
        let count = self.count.min(BATCH);
        (&self.addresses[..count], &self.positions[..count])
    }

    /// The addresses, and behind them some that nobody asked about.
    #[inline(always)]
    pub(super) fn room(&self) -> &[A; BATCH] {
        &self.addresses
    }
}
