//! Looks for every mutant that cargo-mutants lists of a package, all of them in one build.
//!
//! `mutation-runner engine|signals [--file TEXT]... [--again] [--rest] [--anew] [--slow]`; called by `tests/mutation`.
//! `--file` looks only for those whose file has the text in its name: the build stays the same.
//! `--again` looks only for what was not noticed the last time and is not listed, `--rest` for what was not looked for, `--anew` forgets what did not
//! compile the last time, `--slow` lets slow tests look, too, and those of generated cases
//! look at all of them.

mod mutant;
mod render;
mod rewrite;
#[cfg(test)]
mod sample;
mod suite;
mod survivors;
mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use crate::mutant::Mutant;
use crate::suite::{Outcome, Suite};
use crate::survivors::Outcomes;
use crate::tree::{LeftOut, Tree};

/// Tests that take more seconds are not run thousands of times, unless `--slow` says so: of the
/// package itself, of others.
const PATIENCE: [u64; 2] = [1, 8];
const PATIENCE_SLOW: [u64; 2] = [60, 60];

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(2),
        Err(message) => {
            eprintln!("mutation-runner: {message}");
            ExitCode::FAILURE
        }
    }
}

/// What is asked for.
struct Options {
    member: &'static str,
    /// Parts of file names; none means every file.
    parts: Vec<String>,
    again: bool,
    rest: bool,
    anew: bool,
    slow: bool,
}

impl Options {
    fn read(mut arguments: Vec<String>) -> Result<Options, String> {
        let mut parts = Vec::new();
        while let Some(index) = arguments.iter().position(|argument| argument == "--file") {
            let mut given = arguments.drain(index..arguments.len().min(index + 2));
            parts.push(given.nth(1).ok_or("--file TEXT")?);
        }
        let mut flag = |name: &str| {
            let found = arguments.iter().any(|argument| argument == name);
            arguments.retain(|argument| argument != name);
            found
        };
        let (again, rest) = (flag("--again"), flag("--rest"));
        let (anew, slow) = (flag("--anew"), flag("--slow"));
        let member = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["engine"] => "engine",
            ["signals"] => "signals",
            _ => return Err(format!("not understood: {}", arguments.join(" "))),
        };
        Ok(Options {
            member,
            parts,
            again,
            rest,
            anew,
            slow,
        })
    }

    fn asks_for(&self, mutant: &Mutant) -> bool {
        let named = |part: &String| mutant.file.contains(part.as_str());
        self.parts.is_empty() || self.parts.iter().any(named)
    }

    fn package(&self) -> &'static str {
        match self.member {
            "engine" => "highwater",
            _ => "highwater-signals",
        }
    }

    /// What cargo is told to build: the package's own tests, then those of others.
    fn stages(&self) -> Vec<Vec<&'static str>> {
        let mut stages = vec![vec!["-p", self.package(), "--lib", "--tests"]];
        if self.member == "engine" {
            let mut others = vec!["-p", "highwater-tests", "--no-default-features"];
            others.extend(["--test", "vectors", "--test", "differential"]);
            if self.slow {
                others.extend(["--test", "laws"]);
            }
            stages.push(others);
        }
        stages
    }
}

fn run() -> Result<bool, String> {
    let options = Options::read(std::env::args().skip(1).collect())?;
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = here.join("../..").canonicalize();
    let root = root.map_err(|error| error.to_string())?;
    let home = root.join("target/mutation");
    let folder = home.join(options.member);
    std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let listed = survivors::read_list(&here.join(format!("survivors/{}.txt", options.member)))?;

    let mutants = list(&root, options.package())?;
    println!("{} mutants", mutants.len());
    let tree = Tree {
        root: folder.join("tree"),
        build: folder.join("build"),
        package: options.package(),
        member: options.member,
    };
    let files: BTreeSet<&str> = mutants.iter().map(|mutant| mutant.file.as_str()).collect();
    tree.copy_from(&root, &files, options.slow)?;
    let kept = folder.join("left_out.txt");
    let known = match options.anew {
        true => BTreeMap::new(),
        false => read_left_out(&kept),
    };
    let mut left_out: LeftOut = mutants
        .iter()
        .enumerate()
        .filter_map(|(number, mutant)| Some((number, known.get(&mutant.key)?.clone())))
        .collect();
    tree.plant(&root, &mutants, &mut left_out)?;
    write_left_out(&kept, &mutants, &left_out, known)?;

    let mut suite = Suite::build(&tree, &options.stages(), folder.join("output"))?;
    suite.slow = options.slow;
    suite.record(if options.slow {
        PATIENCE_SLOW
    } else {
        PATIENCE
    })?;
    let outcomes = look(&options, &mutants, &left_out, &listed, &folder, &mut suite)?;
    report(&options, &mutants, &left_out, &outcomes, &listed, &folder)
}

