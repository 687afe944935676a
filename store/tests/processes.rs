//! Three processes, one cluster of three NATS servers, and everything between them breaks:
//! processes and servers are killed, stopped and started, links held, slowed and cut, between
//! nodes and servers and between the servers. In the end all nodes hold the same bytes, in memory
//! and on disk, and decide alike.
//!
//! Events are sent again until they are acknowledged, as a transmitter does, so what has to be
//! there in the end is known: the join of everything that was sent.
//!
//! `HIGHWATER_SEED=…` repeats an order of faults, as far as real processes repeat anything;
//! `HIGHWATER_ROUNDS=…` walks through all faults more often than once.
#![allow(clippy::unwrap_used)] // a test may

#[path = "support/link.rs"]
mod link;
#[path = "support/server.rs"]
mod server;
mod support;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use highwater::engine::Engine;
use highwater::event::Event;
use highwater::identifier::Identifier;
use highwater::ledger::{Facts, Retention};
use highwater::marks::Keyring;
use highwater::request::Request;
use highwater::settings::EngineSettings;
use highwater::timestamp::Timestamp;
use highwater::token::{IssuerProfile, TokenFacts};
use highwater_store::nats::{NatsMesh, NatsOptions};
use highwater_store::{
    Batch, DiskOptions, DiskStore, Document, DocumentDigest, Housekeeping, HousekeepingOptions,
    MemoryStore, Store, operator,
};
use link::{Link, Traffic};
use parking_lot::Mutex;
use server::{Server, free_port, program};
use support::{TENANT, event, eventually, export};

const NODES: usize = 3;
const LEDGER: &str = "HIGHWATER_NODE_LEDGER";
const SERVERS: &str = "HIGHWATER_NODE_SERVERS";
const NAME: &str = "HIGHWATER_NODE_NAME";
const LIFETIME: &str = "HIGHWATER_NODE_LIFETIME";

// ---------------------------------------------------------------------------------------- a node

/// Not a test of its own: one process of the tests below. Reads commands, one a line, until its
/// input ends; then closes its store.
#[test]
fn node() {
    let Ok(ledger) = std::env::var(LEDGER) else {
        return;
    };
    let variable = |name: &str| std::env::var(name).unwrap();
    let facts = facts(variable(LIFETIME).parse().unwrap());
    let options = DiskOptions::default();
    let store: Arc<dyn Store> =
        Arc::new(DiskStore::open(&ledger, Arc::clone(&facts), &options).unwrap());
    let often = HousekeepingOptions {
        every: Duration::from_millis(100),
        ..HousekeepingOptions::default()
    };
    let housekeeping = Housekeeping::start(&store, often).unwrap();
    let servers = variable(SERVERS).split(',').map(str::to_owned).collect();
    let options = NatsOptions {
        replicas: 3,
        heartbeat: Duration::from_millis(200),
        silence: Duration::from_millis(600),
        longest_pause: Duration::from_millis(800),
        ..NatsOptions::new(servers, variable(NAME))
    };
    let mesh = NatsMesh::start(Arc::clone(&store), options).unwrap();
    let engine = engine(Arc::clone(&facts));

    // Acknowledged in order, while the next events are read: one flush serves many.
    let (sender, pending) = channel::<(String, highwater_store::Pending)>();
    let acknowledging = thread::spawn(move || {
        for (number, pending) in pending {
            if pending.wait().is_ok() {
                say(&format!("acknowledged {number}"));
            }
        }
    });
    say("ready");
    for line in std::io::stdin().lines() {
        let line = line.unwrap();
        let (command, rest) = line.split_once(' ').unwrap_or((&line, ""));
        match command {
            "event" => {
                let (number, event) = rest.split_once(' ').unwrap();
                let pending = store.apply(&Event::from_json(event).unwrap());
                sender.send((number.to_owned(), pending)).unwrap();
            }
            "document" => {
                let mut words = rest.split(' ');
                let number = words.next().unwrap().to_owned();
                let length = words.next().unwrap().parse().unwrap();
                let seconds = time_of(words.next().unwrap());
                let batch = Batch::new().document(document(length, seconds));
                sender.send((number, store.commit(batch))).unwrap();
            }
            "state" => {
                let status = mesh.status();
                let registers = DocumentDigest::of(export(&facts).as_bytes());
                let documents = store.documents();
                let documents: Vec<_> = documents.iter().map(Document::digest).collect();
                say(&format!(
                    "state {} {} {registers} {documents:?}",
                    mesh.waiting(),
                    status.is_synchronised
                ));
            }
            "decide" => say(&format!("decisions {}", decisions(&engine, time_of(rest)))),
            other => panic!("`{other}` is no command"),
        }
    }
    drop((mesh, housekeeping, sender, engine));
    acknowledging.join().unwrap();
}

