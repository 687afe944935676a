//! Plants mistakes in the engine, one after the other, and sees whether the tests notice.
//!
//! `mutants [--quick] [NAME-PART…]`: all of `tests/mutants.toml`, those marked quick, or those
//! whose name has one of the parts. Works on a copy of the sources in `target/mutants`, so that
//! nothing here changes; what was built for debugging is linked there, so that only our own
//! packages are built again. Exit code 1 if a mistake goes unnoticed or does not build.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use serde::Deserialize;

/// How long a check may take; a mistake that makes it go on for longer is noticed too.
const PATIENCE: Duration = Duration::from_secs(300);
/// Generated decisions, after the recorded ones.
const CASES: &str = "60000";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    mutant: Vec<Mutant>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mutant {
    name: String,
    file: PathBuf,
    find: String,
    put: String,
    #[serde(default = "differential")]
    noticed_by: String,
    #[serde(default)]
    quick: bool,
}

fn differential() -> String {
    "differential".to_owned()
}

/// What a check says.
enum Seen {
    Passed,
    Failed,
    TookTooLong,
    DoesNotBuild(String),
}

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("mutants: {message}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<bool, String> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let quick = arguments.iter().any(|argument| argument == "--quick");
    arguments.retain(|argument| argument != "--quick");

    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = read(&root.join("tests/mutants.toml"))?;
    let table: Table = toml::from_str(&text).map_err(|error| error.to_string())?;
    let chosen: Vec<&Mutant> = table
        .mutant
        .iter()
        .filter(|mutant| !quick || mutant.quick)
        .filter(|mutant| {
            arguments.is_empty() || arguments.iter().any(|part| mutant.name.contains(part))
        })
        .collect();
    let laboratory = Laboratory::set_up(&root)?;

    // A check that fails by itself notices nothing.
    let checks: BTreeSet<&str> = chosen
        .iter()
        .map(|mutant| mutant.noticed_by.as_str())
        .collect();
    for check in checks {
        if !matches!(laboratory.check(check)?, Seen::Passed) {
            return Err(format!("`{check}` does not pass without any mutant"));
        }
    }
    let started = Instant::now();
    let mut missed = Vec::new();
    for mutant in &chosen {
        let before = Instant::now();
        let seen = laboratory.plant(mutant)?;
        let word = match &seen {
            Seen::Failed => "noticed",
            Seen::TookTooLong => "noticed (took too long)",
            Seen::Passed => "NOT NOTICED",
            Seen::DoesNotBuild(_) => "DOES NOT BUILD",
        };
        let seconds = before.elapsed().as_secs_f64();
        println!(
            "{word}: {} [{}], {seconds:.0} s",
            mutant.name, mutant.noticed_by
        );
        if let Seen::DoesNotBuild(message) = &seen {
            println!("{message}");
        }
        if matches!(seen, Seen::Passed | Seen::DoesNotBuild(_)) {
            missed.push(mutant.name.as_str());
        }
    }
    println!(
        "{} of {} mutants noticed, {:.0} s",
        chosen.len() - missed.len(),
        chosen.len(),
        started.elapsed().as_secs_f64()
    );
    Ok(missed.is_empty() && !chosen.is_empty())
}

/// A copy of the sources and a folder to build it in.
struct Laboratory {
    tree: PathBuf,
    build: PathBuf,
}

impl Laboratory {
    fn set_up(root: &Path) -> Result<Laboratory, String> {
        let root = root.canonicalize().map_err(|error| error.to_string())?;
        let home = root.join("target/mutants");
        let laboratory = Laboratory {
            tree: home.join("tree"),
            build: home.join("build"),
        };
        let listed = Command::new("git")
            .args([
                "ls-files",
                "-z",
                "--cached",
                "--others",
                "--exclude-standard",
            ])
            .current_dir(&root)
            .output()
            .map_err(|error| format!("git ls-files: {error}"))?;
        let listed = String::from_utf8_lossy(&listed.stdout);
        for file in listed.split_terminator('\0') {
            let Ok(content) = std::fs::read(root.join(file)) else {
                continue; // deleted and not yet committed
            };
            let copy = laboratory.tree.join(file);
            // What has not changed keeps its time, and cargo its work.
            if std::fs::read(&copy).ok().as_deref() != Some(&content) {
                write(&copy, &content)?;
            }
        }
        let debug = root.join("target/debug");
        if debug.is_dir() && !laboratory.build.is_dir() {
            std::fs::create_dir_all(laboratory.build.join("debug"))
                .map_err(|error| error.to_string())?;
            for part in ["deps", "build", ".fingerprint"] {
                let linked = Command::new("cp")
                    .arg("-al")
                    .arg(debug.join(part))
                    .arg(laboratory.build.join("debug"))
                    .status();
                linked.map_err(|error| format!("cp -al: {error}"))?;
            }
        }
        Ok(laboratory)
    }

