//! Engine against oracle on as many generated cases as there is time for.
//!
//! `differential [--cases N] [--seed S] [--threads T]`: N decisions from seed S on.
//! `differential --exhaustive`: a small scope, all of it (see `generate::exhaustive`).
//! Prints what was covered; the first divergence is made small and printed as a vector, and the
//! exit code is 1.

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use highwater_tests::differential::{Divergence, Shapes, compare, minimise, to_toml};
use highwater_tests::generate::{self, exhaustive};
use highwater_tests::surface::OracleSurface;
use highwater_tests::vector::{Case, Surface};

fn main() -> ExitCode {
    let options = match Options::read(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("{message}");
            eprintln!("usage: differential [--exhaustive] [--cases N] [--seed S] [--threads T]");
            return ExitCode::from(2);
        }
    };
    let started = Instant::now();
    let (decisions, shapes, found) = run(&options);
    let seconds = started.elapsed().as_secs_f64();
    let from = if options.exhaustive {
        format!("on all {} sets of prefixes", exhaustive::CASES)
    } else {
        format!("from seed {}", options.seed)
    };
    println!(
        "{decisions} decisions {from}, {} distinct shapes, {seconds:.1} s",
        shapes.len()
    );
    match found {
        None => {
            println!("engine and oracle agree");
            ExitCode::SUCCESS
        }
        Some((case, divergence)) => {
            report(case, divergence);
            ExitCode::FAILURE
        }
    }
}

type Found = Option<(Case, Divergence)>;

fn run(options: &Options) -> (u64, Shapes, Found) {
    let whole: Vec<Case> = if options.exhaustive {
        exhaustive::cases().collect()
    } else {
        Vec::new()
    };
    let first = if options.exhaustive { 0 } else { options.seed };
    let next = AtomicU64::new(first);
    let decisions = AtomicU64::new(0);
    let stop = AtomicBool::new(false);
    let shapes = Mutex::new(Shapes::default());
    let found: Mutex<Found> = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..options.threads {
            scope.spawn(|| {
                let mut seen = Shapes::default();
                while !stop.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let case = if options.exhaustive {
                        match usize::try_from(number)
                            .ok()
                            .and_then(|index| whole.get(index))
                        {
                            Some(case) => case.clone(),
                            None => break,
                        }
                    } else if decisions.load(Ordering::Relaxed) < options.cases {
                        generate::case(number)
                    } else {
                        break;
                    };
                    let (count, divergence) = compare(&case, &mut seen);
                    decisions.fetch_add(count as u64, Ordering::Relaxed);
                    if let Some(divergence) = divergence {
                        stop.store(true, Ordering::Relaxed);
                        if let Ok(mut found) = found.lock() {
                            found.get_or_insert((case, divergence));
                        }
                    }
                }
                if let Ok(mut shapes) = shapes.lock() {
                    shapes.merge(seen);
                }
            });
        }
    });
    let total = decisions.load(Ordering::Relaxed);
    (
        total,
        shapes.into_inner().unwrap_or_default(),
        found.into_inner().unwrap_or_default(),
    )
}

fn report(case: Case, divergence: Divergence) {
    let name = case.name.clone();
    // Candidates that no longer compile panic while they are tried.
    std::panic::set_hook(Box::new(|_| {}));
    let (case, divergence) = minimise(case, divergence);
    println!("first divergence: {name}, request {}", divergence.request);
    println!("oracle: {:?}", divergence.oracle);
    println!("{}: {:?}", divergence.surface, divergence.engine);
    let answers = OracleSurface.run(&case);
    println!("\n{}", to_toml(&case, &answers));
}

struct Options {
    exhaustive: bool,
    cases: u64,
    seed: u64,
    threads: usize,
}

impl Options {
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
        let mut options = Options {
            exhaustive: false,
            cases: 1_000_000,
            seed: 1,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
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
                "--cases" => options.cases = number()?,
                "--seed" => options.seed = number()?,
                "--threads" => options.threads = usize::try_from(number()?).unwrap_or(1).max(1),
                other => return Err(format!("unknown argument `{other}`")),
            }
        }
        Ok(options)
    }
}