/// One write call per line: a line is there or not, never half.
fn say(line: &str) {
    std::io::stdout()
        .write_all(format!("= {line}\n").as_bytes())
        .unwrap();
}

fn time_of(text: &str) -> i64 {
    text.parse().unwrap()
}

fn facts(token_lifetime_seconds: i64) -> Arc<Facts> {
    let retention = Retention {
        token_lifetime_seconds,
        session_lifetime_seconds: token_lifetime_seconds,
        skew_seconds: 0,
    };
    Arc::new(Facts::new(Keyring::random(), retention))
}

fn document(length: usize, seconds: i64) -> Document {
    let bytes: Vec<u8> = (0..length).map(|index| (index % 251) as u8).collect();
    let tenant = Identifier::new("contoso").unwrap();
    Document::new(tenant, bytes, Timestamp::from_seconds(seconds))
}

fn engine(facts: Arc<Facts>) -> Engine {
    let settings = EngineSettings {
        accept_any_tenant: true,
        ..EngineSettings::default()
    };
    Engine::with_facts(settings, facts)
}

/// What an engine says about tokens of every user and session, issued around `time`.
fn decisions(engine: &Engine, time: i64) -> String {
    let profile: IssuerProfile =
        serde_json::from_value(serde_json::json!({"issuer": "https://idp.example/"})).unwrap();
    let mut said = String::new();
    for user in 0..USERS {
        for session in ["s0", "s1"] {
            for issued in time - 10..=time + 1 {
                let claims = serde_json::json!({
                    "iss": "https://idp.example/", "tid": TENANT, "sub": format!("u{user}"),
                    "sid": session, "aud": "api://orders", "iat": issued, "exp": time + 3600,
                });
                let facts = TokenFacts::from_claims(claims.as_object().unwrap(), &profile).unwrap();
                let token = engine.token(facts);
                let request = Request::new(Timestamp::from_seconds(time), None);
                let decision = engine.decide(&token, &request);
                let reason = decision.reason().map_or("-", |reason| reason.as_str());
                said.push_str(reason);
                said.push(',');
            }
        }
    }
    said
}

// ------------------------------------------------------------------------------------- the tests

const USERS: usize = 40;

#[test]
fn three_processes_on_a_breaking_cluster_end_equal() {
    let Some(program) = program() else { return };
    let directory = tempfile::tempdir().unwrap();
    let mut world = World::start(&program, directory.path(), 28 * 3600);
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().unwrap());
    world.random = Random(number("HIGHWATER_SEED").unwrap_or(1) | 1);
    for _ in 0..number("HIGHWATER_ROUNDS").unwrap_or(1) {
        let mut faults = Fault::ALL.to_vec();
        while !faults.is_empty() {
            let fault = faults.swap_remove(world.random.below(faults.len()));
            world.suffer(fault);
        }
    }
    world.heal();
    world.agree();
}

#[test]
fn a_node_away_for_longer_than_anything_is_kept_starts_over() {
    let Some(program) = program() else { return };
    let directory = tempfile::tempdir().unwrap();
    let mut world = World::start(&program, directory.path(), 2);
    let sleeper = NODES - 1;
    world.feed(80, &[0, 1, sleeper]);
    world.settle();
    world.nodes[sleeper].kill();
    // What it holds expires everywhere while it is away, and other things happen.
    world.feed(40, &[0, 1]);
    let long_after = wall_clock() + 6;
    eventually("everything of before has expired", || {
        thread::sleep(Duration::from_millis(100));
        wall_clock() > long_after
    });
    world.time = wall_clock();
    world.feed(40, &[0, 1]);
    world.nodes[sleeper].start();
    // Revocations expire while this is compared: what stays is what has to be equal.
    world.expire();
    world.agree();
}

/// Everything that breaks, one at a time, while events go on coming.
#[derive(Clone, Copy, Debug)]
enum Fault {
    KillNode(usize),
    StopNode,
    KillServer(usize),
    KillAllServers,
    CutNode,
    HoldNode,
    SlowNode,
    SplitServer,
    HoldRoutes,
}

