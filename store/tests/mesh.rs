//! Nodes on real NATS servers: broker restarts and losses, a cluster that loses a server, late
//! nodes, documents, expiry, TLS.
#![allow(clippy::unwrap_used)] // a test may

#[path = "support/server.rs"]
mod server;
mod support;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use highwater::identifier::Identifier;
use highwater::ledger::{Facts, Retention};
use highwater::marks::Keyring;
use highwater::timestamp::Timestamp;
use highwater_store::nats::{NatsMesh, NatsOptions, Tls};
use highwater_store::{Batch, DiskOptions, DiskStore, Document, MemoryStore, Store};
use server::{Server, cluster, program};
use support::{event, eventually, export, facts, revoke};

fn now() -> i64 {
    i64::try_from(
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_secs(),
    )
    .unwrap()
}

fn options(servers: &[String], node: &str) -> NatsOptions {
    NatsOptions {
        heartbeat: Duration::from_millis(200),
        silence: Duration::from_millis(600),
        longest_pause: Duration::from_millis(800),
        ..NatsOptions::new(servers.to_vec(), node)
    }
}

struct TestNode {
    store: Arc<dyn Store>,
    mesh: NatsMesh,
}

fn node(store: Arc<dyn Store>, options: NatsOptions) -> TestNode {
    let mesh = NatsMesh::start(Arc::clone(&store), options).unwrap();
    TestNode { store, mesh }
}

fn memory_node(servers: &[String], name: &str) -> TestNode {
    node(Arc::new(MemoryStore::new(facts())), options(servers, name))
}

#[track_caller]
fn converge(nodes: &[&TestNode], registers: usize) {
    let is_done =
        |node: &&TestNode| node.store.facts().len() == registers && node.mesh.waiting() == 0;
    // The bound only ends a test that would hang.
    let end = Instant::now() + Duration::from_secs(60);
    while !nodes.iter().all(is_done) {
        for node in nodes.iter().filter(|_| Instant::now() > end) {
            let (status, connection) = (node.mesh.status(), node.mesh.connection());
            let found = node.store.facts().len();
            eprintln!("{found} of {registers}: {status:?} {connection:?}");
        }
        assert!(Instant::now() < end, "the nodes do not converge");
        std::thread::sleep(Duration::from_millis(10));
    }
    let expected = export(nodes[0].store.facts());
    for node in nodes {
        assert_eq!(export(node.store.facts()), expected);
    }
}

