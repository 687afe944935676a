//! More threads than every interleaving could be tried of: schedules at random.
//!
//! Run: `RUSTFLAGS="--cfg shuttle" cargo test -p highwater --release --lib shuttle_model`.
//!
//! Every load sees the last store here, so that a wrong memory order is not found: that is what
//! `loom_model.rs` is for. What is found are orders of steps of which three threads are not enough.

use shuttle::sync::Arc;
use shuttle::{check_pct, check_random, thread};

use super::current::Remembered;
use super::model_support::read;
use super::*;

/// How many schedules of each kind.
const SCHEDULES: usize = 5_000;
/// How many changes of thread a schedule is built around, where they are chosen by priority.
const DEPTH: usize = 3;

const WRITERS: i64 = 4;
const READERS: usize = 4;
/// Subjects of each writer: with four writers a table of one line grows three times.
const SUBJECTS: u128 = 6;
const ROUNDS: i64 = 3;

fn key(writer: i64, subject: u128) -> MarkKey {
    // Few prints, so that lines have several of the same.
    MarkKey::from_bits((subject % 3 + 1) << 40 | (writer as u128) << 8 | subject)
}

/// Every third mark is more than a watermark.
fn mark(second: i64, subject: u128) -> Mark {
    Mark {
        revoked_before: Some(second),
        blocked: subject.is_multiple_of(3),
        ..Mark::NOTHING
    }
}

/// What a token keeps, for as many readers as share it.
struct Kept {
    number: LastQuiet,
    count: LastQuiet,
}

impl Kept {
    fn new() -> Kept {
        Kept {
            number: LastQuiet::without_number(),
            count: LastQuiet::without_count(),
        }
    }

    /// What is known, which may only be something where the token says that nothing is if it became
    /// known meanwhile.
    fn ask(&self, marks: &Marks, last: &mut Option<Remembered>, key: MarkKey) -> Mark {
        let number = marks.number();
        let count_now = || marks.changes.count(std::iter::once(key));
        let count = count_now();
        let is_quiet = self.number.is(number) || count.is_some_and(|it| self.count.is(it));
        let known = read(marks, last, key);
        let has_changed = || marks.number() != number || count_now() != count;
        assert!(
            !is_quiet || known == Mark::NOTHING || has_changed(),
            "a change was hidden from a token"
        );
        if known == Mark::NOTHING {
            Look { number, count }.keep(marks.number(), &self.number, &self.count);
        }
        known
    }
}

/// Three readers share a token, one writer revokes it, one writes about others.
fn readers_of_one_token() {
    let marks = Arc::new(Marks::with_minimum_lines(Keyring::from_seed([1, 2]), 2));
    let kept = Arc::new(Kept::new());
    let mut threads: Vec<_> = (0..3)
        .map(|_| {
            let (marks, kept) = (Arc::clone(&marks), Arc::clone(&kept));
            thread::spawn(move || {
                let mut last = None;
                for _ in 0..4 {
                    kept.ask(&marks, &mut last, key(0, 1));
                }
            })
        })
        .collect();
    threads.extend((0..2).map(|writer| {
        let marks = Arc::clone(&marks);
        thread::spawn(move || marks.write(key(writer, 1), mark(1, 1)))
    }));
    threads
        .into_iter()
        .for_each(|thread| thread.join().expect("a thread that ends"));
    let known = kept.ask(&marks, &mut None, key(0, 1));
    assert_eq!(known, mark(1, 1));
}

/// Four writers of their own subjects through three growths, four readers: watermarks never recede, a
/// token that keeps when nothing was known is told of the first mark, and in the end all is there.
fn writers_and_readers() {
    let marks = Arc::new(Marks::with_minimum_lines(Keyring::from_seed([1, 2]), 1));
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let marks = Arc::clone(&marks);
            thread::spawn(move || {
                for second in 1..=ROUNDS {
                    for subject in 0..SUBJECTS {
                        marks.write(key(writer, subject), mark(second, subject));
                    }
                }
            })
        })
        .collect();
    let readers: Vec<_> = (0..READERS)
        .map(|reader| {
            let marks = Arc::clone(&marks);
            thread::spawn(move || {
                let mut last = None;
                let subject = reader as u128;
                let watched = key(reader as i64 % WRITERS, subject);
                let kept = Kept::new();
                let mut seen = Mark::NOTHING;
                for _ in 0..4 {
                    let known = kept.ask(&marks, &mut last, watched);
                    assert!(known.revoked_before >= seen.revoked_before);
                    assert!(known == Mark::NOTHING || known.blocked == subject.is_multiple_of(3));
                    seen = known;
                }
            })
        })
        .collect();
    writers
        .into_iter()
        .for_each(|writer| writer.join().expect("a thread that ends"));
    readers
        .into_iter()
        .for_each(|reader| reader.join().expect("a thread that ends"));
    let mut last = None;
    for writer in 0..WRITERS {
        for subject in 0..SUBJECTS {
            let known = read(&marks, &mut last, key(writer, subject));
            assert_eq!(known, mark(ROUNDS, subject));
        }
    }
}

#[test]
fn three_readers_of_one_token_at_random() {
    check_random(readers_of_one_token, 4 * SCHEDULES);
}

#[test]
fn three_readers_of_one_token_by_priority() {
    check_pct(readers_of_one_token, 4 * SCHEDULES, DEPTH);
}

#[test]
fn four_writers_and_four_readers_at_random() {
    check_random(writers_and_readers, SCHEDULES);
}

#[test]
fn four_writers_and_four_readers_by_priority() {
    check_pct(writers_and_readers, SCHEDULES, DEPTH);
}
