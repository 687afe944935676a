//! A short differential run on every test run; the long one is the `differential` program.

use highwater_tests::differential::{Shapes, compare, minimise, to_toml};
use highwater_tests::generate;
use highwater_tests::surface::OracleSurface;
use highwater_tests::vector::Surface;

#[test]
fn engine_and_oracle_agree_on_generated_cases() {
    let mut shapes = Shapes::default();
    for seed in 0..150 {
        let case = generate::case(seed);
        if let (_, Some(divergence)) = compare(&case, &mut shapes) {
            let (case, divergence) = minimise(case, divergence);
            let answers = OracleSurface.run(&case);
            panic!(
                "seed {seed}\noracle: {:?}\n{}: {:?}\n{}",
                divergence.oracle,
                divergence.surface,
                divergence.engine,
                to_toml(&case, &answers)
            );
        }
    }
    // A generator that reaches little proves little.
    assert!(shapes.len() > 500, "{} shapes", shapes.len());
}

#[test]
fn a_generated_case_survives_being_written_as_a_vector() {
    use highwater_tests::vector::{Step, read};

    // The case of a seed survives being written and read: what is printed can be committed.
    let case = generate::case(3);
    let answers = OracleSurface.run(&case);
    let text = to_toml(&case, &answers);
    let again = read("generated.toml", &text).unwrap();
    assert_eq!(again.len(), 1);
    assert_eq!(OracleSurface.run(&again[0]), answers);
    let expected = again[0].steps.iter().filter_map(|step| match step {
        Step::Request { expected, .. } => Some(expected),
        Step::Event(_) => None,
    });
    for (expected, answer) in expected.zip(&answers) {
        assert_eq!(expected.difference(answer), None);
    }
}
