//! Addresses as numbers and prefixes as sortable pairs, so that both families share one code.

use std::cmp::Ordering;
use std::fmt::Debug;

use super::index::LocationIndex;

/// An address of one family, most significant bit first.
pub(super) trait Address: Copy + Ord + Debug {
    /// How many bits a prefix may have.
    const BITS: u8;
    /// The lowest address.
    const FIRST: Self;
    /// The highest address.
    const LAST: Self;

    /// The first address of the prefix of `length` bits around this address.
    fn network(self, length: u8) -> Self;
    /// The last address of the prefix of `length` bits around this address.
    fn broadcast(self, length: u8) -> Self;
    /// The next address, if there is one.
    fn successor(self) -> Option<Self>;
}

macro_rules! address {
    ($number:ty, $bits:literal) => {
        impl Address for $number {
            const BITS: u8 = $bits;
            const FIRST: Self = <$number>::MIN;
            const LAST: Self = <$number>::MAX;

            fn network(self, length: u8) -> Self {
                self & !<$number>::MAX.checked_shr(u32::from(length)).unwrap_or(0)
            }

            fn broadcast(self, length: u8) -> Self {
                self | <$number>::MAX.checked_shr(u32::from(length)).unwrap_or(0)
            }

            fn successor(self) -> Option<Self> {
                self.checked_add(1)
            }
        }
    };
}

address!(u32, 32);
address!(u128, 128);

/// One prefix of one location, in 8 bytes for IPv4 and 20 for IPv6.
///
/// ```text
/// network                          │ length, 8 bits │ location, 24 bits
/// ```
///
/// The order is the order of the sweep: by first address, then the wider prefix first.
#[derive(Debug, Clone, Copy)]
#[repr(C, packed(4))]
pub(super) struct Prefix<A: Copy> {
    /// INVARIANT: all bits beyond the length are zero.
    network: A,
    length_and_location: u32,
}

impl<A: Address> Prefix<A> {
    /// The prefix of `length` bits around `address`.
    pub(super) fn new(address: A, length: u8, location: LocationIndex) -> Self {
        debug_assert!(length <= A::BITS);
        let length_and_location = u32::from(length) << LocationIndex::BITS | location.bits();
        Self {
            network: address.network(length),
            length_and_location,
        }
    }

    /// What sorts before every prefix that begins at `first`, and after all that begin earlier.
    pub(super) fn lowest(first: A) -> Self {
        Self {
            network: first,
            length_and_location: 0,
        }
    }

    pub(super) fn first(self) -> A {
        self.network
    }

    pub(super) fn last(self) -> A {
        self.first().broadcast(self.length())
    }

    pub(super) fn length(self) -> u8 {
        self.length_and_location.to_be_bytes()[0]
    }

    pub(super) fn location(self) -> LocationIndex {
        LocationIndex::from_bits(self.length_and_location & LocationIndex::MAX as u32)
    }

    fn order(self) -> (A, u32) {
        (self.network, self.length_and_location)
    }
}

impl<A: Address> PartialEq for Prefix<A> {
    fn eq(&self, other: &Self) -> bool {
        self.order() == other.order()
    }
}

impl<A: Address> Eq for Prefix<A> {}

impl<A: Address> PartialOrd for Prefix<A> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<A: Address> Ord for Prefix<A> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order().cmp(&other.order())
    }
}
