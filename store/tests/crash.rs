//! Crashes as the outside makes them: `kill -9`, and a power cut by image copy.
//!
//! Several threads of a child process write events and print each one that was acknowledged.
//! A kill leaves the page cache, so it only shows what the process itself forgets. For a power
//! cut the child writes to a file system in an image; the image is copied while the child and the
//! image stand still, and the copy, which holds what reached the "disk" and nothing else, is mounted and
//! opened. After either, everything printed has to be there, and no register may be older.
//!
//! | variable | meaning | default |
//! |---|---|---|
//! | `HIGHWATER_KILLS` | how many kills | 200 |
//! | `HIGHWATER_POWER_CUTS` | how many power cuts | 200 |
//!
//! Power cuts need root, loop devices and ext4. Without them the test is skipped with a notice,
//! but fails where `CI` is set.
#![allow(clippy::unwrap_used)] // a test may

mod support;

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use highwater::event::Dimension;
use highwater_store::{Batch, DiskOptions, DiskStore, Space, Store, Value};
use support::{Mount, facts, revoke, shell, user};

const PATH: &str = "HIGHWATER_CRASH_WRITER";
const BASE: &str = "HIGHWATER_CRASH_BASE";
const THREADS: u64 = 4;
const USERS: u64 = 64;

/// Not a test of its own: the child of the tests below, which runs until it is killed.
#[test]
fn writer() {
    let Ok(path) = std::env::var(PATH) else {
        return;
    };
    let base: u64 = std::env::var(BASE).unwrap().parse().unwrap();
    let store = DiskStore::open(&path, facts(), &DiskOptions::default()).unwrap();
    let next = AtomicU64::new(base);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (store, next) = (&store, &next);
            scope.spawn(move || {
                loop {
                    let time = next.fetch_add(1, Ordering::Relaxed);
                    let number = time % USERS;
                    let mut batch =
                        Batch::new().event(&revoke(number, i64::try_from(time).unwrap()));
                    if time % 8 == 0 {
                        let cursor = Value::new(time.to_string().into_bytes());
                        batch = batch.value(Space::PollCursor, thread.to_string(), cursor);
                    }
                    if store.commit(batch).wait().is_ok() {
                        // One write call per line: a line is there or not, never half.
                        let line = format!("acknowledged {number} {time}\n");
                        std::io::stdout().write_all(line.as_bytes()).unwrap();
                    }
                }
            });
        }
    });
}

#[test]
fn nothing_acknowledged_is_lost_by_a_kill() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger");
    let mut known = HashMap::new();
    let mut random = Random(0x5eed);
    let (mut total, mut base) = (0, 1_000_000);
    for round in 0..count("HIGHWATER_KILLS", 200) {
        if round % 20 == 0 {
            let _ = fs::remove_file(&path);
            known.clear();
        }
        let (mut child, lines) = start(&path, base);
        let first = lines.recv_timeout(Duration::from_secs(60)).unwrap();
        thread::sleep(Duration::from_micros(random.below(60_000)));
        child.kill().unwrap();
        child.wait().unwrap();
        total += note(&mut known, std::iter::once(first).chain(lines));
        check(&path, &known, round);
        base += 1_000_000;
    }
    println!("{total} acknowledged events survived their kills");
    assert!(total > 0);
}

