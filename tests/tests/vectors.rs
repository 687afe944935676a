//! Every vector through every surface: each decision as recorded.

#[cfg(feature = "members")]
use highwater_tests::surface::CSurface;
use highwater_tests::surface::{EngineSurface, OracleSurface};
use highwater_tests::vector::{Case, Step, Surface, corpus};

#[track_caller]
fn check(surface: &mut dyn Surface) {
    let mut failures = Vec::new();
    let mut decisions = 0;
    for case in corpus().expect("the corpus can be read") {
        let answers = surface.run(&case);
        let expected: Vec<_> = case
            .steps
            .iter()
            .enumerate()
            .filter_map(|(index, step)| match step {
                Step::Request { expected, .. } => Some((index + 1, expected)),
                Step::Event(_) => None,
            })
            .collect();
        assert_eq!(answers.len(), expected.len(), "{}", case.name);
        decisions += answers.len();
        for ((step, expected), answer) in expected.into_iter().zip(&answers) {
            if let Some(difference) = expected.difference(answer) {
                failures.push(format!("{} step {step}: {difference}", case.name));
            }
        }
    }
    assert!(
        failures.is_empty(),
        "{}: {} of {decisions} decisions differ\n{}",
        surface.name(),
        failures.len(),
        failures.join("\n")
    );
}

#[test]
fn the_oracle_decides_as_recorded() {
    check(&mut OracleSurface);
}

#[test]
fn the_engine_decides_as_recorded() {
    check(&mut EngineSurface::Deciding);
}

#[test]
fn the_engine_explains_as_recorded() {
    check(&mut EngineSurface::Explaining);
}

#[test]
fn the_engine_decides_in_batches_as_recorded() {
    check(&mut EngineSurface::Batched);
}

#[cfg(feature = "members")]
#[test]
fn the_c_abi_decides_as_recorded() {
    check(&mut CSurface::Deciding);
}

#[cfg(feature = "members")]
#[test]
fn the_c_abi_decides_in_batches_as_recorded() {
    check(&mut CSurface::Batched);
}

#[cfg(feature = "members")]
#[test]
fn the_c_abi_answers_in_json_as_recorded_and_byte_for_byte_as_the_engine() {
    check(&mut CSurface::Answering);
}

#[cfg(feature = "members")]
#[test]
fn the_c_abi_explains_as_recorded() {
    check(&mut CSurface::Explaining);
}

#[test]
fn the_corpus_is_large_and_each_case_has_a_name_of_its_own() {
    let cases = corpus().unwrap();
    let decisions = |case: &Case| {
        case.steps
            .iter()
            .filter(|step| matches!(step, Step::Request { .. }))
            .count()
    };
    let total: usize = cases.iter().map(decisions).sum();
    println!("{total} decisions in {} cases", cases.len());
    assert!(total >= 250, "{total} decisions");
    let mut names: Vec<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    names.sort_unstable();
    let before = names.len();
    names.dedup();
    assert_eq!(names.len(), before, "two cases share a name");
}
