//! Work `marks-…`: up to which second is this subject revoked? Among 10 k, 1 M and 10 M of them.
//!
//! Keys are uniform 128-bit numbers, as keyed hashes are, so the peers are given the cheapest
//! hash there is: the key itself. Every subject answers exactly; a print that only looks alike
//! would be found by the comparison of answers.

use std::hash::{BuildHasherDefault, Hasher};
use std::rc::Rc;

use highwater::marks::{Keyring, Mark, MarkKey, Marks};
use highwater_benches::Random;

use crate::Options;
use crate::allocation::counted;
use crate::floor::Floor;
use crate::measure::{Mode, Subject, check, medians};
use crate::report::{HIGHWATER, Report};

/// Seconds of the watermarks: recent ones, all different from 0.
const SECONDS: std::ops::Range<u32> = 1_763_000_000..1_763_760_000;

pub(crate) fn run(
    options: &Options,
    report: &mut Report,
) -> Result<(), Box<dyn std::error::Error>> {
    let sizes: &[(&str, usize)] = if options.quick {
        &[("10m", 10_000_000)]
    } else {
        &[("10k", 10_000), ("1m", 1_000_000), ("10m", 10_000_000)]
    };
    for &(name, size) in sizes {
        if options.wants(&format!("marks-{name}")) {
            one_size(name, size, options, report)?;
        }
    }
    Ok(())
}

fn one_size(
    name: &str,
    size: usize,
    options: &Options,
    report: &mut Report,
) -> Result<(), Box<dyn std::error::Error>> {
    let mut random = Random::new(size as u64);
    let known: Vec<(u128, u32)> = (0..size)
        .map(|_| {
            let second = SECONDS.start + random.below(SECONDS.len()) as u32;
            (random.wide(), second)
        })
        .collect();
    let (marks, _) = counted(|| ours(&known));
    let marks = Rc::new(marks);
    let (hot, exact) = marks.bytes();
    println!(
        "marks-{name}: {:.1} bytes per subject in the hot part, {:.1} for the exact keys",
        hot as f64 / size as f64,
        exact as f64 / size as f64,
    );
    let floor = Floor::on_huge_pages(hot);
    let peers = Peers::new(&known);
    let bytes = hot + exact;

    let count = if options.quick { 200_000 } else { 1_000_000 };
    let hits: Vec<u128> = (0..count).map(|_| known[random.below(size)].0).collect();
    let misses: Vec<u128> = (0..count).map(|_| random.wide()).collect();
    // A known subject whose token is older than the watermark, one that has signed in since, and
    // one that nobody knows.
    let since = i64::from(SECONDS.end);
    for (kind, inputs, issued) in [
        ("", &hits, 0),
        ("-since", &hits, since),
        ("-miss", &misses, 0),
    ] {
        let mut subjects = vec![single(&marks, bytes, issued), batch(&marks, bytes, issued)];
        subjects.extend(peers.subjects(issued));
        check(&subjects, &inputs[..count / 4])?;
        for (mode, word) in [(Mode::Throughput, "throughput"), (Mode::Latency, "latency")] {
            let work = format!("marks-{name}{kind}-{word}");
            let floor = floor.clone();
            let line = Subject::single("floor: one line", Some(hot), move |key: &u128| {
                floor.access(*key as u64)
            });
            subjects.push(line);
            let times = medians(&subjects, inputs, mode, options.rounds());
            for (subject, time) in subjects.iter().zip(times) {
                if let Some(time) = time {
                    report.add(&work, subject.name, time, subject.bytes);
                }
            }
            subjects.pop();
        }
    }
    Ok(())
}

fn ours(known: &[(u128, u32)]) -> Marks {
    let marks = Marks::new(Keyring::from_seed([1, 2]));
    marks.reserve(known.len());
    for &(key, second) in known {
        let mark = Mark {
            revoked_before: Some(i64::from(second)),
            ..Mark::NOTHING
        };
        marks.write(MarkKey::from_bits(key), mark);
    }
    marks
}

fn single(marks: &Rc<Marks>, bytes: usize, issued: i64) -> Subject<u128> {
    let marks = Rc::clone(marks);
    Subject::single(HIGHWATER, Some(bytes), move |key| {
        second(marks.revoked_before(MarkKey::from_bits(*key), issued))
    })
}

fn batch(marks: &Rc<Marks>, bytes: usize, issued: i64) -> Subject<u128> {
    const SIZE: usize = 32;
    let marks = Rc::clone(marks);
    Subject::batch("highwater batch of 32", Some(bytes), move |keys| {
        let mut sum = 0;
        let mut wanted = [MarkKey::default(); SIZE];
        let mut found = [None; SIZE];
        for keys in keys.chunks(SIZE) {
            for (wanted, &key) in wanted.iter_mut().zip(keys) {
                *wanted = MarkKey::from_bits(key);
            }
            let found = &mut found[..keys.len()];
            marks.revoked_before_batch(&wanted[..keys.len()], issued, found);
            sum += found
                .iter()
                .map(|&found| u64::from(second(found)))
                .sum::<u64>();
        }
        sum
    })
}

fn second(found: Option<i64>) -> u32 {
    found.unwrap_or(0) as u32
}

/// The key is its own hash.
#[derive(Default, Clone)]
struct KeyIsHash(u64);

impl Hasher for KeyIsHash {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u128(&mut self, key: u128) {
        self.0 = key as u64;
    }
}

type Build = BuildHasherDefault<KeyIsHash>;

type Locked = parking_lot::RwLock<hashbrown::HashMap<u128, u32, Build>>;

/// The maps that people would take, each with the bytes it holds.
struct Peers {
    papaya: (Rc<papaya::HashMap<u128, u32, Build>>, usize),
    dashmap: (Rc<dashmap::DashMap<u128, u32, Build>>, usize),
    locked: (Rc<Locked>, usize),
}

impl Peers {
    fn new(known: &[(u128, u32)]) -> Peers {
        let (papaya, papaya_cost) = counted(|| {
            let map = papaya::HashMap::with_capacity_and_hasher(known.len(), Build::default());
            for &(key, second) in known {
                map.pin().insert(key, second);
            }
            map
        });
        let (dashmap, dashmap_cost) = counted(|| {
            let map = dashmap::DashMap::with_capacity_and_hasher(known.len(), Build::default());
            for &(key, second) in known {
                map.insert(key, second);
            }
            map
        });
        let (locked, locked_cost) =
            counted(|| parking_lot::RwLock::new(known.iter().copied().collect()));
        Peers {
            papaya: (Rc::new(papaya), papaya_cost.held),
            dashmap: (Rc::new(dashmap), dashmap_cost.held),
            locked: (Rc::new(locked), locked_cost.held),
        }
    }

    fn subjects(&self, issued: i64) -> Vec<Subject<u128>> {
        let matters = move |second: u32| {
            if i64::from(second) >= issued {
                second
            } else {
                0
            }
        };
        let (papaya, papaya_bytes) = self.papaya.clone();
        let (dashmap, dashmap_bytes) = self.dashmap.clone();
        let (locked, locked_bytes) = self.locked.clone();
        vec![
            Subject::single("papaya", Some(papaya_bytes), move |key| {
                papaya.pin().get(key).map_or(0, |&second| matters(second))
            }),
            Subject::single("dashmap", Some(dashmap_bytes), move |key| {
                dashmap.get(key).map_or(0, |second| matters(*second))
            }),
            Subject::single("rwlock + hashbrown", Some(locked_bytes), move |key| {
                locked.read().get(key).map_or(0, |&second| matters(second))
            }),
        ]
    }
}
