//! A histogram of latencies: one atomic addition per bucket and sum.
//!
//! Our own, because recorders of metrics keep every single sample until somebody asks, and this
//! one is written by every decision: here memory is fixed whether anybody asks or not.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper ends of the buckets, in nanoseconds: from what a kept token costs to a failing disk.
const BOUNDS: [u64; 14] = [
    1_000,
    2_500,
    5_000,
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    5_000_000,
    25_000_000,
    100_000_000,
    1_000_000_000,
];

/// Counts per bucket, and the sum.
#[derive(Debug, Default)]
pub(crate) struct Latency {
    buckets: [AtomicU64; BOUNDS.len() + 1],
    nanoseconds: AtomicU64,
}

impl Latency {
    /// Counts one more.
    pub(crate) fn record(&self, took: Duration) {
        let nanoseconds = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.partition_point(|bound| *bound < nanoseconds);
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    /// Appends the histogram in Prometheus' text form.
    pub(crate) fn render(&self, name: &str, help: &str, text: &mut String) {
        // INVARIANT: writing to a `String` cannot fail.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} histogram");
        let mut total = 0;
        for (index, bucket) in self.buckets.iter().enumerate() {
            total += bucket.load(Ordering::Relaxed);
            let _ = match BOUNDS.get(index) {
                Some(bound) => {
                    let seconds = *bound as f64 / 1e9;
                    writeln!(text, "{name}_bucket{{le=\"{seconds}\"}} {total}")
                }
                None => writeln!(text, "{name}_bucket{{le=\"+Inf\"}} {total}"),
            };
        }
        let sum = self.nanoseconds.load(Ordering::Relaxed) as f64 / 1e9;
        let _ = writeln!(text, "{name}_sum {sum}\n{name}_count {total}\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_cumulative_and_closed_above() {
        let latency = Latency::default();
        for nanoseconds in [900, 1_000, 1_001, 2_000_000_000] {
            latency.record(Duration::from_nanos(nanoseconds));
        }
        let mut text = String::new();
        latency.render("x", "y", &mut text);
        for line in [
            "x_bucket{le=\"0.000001\"} 2",
            "x_bucket{le=\"0.0000025\"} 3",
            "x_bucket{le=\"1\"} 3",
            "x_bucket{le=\"+Inf\"} 4",
            "x_count 4",
        ] {
            assert!(text.contains(&format!("{line}\n")), "{line} in\n{text}");
        }
    }
}
