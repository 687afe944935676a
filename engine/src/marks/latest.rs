//! What a slot says, and what the slots of one token come to: one number, in a register.

use super::mark::Mark;
use super::table::{DETAILED, NOTHING};

/// The greatest `until` of all keys of a token that matters to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Latest(u32);

impl Latest {
    /// Nothing is known that matters.
    pub(crate) const NOTHING: Latest = Latest(NOTHING);

    /// More is known than a number can say, or the keys are those of another engine: only
    /// [`Marks::read_since`](super::Marks::read_since) tells.
    pub(crate) const DETAILED: Latest = Latest(DETAILED);

    #[inline(always)]
    pub(super) fn new(until: u32) -> Latest {
        Latest(until)
    }

    /// Whether anything is known that matters to the token.
    #[inline(always)]
    pub(crate) fn matters(self) -> bool {
        self != Latest::NOTHING
    }

    /// The whole mark; `None` if there is more to it than one second.
    #[inline(always)]
    pub(crate) fn mark(self) -> Option<Mark> {
        (self != Latest::DETAILED).then(|| watermark(self.0))
    }
}

/// What the slot of a mark holds: the second up to which it revokes, if that is all it says.
pub(super) fn until_of(mark: &Mark) -> u32 {
    if mark.is_nothing() {
        return NOTHING;
    }
    let watermark = Mark {
        revoked_before: mark.revoked_before,
        ..Mark::NOTHING
    };
    match mark.revoked_before.map(u32::try_from) {
        Some(Ok(second)) if second != NOTHING && *mark == watermark => second,
        _ => DETAILED,
    }
}

/// The mark of a slot that is not `DETAILED`.
#[inline]
pub(super) fn watermark(until: u32) -> Mark {
    Mark {
        revoked_before: (until != NOTHING).then_some(i64::from(until)),
        ..Mark::NOTHING
    }
}

/// The least `until` that matters to a token issued at second `issued`.
#[inline]
pub(super) fn floor(issued: i64) -> u32 {
    // Between 1 and `DETAILED`, which matters to every token.
    u32::try_from(issued.clamp(1, i64::from(DETAILED))).unwrap_or(DETAILED)
}
