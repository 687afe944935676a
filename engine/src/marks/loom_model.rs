//! Every interleaving of one writer with readers, as far as the memory model allows them.
//!
//! Run: `RUSTFLAGS="--cfg loom" cargo test -p highwater --release --lib loom_model`.
//!
//! A table of one line grows with the fifth subject. The map of details and the pointer to the
//! table are not loom's: each of their operations is one step here, as their own crates promise.

use loom::sync::Arc;
use loom::thread;

use super::model_support::read;
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

/// What a token keeps.
struct Kept {
    number: LastQuiet,
    count: LastQuiet,
    /// Whether changes are counted too: more steps than three threads can be tried with.
    counts: bool,
}

impl Kept {
    fn new(counts: bool) -> Kept {
        Kept {
            number: LastQuiet::without_number(),
            count: LastQuiet::without_count(),
            counts,
        }
    }

    /// Whether nothing is known, looked up only if something may have changed since nothing was.
    fn is_quiet(&self, changes: &Changes, key: MarkKey, look: impl FnOnce() -> bool) -> bool {
        let number = changes.number();
        if self.number.is(number) {
            return true;
        }
        let counts = self.counts.then(|| changes.count(std::iter::once(key)));
        let count = counts.flatten();
        let is_quiet = count.is_some_and(|count| self.count.is(count)) || look();
        if is_quiet {
            Look { number, count }.keep(changes.number(), &self.number, &self.count);
        }
        is_quiet
    }
}

#[test]
fn what_a_token_keeps_hides_no_change() {
    loom::model(|| {
        let marks = marks();
        let kept = Kept::new(true);
        let writer = {
            let marks = Arc::clone(&marks);
            thread::spawn(move || {
                marks.write(key(1), revoked(7));
                // Said twice: no change.
                let number = marks.number();
                marks.write(key(1), revoked(7));
                assert_eq!(marks.number(), number);
            })
        };
        let mut last = None;
        let mut ask = || {
            let look = || read(&marks, &mut last, key(1)) == Mark::NOTHING;
            kept.is_quiet(&marks.changes, key(1), look)
        };
        let was_quiet = ask();
        // What was seen once is not unseen.
        assert!(was_quiet || !ask());
        writer.join().unwrap();
        assert!(!ask());
    });
}

#[test]
fn a_token_that_readers_share_hides_no_change() {
    // Three threads interleave in too many ways; three changes of thread at any places do not.
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        // A mark that is set once: what the table does is the model above.
        let shared = Arc::new((Changes::new(), Kept::new(false), AtomicU64::new(0)));
        let ask = |(changes, kept, mark): &(Changes, Kept, AtomicU64)| {
            kept.is_quiet(changes, key(1), || mark.load(Ordering::Acquire) == 0)
        };
        let writer = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let change = shared.0.begin(key(1));
                shared.2.store(1, Ordering::Release);
                drop(change);
            })
        };
        let reader = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || ask(&shared))
        };
        let was_quiet = ask(&shared);
        assert!(was_quiet || !ask(&shared));
        writer.join().unwrap();
        assert!(!ask(&shared));
        reader.join().unwrap();
        assert!(!ask(&shared));
    });
}

#[test]
fn a_change_that_concerns_others_leaves_what_a_token_keeps() {
    loom::model(|| {
        let changes = Changes::new();
        let kept = Kept::new(true);
        assert!(kept.is_quiet(&changes, key(1), || true));
        // Keys of another part.
        drop(changes.begin(key(2)));
        assert!(kept.is_quiet(&changes, key(1), || unreachable!(
            "nothing about it changed"
        )));
        drop(changes.begin_general());
        assert!(!kept.is_quiet(&changes, key(1), || false));
    });
}
