//! What several tests need: facts, events, and a store that lies in memory and can fail.
#![allow(dead_code)] // each test uses its own part

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use highwater::event::Event;
use highwater::ledger::{Facts, Retention};
use highwater::marks::Keyring;

pub(crate) const TENANT: &str = "8a0c1f0e-53cb-4d3c-9a6f-0a39c7d8c001";

pub(crate) fn facts() -> Arc<Facts> {
    Arc::new(Facts::new(Keyring::from_seed([1, 2]), Retention::default()))
}

pub(crate) fn user(number: u64) -> String {
    format!("00000000-0000-4000-8000-{number:012x}")
}

/// A revocation of one user at `seconds`.
pub(crate) fn revoke(number: u64, seconds: i64) -> Event {
    event(
        &format!(r#"{{"user": "{}"}}"#, user(number)),
        "\"revoke\"",
        seconds,
    )
}

pub(crate) fn event(subject: &str, effect: &str, seconds: i64) -> Event {
    Event::from_json(&format!(
        r#"{{"time": {seconds}, "tenant": "{TENANT}", "subject": {subject}, "effect": {effect},
            "source": "https://idp.example/", "id": "0191c0de-0000-7000-8000-000000000001",
            "event_type": "https://schemas.openid.net/secevent/caep/event-type/session-revoked",
            "reason": {{"en": "left"}}}}"#
    ))
    .unwrap()
}

/// The whole ledger as bytes.
pub(crate) fn export(facts: &Facts) -> String {
    serde_json::to_string(&facts.entries(None)).unwrap()
}

/// Waits for something that has to come. The bound only ends a test that would hang.
#[track_caller]
pub(crate) fn eventually(what: &str, mut is_there: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(90);
    while !is_there() {
        assert!(Instant::now() < end, "never: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Runs a command; whether it succeeded.
pub(crate) fn shell(command: &str) -> bool {
    Command::new("sh")
        .args(["-c", command])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// A mounted file system. A failed assertion must not leave it behind.
pub(crate) struct Mount(PathBuf);

impl Mount {
    /// Whatever a test mounts at `point`.
    pub(crate) fn at(point: &Path) -> Mount {
        fs::create_dir_all(point).unwrap();
        Mount(point.to_owned())
    }

    /// A file system of `size` in memory, or `None` after a notice.
    pub(crate) fn tmpfs(point: &Path, size: &str) -> Option<Mount> {
        let mount = Mount::at(point);
        let point = point.display();
        if shell(&format!("mount -t tmpfs -o size={size} tmpfs {point}")) {
            return Some(mount);
        }
        assert!(
            std::env::var("CI").is_err(),
            "no mounts: a full disk cannot be tested"
        );
        eprintln!("SKIPPED: a full disk needs root to mount one");
        None
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        shell(&format!("umount -q {}", self.0.display()));
    }
}
