//! Engine against oracle on as many generated cases as there is time for.
//!
//! `differential [--cases N] [--seed S] [--threads T] [--others-every R] [--vectors]`: N
//! decisions from seed S on, each case by the engine alone, explaining and in batches; every
//! R-th case also through the C ABI, and by an engine that is stopped in the middle and reopened
//! from disk (0: none).
//! `--vectors` first decides what is recorded, through the same surfaces.
//! `differential --exhaustive`: a small scope, all of it (see `generate::exhaustive`).
//! Prints what was covered; the first divergence is made small and printed as a vector, and the
//! exit code is 1.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use highwater_tests::differential::{Divergence, Shapes, compare, minimise_with, to_toml};
#[cfg(feature = "members")]
use highwater_tests::differential::{compare_c_abi, compare_restarted};
use highwater_tests::generate::{self, exhaustive};
use highwater_tests::surface::{EngineSurface, OracleSurface};
use highwater_tests::vector::{Case, Step, Surface, corpus};

fn main() -> ExitCode {
    let options = match Options::read(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("{message}");
            eprintln!(
                "usage: differential [--exhaustive] [--cases N] [--seed S] [--threads T] \
                 [--others-every R] [--vectors]"
            );
            return ExitCode::from(2);
        }
    };
    if options.vectors
        && let Err(message) = recorded()
    {
        println!("{message}");
        return ExitCode::FAILURE;
    }
    let started = Instant::now();
    let outcome = run(&options);
    let seconds = started.elapsed().as_secs_f64();
    let from = if options.exhaustive {
        format!("on all {} sets of prefixes", exhaustive::CASES)
    } else {
        format!("from seed {}", options.seed)
    };
    println!(
        "{} decisions {from}, {} distinct shapes, {} more over a restart and through the C ABI, {seconds:.1} s",
        outcome.decisions,
        outcome.shapes.len(),
        outcome.others,
    );
    match outcome.found {
        None => {
            println!("engine and oracle agree");
            ExitCode::SUCCESS
        }
        Some(found) => {
            report(found);
            ExitCode::FAILURE
        }
    }
}

/// Every recorded decision through the oracle and the engine.
fn recorded() -> Result<(), String> {
    let cases = corpus().map_err(|error| error.to_string())?;
    let mut decisions = 0;
    for case in &cases {
        let expected = || {
            case.steps.iter().filter_map(|step| match step {
                Step::Request { expected, .. } => Some(expected),
                Step::Event(_) => None,
            })
        };
        let mut surfaces: [Box<dyn Surface>; 4] = [
            Box::new(OracleSurface),
            Box::new(EngineSurface::Deciding),
            Box::new(EngineSurface::Explaining),
            Box::new(EngineSurface::Batched),
        ];
        for surface in &mut surfaces {
            let answers = surface.run(case);
            for (expected, answer) in expected().zip(&answers) {
                if let Some(difference) = expected.difference(answer) {
                    return Err(format!("{}: {}: {difference}", case.name, surface.name()));
                }
            }
        }
        decisions += expected().count();
    }
    println!("{decisions} recorded decisions hold on every surface");
    Ok(())
}

struct Found {
    case: Case,
    divergence: Divergence,
    elsewhere: bool,
}

#[derive(Default)]
struct Outcome {
    decisions: u64,
    others: u64,
    shapes: Shapes,
    found: Option<Found>,
}