#[test]
fn what_one_node_learns_every_node_enforces_through_restarts_of_the_broker() {
    let Some(program) = program() else { return };
    let directory = tempfile::tempdir().unwrap();
    let mut server = Server::start(&program, directory.path(), &[]);
    let servers = [server.url()];
    let (left, right) = (
        memory_node(&servers, "left"),
        memory_node(&servers, "right"),
    );
    let time = now();
    drop(left.store.apply(&revoke(1, time)));
    drop(right.store.apply(&revoke(2, time)));
    converge(&[&left, &right], 2);

    // A last value is not a maximum: the older one comes last and must not win anywhere.
    drop(left.store.apply(&revoke(1, time + 50)));
    drop(right.store.apply(&revoke(1, time + 20)));
    let late = memory_node(&servers, "late");
    eventually("the maximum is everywhere", || {
        [&left, &right, &late].iter().all(|node| {
            node.store
                .facts()
                .entries(None)
                .iter()
                .any(|entry| entry.time() == Timestamp::from_seconds(time + 50))
        })
    });
    converge(&[&left, &right, &late], 2);

    // The broker dies. Every node goes on with what it knows and hears; later they agree.
    server.kill();
    for number in 3..60 {
        drop(left.store.apply(&revoke(number, time)));
        drop(right.store.apply(&revoke(number + 100, time)));
    }
    drop(
        right
            .store
            .apply(&event(r#"{"user": "eve"}"#, "\"block\"", time)),
    );
    assert_eq!(left.store.facts().len(), 59);
    eventually("the loss is seen", || !left.mesh.connection().is_connected);
    server.resume();
    converge(&[&left, &right, &late], 2 + 57 + 57 + 1);
    let status = late.mesh.status();
    assert!(status.is_synchronised, "{status:?}");
    eventually("the lag is small again", || {
        let status = late.mesh.status();
        status
            .lag_milliseconds(Timestamp::from_seconds(now()))
            .is_some_and(|lag| lag < 5000)
    });
    assert_eq!(status.malformed, 0);
    eventually("every node sees where the others are", || {
        let newest = late.mesh.status().newest;
        let peers = late.mesh.peers();
        let names: Vec<&str> = peers.iter().map(|peer| peer.node.as_str()).collect();
        names == ["late", "left", "right"] && peers.iter().all(|peer| peer.applied + 50 > newest)
    });
}

#[test]
fn a_bucket_that_was_lost_is_filled_again_by_the_nodes() {
    let Some(program) = program() else { return };
    let directory = tempfile::tempdir().unwrap();
    let mut server = Server::start(&program, directory.path(), &[]);
    let servers = [server.url()];
    let (left, right) = (
        memory_node(&servers, "left"),
        memory_node(&servers, "right"),
    );
    let time = now();
    for number in 0..50 {
        drop(left.store.apply(&revoke(number, time)));
    }
    converge(&[&left, &right], 50);
    server.kill();
    fs::remove_dir_all(directory.path().join("jetstream")).unwrap();
    server.resume();
    // A node that knows nothing learns everything from a bucket that was empty.
    let late = memory_node(&servers, "late");
    converge(&[&left, &right, &late], 50);
}

#[test]
fn a_node_that_was_away_brings_and_learns_what_happened_meanwhile() {
    let Some(program) = program() else { return };
    let directory = tempfile::tempdir().unwrap();
    let files = directory.path().join("js");
    let server = Server::start(&program, &files, &[]);
    let servers = [server.url()];
    let path = directory.path().join("ledger");
    let open = || DiskStore::open(&path, facts(), &DiskOptions::default()).unwrap();
    let time = now();
    let other = memory_node(&servers, "other");
    let disk = node(Arc::new(open()), options(&servers, "disk"));
    disk.store.apply(&revoke(1, time)).wait().unwrap();
    converge(&[&disk, &other], 1);
    drop(disk);
    // Alone and offline, with a bus it cannot reach.
    let alone = open();
    alone.apply(&revoke(2, time)).wait().unwrap();
    drop(alone);
    drop(other.store.apply(&revoke(3, time)));
    let disk = node(Arc::new(open()), options(&servers, "disk"));
    converge(&[&disk, &other], 3);
    drop(disk);
    // What the other node told is on this node's own disk.
    eventually("the last write is on disk", || open().facts().len() == 3);
}

#[test]
fn documents_switch_as_a_whole_and_old_ones_leave_no_rubbish() {
    let Some(program) = program() else { return };
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&program, directory.path(), &[]);
    let servers = [server.url()];
    let (left, right) = (
        memory_node(&servers, "left"),
        memory_node(&servers, "right"),
    );
    let tenant = Identifier::new("contoso").unwrap();
    let document = |length: usize, seconds| {
        let bytes: Vec<u8> = (0..length).map(|index| (index % 251) as u8).collect();
        Document::new(tenant.clone(), bytes, Timestamp::from_seconds(seconds))
    };
    // Several chunks, a smaller successor, and a predecessor that comes late.
    for (document, expected) in [
        (document(1_500_000, 10), 1_500_000),
        (document(1000, 20), 1000),
        (document(5000, 15), 1000),
    ] {
        drop(left.store.commit(Batch::new().document(document)));
        for node in [&left, &right] {
            eventually("the documents arrive", || {
                node.store
                    .document(&tenant)
                    .is_some_and(|found| found.bytes().len() == expected)
                    && left.mesh.waiting() == 0
            });
        }
    }
    let late = memory_node(&servers, "late");
    eventually("a late node has them", || {
        late.store.document(&tenant).as_ref() == left.store.document(&tenant).as_ref()
    });
}

#[test]
fn the_bus_forgets_what_nobody_needs_any_more() {
    let Some(program) = program() else { return };
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&program, directory.path(), &[]);
    let servers = [server.url()];
    let retention = Retention {
        token_lifetime_seconds: 3,
        session_lifetime_seconds: 3,
        skew_seconds: 0,
    };
    let facts = || Arc::new(Facts::new(Keyring::from_seed([1, 2]), retention));
    let short = node(
        Arc::new(MemoryStore::new(facts())),
        options(&servers, "short"),
    );
    let time = now();
    drop(short.store.apply(&revoke(1, time)));
    drop(short.store.apply(&revoke(2, time - 60))); // expired already
    drop(
        short
            .store
            .apply(&event(r#"{"user": "eve"}"#, "\"block\"", time)),
    );
    eventually("everything is published or dropped", || {
        short.mesh.waiting() == 0
    });
    eventually("the revocation expired", || {
        let late = node(
            Arc::new(MemoryStore::new(facts())),
            options(&servers, "late"),
        );
        eventually("a late node has read the bus", || {
            late.mesh.status().is_synchronised
        });
        let found = late.store.facts().entries(None);
        assert!(
            found.iter().any(|entry| !entry.register().expires()),
            "the block is gone"
        );
        found.len() == 1
    });
}

#[test]
fn a_cluster_may_lose_any_server() {
    let Some(program) = program() else { return };
    let directory = tempfile::tempdir().unwrap();
    let mut servers = cluster(&program, directory.path());
    let urls: Vec<String> = servers.iter().map(Server::url).collect();
    let with_copies = |name: &str| {
        let options = NatsOptions {
            replicas: 3,
            ..options(&urls, name)
        };
        node(Arc::new(MemoryStore::new(facts())), options)
    };
    let nodes: Vec<TestNode> = ["one", "two", "three"].map(with_copies).into();
    let all: Vec<&TestNode> = nodes.iter().collect();
    let time = now();
    let mut number = 0;
    let mut spread = |count: u64| {
        for _ in 0..count {
            let node = &nodes[usize::try_from(number % 3).unwrap()];
            drop(node.store.apply(&revoke(number, time)));
            number += 1;
        }
        usize::try_from(number).unwrap()
    };
    converge(&all, spread(90));
    for server in &mut servers {
        server.kill();
        let known = spread(90);
        converge(&all, known);
        server.resume();
    }
    converge(&all, spread(9));
}

#[test]
fn tls_and_a_password_are_demanded_and_given() {
    let Some(program) = program() else { return };
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    assert!(
        certificates(directory.path()),
        "openssl is needed to make certificates"
    );
    let config = at("server.conf");
    fs::write(
        &config,
        format!(
            "tls {{ cert_file: {:?}, key_file: {:?}, ca_file: {:?}, verify: true }}\n\
             authorization {{ user: highwater, password: secret }}\n",
            at("server.pem"),
            at("server.key"),
            at("ca.pem")
        ),
    )
    .unwrap();
    let server = Server::start(&program, &directory.path().join("js"), &["-c", &config]);
    let servers = [format!("tls://localhost:{}", server.port)];
    let secure = |name: &str, password: &str| {
        let options = NatsOptions {
            user: Some(("highwater".to_owned(), password.to_owned())),
            tls: Some(Tls {
                authorities: Some(at("ca.pem").into()),
                identity: Some((at("server.pem").into(), at("server.key").into())),
            }),
            ..options(&servers, name)
        };
        node(Arc::new(MemoryStore::new(facts())), options)
    };
    let (left, right) = (secure("left", "secret"), secure("right", "secret"));
    drop(left.store.apply(&revoke(1, now())));
    converge(&[&left, &right], 1);
    let stranger = secure("stranger", "guess");
    eventually("the stranger is told why", || {
        stranger.mesh.connection().last_error.is_some()
    });
    assert!(!stranger.mesh.status().is_synchronised);
    assert!(stranger.store.facts().is_empty());
}

fn certificates(directory: &Path) -> bool {
    let script = "openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 \
                  -subj /CN=test-ca -addext basicConstraints=critical,CA:TRUE && \
                  openssl req -newkey rsa:2048 -nodes -keyout server.key -out server.csr \
                  -subj /CN=localhost && \
                  printf 'subjectAltName=DNS:localhost,IP:127.0.0.1' > ext && \
                  openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial \
                  -days 2 -extfile ext -out server.pem";
    Command::new("sh")
        .args(["-c", script])
        .current_dir(directory)
        .output()
        .is_ok_and(|output| output.status.success())
}
