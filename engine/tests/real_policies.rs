//! Every policy and named location that people published, as they published it: each file
//! compiles, or is one of the two that are broken where they come from.

#![allow(clippy::unwrap_used)] // a test may panic in its helpers too

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use highwater::compile::{Documents, Report, WarningCode};

mod shared_data;

/// Per repository: files, policies enabled, report-only and disabled, locations, IPv4 and IPv6
/// ranges, refused files.
const EXPECTED: [(&str, [usize; 8]); 28] = [
    ("AlexFilipin+ConditionalAccess", [43, 0, 43, 0, 0, 0, 0, 0]),
    (
        "Azure-Samples+azure-ad-conditional-access-apis",
        [4, 0, 4, 0, 0, 0, 0, 0],
    ),
    (
        "Cloudshield-io+Conditional-Access-Framework",
        [35, 2, 0, 30, 3, 1, 0, 0],
    ),
    (
        "Clutch2View+nis2-conditional-access-policies",
        [22, 0, 17, 0, 5, 13, 3, 0],
    ),
    (
        "DataGuys+ConditionalAccessAnalyzer",
        [15, 0, 0, 15, 0, 0, 0, 0],
    ),
    (
        "JanVidarElven+MicrosoftGraph-ConditionalAccess",
        [3, 0, 0, 3, 0, 0, 0, 0],
    ),
    (
        "Jhope188+ConditionalAccessPolicies",
        [29, 15, 9, 4, 0, 0, 0, 1],
    ),
    ("KelvinTegelaar+CIPP-API", [2, 2, 0, 0, 0, 0, 0, 0]),
    ("NayemReza+ConditionalAccess", [11, 0, 11, 0, 0, 0, 0, 0]),
    (
        "PathwayITSolutions+ConditionalAccess",
        [43, 0, 42, 1, 0, 0, 0, 0],
    ),
    (
        "UniFy-Endpoint+Conditional-Access-Baseline",
        [40, 0, 0, 38, 2, 0, 0, 0],
    ),
    ("andrew-kemp+ConditionalAccess", [10, 0, 10, 0, 0, 0, 0, 0]),
    ("andrew-s-taylor+public", [1, 0, 0, 7, 0, 0, 0, 0]),
    ("anon-tenant", [73, 341, 113, 17, 535, 1789, 0, 1]),
    ("aollivierre+ConditionalAccess", [37, 0, 27, 3, 7, 6, 0, 0]),
    ("cisagov+ScubaGear", [2, 14, 0, 0, 0, 0, 0, 0]),
    (
        "deploymenttheory+terraform-provider-microsoft365",
        [30, 3, 25, 22, 3, 1, 0, 0],
    ),
    (
        "goodworkaround+conditional-access-starter-pack",
        [5, 5, 0, 0, 0, 0, 0, 0],
    ),
    ("j-luna+ConditionalAccessBaseline", [5, 0, 4, 0, 1, 0, 0, 0]),
    (
        "j0eyv+ConditionalAccessBaseline",
        [23, 19, 3, 0, 1, 0, 0, 0],
    ),
    (
        "jra431+ConditionalAccessBaseline",
        [24, 24, 0, 0, 0, 0, 0, 0],
    ),
    ("kennethvs+cabaseline202212", [32, 0, 32, 0, 0, 0, 0, 0]),
    ("kennethvs+cabaseline202510", [32, 0, 31, 1, 0, 0, 0, 0]),
    ("lasahe+EntraConditionalAccess", [5, 0, 5, 0, 0, 0, 0, 0]),
    ("nathanmcnulty+nathanmcnulty", [3, 0, 3, 0, 0, 0, 0, 0]),
    (
        "philippkohn+ConditionalAccessforZeroTrustResources",
        [32, 0, 0, 32, 0, 0, 0, 0],
    ),
    (
        "tofflan91+Conditional-Access---Baseline",
        [2, 1, 1, 0, 0, 0, 0, 0],
    ),
    (
        "topazyo+conditional-access-automation",
        [1, 2, 0, 0, 0, 0, 0, 0],
    ),
];

