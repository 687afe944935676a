//! What the documents say holds a line is there: every test that they name exists.

use std::collections::BTreeSet;
use std::path::Path;

/// Names of tests: four words or more, as nothing else in the documents is called.
fn named(text: &str) -> BTreeSet<String> {
    text.split('`')
        .skip(1)
        .step_by(2)
        .filter(|name| {
            name.split('_').count() >= 4
                && name
                    .chars()
                    .all(|character| character.is_ascii_lowercase() || character == '_')
        })
        .map(str::to_owned)
        .collect()
}

/// Every function of every source file below `folder`.
fn functions(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).expect("a folder of the sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "target") {
                functions(&path, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).expect("a source file");
            let names = text.split("fn ").skip(1).map(|rest| {
                rest.chars()
                    .take_while(|&character| character.is_ascii_alphanumeric() || character == '_')
                    .collect::<String>()
            });
            found.extend(names);
        }
    }
}

#[test]
fn every_test_that_the_documents_name_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut there = BTreeSet::new();
    for member in [
        "engine",
        "signals",
        "store",
        "middleware",
        "gateway",
        "tests",
    ] {
        functions(&root.join(member), &mut there);
    }
    let mut count = 0;
    for document in ["SECURITY.md", "docs/verification.md"] {
        let text = std::fs::read_to_string(root.join(document)).expect("a document");
        let missing: Vec<String> = named(&text).difference(&there).cloned().collect();
        count += named(&text).len();
        assert!(missing.is_empty(), "{document} names {missing:?}");
    }
    assert!(count > 40, "{count} tests are named");
}