/// Looks for the mutants that are asked for, and keeps every outcome as soon as it is known.
fn look(
    options: &Options,
    mutants: &[Mutant],
    left_out: &LeftOut,
    listed: &BTreeSet<String>,
    folder: &Path,
    suite: &mut Suite,
) -> Result<Outcomes, String> {
    let path = folder.join("outcomes.txt");
    let asked: BTreeSet<&str> = mutants
        .iter()
        .filter(|mutant| options.asks_for(mutant))
        .map(|mutant| mutant.key.as_str())
        .collect();
    // What is not looked for now stays as it was.
    let mut outcomes = survivors::read_outcomes(&path);
    outcomes.retain(|key, outcome| {
        let settled = outcome.noticed() || listed.contains(key);
        options.rest || options.again && settled || !asked.contains(key.as_str())
    });
    let started = Instant::now();
    let mut file = std::fs::File::create(&path).map_err(|error| error.to_string())?;
    let mut keep = |outcomes: &Outcomes| {
        let text = survivors::to_text(outcomes);
        file.write_all(text.as_bytes())
            .map_err(|error| error.to_string())
    };
    keep(&outcomes)?;
    let mut looked = 0;
    let spent = |looked: usize| {
        let seconds = started.elapsed().as_secs_f64();
        println!("{looked} looked for, {seconds:.0} s");
    };
    for (number, mutant) in mutants.iter().enumerate() {
        let known = left_out.contains_key(&number) || outcomes.contains_key(&mutant.key);
        if known || !options.asks_for(mutant) {
            continue;
        }
        let outcome = suite.look_for(number, &mutant.file)?;
        if !outcome.noticed() {
            println!("{outcome:?}: {}:{}", mutant.start.0, mutant.key);
        }
        keep(&Outcomes::from([(mutant.key.clone(), outcome.clone())]))?;
        outcomes.insert(mutant.key.clone(), outcome);
        looked += 1;
        if looked % 100 == 0 {
            spent(looked);
        }
    }
    spent(looked);
    Ok(outcomes)
}

/// What cargo-mutants would change.
fn list(root: &Path, package: &str) -> Result<Vec<Mutant>, String> {
    let mut command = Command::new("cargo");
    command
        .args(["mutants", "--list", "--json", "-p", package])
        .current_dir(root)
        .stderr(Stdio::inherit());
    let listed = command.output().map_err(|error| error.to_string())?;
    if !listed.status.success() {
        return Err("cargo mutants --list failed".to_owned());
    }
    mutant::read_list(&String::from_utf8_lossy(&listed.stdout))
}

/// Prints the figures, and compares what survived with what is listed.
fn report(
    options: &Options,
    mutants: &[Mutant],
    left_out: &LeftOut,
    outcomes: &Outcomes,
    listed: &BTreeSet<String>,
    folder: &Path,
) -> Result<bool, String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut survived, mut alone) = (String::new(), String::new());
    let (mut unlisted, mut surviving) = (0, BTreeSet::new());
    for (number, mutant) in mutants.iter().enumerate() {
        let word = match (left_out.get(&number), outcomes.get(&mutant.key)) {
            (Some(reason), _) if reason.certain => "do not compile",
            (Some(reason), _) => {
                alone.push_str(&format!("{}\t{}\n", mutant.key, reason.text));
                "not beside the others"
            }
            (_, Some(Outcome::Noticed(0, _))) => "noticed by the package's own tests",
            (_, Some(Outcome::Noticed(..))) => "noticed by vectors, oracle or laws",
            (_, Some(Outcome::Endless)) => "noticed by time",
            (_, Some(Outcome::Unreached)) => "survived, reached by no test",
            (_, Some(Outcome::Survived)) => "survived",
            (_, None) => "not looked for",
        };
        *counts.entry(word).or_default() += 1;
        if word.starts_with("survived") {
            surviving.insert(mutant.key.as_str());
            let new = !listed.contains(&mutant.key);
            unlisted += usize::from(new);
            let mark = if new { "" } else { "listed: " };
            survived.push_str(&format!(
                "{mark}{word}: {}:{}\n",
                mutant.start.0, mutant.key
            ));
        }
    }
    for (word, count) in &counts {
        println!("{count:6} {word}");
    }
    println!("{unlisted:6} survived and are not listed with a reason");
    let write = |name: &str, text: &str| tree::write(&folder.join(name), text.as_bytes());
    write("survived.txt", &survived)?;
    write("alone.txt", &alone)?;
    if options.parts.is_empty() {
        for key in listed
            .iter()
            .filter(|key| !surviving.contains(key.as_str()))
        {
            println!("listed, and does not survive: {key}");
        }
    }
    Ok(unlisted == 0)
}

fn read_left_out(path: &Path) -> BTreeMap<String, tree::Reason> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let parsed = text.lines().filter_map(|line| {
        let mut parts = line.splitn(3, '\t');
        let (key, certain, text) = (parts.next()?, parts.next()? == "certain", parts.next()?);
        Some((
            key.to_owned(),
            tree::Reason {
                certain,
                text: text.to_owned(),
            },
        ))
    });
    parsed.collect()
}

fn write_left_out(
    path: &Path,
    mutants: &[Mutant],
    left_out: &LeftOut,
    mut known: BTreeMap<String, tree::Reason>,
) -> Result<(), String> {
    for (number, reason) in left_out {
        known.insert(mutants[*number].key.clone(), reason.clone());
    }
    let text: String = known
        .iter()
        .map(|(key, reason)| {
            let certain = if reason.certain { "certain" } else { "alone" };
            format!("{key}\t{certain}\t{}\n", reason.text)
        })
        .collect();
    tree::write(path, text.as_bytes())
}
