//! The `highwater` command as a surface: `decide`, from files and standard input.
//!
//! The command applies all events before the first request. A case that has events between its
//! requests is run in parts, a process for each, with the events up to there; what the engine
//! remembers of its challenges does not survive that.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::word;
use crate::vector::{Answer, Case, Step, Surface, TENANT};

/// Asks the command.
#[derive(Debug)]
pub struct CommandSurface {
    program: PathBuf,
    folder: PathBuf,
}

impl CommandSurface {
    /// The command at `program`, with files in `folder`, which must exist.
    #[must_use]
    pub fn new(program: &Path, folder: &Path) -> CommandSurface {
        CommandSurface {
            program: program.to_owned(),
            folder: folder.to_owned(),
        }
    }

    /// The case cut before every event that follows a request: each part with all events so far
    /// and its own requests only.
    #[must_use]
    pub fn parts(case: &Case) -> Vec<Case> {
        let mut parts: Vec<Case> = Vec::new();
        let mut events: Vec<Step> = Vec::new();
        let mut requests: Vec<Step> = Vec::new();
        let mut close = |events: &[Step], requests: &mut Vec<Step>| {
            if !requests.is_empty() {
                let mut part = case.clone();
                part.steps = events.iter().cloned().chain(requests.drain(..)).collect();
                parts.push(part);
            }
        };
        for step in &case.steps {
            match step {
                Step::Event(_) => {
                    close(&events, &mut requests);
                    events.push(step.clone());
                }
                Step::Request { .. } => requests.push(step.clone()),
            }
        }
        close(&events, &mut requests);
        parts
    }

    fn decide(&self, case: &Case) -> Vec<Answer> {
        self.write("highwater.toml", &configuration(case));
        let list = |values: &[Value]| Value::from(values).to_string();
        self.write("policies.json", &list(&case.documents.policies));
        self.write("locations.json", &list(&case.documents.locations));
        for (name, text) in [
            (
                "memberships.json",
                case.documents.memberships.as_ref().map(Value::to_string),
            ),
            ("trusted-ips.txt", case.documents.trusted_ips.clone()),
            ("countries.txt", case.documents.countries.clone()),
        ] {
            if let Some(text) = text {
                self.write(name, &text);
            }
        }
        let (mut events, mut requests) = (String::new(), String::new());
        for step in &case.steps {
            match step {
                Step::Event(event) => {
                    let json = serde_json::to_string(event).expect("an event is JSON");
                    events.push_str(&json);
                    events.push('\n');
                }
                Step::Request { line, .. } => {
                    requests.push_str(&line.to_string());
                    requests.push('\n');
                }
            }
        }
        self.write("events.jsonl", &events);
        let mut child = Command::new(&self.program)
            .arg("decide")
            .arg("--config")
            .arg(self.folder.join("highwater.toml"))
            .arg("--events")
            .arg(self.folder.join("events.jsonl"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command starts");
        let mut input = child.stdin.take().expect("standard input is a pipe");
        input
            .write_all(requests.as_bytes())
            .expect("the command reads its input");
        drop(input);
        let output = child.wait_with_output().expect("the command ends");
        let answers: Vec<Answer> = String::from_utf8_lossy(&output.stdout)
            .lines()
            .map(|line| answer(&serde_json::from_str(line).expect("an answer is JSON")))
            .collect();
        let wanted = requests.lines().count();
        assert_eq!(
            answers.len(),
            wanted,
            "{}: {}",
            case.name,
            String::from_utf8_lossy(&output.stderr)
        );
        answers
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.join(name), text).expect("the folder can be written");
    }
}

impl Surface for CommandSurface {
    fn name(&self) -> &'static str {
        "highwater decide"
    }

    fn run(&mut self, case: &Case) -> Vec<Answer> {
        Self::parts(case)
            .iter()
            .flat_map(|part| self.decide(part))
            .collect()
    }
}

/// `highwater.toml` for the case.
fn configuration(case: &Case) -> String {
    let table = |value: Result<toml::Value, toml::ser::Error>| value.expect("settings are TOML");
    let mut tenant = toml::Table::new();
    tenant.insert("id".to_owned(), TENANT.into());
    tenant.insert(
        "documents".to_owned(),
        vec!["policies.json", "locations.json"].into(),
    );
    for (name, file, is_there) in [
        (
            "trusted_ips",
            "trusted-ips.txt",
            case.documents.trusted_ips.is_some(),
        ),
        (
            "country_table",
            "countries.txt",
            case.documents.countries.is_some(),
        ),
    ] {
        if is_there {
            tenant.insert(name.to_owned(), file.into());
        }
    }
    if case.documents.memberships.is_some() {
        tenant.insert("memberships".to_owned(), vec!["memberships.json"].into());
    }
    tenant.insert(
        "settings".to_owned(),
        table(toml::Value::try_from(&case.tenant)),
    );
    let mut whole = toml::Table::new();
    whole.insert(
        "engine".to_owned(),
        table(toml::Value::try_from(&case.engine)),
    );
    whole.insert(
        "issuer".to_owned(),
        vec![table(toml::Value::try_from(&case.issuer))].into(),
    );
    whole.insert("tenant".to_owned(), vec![toml::Value::from(tenant)].into());
    whole.to_string()
}

/// An answer as the command and the C ABI write it.
pub(super) fn answer(line: &Value) -> Answer {
    if line.get("error").is_some() {
        return Answer::error();
    }
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let list = |name: &str, of: &dyn Fn(&Value) -> String| -> Vec<String> {
        line[name]
            .as_array()
            .map_or_else(Vec::new, |items| items.iter().map(of).collect())
    };
    let outcome = match line["decision"].as_str() {
        Some("allow") => highwater::decision::Outcome::Allow,
        Some("challenge") => highwater::decision::Outcome::Challenge,
        _ => highwater::decision::Outcome::Deny,
    };
    let status = line["status"]
        .as_u64()
        .and_then(|status| u16::try_from(status).ok());
    Answer {
        decision: word(outcome, status.unwrap_or_default()),
        reasons: list("reasons", &text),
        policies: list("policies", &|policy| text(&policy["name"])),
        flags: Some(super::flags(
            line["uncovered"] == Value::Bool(true),
            line["degraded"] == Value::Bool(true),
        )),
        claims: line
            .get("claims")
            .filter(|claims| !claims.is_null())
            .cloned(),
        header: line
            .get("www_authenticate")
            .and_then(Value::as_str)
            .map(str::to_owned),
        results: None,
    }
}
