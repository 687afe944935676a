//! Every vector through the `highwater` command.

use std::path::PathBuf;

use highwater_tests::surface::{CommandSurface, OracleSurface};
use highwater_tests::vector::{Answer, Case, Expected, Step, Surface, corpus};

/// The command beside this test in the target folder, where `cargo build --workspace` puts it.
fn program() -> Option<PathBuf> {
    let test = std::env::current_exe().ok()?;
    let program = test
        .parent()?
        .parent()?
        .join(format!("highwater{}", std::env::consts::EXE_SUFFIX));
    program.is_file().then_some(program)
}

fn differences(case: &Case, answers: &[Answer]) -> Vec<String> {
    let expected: Vec<&Expected> = case
        .steps
        .iter()
        .filter_map(|step| match step {
            Step::Request { expected, .. } => Some(expected),
            Step::Event(_) => None,
        })
        .collect();
    assert_eq!(expected.len(), answers.len(), "{}", case.name);
    expected
        .iter()
        .zip(answers)
        .filter_map(|(expected, answer)| expected.difference(answer))
        .map(|difference| format!("{}: {difference}", case.name))
        .collect()
}

#[test]
fn the_command_decides_as_recorded() {
    let Some(program) = program() else {
        assert!(
            std::env::var_os("CI").is_none(),
            "the highwater command is not built; run `cargo build --workspace` first"
        );
        eprintln!("skipped: the highwater command is not built (`cargo build --workspace`)");
        return;
    };
    let folder = std::env::temp_dir().join(format!("highwater-vectors-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let mut command = CommandSurface::new(&program, &folder);
    let (mut failures, mut decisions, mut skipped) = (Vec::new(), 0, Vec::new());
    for case in corpus().unwrap() {
        let parts = CommandSurface::parts(&case);
        let in_parts: Vec<Answer> = parts
            .iter()
            .flat_map(|part| OracleSurface.run(part))
            .collect();
        if !differences(&case, &in_parts).is_empty() {
            // Challenges are remembered across an event: only one long-lived engine can show it.
            skipped.push(case.name.clone());
            continue;
        }
        let answers = command.run(&case);
        decisions += answers.len();
        failures.extend(differences(&case, &answers));
    }
    std::fs::remove_dir_all(&folder).unwrap();
    println!("{decisions} decisions by the command; skipped {skipped:?}");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(skipped.len() <= 5, "{skipped:?}");
}
