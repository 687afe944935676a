//! Panics on demand: a defect that the library does not have, so that tests see what one does.

use std::cell::Cell;

thread_local! {
    static BEFORE: Cell<Option<u32>> = const { Cell::new(None) };
}

/// Makes this thread panic inside the library, at the point after `points` others. There is one
/// at the beginning of every call that has a handle, and one before every 64 requests of a batch.
pub fn panic_after(points: u32) {
    BEFORE.set(Some(points));
}

/// Such a point.
pub(crate) fn point() {
    match BEFORE.get() {
        None => {}
        Some(0) => {
            BEFORE.set(None);
            panic!("a test asked for it");
        }
        Some(points) => BEFORE.set(Some(points - 1)),
    }
}
