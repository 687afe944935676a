//! The tests, which mutants each of them reaches, and which of them notice one.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::tree::Tree;

/// Tests that last shorter share a process.
const QUICK: f64 = 0.1;
/// How long the tests of one process last together.
const TOGETHER: f64 = 0.5;
/// What a test takes that the clock of processes does not show, in seconds.
const LEAST: f64 = 0.003;
/// The signals for too much time of the processor.
const SIGXCPU: i32 = 24;
const SIGKILL: i32 = 9;
/// In kB: what a mutant may take before it is stopped.
const MEMORY: &str = "6000000";

/// One program of tests.
struct Program {
    path: PathBuf,
    /// Where cargo would run it.
    folder: PathBuf,
    /// First the package's own tests, then those of others.
    stage: usize,
}

struct Test {
    program: usize,
    name: String,
    seconds: f64,
    reaches: BTreeSet<usize>,
}

/// How a mutant ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    /// A test of this stage failed.
    Noticed(usize, String),
    /// It took too long, or too much memory.
    Endless,
    Survived,
    /// No test reaches it.
    Unreached,
}

pub(crate) struct Suite {
    programs: Vec<Program>,
    tests: Vec<Test>,
    output: PathBuf,
    /// Whether generated cases are as many as they are without mutants.
    pub(crate) slow: bool,
    /// Tests that noticed others of the same file, the last ones first.
    recent: HashMap<String, Vec<usize>>,
}

impl Suite {
    /// Builds the tests that each stage's arguments to cargo name.
    pub(crate) fn build(
        tree: &Tree,
        stages: &[Vec<&str>],
        output: PathBuf,
    ) -> Result<Suite, String> {
        let mut programs = Vec::new();
        for (stage, arguments) in stages.iter().enumerate() {
            let mut all = vec!["test", "--no-run"];
            all.extend(arguments);
            let built = tree
                .cargo(&all)
                .stderr(Stdio::inherit())
                .output()
                .map_err(|error| error.to_string())?;
            let mut errors = String::new();
            for line in String::from_utf8_lossy(&built.stdout).lines() {
                let Ok(message) = serde_json::from_str::<Value>(line) else {
                    continue;
                };
                if message["message"]["level"] == "error" {
                    errors.push_str(message["message"]["rendered"].as_str().unwrap_or_default());
                }
                let Some(path) = message["executable"].as_str() else {
                    continue;
                };
                if message["profile"]["test"] != true {
                    continue;
                }
                let manifest = message["manifest_path"].as_str().unwrap_or_default();
                programs.push(Program {
                    path: path.into(),
                    folder: PathBuf::from(manifest)
                        .parent()
                        .map(Into::into)
                        .unwrap_or_default(),
                    stage,
                });
            }
            if !built.status.success() {
                return Err(format!("the tests do not build\n{errors}"));
            }
        }
        Ok(Suite {
            programs,
            tests: Vec::new(),
            output,
            slow: false,
            recent: HashMap::new(),
        })
    }

    /// Runs every test by itself, notes what it reaches and how long it takes.
    pub(crate) fn record(&mut self, patience: [u64; 2]) -> Result<(), String> {
        let seen = self.output.with_extension("seen");
        for index in 0..self.programs.len() {
            let listed = Command::new(&self.programs[index].path)
                .args(["--list", "--format", "terse"])
                .output()
                .map_err(|error| error.to_string())?;
            let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
            for name in listed
                .lines()
                .filter_map(|line| line.strip_suffix(": test"))
            {
                let _ = std::fs::remove_file(&seen);
                let before = children_seconds();
                let limit = patience[self.programs[index].stage];
                let mut command = self.command(index, &[name], limit)?;
                command.env("HIGHWATER_MUTANT_SEEN", &seen);
                let passed = wait(command, limit)?.is_some_and(|status| status.success());
                let seconds = children_seconds() - before + LEAST;
                if !passed {
                    println!("left out, it fails or is too slow: {name}, {seconds:.1} s");
                    continue;
                }
                let reached = std::fs::read_to_string(&seen).unwrap_or_default();
                self.tests.push(Test {
                    program: index,
                    name: name.to_owned(),
                    seconds,
                    reaches: reached
                        .lines()
                        .filter_map(|line| line.parse().ok())
                        .collect(),
                });
            }
        }
        let seconds: f64 = self.tests.iter().map(|test| test.seconds).sum();
        println!(
            "{} tests, {seconds:.0} s one by one; the longest:",
            self.tests.len()
        );
        let mut longest: Vec<&Test> = self.tests.iter().collect();
        longest.sort_by(|left, right| right.seconds.total_cmp(&left.seconds));
        for test in longest.iter().take(12) {
            println!(
                "  {:.1} s, {} places: {}",
                test.seconds,
                test.reaches.len(),
                test.name
            );
        }
        Ok(())
    }