fn run(options: &Options) -> Outcome {
    let whole: Vec<Case> = if options.exhaustive {
        exhaustive::cases().collect()
    } else {
        Vec::new()
    };
    let next = AtomicU64::new(if options.exhaustive { 0 } else { options.seed });
    let decisions = AtomicU64::new(0);
    let others = AtomicU64::new(0);
    let stop = AtomicBool::new(false);
    let shapes = Mutex::new(Shapes::default());
    let found: Mutex<Option<Found>> = Mutex::new(None);
    let fail = |case: &Case, divergence: Divergence, elsewhere| {
        stop.store(true, Ordering::Relaxed);
        if let Ok(mut found) = found.lock() {
            found.get_or_insert_with(|| Found {
                case: case.clone(),
                divergence,
                elsewhere,
            });
        }
    };
    std::thread::scope(|scope| {
        for thread in 0..options.threads {
            let (whole, next, decisions, others) = (&whole, &next, &decisions, &others);
            let (stop, shapes, fail) = (&stop, &shapes, &fail);
            scope.spawn(move || {
                let file = store_file(thread);
                let mut seen = Shapes::default();
                while !stop.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let made;
                    let case = if options.exhaustive {
                        match usize::try_from(number)
                            .ok()
                            .and_then(|index| whole.get(index))
                        {
                            Some(case) => case,
                            None => break,
                        }
                    } else if decisions.load(Ordering::Relaxed) < options.cases {
                        made = generate::case(number);
                        &made
                    } else {
                        break;
                    };
                    let (count, divergence) = compare(case, &mut seen);
                    decisions.fetch_add(count as u64, Ordering::Relaxed);
                    if let Some(divergence) = divergence {
                        fail(case, divergence, false);
                    } else if options.others_every != 0 && number % options.others_every == 0 {
                        let (count, divergence) = compare_others(case, &file);
                        others.fetch_add(count as u64, Ordering::Relaxed);
                        if let Some(divergence) = divergence {
                            fail(case, divergence, true);
                        }
                    }
                }
                if let Ok(mut shapes) = shapes.lock() {
                    shapes.merge(seen);
                }
            });
        }
    });
    Outcome {
        decisions: decisions.into_inner(),
        others: others.into_inner(),
        shapes: shapes.into_inner().unwrap_or_default(),
        found: found.into_inner().unwrap_or_default(),
    }
}

/// A file of this process and thread for the store of a case.
fn store_file(thread: usize) -> PathBuf {
    let name = format!("highwater-differential-{}-{thread}", std::process::id());
    std::env::temp_dir().join(name)
}

fn report(found: Found) {
    let name = found.case.name.clone();
    let file = store_file(usize::MAX);
    let find = |case: &Case| {
        if found.elsewhere {
            compare_others(case, &file).1
        } else {
            compare(case, &mut Shapes::default()).1
        }
    };
    // Candidates that no longer compile panic while they are tried.
    std::panic::set_hook(Box::new(|_| {}));
    let (case, divergence) = minimise_with(found.case, found.divergence, find);
    println!("first divergence: {name}, request {}", divergence.request);
    println!("oracle: {:?}", divergence.oracle);
    println!("{}: {:?}", divergence.surface, divergence.engine);
    let answers = OracleSurface.run(&case);
    println!("\n{}", to_toml(&case, &answers));
}

/// Ways of asking that take longer. A candidate before this one may have panicked and left its
/// file.
#[cfg(feature = "members")]
fn compare_others(case: &Case, file: &Path) -> (usize, Option<Divergence>) {
    let _ = std::fs::remove_file(file);
    let (count, divergence) = compare_c_abi(case);
    if divergence.is_some() {
        return (count, divergence);
    }
    let (more, divergence) = compare_restarted(case, file);
    (count + more, divergence)
}

#[cfg(not(feature = "members"))]
fn compare_others(_: &Case, _: &Path) -> (usize, Option<Divergence>) {
    (0, None)
}

struct Options {
    exhaustive: bool,
    vectors: bool,
    cases: u64,
    seed: u64,
    threads: usize,
    others_every: u64,
}

impl Options {
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
        let mut options = Options {
            exhaustive: false,
            vectors: false,
            cases: 1_000_000,
            seed: 1,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            others_every: 500,
        };
        while let Some(argument) = arguments.next() {
            let mut number = || {
                arguments
                    .next()
                    .and_then(|text| text.parse::<u64>().ok())
                    .ok_or_else(|| format!("`{argument}` needs a whole number"))
            };
            match argument.as_str() {
                "--exhaustive" => options.exhaustive = true,
                "--vectors" => options.vectors = true,
                "--cases" => options.cases = number()?,
                "--seed" => options.seed = number()?,
                "--threads" => options.threads = usize::try_from(number()?).unwrap_or(1).max(1),
                "--others-every" => options.others_every = number()?,
                other => return Err(format!("unknown argument `{other}`")),
            }
        }
        Ok(options)
    }
}
