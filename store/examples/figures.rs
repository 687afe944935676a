//! The figures of `docs/store.md`, measured side by side in one run:
//!
//! ```text
//! cargo run --release -p highwater-store --features nats --example figures -- [part…] [registers…]
//! ```
//!
//! Parts are `commits`, `restart` and `bus`, by default all. Registers are the sizes at which a
//! restart is measured, default 1000000. The NATS part runs where `HIGHWATER_NATS_SERVER` names a
//! server program. Every figure is checked before it is printed: a store that lost something has
//! no speed.
#![allow(clippy::unwrap_used)] // a measurement that fails has nothing to say

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use highwater::event::Event;
use highwater::ledger::{Facts, Retention};
use highwater::marks::Keyring;
use highwater_store::{Batch, DiskOptions, DiskStore, Store};
use redb::{Database, TableDefinition};

const WINDOW: Duration = Duration::from_secs(3);

fn main() {
    let (parts, mut sizes): (Vec<String>, Vec<String>) = std::env::args()
        .skip(1)
        .partition(|word| word.parse::<u64>().is_err());
    let is_wanted = |part: &str| parts.is_empty() || parts.iter().any(|wanted| wanted == part);
    if sizes.is_empty() {
        sizes.push("1000000".to_owned());
    }
    // Beside the build, not in a temporary directory that may be memory.
    let directory = tempfile::tempdir_in("target").unwrap();
    println!("cores {}", thread::available_parallelism().unwrap());
    if is_wanted("commits") {
        bare_commits(directory.path());
        for two_phase_commit in [false, true] {
            for threads in [1, 2, 8, 64] {
                durable_events(directory.path(), threads, two_phase_commit);
            }
        }
    }
    if is_wanted("restart") {
        for size in sizes {
            restart(directory.path(), size.parse().unwrap());
        }
    }
    #[cfg(feature = "nats")]
    if is_wanted("bus") {
        bus::measure(directory.path());
    }
}

fn facts() -> Arc<Facts> {
    Arc::new(Facts::new(Keyring::from_seed([1, 2]), Retention::default()))
}

fn revoke(number: u64) -> Event {
    // Of now: what has expired is not published.
    static NOW: LazyLock<u64> = LazyLock::new(|| {
        SystemTime::UNIX_EPOCH
            .elapsed()
            .unwrap_or_default()
            .as_secs()
    });
    Event::from_json(&format!(
        r#"{{"time": {}, "tenant": "8a0c1f0e-53cb-4d3c-9a6f-0a39c7d8c001",
            "subject": {{"user": "00000000-0000-4000-8000-{number:012x}"}}, "effect": "revoke",
            "source": "https://idp.example/", "id": "0191c0de-0000-7000-8000-{number:012x}",
            "event_type": "https://schemas.openid.net/secevent/caep/event-type/session-revoked"}}"#,
        *NOW
    ))
    .unwrap()
}

/// redb alone: one small row per commit.
fn bare_commits(directory: &Path) {
    let table: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("rows");
    let database = Database::create(directory.join("bare")).unwrap();
    let (start, mut commits) = (Instant::now(), 0);
    while start.elapsed() < WINDOW {
        let transaction = database.begin_write().unwrap();
        transaction
            .open_table(table)
            .unwrap()
            .insert(commits, &[7; 100][..])
            .unwrap();
        transaction.commit().unwrap();
        commits += 1;
    }
    println!(
        "redb alone, 1 thread: {:.0} commits/s",
        per_second(commits, start)
    );
}

fn durable_events(directory: &Path, threads: u64, two_phase_commit: bool) {
    let path = directory.join(format!("events-{threads}-{two_phase_commit}"));
    let options = DiskOptions {
        two_phase_commit,
        ..DiskOptions::default()
    };
    let store = DiskStore::open(&path, facts(), &options).unwrap();
    let next = AtomicU64::new(0);
    let start = Instant::now();
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while start.elapsed() < WINDOW {
                    let event = revoke(next.fetch_add(1, Ordering::Relaxed));
                    store.apply(&event).wait().unwrap();
                }
            });
        }
    });
    let (events, commits) = (next.into_inner(), store.status().commits);
    let rate = per_second(events, start);
    store.close().unwrap();
    let again = DiskStore::open(&path, facts(), &options).unwrap();
    assert_eq!(again.facts().len() as u64, events, "events were lost");
    println!(
        "durable events, {threads} threads, {} per commit: {rate:.0} events/s in {commits} commits",
        if two_phase_commit {
            "two flushes"
        } else {
            "one flush"
        },
    );
}

