//! Every interleaving of one writer with readers, as far as the memory model allows them.
//!
//! Run: `RUSTFLAGS="--cfg loom" cargo test -p highwater --release --lib loom_model`.
//!
//! A table of one line grows with the fifth subject. The map of details and the pointer to the
//! table are not loom's: each of their operations is one step here, as their own crates promise.

use loom::sync::Arc;
use loom::thread;

use super::current::Remembered;
use super::*;

fn revoked(second: i64) -> Mark {
    Mark {
        revoked_before: Some(second),
        ..Mark::NOTHING
    }
}

fn marks() -> Arc<Marks> {
    Arc::new(Marks::with_minimum_lines(Keyring::from_seed([1, 2]), 1))
}

/// Reads as a thread that remembers its table; looks again as often as needed.
fn read(marks: &Marks, last: &mut Option<Remembered>, key: MarkKey) -> Mark {
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

fn key(index: u128) -> MarkKey {
    // One line, three prints.
    MarkKey::from_bits((index % 3 + 1) << 40 | index)
}

#[test]
fn marks_are_seen_whole_and_in_the_order_of_their_events() {
    loom::model(|| {
        let marks = marks();
        let writer = {
            let marks = Arc::clone(&marks);
            thread::spawn(move || {
                marks.write(key(1), revoked(5));
                marks.write(key(4), revoked(7));
            })
        };
        let mut last = None;
        let later = read(&marks, &mut last, key(4));
        let earlier = read(&marks, &mut last, key(1));
        assert!(later == Mark::NOTHING || later == revoked(7));
        assert!(earlier == Mark::NOTHING || earlier == revoked(5));
        // Who has seen the second event has seen the first.
        assert!(later == Mark::NOTHING || earlier == revoked(5));
        writer.join().unwrap();
        assert_eq!(read(&marks, &mut last, key(1)), revoked(5));
        assert_eq!(read(&marks, &mut last, key(4)), revoked(7));
    });
}

#[test]
fn growth_loses_nothing_and_nothing_recedes() {
    loom::model(|| {
        let marks = marks();
        for index in 1..=4 {
            marks.write(key(index), revoked(1));
        }
        let writer = {
            let marks = Arc::clone(&marks);
            thread::spawn(move || {
                // The fifth subject is over the limit of one line.
                marks.write(key(5), revoked(1));
                marks.write(key(1), revoked(2));
            })
        };
        let mut last = None;
        let first = read(&marks, &mut last, key(1)).revoked_before;
        let second = read(&marks, &mut last, key(1)).revoked_before;
        assert!(first.is_some() && second >= first);
        writer.join().unwrap();
        assert_eq!(read(&marks, &mut last, key(1)), revoked(2));
        assert_eq!(read(&marks, &mut last, key(5)), revoked(1));
    });
}

#[test]
fn details_are_there_when_the_slot_says_so() {
    let blocked = Mark {
        blocked: true,
        ..revoked(3)
    };
    loom::model(move || {
        let marks = marks();
        marks.write(key(1), revoked(3));
        let writer = {
            let marks = Arc::clone(&marks);
            thread::spawn(move || {
                marks.write(key(1), blocked);
                marks.write(key(1), revoked(4));
            })
        };
        let mut last = None;
        let seen = read(&marks, &mut last, key(1));
        assert!(seen == revoked(3) || seen == blocked || seen == revoked(4));
        writer.join().unwrap();
        assert_eq!(read(&marks, &mut last, key(1)), revoked(4));
    });
}
