//! How the cost of a decision grows: with policies, prefixes, marks, tenants, the size of a batch and
//! threads. Writes one plot for each into `docs/curves`.
//!
//! ```text
//! cargo run --release -p highwater-benches --bin curves [-- NAME...]
//! ```
//!
//! Each point is the median of seven rounds over requests chosen at random. All inputs are made up,
//! so that anybody gets the same ones; memory is what the machine has, so take the slope, not the
//! height.

mod plot;

use std::error::Error;
use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use highwater_benches::scaling::{
    BATCHES, Decisions, Lookups, MARKS, Marked, POLICIES, PREFIXES, QUESTIONS, TENANTS,
};

use crate::plot::{Curve, Plot};

type Curves = Result<Vec<Curve>, Box<dyn Error>>;

/// The name of a plot, what its axis counts, and what measures its curves.
type Measured = (&'static str, &'static str, fn() -> Curves);

fn main() -> Result<(), Box<dyn Error>> {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let plots: [Measured; 6] = [
        ("policies", "policies of the tenant", policies),
        ("prefixes", "IPv4 prefixes of 20 locations", prefixes),
        ("marks", "marked subjects", marks),
        ("tenants", "tenants of 100 policies", tenants),
        ("batch", "requests in a batch", batch),
        ("threads", "threads", threads),
    ];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/curves");
    std::fs::create_dir_all(&folder)?;
    for (name, axis, measure) in plots {
        if !wanted.is_empty() && !wanted.iter().any(|wanted| wanted == name) {
            continue;
        }
        let curves = measure()?;
        for curve in &curves {
            println!("{name}, {}: {:?}", curve.name, curve.points);
        }
        let plot = Plot { axis, curves };
        std::fs::write(folder.join(format!("{name}.svg")), plot.svg())?;
    }
    Ok(())
}

/// The median time of `run`, per one of the `count` operations that it does.
fn nanoseconds(count: usize, mut run: impl FnMut() -> u64) -> f64 {
    let mut rounds: Vec<f64> = (0..8)
        .map(|_| {
            let start = Instant::now();
            black_box(run());
            start.elapsed().as_nanos() as f64 / count as f64
        })
        .skip(1)
        .collect();
    rounds.sort_unstable_by(f64::total_cmp);
    rounds[rounds.len() / 2]
}

fn policies() -> Curves {
    let mut curves = [Curve::new("one by one"), Curve::new("batches of 32")];
    for count in POLICIES {
        let scene = Decisions::new(1, count)?;
        curves[0].push(count, nanoseconds(QUESTIONS, || scene.single()));
        curves[1].push(count, nanoseconds(QUESTIONS, || scene.batched(32)));
    }
    Ok(curves.into())
}

fn tenants() -> Curves {
    let mut curves = [Curve::new("one by one"), Curve::new("batches of 32")];
    for count in TENANTS {
        let scene = Decisions::new(count, 100)?;
        curves[0].push(count, nanoseconds(QUESTIONS, || scene.single()));
        curves[1].push(count, nanoseconds(QUESTIONS, || scene.batched(32)));
    }
    Ok(curves.into())
}

fn batch() -> Curves {
    let mut curve = Curve::new("per request");
    let scene = Decisions::new(1, 100)?;
    for size in BATCHES {
        curve.push(size, nanoseconds(QUESTIONS, || scene.batched(size)));
    }
    Ok(vec![curve])
}

fn threads() -> Curves {
    let mut curve = Curve::new("per decision of all threads together");
    let scene = Decisions::new(1, 100)?;
    let most = std::thread::available_parallelism()?.get();
    for count in 1..=most {
        let time = nanoseconds(QUESTIONS * count * 20, || {
            std::thread::scope(|scope| {
                let thread = || (0..20).map(|_| scene.single()).sum::<u64>();
                let others: Vec<_> = (1..count).map(|_| scope.spawn(thread)).collect();
                let others = others.into_iter().filter_map(|other| other.join().ok());
                thread() + others.sum::<u64>()
            })
        });
        curve.push(count, time);
    }
    Ok(vec![curve])
}

fn prefixes() -> Curves {
    let mut curves = [Curve::new("one by one"), Curve::new("together")];
    for count in PREFIXES {
        let mut scene = Lookups::new(count)?;
        curves[0].push(count, nanoseconds(QUESTIONS, || scene.single()));
        curves[1].push(count, nanoseconds(QUESTIONS, || scene.batched()));
    }
    Ok(curves.into())
}

fn marks() -> Curves {
    let mut curves = [Curve::new("one by one"), Curve::new("together")];
    for count in MARKS {
        let mut scene = Marked::new(count)?;
        curves[0].push(count, nanoseconds(QUESTIONS, || scene.single()));
        curves[1].push(count, nanoseconds(QUESTIONS, || scene.batched()));
    }
    Ok(curves.into())
}
