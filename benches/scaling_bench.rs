//! A decision as things grow: policies, tenants, prefixes, marks and the size of a batch.
//!
//! `cargo bench -p highwater-benches --bench scaling`. The same scenes as the curves of
//! `--bin curves`; answers are checked before anything is timed.

mod sampling;

use std::error::Error;

use criterion::{BenchmarkId, Criterion, Throughput};
use highwater_benches::scaling::{
    BATCHES, Decisions, Lookups, MARKS, Marked, POLICIES, PREFIXES, QUESTIONS, TENANTS,
};

fn main() -> Result<(), Box<dyn Error>> {
    let mut criterion = sampling::criterion();
    for count in POLICIES {
        decisions(
            &mut criterion,
            "policies",
            count,
            &Decisions::new(1, count)?,
        );
    }
    for count in TENANTS {
        decisions(
            &mut criterion,
            "tenants",
            count,
            &Decisions::new(count, 100)?,
        );
    }
    let scene = Decisions::new(1, 100)?;
    for size in BATCHES {
        measure(&mut criterion, "batch", "per-request", size, || {
            scene.batched(size)
        });
    }
    for count in PREFIXES {
        let mut scene = Lookups::new(count)?;
        measure(&mut criterion, "prefixes", "single", count, || {
            scene.single()
        });
        measure(&mut criterion, "prefixes", "batch", count, || {
            scene.batched()
        });
    }
    for count in MARKS {
        let mut scene = Marked::new(count)?;
        measure(&mut criterion, "marks", "single", count, || scene.single());
        measure(&mut criterion, "marks", "batch", count, || scene.batched());
    }
    criterion.final_summary();
    Ok(())
}

fn decisions(criterion: &mut Criterion, what: &str, count: usize, scene: &Decisions) {
    measure(criterion, what, "single", count, || scene.single());
    measure(criterion, what, "batch", count, || scene.batched(32));
}

/// Times what answers all questions of a scene once.
fn measure(
    criterion: &mut Criterion,
    what: &str,
    how: &str,
    count: usize,
    mut answer: impl FnMut() -> u64,
) {
    let mut group = criterion.benchmark_group(format!("scaling-{what}"));
    group.throughput(Throughput::Elements(QUESTIONS as u64));
    group.bench_function(BenchmarkId::new(how, count), |bencher| {
        bencher.iter(&mut answer);
    });
    group.finish();
}