impl Fault {
    const ALL: [Fault; 13] = [
        Fault::KillNode(0),
        Fault::KillNode(1),
        Fault::KillNode(2),
        Fault::StopNode,
        Fault::KillServer(0),
        Fault::KillServer(1),
        Fault::KillServer(2),
        Fault::KillAllServers,
        Fault::CutNode,
        Fault::HoldNode,
        Fault::SlowNode,
        Fault::SplitServer,
        Fault::HoldRoutes,
    ];
}

struct World {
    random: Random,
    servers: Vec<Server>,
    /// From every server to every other.
    routes: Vec<Link>,
    nodes: Vec<Process>,
    /// The join of everything that was sent.
    reference: MemoryStore,
    sent: u64,
    time: i64,
}

impl World {
    fn start(program: &Path, directory: &Path, lifetime: i64) -> World {
        let ports: Vec<u16> = (0..3).map(|_| free_port()).collect();
        let mut routes = Vec::new();
        let mut servers = Vec::new();
        for index in 0..3 {
            let links = (0..3).filter(|&other| other != index);
            let links: Vec<Link> = links.map(|other| Link::to(ports[other])).collect();
            let urls: Vec<String> = links
                .iter()
                .map(|link| format!("nats://127.0.0.1:{}", link.port))
                .collect();
            routes.extend(links);
            let files = directory.join(format!("server-{index}"));
            fs::create_dir_all(&files).unwrap();
            let arguments = [
                "--name",
                &format!("server-{index}"),
                "--cluster_name",
                "highwater",
                "--cluster",
                &format!("nats://127.0.0.1:{}", ports[index]),
                "--routes",
                &urls.join(","),
                // Nobody listens there: servers reach each other over the links, or not at all.
                "--cluster_advertise",
                "127.0.0.1:1",
                "--no_advertise",
            ];
            servers.push(Server::start(program, &files, &arguments));
        }
        let nodes = (0..NODES).map(|index| {
            let links = servers.iter().map(|server| Link::to(server.port)).collect();
            let ledger = directory.join(format!("ledger-{index}"));
            let mut node = Process::new(index, ledger, links, lifetime);
            node.start();
            node
        });
        World {
            random: Random(1),
            nodes: nodes.collect(),
            servers,
            routes,
            reference: MemoryStore::new(facts(lifetime)),
            sent: 0,
            time: wall_clock(),
        }
    }

    /// Breaks something, feeds events meanwhile, and mostly mends it before the next.
    fn suffer(&mut self, fault: Fault) {
        let victim = self.random.below(NODES);
        let everyone: Vec<usize> = (0..NODES).collect();
        let mut others = everyone.clone();
        match fault {
            Fault::KillNode(index) => {
                self.feed(30, &everyone);
                self.nodes[index].kill();
                others.retain(|&other| other != index);
                self.feed(30, &others);
                self.nodes[index].start();
            }
            Fault::StopNode => {
                self.nodes[victim].signal("STOP");
                others.retain(|&other| other != victim);
                // More than a moment's worth: its servers have to keep or drop it.
                self.feed(2000, &others);
                self.nodes[victim].signal("CONT");
            }
            Fault::KillServer(index) => {
                self.servers[index].kill();
                self.feed(60, &everyone);
                self.servers[index].resume();
            }
            Fault::KillAllServers => {
                self.servers.iter_mut().for_each(Server::kill);
                self.feed(200, &everyone);
                // A node that starts while there is no bus decides on what its disk knows.
                self.nodes[victim].kill();
                self.nodes[victim].start();
                self.feed(50, &everyone);
                self.servers.iter_mut().for_each(Server::resume);
            }
            Fault::CutNode => self.on_links(victim, Traffic::Cut),
            Fault::HoldNode => self.on_links(victim, Traffic::Held),
            Fault::SlowNode => self.on_links(victim, Traffic::Slow(Duration::from_millis(20))),
            Fault::SplitServer => self.on_routes(victim, Traffic::Cut),
            Fault::HoldRoutes => self.on_routes(victim, Traffic::Held),
        }
        if self.random.below(3) == 0 {
            self.settle();
        }
    }

    fn on_links(&mut self, node: usize, traffic: Traffic) {
        let set = |world: &World, traffic| {
            world.nodes[node]
                .links
                .iter()
                .for_each(|link| link.set(traffic));
        };
        set(self, traffic);
        self.feed(120, &[0, 1, 2]);
        // Sometimes the next fault comes on top.
        if self.random.below(3) > 0 {
            set(self, Traffic::Flows);
        }
    }

