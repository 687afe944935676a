//! Starting a gateway in a folder of its own, and ending it.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// A policy that lets users in from the office alone.
pub(crate) const OFFICE_ONLY: &str = r##"[
    {"@odata.type": "#microsoft.graph.ipNamedLocation", "id": "3f0d6c6e-9a1b-4a57-8f6e-5d2f6a1b0c01",
     "displayName": "Office", "isTrusted": true,
     "ipRanges": [{"@odata.type": "#microsoft.graph.iPv4CidrRange", "cidrAddress": "203.0.113.0/24"}]},
    {"id": "77c1f1a2-50a4-4a55-9d8a-3c2a1f0b0d02", "displayName": "Block outside the office",
     "state": "enabled",
     "conditions": {"users": {"includeUsers": ["All"]},
                    "applications": {"includeApplications": ["All"]}, "clientAppTypes": ["all"],
                    "locations": {"includeLocations": ["All"], "excludeLocations": ["AllTrusted"]}},
     "grantControls": {"operator": "OR", "builtInControls": ["block"]}}]"##;

/// A gateway that runs, and the folder that it runs in.
pub(crate) struct Gateway {
    child: Child,
    folder: TempDir,
    urls: HashMap<String, String>,
    log: Option<std::thread::JoinHandle<String>>,
}

impl Gateway {
    /// A gateway with this configuration and these files beside it.
    pub(crate) fn start(configuration: &str, files: &[(&str, &str)]) -> Gateway {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        fs::write(folder.path().join("highwater.toml"), configuration).unwrap();
        for (name, content) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        Gateway::start_in(folder)
    }

    /// A gateway in a folder that an earlier one left.
    pub(crate) fn start_in(folder: TempDir) -> Gateway {
        let configuration = fs::read_to_string(folder.path().join("highwater.toml")).unwrap();
        let listeners = configuration.matches("[[serve.listener]]").count();
        let mut command = command(folder.path());
        command.args(["serve", "--config", "highwater.toml"]);
        if listeners == 0 {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        Gateway::spawn(folder, command, listeners.max(1))
    }

    /// The demonstration.
    pub(crate) fn demonstration() -> Gateway {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let mut command = command(folder.path());
        command
            .args(["serve", "--demo", "--listen", "127.0.0.1:0"])
            .env("TMPDIR", folder.path());
        Gateway::spawn(folder, command, 1)
    }

    fn spawn(folder: TempDir, mut command: Command, listeners: usize) -> Gateway {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Read all the time: a full pipe would stop the gateway.
        let mut stderr = child.stderr.take().unwrap();
        let log = std::thread::spawn(move || {
            let mut text = Vec::new();
            let _ = std::io::Read::read_to_end(&mut stderr, &mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        let mut urls = HashMap::new();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        while urls.len() < listeners {
            let Some(Ok(line)) = lines.next() else {
                let _ = child.wait();
                panic!("the gateway did not start:\n{}", log.join().unwrap());
            };
            let (url, kind) = line
                .strip_prefix("listening on ")
                .and_then(|rest| rest.split_once(" for "))
                .unwrap_or_else(|| panic!("what is this: {line}"));
            urls.insert(kind.to_owned(), url.to_owned());
        }
        std::thread::spawn(move || lines.for_each(drop));
        Gateway {
            child,
            folder,
            urls,
            log: Some(log),
        }
    }

    /// Where `path` of the listener of this kind is.
    pub(crate) fn url(&self, kind: &str, path: &str) -> String {
        format!("{}{path}", self.urls[kind])
    }

    /// The address of the listener of this kind.
    pub(crate) fn address(&self, kind: &str) -> &str {
        self.urls[kind].split_once("://").unwrap().1
    }

    /// A file beside the configuration.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The command of the same build, in the gateway's folder.
    pub(crate) fn command(&self) -> Command {
        command(self.folder.path())
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Tells the gateway to stop and waits for it. Its folder, and what it logged.
    pub(crate) fn stop(mut self) -> (TempDir, String) {
        self.signal(rustix::process::Signal::TERM);
        let status = self.child.wait().unwrap();
        let log = self.log.take().unwrap().join().unwrap();
        assert!(status.success(), "{status}:\n{log}");
        let other = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        (std::mem::replace(&mut self.folder, other), log)
    }

    /// Ends the gateway as a crash would.
    pub(crate) fn kill(mut self) -> TempDir {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let other = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        std::mem::replace(&mut self.folder, other)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // By its own id; it may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_highwater"));
    command.current_dir(folder).env_remove("RUST_LOG");
    command
}

/// Waits until something is so, without saying how long that may take: the test runner does.
pub(crate) async fn until(mut is_so: impl AsyncFnMut() -> bool) {
    while !is_so().await {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}