fn restart(directory: &Path, registers: u64) {
    let path = directory.join(format!("restart-{registers}"));
    let store = DiskStore::open(&path, facts(), &DiskOptions::default()).unwrap();
    let start = Instant::now();
    let mut number = 0;
    while number < registers {
        let end = (number + 100_000).min(registers);
        let batch = (number..end).fold(Batch::new(), |batch, number| batch.event(&revoke(number)));
        store.commit(batch).wait().unwrap();
        number = end;
    }
    println!(
        "filling {registers}: {:.0} registers/s",
        per_second(registers, start)
    );
    store.compact().unwrap();
    store.close().unwrap();
    let bytes = std::fs::metadata(&path).unwrap().len();
    let resident = resident_bytes();
    for threads in [1, DiskOptions::default().threads] {
        let options = DiskOptions {
            threads,
            ..DiskOptions::default()
        };
        let start = Instant::now();
        let store = DiskStore::open(&path, facts(), &options).unwrap();
        let elapsed = start.elapsed();
        assert_eq!(store.restored() as u64, registers, "registers were lost");
        println!(
            "restart with {registers} registers, {threads} joining threads: {:.2} s, {:.0} \
             registers/s",
            elapsed.as_secs_f64(),
            registers as f64 / elapsed.as_secs_f64(),
        );
        if threads == 1 {
            println!(
                "bytes per register: {} on disk, about {} in memory",
                bytes / registers,
                resident_bytes().saturating_sub(resident) / registers,
            );
        }
    }
}

/// Memory of this process, as the kernel counts it.
fn resident_bytes() -> u64 {
    let statistics = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statistics
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse().ok());
    pages.unwrap_or(0_u64) * 4096
}

fn per_second(count: u64, start: Instant) -> f64 {
    count as f64 / start.elapsed().as_secs_f64()
}

#[cfg(feature = "nats")]
mod bus {
    use super::{facts, revoke};
    use std::path::Path;
    use std::process::{Child, Command, Stdio};
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use highwater::event::Dimension;
    use highwater::identifier::Identifier;
    use highwater::ledger::Facts;
    use highwater::marks::SubjectKeys;
    use highwater_store::nats::{NatsMesh, NatsOptions};
    use highwater_store::{Batch, MemoryStore, Store};

    const EVENTS: u64 = 5000;
    const BOOTSTRAP: u64 = 200_000;

    struct Ended(Child);

    impl Drop for Ended {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    pub(super) fn measure(directory: &Path) {
        let Ok(program) = std::env::var("HIGHWATER_NATS_SERVER") else {
            println!("HIGHWATER_NATS_SERVER is not set: nothing measured over NATS");
            return;
        };
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let server = Command::new(program)
            .args(["-js", "-a", "127.0.0.1", "-p", &port.to_string(), "-sd"])
            .arg(directory.join("js"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let _server = Ended(server);
        let start = |name: &str| {
            let store: Arc<dyn Store> = Arc::new(MemoryStore::new(facts()));
            let servers = vec![format!("nats://127.0.0.1:{port}")];
            let mesh =
                NatsMesh::start(Arc::clone(&store), NatsOptions::new(servers, name)).unwrap();
            while !mesh.status().is_synchronised {
                std::thread::sleep(Duration::from_millis(1));
            }
            (store, mesh)
        };
        let (left, left_mesh) = start("left");
        let (right, _right_mesh) = start("right");
        let mut delays: Vec<Duration> = (0..EVENTS)
            .map(|number| {
                let event = revoke(number);
                let start = Instant::now();
                drop(left.apply(&event));
                while !is_refused(right.facts(), number) {
                    std::thread::yield_now();
                }
                start.elapsed()
            })
            .collect();
        delays.sort();
        let at = |share: f64| delays[((delays.len() - 1) as f64 * share) as usize].as_micros();
        println!(
            "applied here, refused there, one server, {EVENTS} events: p50 {} us, p99 {} us, max \
             {} us",
            at(0.5),
            at(0.99),
            at(1.0)
        );
        let started = Instant::now();
        let batch = (0..BOOTSTRAP).fold(Batch::new(), |batch, number| batch.event(&revoke(number)));
        drop(left.commit(batch));
        while left_mesh.waiting() > 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
        println!(
            "publishing {}: {:.0} registers/s",
            BOOTSTRAP - EVENTS,
            (BOOTSTRAP - EVENTS) as f64 / started.elapsed().as_secs_f64()
        );
        let started = Instant::now();
        let (late, _mesh) = start("late");
        let elapsed = started.elapsed();
        assert_eq!(late.facts().len() as u64, BOOTSTRAP, "registers were lost");
        println!(
            "bootstrap of {BOOTSTRAP} from the bucket: {:.2} s, {:.0} registers/s",
            elapsed.as_secs_f64(),
            BOOTSTRAP as f64 / elapsed.as_secs_f64()
        );
    }

    fn is_refused(facts: &Facts, number: u64) -> bool {
        let tenant = Identifier::new("8a0c1f0e-53cb-4d3c-9a6f-0a39c7d8c001").unwrap();
        let user = format!("00000000-0000-4000-8000-{number:012x}");
        let keys = SubjectKeys::new(facts.marks().keyring(), &tenant, |dimension| {
            (dimension == Dimension::User).then_some(user.as_str())
        });
        !facts.marks().read(&keys).is_nothing()
    }
}