    /// Both directions between one server and the others. Each server has two links to others.
    fn on_routes(&mut self, server: usize, traffic: Traffic) {
        let concerned = move |index: &usize| {
            let from = index / 2;
            let others: Vec<usize> = (0..3).filter(|&other| other != from).collect();
            from == server || others[index % 2] == server
        };
        let set = |world: &World, traffic| {
            let links = (0..world.routes.len()).filter(concerned);
            links.for_each(|index| world.routes[index].set(traffic));
        };
        set(self, traffic);
        self.feed(120, &[0, 1, 2]);
        if self.random.below(3) > 0 {
            set(self, Traffic::Flows);
        }
    }

    /// Sends events, some of them to two nodes, now and then documents, in small groups.
    fn feed(&mut self, count: usize, receivers: &[usize]) {
        for index in 0..count {
            self.sent += 1;
            let node = receivers[self.random.below(receivers.len())];
            if self.random.below(40) == 0 {
                let length = 1 + self.random.below(600_000);
                let seconds = self.time + self.random.below(5) as i64;
                drop(
                    self.reference
                        .commit(Batch::new().document(document(length, seconds))),
                );
                self.nodes[node].send(
                    self.sent,
                    format!("document {} {length} {seconds}", self.sent),
                );
                continue;
            }
            let event = self.any_event();
            drop(self.reference.apply(&event));
            let line = format!(
                "event {} {}",
                self.sent,
                serde_json::to_string(&event).unwrap()
            );
            self.nodes[node].send(self.sent, line.clone());
            if self.random.below(5) == 0 {
                // Two nodes receive the same event.
                let other = receivers[self.random.below(receivers.len())];
                self.nodes[other].send(self.sent, line);
            }
            if index % 10 == 0 {
                thread::sleep(Duration::from_millis(self.random.below(60) as u64));
            }
        }
    }

