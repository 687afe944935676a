//! Every mutant of a small program does what its line in cargo-mutants' list says.

use std::process::Command;

use crate::mutant::{Mutant, Position};
use crate::rewrite::rewrite;

const SAMPLE: &str = r#"
fn add(left: i64, right: i64) -> i64 {
    left + right * 2
}
fn both(left: bool, right: bool) -> bool {
    left && !right || left == right
}
fn arm(value: i64) -> &'static str {
    match value {
        0 => "zero",
        other if other < 10 => "few",
        _ => "many",
    }
}
#[derive(Default)]
struct Pair {
    left: i64,
    right: i64,
}
fn field() -> i64 {
    let pair = Pair { left: 5, ..Pair { left: 1, right: 1 } };
    pair.left + pair.right
}
fn chain(value: Option<i64>) -> bool {
    if let Some(value) = value && value > 3 { true } else { false }
}
const SIZE: usize = 1 + 1;
fn main() {
    let all = [(false, false), (false, true), (true, false), (true, true)];
    let both = all.map(|(left, right)| u8::from(both(left, right)));
    let arms = [0, 5, 50].map(arm);
    println!("{} {both:?} {arms:?} {} {}", add(5, 7), field(), chain(Some(4)));
}
"#;

/// The place of the `nth` time that a text occurs.
fn place(text: &str, nth: usize) -> (Position, Position) {
    let (offset, _) = SAMPLE.match_indices(text).nth(nth).expect(text);
    let position = |offset: usize| {
        let before = &SAMPLE[..offset];
        let line = before.matches('\n').count() + 1;
        (
            line,
            offset - before.rfind('\n').map_or(0, |end| end + 1) + 1,
        )
    };
    (position(offset), position(offset + text.len()))
}

fn mutant(genre: &str, text: &str, nth: usize, replacement: &str) -> Mutant {
    let (start, end) = place(text, nth);
    Mutant {
        file: String::new(),
        start,
        end,
        genre: genre.to_owned(),
        replacement: replacement.to_owned(),
        key: String::new(),
    }
}

#[test]
fn each_mutant_does_what_it_says() {
    const SOUND: &str = r#"19 [1, 0, 1, 1] ["zero", "few", "many"] 6 true"#;
    let binary = "BinaryOperator";
    let cases = [
        (
            mutant("FnValue", "left + right * 2", 0, "-1"),
            r#"-1 [1, 0, 1, 1] ["zero", "few", "many"] 6 true"#,
        ),
        (
            mutant(binary, "+", 0, "-"),
            r#"-9 [1, 0, 1, 1] ["zero", "few", "many"] 6 true"#,
        ),
        (
            mutant(binary, "+", 0, "*"),
            r#"70 [1, 0, 1, 1] ["zero", "few", "many"] 6 true"#,
        ),
        (
            mutant(binary, "*", 0, "+"),
            r#"14 [1, 0, 1, 1] ["zero", "few", "many"] 6 true"#,
        ),
        (
            mutant(binary, "&&", 0, "||"),
            r#"19 [1, 0, 1, 1] ["zero", "few", "many"] 6 true"#,
        ),
        (
            mutant(binary, "||", 0, "&&"),
            r#"19 [0, 0, 0, 0] ["zero", "few", "many"] 6 true"#,
        ),
        (
            mutant(binary, "==", 0, "!="),
            r#"19 [0, 1, 1, 0] ["zero", "few", "many"] 6 true"#,
        ),
        (
            mutant("UnaryOperator", "!", 0, ""),
            r#"19 [1, 0, 0, 1] ["zero", "few", "many"] 6 true"#,
        ),
        (
            mutant("MatchArm", "0 => \"zero\",", 0, ""),
            r#"19 [1, 0, 1, 1] ["few", "few", "many"] 6 true"#,
        ),
        (
            mutant("MatchArmGuard", "other < 10", 0, "true"),
            r#"19 [1, 0, 1, 1] ["zero", "few", "few"] 6 true"#,
        ),
        (
            mutant("MatchArmGuard", "other < 10", 0, "false"),
            r#"19 [1, 0, 1, 1] ["zero", "many", "many"] 6 true"#,
        ),
        (
            mutant(binary, "<", 0, ">"),
            r#"19 [1, 0, 1, 1] ["zero", "many", "few"] 6 true"#,
        ),
        (
            mutant("StructField", "left: 5,", 0, ""),
            r#"19 [1, 0, 1, 1] ["zero", "few", "many"] 2 true"#,
        ),
        (
            mutant(binary, ">", place_of_greater(), "<"),
            r#"19 [1, 0, 1, 1] ["zero", "few", "many"] 6 false"#,
        ),
    ];
    let never = [
        mutant(binary, "&&", 1, "||"),
        mutant(binary, "+", place_of_constant(), "-"),
    ];
    let all = cases.iter().map(|(mutant, _)| mutant).chain(&never);
    let numbered: Vec<(usize, &Mutant)> = all.enumerate().collect();
    let rewritten = rewrite(SAMPLE, &numbered).unwrap();
    let left_out: Vec<usize> = rewritten
        .left_out
        .iter()
        .map(|(number, _)| *number)
        .collect();
    assert_eq!(left_out, [cases.len(), cases.len() + 1]);

    let folder = std::env::temp_dir().join(format!("mutation-runner-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (source, program) = (folder.join("sample.rs"), folder.join("sample"));
    let asked = "fn __mutant(number: u32) -> bool { \
        std::env::var(\"HIGHWATER_MUTANT\").is_ok_and(|chosen| chosen == number.to_string()) }";
    std::fs::write(&source, format!("{}\n{asked}", rewritten.text)).unwrap();
    let built = Command::new("rustc")
        .args(["--edition", "2024", "--cap-lints", "allow", "-o"])
        .args([&program, &source])
        .output()
        .unwrap();
    assert!(
        built.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&built.stderr),
        rewritten.text
    );
    let run = |number: usize| {
        let mut command = Command::new(&program);
        let output = command
            .env("HIGHWATER_MUTANT", number.to_string())
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    assert_eq!(run(1000), SOUND);
    for (number, (mutant, expected)) in cases.iter().enumerate() {
        assert_eq!(run(number), *expected, "{number}: {mutant:?}");
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

/// Which `>` compares.
fn place_of_greater() -> usize {
    let at = SAMPLE.find("value > 3").unwrap();
    SAMPLE[..at].matches('>').count()
}

/// Which `+` stands in a constant.
fn place_of_constant() -> usize {
    let at = SAMPLE.find("1 + 1").unwrap();
    SAMPLE[..at].matches('+').count()
}
