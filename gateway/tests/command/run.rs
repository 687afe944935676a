//! Running the command in a folder of its own.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

/// A folder that goes away with the test.
pub(crate) struct Folder(PathBuf);

/// How a run of the command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Folder {
    /// A folder with these files; folders in their names are made.
    pub(crate) fn with(files: &[(&str, &str)]) -> Folder {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("command-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        let folder = Folder(path);
        for (name, content) in files {
            let file = folder.0.join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, content).unwrap();
        }
        folder
    }

    /// The path of a file in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The command, to be run in the folder.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_highwater"));
        command.current_dir(&self.0);
        command
    }

    /// Runs the command with these arguments, split at blanks, and this stdin.
    pub(crate) fn run(&self, arguments: &str, stdin: &str) -> Ended {
        let mut child = self
            .command()
            .args(arguments.split_whitespace())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut pipe = child.stdin.take().unwrap();
        let input = stdin.to_owned();
        // The command may end without reading its input.
        let writer = std::thread::spawn(move || drop(pipe.write_all(input.as_bytes())));
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        Ended {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

impl Ended {
    /// Stdout as one JSON value.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Stdout as one JSON value per line.
    #[track_caller]
    pub(crate) fn lines(&self) -> Vec<Value> {
        self.stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

/// The office, with both address families.
pub(crate) const OFFICE: &str = r##"{"@odata.type": "#microsoft.graph.ipNamedLocation",
    "id": "office", "displayName": "Office", "isTrusted": true,
    "ipRanges": [{"cidrAddress": "192.0.2.0/24"}, {"cidrAddress": "2001:db8::/32"}]}"##;

/// Nobody from outside.
pub(crate) const BLOCK: &str = r#"{"id": "block", "displayName": "Block outside",
    "state": "enabled",
    "conditions": {"users": {"includeUsers": ["All"]},
        "applications": {"includeApplications": ["All"]},
        "locations": {"includeLocations": ["All"], "excludeLocations": ["AllTrusted"]}},
    "grantControls": {"operator": "OR", "builtInControls": ["block"]}}"#;

/// A document that is refused.
pub(crate) const BROKEN: &str = r#"{"displayName": "Broken", "state": "enabld",
    "conditions": {"users": {"includeUsers": ["All"]}}}"#;

/// The office and the block in one folder.
pub(crate) fn contoso() -> Folder {
    Folder::with(&[
        ("documents/office.json", OFFICE),
        ("documents/policies/block.json", BLOCK),
        ("documents/notes.txt", "not a document"),
    ])
}

/// A request of Ada's from `address`, whose client can answer challenges.
pub(crate) fn request(id: &str, address: &str) -> String {
    format!(
        r#"{{"id": "{id}", "now": 1763760000, "ip": "{address}", "token": {{"iss":
        "https://sts.windows.net/contoso/", "tid": "contoso", "oid": "ada", "sub": "s", "scp": "Files.Read",
        "uti": "token-1", "iat": 1763759000, "exp": 1763763600, "xms_cc": ["cp1"]}}}}"#
    )
    .replace('\n', " ")
        + "\n"
}