    fn any_event(&mut self) -> Event {
        let user = self.random.below(USERS);
        let session = self.random.below(2);
        let (subject, may_block) = match self.random.below(4) {
            0 => (
                format!(r#"{{"user": "u{user}", "session": "s{session}"}}"#),
                false,
            ),
            1 => (format!(r#"{{"session": "s{session}"}}"#), false),
            _ => (format!(r#"{{"user": "u{user}"}}"#), true),
        };
        let effects = [
            "\"revoke\"",
            "\"refresh\"",
            r#"{"risk": "high"}"#,
            r#"{"risk": "none"}"#,
        ];
        let effect = match (may_block, self.random.below(6)) {
            (true, 0) => "\"block\"",
            (true, 1) => "\"unblock\"",
            _ => effects[self.random.below(if may_block { 4 } else { 2 })],
        };
        // Close in time, so that ties and overtaking are common.
        let time = self.time - self.random.below(8) as i64;
        event(&subject, effect, time)
    }

    fn heal(&mut self) {
        let links = self.nodes.iter().flat_map(|node| &node.links);
        links
            .chain(&self.routes)
            .for_each(|link| link.set(Traffic::Flows));
    }

    /// Waits until everything sent was acknowledged by those it was sent to.
    fn settle(&mut self) {
        for node in &mut self.nodes {
            eventually("every event is acknowledged", || {
                node.shared.lock().outstanding.is_empty()
            });
        }
    }

    /// Waits until nothing that expires is left in the reference.
    fn expire(&mut self) {
        eventually("every revocation has expired", || {
            thread::sleep(Duration::from_millis(50));
            let _ = self
                .reference
                .forget(Timestamp::from_seconds(wall_clock() - 1));
            let entries = self.reference.facts().entries(None);
            entries.iter().all(|entry| !entry.register().expires())
        });
    }

    /// Everybody holds the join of everything, in memory and on disk, and decides by it.
    fn agree(&mut self) {
        self.settle();
        let registers = DocumentDigest::of(export(self.reference.facts()).as_bytes());
        let documents = self.reference.documents();
        let documents: Vec<_> = documents.iter().map(Document::digest).collect();
        let expected = format!("state 0 true {registers} {documents:?}");
        for node in &mut self.nodes {
            let mut last = String::new();
            let mut is_equal = || {
                last = node.ask("state", "state");
                last == expected
            };
            let end = std::time::Instant::now() + Duration::from_secs(90);
            while !is_equal() {
                // The bound only ends a test that would hang.
                assert!(
                    std::time::Instant::now() < end,
                    "node {}: {last}, expected {expected}",
                    node.index
                );
                thread::sleep(Duration::from_millis(20));
            }
        }
        let said = decisions(&engine(Arc::clone(self.reference.facts())), self.time);
        assert!(
            said.contains("subject_blocked") && said.contains("-,"),
            "{said}"
        );
        for node in &mut self.nodes {
            let decided = node.ask(&format!("decide {}", self.time), "decisions");
            assert_eq!(decided, format!("decisions {said}"), "node {}", node.index);
        }
        let dumps: Vec<Vec<u8>> = self.nodes.iter_mut().map(Process::close).collect();
        assert!(dumps[0].len() > 1000);
        for (index, dump) in dumps.iter().enumerate() {
            assert!(*dump == dumps[0], "the file of node {index} is another");
        }
    }
}

// ------------------------------------------------------------------------------------ a process

/// A node's process with the links that are its own, and what it has not acknowledged yet.
struct Process {
    index: usize,
    ledger: PathBuf,
    links: Vec<Link>,
    lifetime: i64,
    running: Option<(Child, ChildStdin)>,
    shared: Arc<Mutex<Said>>,
}

#[derive(Default)]
struct Said {
    outstanding: BTreeMap<u64, String>,
    /// Answers to `state` and `decide`, and `ready`.
    answers: Vec<String>,
}

impl Process {
    fn new(index: usize, ledger: PathBuf, links: Vec<Link>, lifetime: i64) -> Process {
        Process {
            index,
            ledger,
            links,
            lifetime,
            running: None,
            shared: Arc::default(),
        }
    }

    fn start(&mut self) {
        let servers: Vec<String> = self
            .links
            .iter()
            .map(|link| format!("nats://127.0.0.1:{}", link.port))
            .collect();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "node", "--nocapture", "--test-threads=1"])
            .env(LEDGER, &self.ledger)
            .env(SERVERS, servers.join(","))
            .env(NAME, format!("node-{}", self.index))
            .env(LIFETIME, self.lifetime.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let input = child.stdin.take().unwrap();
        // What the former process said last is read before the new one says anything.
        self.shared.lock().answers.clear();
        let shared = Arc::clone(&self.shared);
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let Some((_, line)) = line.split_once("= ") else {
                    continue;
                };
                let mut shared = shared.lock();
                match line.strip_prefix("acknowledged ") {
                    Some(number) => drop(shared.outstanding.remove(&number.parse().unwrap())),
                    None => shared.answers.push(line.to_owned()),
                }
            }
        });
        self.running = Some((child, input));
        self.answer("ready");
        // What was not acknowledged is sent again.
        let again: Vec<String> = self.shared.lock().outstanding.values().cloned().collect();
        again.iter().for_each(|line| self.write(line));
    }

    fn send(&mut self, number: u64, line: String) {
        self.shared.lock().outstanding.insert(number, line.clone());
        self.write(&line);
    }

    fn write(&mut self, line: &str) {
        let (_, input) = self.running.as_mut().unwrap();
        input.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    fn ask(&mut self, question: &str, answer: &str) -> String {
        self.write(question);
        self.answer(answer)
    }

    fn answer(&mut self, prefix: &str) -> String {
        let mut found = None;
        eventually("a node answers", || {
            let answers = &mut self.shared.lock().answers;
            let position = answers.iter().position(|line| line.starts_with(prefix));
            found = position.map(|position| answers.remove(position));
            found.is_some()
        });
        found.unwrap()
    }

    fn kill(&mut self) {
        if let Some((mut child, _)) = self.running.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    fn signal(&self, name: &str) {
        let (child, _) = self.running.as_ref().unwrap();
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &child.id().to_string()])
            .status();
        assert!(sent.unwrap().success());
    }

    /// Ends it as an operator does, and dumps its file.
    fn close(&mut self) -> Vec<u8> {
        let (mut child, input) = self.running.take().unwrap();
        drop(input);
        assert!(child.wait().unwrap().success(), "node {}", self.index);
        let mut dump = Vec::new();
        operator::dump(&self.ledger, &mut dump).unwrap();
        dump
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn wall_clock() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from((self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % bound as u64).unwrap()
    }
}
