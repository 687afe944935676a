//! The gateway under measurement, on the first core.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::Outcome;
use crate::issuer::Issuer;

const CONFIGURATION: &str = r#"
[log]
level = "error"

[token]
audiences = ["api"]
# Every token of the run, so that none is verified twice.
cache_bytes = 2_000_000_000

[[issuer]]
issuer = "https://idp.example"
answers_challenges = true
jwks_file = "keys.json"

[[tenant]]
id = "contoso"
documents = ["office.json"]

[[transmitter]]
name = "idp"
issuer = "https://idp.example"
audience = "https://gateway.example"
tenant = "contoso"
jwks_file = "keys.json"
push = {}

[[serve.listener]]
kind = "decisions"
address = "127.0.0.1:0"
fail = "closed"

[[serve.listener]]
kind = "intake"
address = "127.0.0.1:0"
"#;

const DOCUMENTS: &str = include_str!("../../gateway/src/serve/demo/documents.json");

pub(crate) struct Gateway {
    child: Child,
    pub(crate) decisions: String,
    pub(crate) intake: String,
}

impl Gateway {
    pub(crate) fn start(binary: &Path, folder: &Path, issuer: &Issuer) -> Outcome<Gateway> {
        fs::create_dir_all(folder)?;
        fs::write(folder.join("highwater.toml"), CONFIGURATION)?;
        fs::write(folder.join("office.json"), DOCUMENTS)?;
        fs::write(folder.join("keys.json"), issuer.keys())?;
        let mut child = pinned("0", binary)
            .current_dir(folder)
            .args(["serve", "--config", "highwater.toml"])
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().ok_or("no output")?;
        let mut lines = BufReader::new(stdout).lines();
        let mut url = || -> Outcome<String> {
            let line = lines.next().ok_or("the gateway did not start")??;
            let url = line.split(' ').nth(2).ok_or("no address")?;
            Ok(url.to_owned())
        };
        Ok(Gateway {
            decisions: url()?,
            intake: url()?,
            child,
        })
    }

    /// Resident memory, in bytes.
    pub(crate) fn memory(&self) -> Outcome<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes: u64 = line
            .and_then(|rest| rest.split_whitespace().next())
            .ok_or("no VmRSS")?
            .parse()?;
        Ok(kilobytes * 1024)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A program on one core, before others where the system allows it.
pub(crate) fn pinned(core: &str, program: &Path) -> Command {
    let mut command = if std::env::var_os("COST_PRIORITY").is_some() {
        let mut command = Command::new("chrt");
        command.args(["-f", "50", "taskset", "-c", core]);
        command
    } else {
        let mut command = Command::new("taskset");
        command.args(["-c", core]);
        command
    };
    command.arg(program);
    command
}