    /// Lets the tests look for one mutant.
    pub(crate) fn look_for(&mut self, number: usize, file: &str) -> Result<Outcome, String> {
        let reaching: Vec<usize> = (0..self.tests.len())
            .filter(|test| self.tests[*test].reaches.contains(&number))
            .collect();
        if reaching.is_empty() {
            return Ok(Outcome::Unreached);
        }
        for group in self.groups(&reaching, file) {
            let program = self.tests[group[0]].program;
            let names: Vec<&str> = group
                .iter()
                .map(|test| self.tests[*test].name.as_str())
                .collect();
            let plain: f64 = group.iter().map(|test| self.tests[*test].seconds).sum();
            let limit = (plain * 5.0) as u64 + 2;
            let mut command = self.command(program, &names, limit)?;
            command.env("HIGHWATER_MUTANT", number.to_string());
            let status = match wait(command, limit)? {
                Some(status) if !matches!(status.signal(), Some(SIGKILL | SIGXCPU)) => status,
                _ => return Ok(Outcome::Endless),
            };
            if status.success() {
                continue;
            }
            let printed = std::fs::read(&self.output).unwrap_or_default();
            let printed = String::from_utf8_lossy(&printed);
            let failed = group.iter().copied().find(|test| {
                printed.contains(&format!("test {} ... FAILED", self.tests[*test].name))
                    || printed.contains(&format!(
                        "test {} - should panic ... FAILED",
                        self.tests[*test].name
                    ))
            });
            let by = failed.unwrap_or(group[0]);
            let recent = self.recent.entry(file.to_owned()).or_default();
            recent.retain(|test| *test != by);
            recent.insert(0, by);
            recent.truncate(4);
            let test = &self.tests[by];
            return Ok(Outcome::Noticed(
                self.programs[test.program].stage,
                test.name.clone(),
            ));
        }
        Ok(Outcome::Survived)
    }

    /// What is run together, in the order in which it is run: own tests before others, what
    /// noticed neighbours first, quick ones before slow ones.
    fn groups(&self, reaching: &[usize], file: &str) -> Vec<Vec<usize>> {
        let recent = self.recent.get(file).map(Vec::as_slice).unwrap_or_default();
        let mut order = reaching.to_vec();
        order.sort_by(|left, right| {
            let key = |test: usize| {
                let known = &self.tests[test];
                let quick = known.seconds < QUICK;
                let program = if quick { known.program } else { 0 };
                let stage = self.programs[known.program].stage;
                (stage, !recent.contains(&test) || !quick, !quick, program)
            };
            let seconds = |test: usize| self.tests[test].seconds;
            key(*left)
                .cmp(&key(*right))
                .then(seconds(*left).total_cmp(&seconds(*right)))
        });
        let mut groups: Vec<Vec<usize>> = Vec::new();
        let mut total = 0.0;
        for test in order {
            let known = &self.tests[test];
            let joins = groups.last().is_some_and(|group| {
                let first = &self.tests[group[0]];
                first.program == known.program
                    && known.seconds < QUICK
                    && total + known.seconds < TOGETHER
                    && recent.contains(&group[0]) == recent.contains(&test)
            });
            match groups.last_mut() {
                Some(group) if joins => group.push(test),
                _ => {
                    total = 0.0;
                    groups.push(vec![test]);
                }
            }
            total += known.seconds;
        }
        groups
    }

    fn command(&self, program: usize, names: &[&str], limit: u64) -> Result<Command, String> {
        let program = &self.programs[program];
        let output = File::create(&self.output).map_err(|error| error.to_string())?;
        let mut command = Command::new("sh");
        command
            .args([
                "-c",
                "ulimit -v $0; ulimit -c 0; ulimit -t $1; shift; exec \"$@\"",
                MEMORY,
            ])
            .arg(limit.to_string())
            .arg(&program.path)
            .args([
                "--exact",
                "--test-threads",
                "1",
                "-Zunstable-options",
                "--fail-fast",
            ])
            .args(names)
            .current_dir(&program.folder)
            .env("CARGO_MANIFEST_DIR", &program.folder)
            .env("RUSTC_BOOTSTRAP", "1") // for --fail-fast
            .env("RUST_BACKTRACE", "0")
            .env("PROPTEST_RNG_SEED", "1")
            .env("PROPTEST_MAX_SHRINK_ITERS", "0")
            .env("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "true")
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(Stdio::null());
        if program.stage > 0 {
            command.env("PROPTEST_CASES", "4");
        } else if !self.slow {
            command.env("PROPTEST_CASES", "32");
        }
        Ok(command)
    }
}

/// How much time of a processor the programs took that have ended so far.
fn children_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Behind the name in parentheses; the 16th and 17th field of all, in hundredths.
    let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
    let ticks: u64 = fields
        .skip(13)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    ticks as f64 / 100.0
}

/// Waits for a program to end. A kernel's limit ends one that computes for longer than `limit`
/// seconds, whatever else the machine does; this ends one that only waits.
fn wait(mut command: Command, limit: u64) -> Result<Option<ExitStatus>, String> {
    let patience = Duration::from_secs(limit * 10 + 20);
    let started = Instant::now();
    let mut child = command
        .spawn()
        .map_err(|error| format!("{command:?}: {error}"))?;
    let mut pause = Duration::from_micros(500);
    loop {
        if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
            return Ok(Some(status));
        }
        if started.elapsed() > patience {
            let _ = child.kill();
            let _ = child.wait();
            return Ok(None);
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(10));
    }
}
