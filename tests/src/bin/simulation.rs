//! Whole systems from seeds: `simulation [--seeds N] [--from S] [--threads T]`.
//!
//! Prints what happened in N runs from seed S on. The first run that ends as it must not is
//! printed with the line that repeats it, and the exit code is 1.

use std::panic::catch_unwind;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use highwater_tests::simulation::{Happened, run};

struct Options {
    seeds: u64,
    from: u64,
    threads: u64,
}

fn main() -> ExitCode {
    let options = match read(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("{message}");
            eprintln!("usage: simulation [--seeds N] [--from S] [--threads T]");
            return ExitCode::from(2);
        }
    };
    let started = Instant::now();
    let next = AtomicU64::new(0);
    let is_over = AtomicBool::new(false);
    let failed = Mutex::new(None::<u64>);
    let work = || {
        let mut happened = Happened::default();
        while !is_over.load(Ordering::Relaxed) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= options.seeds {
                break;
            }
            let seed = options.from.wrapping_add(number);
            match catch_unwind(|| run(seed)) {
                Ok(run) => happened = happened.and(run),
                Err(_) => {
                    // Its message was printed by the panic itself.
                    is_over.store(true, Ordering::Relaxed);
                    if let Ok(mut failed) = failed.lock() {
                        let first = failed.map_or(seed, |other| other.min(seed));
                        *failed = Some(first);
                    }
                }
            }
        }
        happened
    };
    let happened = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..options.threads).map(|_| scope.spawn(work)).collect();
        workers
            .into_iter()
            .filter_map(|worker| worker.join().ok())
            .fold(Happened::default(), Happened::and)
    });
    println!("{happened:#?}");
    println!("{:.1} s", started.elapsed().as_secs_f64());
    match failed.lock().ok().and_then(|failed| *failed) {
        None => {
            println!("engine and oracle agree, and nothing was lost");
            ExitCode::SUCCESS
        }
        Some(seed) => {
            println!(
                "seed {seed} fails; again: cargo run --release -p highwater-tests --bin simulation \
                 -- --seeds 1 --from {seed}"
            );
            ExitCode::FAILURE
        }
    }
}

fn read(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options {
        seeds: 1000,
        from: 0,
        threads: std::thread::available_parallelism().map_or(1, |count| count.get() as u64),
    };
    while let Some(name) = arguments.next() {
        let place = match name.as_str() {
            "--seeds" => &mut options.seeds,
            "--from" => &mut options.from,
            "--threads" => &mut options.threads,
            other => return Err(format!("unknown argument `{other}`")),
        };
        let text = arguments.next().unwrap_or_default();
        *place = text
            .parse()
            .map_err(|_| format!("`{name}` needs a number, found `{text}`"))?;
    }
    Ok(options)
}
