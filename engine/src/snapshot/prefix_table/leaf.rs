//! What a large layout answers with: the number of a set, in as few bits as all of them fit into.

use bytemuck::Pod;

/// A set, or with its highest bit something that is to be asked in its stead.
pub(super) trait Leaf: Pod + Into<u32> + std::fmt::Debug + Send + Sync {
    /// The bit that makes it something else; sets are below it.
    const CHILD: u32;

    /// Nothing if `bits` do not fit.
    fn new(bits: u32) -> Option<Self>;
}

impl Leaf for u16 {
    const CHILD: u32 = 1 << 15;

    fn new(bits: u32) -> Option<Self> {
        u16::try_from(bits).ok()
    }
}

impl Leaf for u32 {
    const CHILD: u32 = 1 << 31;

    fn new(bits: u32) -> Option<Self> {
        Some(bits)
    }
}
