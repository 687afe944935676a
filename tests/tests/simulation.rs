//! The simulation repeats itself: what a seed found once, it finds again.
//!
//! Many seeds are run by `cargo run --release -p highwater-tests --bin simulation`.

use highwater_tests::simulation::run;

#[test]
fn one_seed_is_one_run() {
    for seed in 0..4 {
        assert_eq!(run(seed), run(seed), "seed {seed}");
    }
}
