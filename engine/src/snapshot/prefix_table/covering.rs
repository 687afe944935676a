//! The prefixes themselves, kept so that an explanation can name the one that matched.
//!
//! Ranges forget which prefix they came from. Nothing here is on the way of a decision.

use super::index::LocationIndex;
use super::sweep::{Address, Prefix};

/// The prefixes of one family.
#[derive(Debug, Clone)]
pub(super) struct PrefixRegister<A> {
    /// INVARIANT: ascending, no two equal.
    prefixes: Box<[Prefix<A>]>,
}

impl<A: Address> PrefixRegister<A> {
    pub(super) fn new(sorted: Vec<Prefix<A>>) -> Self {
        debug_assert!(sorted.is_sorted());
        Self {
            prefixes: sorted.into_boxed_slice(),
        }
    }

    /// Network and length of the longest prefix of `location` around `address`.
    pub(super) fn covering(&self, address: A, location: LocationIndex) -> Option<(A, u8)> {
        (0..=A::BITS).rev().find_map(|length| {
            let network = address.network(length);
            let wanted = Prefix {
                network,
                length,
                location,
            };
            self.prefixes
                .binary_search(&wanted)
                .ok()
                .map(|_| (network, length))
        })
    }

    pub(super) fn memory_bytes(&self) -> usize {
        size_of_val(&*self.prefixes)
    }
}

impl<A> Default for PrefixRegister<A> {
    fn default() -> Self {
        Self {
            prefixes: Box::default(),
        }
    }
}