    /// Plants a mistake, runs its check, and takes it out again.
    fn plant(&self, mutant: &Mutant) -> Result<Seen, String> {
        let file = self.tree.join(&mutant.file);
        let sound = read(&file)?;
        if sound.matches(&mutant.find).count() != 1 {
            return Ok(Seen::DoesNotBuild(format!(
                "what it replaces has to occur exactly once in `{}`",
                mutant.file.display()
            )));
        }
        write(&file, sound.replace(&mutant.find, &mutant.put).as_bytes())?;
        let seen = self.check(&mutant.noticed_by);
        write(&file, sound.as_bytes())?;
        seen
    }

    fn check(&self, check: &str) -> Result<Seen, String> {
        let (build, run): (Vec<&str>, Option<Command>) = match check.split_once(' ') {
            None if check == "differential" => {
                let mut program = Command::new(self.build.join("debug/differential"));
                program
                    .args(["--vectors", "--others-every", "0", "--cases", CASES])
                    .current_dir(&self.tree);
                (
                    vec![
                        "build",
                        "-p",
                        "highwater-tests",
                        "--no-default-features",
                        "--bin",
                        "differential",
                    ],
                    Some(program),
                )
            }
            None if check == "laws" => (
                vec!["test", "-p", "highwater-tests", "--test", "laws"],
                None,
            ),
            Some(("engine", filter)) => (vec!["test", "-p", "highwater", "--lib", filter], None),
            Some(("engine/tests", name)) => (vec!["test", "-p", "highwater", "--test", name], None),
            _ => return Err(format!("`{check}` is no check; see `tests/mutants.toml`")),
        };
        let is_test = run.is_none();
        let mut builder = self.cargo(&build);
        if is_test {
            builder.arg("--no-run");
        }
        let built = builder
            .output()
            .map_err(|error| format!("cargo: {error}"))?;
        if !built.status.success() {
            let message = String::from_utf8_lossy(&built.stderr);
            let errors: Vec<&str> = message
                .lines()
                .filter(|line| line.starts_with("error"))
                .collect();
            return Ok(Seen::DoesNotBuild(errors.join("\n")));
        }
        let mut check = run.unwrap_or_else(|| self.cargo(&build));
        wait(check.stdout(Stdio::null()).stderr(Stdio::null()))
    }

    fn cargo(&self, arguments: &[&str]) -> Command {
        let mut cargo = Command::new(env!("CARGO"));
        cargo
            .args(arguments)
            .current_dir(&self.tree)
            .env("CARGO_TARGET_DIR", &self.build)
            // `cargo run` hands on its own job server, and is gone by then.
            .env_remove("CARGO_MAKEFLAGS")
            .env_remove("MAKEFLAGS");
        cargo
    }
}

fn wait(command: &mut Command) -> Result<Seen, String> {
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    let started = Instant::now();
    loop {
        match child.try_wait().map_err(|error| error.to_string())? {
            Some(status) if status.success() => return Ok(Seen::Passed),
            Some(_) => return Ok(Seen::Failed),
            None if started.elapsed() > PATIENCE => {
                child.kill().map_err(|error| error.to_string())?;
                child.wait().map_err(|error| error.to_string())?;
                return Ok(Seen::TookTooLong);
            }
            None => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("`{}`: {error}", path.display()))
}

fn write(path: &Path, content: &[u8]) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("`{}`: {error}", path.display());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    std::fs::write(path, content).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So that one whose place was rewritten is not found out by the night in which it is planted.
    #[test]
    fn what_each_mutant_replaces_occurs_exactly_once() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let text = read(&root.join("tests/mutants.toml")).unwrap();
        let table: Table = toml::from_str(&text).unwrap();
        assert!(table.mutant.len() >= 40);
        for mutant in table.mutant {
            let source = read(&root.join(&mutant.file)).unwrap();
            let count = source.matches(&mutant.find).count();
            assert_eq!(count, 1, "`{}` in {}", mutant.name, mutant.file.display());
            assert_ne!(mutant.find, mutant.put, "`{}`", mutant.name);
        }
    }
}