#[test]
fn nothing_acknowledged_is_lost_by_a_power_cut() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let (image, copy, mount) = (at("image"), at("copy"), at("mount"));
    let _unmounted = Mount::at(Path::new(&mount));
    let is_able = shell(&format!(
        "truncate -s 32M {image} && mkfs.ext4 -q {image} && mount -o loop {image} {mount} && \
         umount {mount}"
    ));
    if !is_able {
        assert!(
            std::env::var("CI").is_err(),
            "no loop mounts: power cuts cannot be tested"
        );
        eprintln!("SKIPPED: power cuts need root and loop mounts");
        return;
    }
    let mut random = Random(0xc0ffee);
    let mut total = 0;
    for round in 0..count("HIGHWATER_POWER_CUTS", 200) {
        // A new file system now and then: the first commits of a store are worth cutting too.
        if round % 10 == 0 {
            assert!(shell(&format!(
                "rm -f {image}; truncate -s 32M {image} && mkfs.ext4 -q {image}"
            )));
        }
        assert!(shell(&format!("mount -o loop {image} {mount}")));
        let ledger = format!("{mount}/ledger");
        let (mut child, lines) = start(Path::new(&ledger), 1_000_000 * (round + 1));
        // Sometimes before the store exists, mostly while it is busy.
        let first = match round % 10 {
            1 => None,
            _ => Some(lines.recv_timeout(Duration::from_secs(60)).unwrap()),
        };
        thread::sleep(Duration::from_micros(random.below(40_000)));
        let child_id = child.id();
        assert!(shell(&format!("kill -STOP {child_id}")));
        // Lines that were printed before the stop are acknowledged; later there are none. The
        // kernel goes on for a moment, and a disk loses its power at one instant: the copy counts
        // when the image did not change under it. Otherwise it may hold what was written late
        // without what was written early, which no disk with working flushes does.
        assert!(
            (0..100).any(|_| shell(&format!(
                "cp --sparse=always {image} {copy} && cmp -s {image} {copy}"
            ))),
            "round {round}: the image does not come to rest"
        );
        child.kill().unwrap();
        child.wait().unwrap();
        let mut known = HashMap::new();
        total += note(&mut known, first.into_iter().chain(lines));
        unmount(&mount);
        assert!(shell(&format!("mount -o loop {copy} {mount}")));
        if Path::new(&ledger).exists() {
            check(Path::new(&ledger), &known, round);
        } else {
            assert!(known.is_empty(), "round {round}: the store is gone");
        }
        unmount(&mount);
    }
    println!("{total} acknowledged events survived their power cuts");
    assert!(total > 0);
}

/// A process that the other test starts holds copies of what is open here, until it has become the
/// program that it starts.
fn unmount(mount: &str) {
    let is_unmounted = (0..500).any(|_| {
        let is_unmounted = shell(&format!("umount -q {mount}"));
        if !is_unmounted {
            thread::sleep(Duration::from_millis(10));
        }
        is_unmounted
    });
    assert!(is_unmounted, "{mount} stays in use");
}

fn start(path: &Path, base: u64) -> (Child, Receiver<String>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "writer", "--nocapture", "--test-threads=1"])
        .env(PATH, path)
        .env(BASE, base.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let (sender, lines) = channel();
    thread::spawn(move || {
        let is_acknowledgement = |line: &String| line.starts_with("acknowledged ");
        for line in output
            .lines()
            .map_while(Result::ok)
            .filter(is_acknowledgement)
        {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    (child, lines)
}

/// Takes over what was acknowledged: the latest time per user.
fn note(known: &mut HashMap<u64, i64>, lines: impl Iterator<Item = String>) -> usize {
    let mut total = 0;
    for line in lines {
        let mut words = line.split(' ').skip(1);
        let (Some(number), Some(time)) = (words.next(), words.next()) else {
            continue;
        };
        let (number, time): (u64, i64) = (number.parse().unwrap(), time.parse().unwrap());
        let latest = known.entry(number).or_insert(time);
        *latest = time.max(*latest);
        total += 1;
    }
    total
}

#[track_caller]
fn check(path: &Path, known: &HashMap<u64, i64>, round: u64) {
    let store = DiskStore::open(path, facts(), &DiskOptions::default())
        .unwrap_or_else(|error| panic!("round {round}: {error}"));
    let found: HashMap<String, i64> = store
        .facts()
        .entries(None)
        .iter()
        .map(|entry| {
            let user = entry.subject().member(Dimension::User).unwrap();
            (user.to_string(), entry.time().seconds())
        })
        .collect();
    for (&number, time) in known {
        let latest = found.get(&user(number));
        assert!(
            latest.is_some_and(|latest| latest >= time),
            "round {round}: user {number} was acknowledged at {time}, found {latest:?}"
        );
    }
}

fn count(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().unwrap())
}

/// A small generator: the cuts are spread, and the same in every run as far as time allows.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}
