//! How long the benches measure.

use std::time::Duration;

use criterion::Criterion;

/// Criterion as every bench here uses it: short, because each figure is a median of many rounds,
/// and overridable from the command line.
#[must_use]
pub(crate) fn criterion() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args()
}
