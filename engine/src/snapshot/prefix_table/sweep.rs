//! From nested prefixes to disjoint ranges.
//!
//! Prefixes never overlap halfway: of two, one contains the other or they are apart. Sorted by
//! first address, the wider first, they open and close like brackets, and one walk with a stack
//! yields every point at which the set of covering locations changes:
//!
//! ```text
//! a  [---------------------------]
//! b        [------]   [---]
//! c           [-]
//!    {a}  {ab}|{abc}|{ab}|{a}|{ab}|{a} {}
//! ```

use super::error::PrefixTableError;
use super::index::{LocationIndex, LocationSetIndex};
use super::location_set::Interner;

/// An address as a number, so that both families share one sweep.
pub(super) trait Address: Copy + Ord + std::fmt::Debug {
    /// How many bits a prefix may have.
    const BITS: u8;
    /// The address all of whose bits are zero.
    const FIRST: Self;
    /// The network address of the prefix of `length` bits around this address.
    fn network(self, length: u8) -> Self;
    /// The last address of the prefix of `length` bits around this address.
    fn broadcast(self, length: u8) -> Self;
    /// The next address, if there is one.
    fn successor(self) -> Option<Self>;
}

macro_rules! address {
    ($number:ty) => {
        impl Address for $number {
            const BITS: u8 = <$number>::BITS as u8;
            const FIRST: Self = 0;

            fn network(self, length: u8) -> Self {
                let host_bits = <$number>::MAX.checked_shr(u32::from(length)).unwrap_or(0);
                self & !host_bits
            }

            fn broadcast(self, length: u8) -> Self {
                let host_bits = <$number>::MAX.checked_shr(u32::from(length)).unwrap_or(0);
                self | host_bits
            }

            fn successor(self) -> Option<Self> {
                self.checked_add(1)
            }
        }
    };
}

address!(u32);
address!(u128);

/// One prefix of one location. The order is the order of the sweep: by first address, then the
/// wider prefix first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Prefix<A> {
    /// INVARIANT: all bits beyond `length` are zero.
    pub(super) network: A,
    pub(super) length: u8,
    pub(super) location: LocationIndex,
}

/// From `start` on, up to the next boundary, the answer is `set`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Boundary<A> {
    pub(super) start: A,
    pub(super) set: LocationSetIndex,
}

/// Turns sorted prefixes into boundaries: strictly ascending, the first one at address zero, no
/// two neighbours with the same set.
pub(super) fn sweep<A: Address>(
    prefixes: &[Prefix<A>],
    interner: &mut Interner,
) -> Result<Vec<Boundary<A>>, PrefixTableError> {
    debug_assert!(prefixes.is_sorted());
    let mut boundaries = vec![Boundary {
        start: A::FIRST,
        set: LocationSetIndex::EMPTY,
    }];
    let mut open: Vec<(A, LocationSetIndex)> = Vec::with_capacity(usize::from(A::BITS) + 1);
    for prefix in prefixes {
        close(&mut open, &mut boundaries, |last| last < prefix.network);
        let around = open.last().map_or(LocationSetIndex::EMPTY, |&(_, set)| set);
        let set = interner.with(around, prefix.location)?;
        if set != around {
            change(&mut boundaries, prefix.network, set);
            open.push((prefix.network.broadcast(prefix.length), set));
        }
    }
    close(&mut open, &mut boundaries, |_| true);
    Ok(boundaries)
}

/// Leaves the innermost open prefixes as long as `over` says that their last address is behind.
fn close<A: Address>(
    open: &mut Vec<(A, LocationSetIndex)>,
    boundaries: &mut Vec<Boundary<A>>,
    over: impl Fn(A) -> bool,
) {
    while let Some((last, _)) = open.pop_if(|(last, _)| over(*last)) {
        let around = open.last().map_or(LocationSetIndex::EMPTY, |&(_, set)| set);
        if let Some(start) = last.successor() {
            change(boundaries, start, around);
        }
    }
}

fn change<A: Address>(boundaries: &mut Vec<Boundary<A>>, start: A, set: LocationSetIndex) {
    boundaries.pop_if(|last| last.start == start);
    if boundaries.last().is_none_or(|last| last.set != set) {
        boundaries.push(Boundary { start, set });
    }
}
