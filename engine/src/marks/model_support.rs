//! What the models of both checkers read marks with.

use super::current::Remembered;
use super::*;
use crate::primitive::thread;

/// Reads as a thread that remembers its table; looks again as often as needed.
pub(super) fn read(marks: &Marks, last: &mut Option<Remembered>, key: MarkKey) -> Mark {
    loop {
        let until = marks.current.remembered(last).read(key, floor(0));
        if until != DETAILED {
            return watermark(until);
        }
        if let Some(mark) = marks.details.pin().get(&key) {
            return *mark;
        }
        thread::yield_now();
    }
}
