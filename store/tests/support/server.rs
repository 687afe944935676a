//! Real NATS servers on loopback, on free ports, ended by their own process ids.
//!
//! The server comes from `HIGHWATER_NATS_SERVER`, or is installed once into `target/nats` by
//! `tests/nats/install.sh`. Without either, tests are skipped with a notice, but fail where `CI`
//! is set.
#![allow(clippy::unwrap_used, dead_code)] // a test may; each uses its own part

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::support::eventually;

/// The program, or `None` after a notice.
pub(crate) fn program() -> Option<PathBuf> {
    if let Ok(path) = std::env::var("HIGHWATER_NATS_SERVER") {
        return Some(path.into());
    }
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let path = project.join("target/nats/bin/nats-server");
    // Tests run side by side; the first one that needs the server installs it for all.
    static IS_THERE: OnceLock<bool> = OnceLock::new();
    let is_there = IS_THERE.get_or_init(|| {
        path.exists()
            || Command::new("sh")
                .arg(project.join("store/tests/nats/install.sh"))
                .stdout(Stdio::null())
                .status()
                .is_ok_and(|status| status.success())
    });
    if *is_there {
        return Some(path);
    }
    assert!(std::env::var("CI").is_err(), "no nats-server");
    eprintln!("SKIPPED: no nats-server; run store/tests/nats/install.sh");
    None
}

/// One server, started again on the same port and files as often as a test likes.
pub(crate) struct Server {
    program: PathBuf,
    arguments: Vec<String>,
    pub(crate) port: u16,
    child: Option<Child>,
}

impl Server {
    pub(crate) fn start(program: &Path, directory: &Path, more: &[&str]) -> Server {
        let port = free_port();
        let mut server = Server {
            program: program.to_owned(),
            arguments: [
                "-js",
                "-a",
                "127.0.0.1",
                "-p",
                &port.to_string(),
                "-sd",
                directory.to_str().unwrap(),
            ]
            .into_iter()
            .chain(more.iter().copied())
            .map(str::to_owned)
            .collect(),
            port,
            child: None,
        };
        server.resume();
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    pub(crate) fn resume(&mut self) {
        let child = Command::new(&self.program)
            .args(&self.arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.child = Some(child);
        let address = format!("127.0.0.1:{}", self.port);
        eventually("the server listens", || {
            let child = self.child.as_mut().unwrap();
            if let Some(status) = child.try_wait().unwrap() {
                panic!("the server ended at once, with {status}");
            }
            std::net::TcpStream::connect(&address).is_ok()
        });
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Three servers that know each other.
pub(crate) fn cluster(program: &Path, directory: &Path) -> Vec<Server> {
    let ports: Vec<u16> = (0..3).map(|_| free_port()).collect();
    let routes: Vec<String> = ports
        .iter()
        .map(|port| format!("nats://127.0.0.1:{port}"))
        .collect();
    let routes = routes.join(",");
    (0..3)
        .map(|index| {
            let files = directory.join(format!("server-{index}"));
            fs::create_dir_all(&files).unwrap();
            let name = format!("server-{index}");
            let cluster = format!("nats://127.0.0.1:{}", ports[index]);
            Server::start(
                program,
                &files,
                &[
                    "--name",
                    &name,
                    "--cluster_name",
                    "highwater",
                    "--cluster",
                    &cluster,
                    "--routes",
                    &routes,
                ],
            )
        })
        .collect()
}

/// A port that nobody listens on, and that the system gives to nobody else: below those that it
/// hands out (from 32,768 on), where the other end of any connection may be by the time that the
/// server starts. Side by side, processes and tests start at different places.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let place = std::process::id().wrapping_mul(97).wrapping_add(step) % 12_000;
        let port = 20_000 + u16::try_from(place).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
