//! Every shared-signals vector, run as its case says.
//!
//! The vectors were not written here. A case that is judged differently is listed in
//! [`JUDGED_DIFFERENTLY`] with the reason; it must really come out differently, so that the
//! table cannot outlive its reasons.

#![allow(
    clippy::unwrap_used,
    reason = "a test: what is missing in a vector is a failure"
)]

mod support;

use std::path::PathBuf;

use serde_json::Value;

/// File, index of the case, and why the outcome is another one here.
const JUDGED_DIFFERENTLY: &[(&str, usize, &str)] = &[
    (
        "ssf-session-revoked-complex.json",
        0,
        "the event claims to lie 2.5 years after the token; T is clamped to `iat` + skew, as the file's own second case asks, so it cannot also be kept",
    ),
    (
        "ssf-token-claims-change-email-2.json",
        0,
        "as above: `event_timestamp` lies years after `iat` and is clamped",
    ),
    (
        "sailpoint-token-claims-change-ip.json",
        0,
        "as above: `event_timestamp` lies years after `iat` and is clamped",
    ),
    (
        "sailpoint-session-revoked-ms-opaque.json",
        0,
        "a bare opaque id names a session or a user; both are revoked, as `caep-session-revoked-1` asks for the same subject",
    ),
    (
        "rfc8417-risc-account-disabled-legacy-subject_type.json",
        0,
        "the account is blocked and, as `risc-account-disabled-repaired` asks for the same event, its tokens are revoked",
    ),
];

fn directory() -> Option<PathBuf> {
    let root = std::env::var_os("HIGHWATER_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared")),
        PathBuf::from,
    );
    let found = root.join("vectors/shared-signals");
    if found.is_dir() {
        return Some(found);
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "no vectors at {}; set HIGHWATER_SHARED",
        found.display()
    );
    eprintln!("skipped: no vectors at {}", found.display());
    None
}

#[test]
fn every_vector_comes_out_as_its_case_says() {
    let Some(directory) = directory() else {
        return;
    };
    let mut files: Vec<PathBuf> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .collect();
    files.sort();
    let (mut passed, mut different, mut problems) = (0, 0, Vec::new());
    for path in &files {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let vector: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let kind = vector["kind"].as_str().unwrap();
        for (index, case) in vector["cases"].as_array().unwrap().iter().enumerate() {
            let judged = JUDGED_DIFFERENTLY
                .iter()
                .any(|(file, at, _)| *file == name && *at == index);
            match (
                support::run(kind, &name, &vector["data"], &vector, case),
                judged,
            ) {
                (Ok(()), false) => passed += 1,
                (Err(_), true) => different += 1,
                (Ok(()), true) => problems.push(format!(
                    "{name} case {index}: listed as judged differently, but it is not"
                )),
                (Err(problem), false) => {
                    problems.push(format!(
                        "{name} case {index} ({}): {problem}",
                        case["expect"]
                    ));
                }
            }
        }
    }
    println!(
        "{} files, {passed} cases as listed, {different} judged differently",
        files.len()
    );
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert_eq!(files.len(), 158, "a file came or went");
    assert_eq!(different, JUDGED_DIFFERENTLY.len());
}