#[test]
fn every_published_document_compiles_or_is_broken_upstream() {
    let Some(data) = shared_data::shared_data() else {
        return;
    };
    let root = data.join("policies");
    let mut counts: BTreeMap<String, [usize; 8]> = BTreeMap::new();
    let mut warnings: BTreeMap<WarningCode, usize> = BTreeMap::new();
    let mut refused = Vec::new();
    for file in json_files(&root) {
        let report = check(&root, &file);
        let repository = file.strip_prefix(&root).unwrap().iter().nth(1).unwrap();
        let count = counts
            .entry(repository.to_str().unwrap().to_owned())
            .or_default();
        let here = [
            1,
            report.policies.enabled,
            report.policies.report_only,
            report.policies.disabled,
            report.locations,
            report.ranges.ipv4,
            report.ranges.ipv6,
            report.refused.len(),
        ];
        for (total, here) in count.iter_mut().zip(here) {
            *total += here;
        }
        for warning in &report.warnings {
            *warnings.entry(warning.code).or_default() += 1;
        }
        refused.extend(report.refused);
    }

    let counts: Vec<_> = counts
        .iter()
        .map(|(repository, counts)| (repository.as_str(), *counts))
        .collect();
    assert_eq!(counts, EXPECTED);

    // Broken where they come from: a trailing comma, and a comma that is missing.
    let refused: Vec<_> = refused
        .iter()
        .map(|it| (it.file.rsplit('/').next().unwrap(), it.reason.as_str()))
        .collect();
    assert_eq!(
        refused,
        [
            (
                "invalid_f2800e.json",
                "not JSON: trailing comma at line 29 column 13"
            ),
            (
                "invalid_ccd05b.json",
                "not JSON: expected `,` or `}` at line 50 column 11"
            ),
        ]
    );

    // Each file is read alone, so the locations of its neighbours dangle.
    let expected = [
        (WarningCode::TemplateWithoutState, 36),
        (WarningCode::UnresolvedReference, 270),
        (WarningCode::DanglingLocation, 912),
        (WarningCode::HostBits, 69),
        (WarningCode::PrivateRange, 11),
        (WarningCode::SingleAddressFamily, 527),
        (WarningCode::UnknownCountry, 9),
        (WarningCode::StrictWithoutRanges, 2),
        (WarningCode::InvalidCondition, 8),
        (WarningCode::DuplicateMember, 1),
        (WarningCode::UnreadableTime, 13),
        (WarningCode::NoCountryTable, 29),
    ];
    assert_eq!(warnings.into_iter().collect::<Vec<_>>(), expected);
}

#[test]
fn strictness_refuses_bits_behind_the_prefix_and_nothing_else() {
    let Some(data) = shared_data::shared_data() else {
        return;
    };
    let root = data.join("policies");
    let mut refused = 0;
    for file in json_files(&root) {
        let mut documents = Documents::new();
        documents.strict(true);
        documents.add(&name(&root, &file), &std::fs::read(&file).unwrap());
        let (_, report) = documents.finish();
        for refusal in &report.refused {
            let invalid = refusal.file.contains("invalid_");
            assert!(invalid || refusal.reason.ends_with("bits set behind its prefix"));
            assert!(invalid || refusal.path.ends_with("/cidrAddress"));
            refused += usize::from(!invalid);
        }
    }
    assert_eq!(refused, 36);
}

/// The bodies in Graph's reference pages: policies and locations compile, the one that is no JSON
/// and resources of other kinds are refused.
#[test]
fn the_examples_of_the_reference_compile() {
    let Some(data) = shared_data::shared_data() else {
        return;
    };
    let lines = std::fs::read_to_string(data.join("graph-docs/examples.jsonl")).unwrap();
    let (mut compiled, mut refused) = (0, Vec::new());
    for line in lines.lines() {
        let example: serde_json::Value = serde_json::from_str(line).unwrap();
        let category = example["category"].as_str().unwrap();
        if category != "conditional-access" && category != "named-location" {
            continue;
        }
        let page = example["page"]
            .as_str()
            .unwrap()
            .rsplit('/')
            .next()
            .unwrap();
        let body = match &example["body"] {
            serde_json::Value::Null => example["raw"].as_str().unwrap().to_owned(),
            body => body.to_string(),
        };
        let mut documents = Documents::new();
        documents.add(page, body.as_bytes());
        let (model, report) = documents.finish();
        if report.is_ok() {
            assert!(model.policies.len() + model.locations.len() > 0, "{page}");
            compiled += 1;
        } else {
            refused.push(page.to_owned());
        }
    }
    assert_eq!(compiled, 34);
    refused.sort();
    refused.dedup();
    assert_eq!(
        refused,
        [
            "conditionalaccesspolicy-update.md",
            "conditionalaccessroot-post-authenticationcontextclassreferences.md",
            "continuousaccessevaluationpolicy-get.md",
            "continuousaccessevaluationpolicy-update.md",
        ]
    );
}

fn check(root: &Path, file: &Path) -> Report {
    let mut documents = Documents::new();
    documents.add(&name(root, file), &std::fs::read(file).unwrap());
    let (model, report) = documents.finish();
    let policies = report.policies;
    assert_eq!(
        model.policies.len(),
        policies.enabled + policies.report_only + policies.disabled
    );
    assert_eq!(model.locations.len(), report.locations);
    report
}

fn name(root: &Path, file: &Path) -> String {
    file.strip_prefix(root).unwrap().display().to_string()
}

fn json_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(json_files(&path));
        } else if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            files.push(path);
        }
    }
    files.sort();
    files
}
