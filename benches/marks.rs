//! Marks: what is known about a subject, by how many subjects there are, and what events cost.
//!
//! `cargo bench -p highwater-benches --bench marks`. Peers and the machine's floor run in
//! `highwater-compare --only marks`. Answers are checked before anything is timed.

mod sampling;

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput};
use highwater::event::{Dimension, Effect, Event, Provenance, Subject};
use highwater::identifier::Identifier;
use highwater::ledger::{Facts, Retention};
use highwater::marks::{Keyring, Mark, MarkKey, Marks};
use highwater::timestamp::Timestamp;
use highwater_benches::Random;

/// The second of every watermark.
const SECOND: i64 = 1_763_760_000;

/// How many keys are looked up per round: more lines than the second-level cache has.
const LOOKUPS: usize = 65_536;

fn main() {
    let mut criterion = sampling::criterion();
    for (name, size) in [("10k", 10_000), ("1m", 1_000_000), ("10m", 10_000_000)] {
        lookups(&mut criterion, name, size);
    }
    beside_a_writer(&mut criterion);
    growth(&mut criterion);
    events(&mut criterion);
    criterion.final_summary();
}

fn revoked() -> Mark {
    Mark {
        revoked_before: Some(SECOND),
        ..Mark::NOTHING
    }
}

fn filled(size: usize, random: &mut Random) -> (Marks, Vec<MarkKey>) {
    let marks = Marks::new(Keyring::from_seed([1, 2]));
    marks.reserve(size);
    let keys: Vec<MarkKey> = (0..size)
        .map(|_| MarkKey::from_bits(random.wide()))
        .collect();
    for &key in &keys {
        marks.write(key, revoked());
    }
    (marks, keys)
}

fn lookups(criterion: &mut Criterion, name: &str, size: usize) {
    let mut random = Random::new(size as u64);
    let (marks, keys) = filled(size, &mut random);
    let known: Vec<MarkKey> = (0..LOOKUPS).map(|_| keys[random.below(size)]).collect();
    let unknown: Vec<MarkKey> = (0..LOOKUPS)
        .map(|_| MarkKey::from_bits(random.wide()))
        .collect();
    let mut group = criterion.benchmark_group("marks");
    group.throughput(Throughput::Elements(LOOKUPS as u64));
    for (kind, keys, issued, expected) in [
        ("refused", &known, SECOND, Some(SECOND)),
        ("signed-in-since", &known, SECOND + 1, None),
        ("unknown", &unknown, SECOND, None),
    ] {
        let mut batch = vec![None; LOOKUPS];
        marks.revoked_before_batch(keys, issued, &mut batch);
        assert!(
            batch.iter().all(|&found| found == expected),
            "{kind}, batched"
        );
        let single = |key| marks.revoked_before(key, issued);
        assert!(keys.iter().all(|&key| single(key) == expected), "{kind}");
        group.bench_function(BenchmarkId::new(kind, name), |bencher| {
            bencher.iter(|| keys.iter().filter(|&&key| single(key).is_some()).count());
        });
        group.bench_function(BenchmarkId::new(format!("{kind}-batch"), name), |bencher| {
            bencher.iter(|| marks.revoked_before_batch(black_box(keys), issued, &mut batch));
        });
    }
    group.finish();
}

/// Lookups alone, and the same while another thread writes 100,000 marks a second.
fn beside_a_writer(criterion: &mut Criterion) {
    let mut random = Random::new(7);
    let (marks, keys) = filled(1_000_000, &mut random);
    let sample: Vec<MarkKey> = (0..LOOKUPS)
        .map(|_| keys[random.below(keys.len())])
        .collect();
    let mut group = criterion.benchmark_group("marks-beside-a-writer");
    group.throughput(Throughput::Elements(LOOKUPS as u64));
    let read = || {
        let refused = |key: &&MarkKey| marks.revoked_before(**key, SECOND).is_some();
        sample.iter().filter(refused).count()
    };
    assert_eq!(read(), LOOKUPS);
    group.bench_function("idle", |bencher| bencher.iter(read));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let start = Instant::now();
            for (written, &key) in keys.iter().cycle().enumerate() {
                if written % 100 == 0 {
                    let due = Duration::from_micros(10 * written as u64);
                    std::thread::sleep(due.saturating_sub(start.elapsed()));
                    if done.load(Ordering::Relaxed) {
                        return;
                    }
                }
                marks.write(key, revoked());
            }
        });
        group.bench_function("100k-per-second", |bencher| bencher.iter(read));
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(read(), LOOKUPS);
    group.finish();
}

/// A table that grows from nothing to a million subjects, all growth included.
fn growth(criterion: &mut Criterion) {
    const SUBJECTS: usize = 1_000_000;
    let mut random = Random::new(9);
    let keys: Vec<MarkKey> = (0..SUBJECTS)
        .map(|_| MarkKey::from_bits(random.wide()))
        .collect();
    let mut group = criterion.benchmark_group("marks-growth");
    group.sample_size(10);
    group.throughput(Throughput::Elements(SUBJECTS as u64));
    group.bench_function("1m", |bencher| {
        bencher.iter(|| {
            let marks = Marks::new(Keyring::from_seed([1, 2]));
            for &key in &keys {
                marks.write(key, revoked());
            }
            marks
        });
    });
    group.finish();
}

/// Events applied to the ledger, each to a subject of its own, and the same events once more.
fn events(criterion: &mut Criterion) {
    const EVENTS: usize = 10_000;
    let identifier = |text: &str| match Identifier::new(text) {
        Ok(identifier) => identifier,
        Err(error) => panic!("{text}: {error}"),
    };
    let events: Vec<Event> = (0..EVENTS)
        .map(|index| Event {
            time: Timestamp::from_seconds(SECOND),
            tenant: identifier("contoso"),
            subject: Subject::of(Dimension::User, identifier(&format!("user-{index}"))),
            effect: Effect::Revoke,
            provenance: Provenance::from_source(identifier("idp")),
        })
        .collect();
    let facts = || Facts::new(Keyring::from_seed([1, 2]), Retention::default());
    let apply = |facts: &Facts| {
        let changed = |event: &&Event| facts.apply(event).changed.is_some();
        events.iter().filter(changed).count()
    };
    let known = facts();
    assert_eq!((apply(&known), apply(&known)), (EVENTS, 0));
    let mut group = criterion.benchmark_group("ledger");
    group.throughput(Throughput::Elements(EVENTS as u64));
    group.bench_function("new-events", |bencher| {
        bencher.iter_with_large_drop(|| {
            let facts = facts();
            apply(&facts);
            facts
        });
    });
    group.bench_function("known-events", |bencher| bencher.iter(|| apply(&known)));
    group.finish();
}
