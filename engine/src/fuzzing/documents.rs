//! Documents: any bytes compile or are refused with place, reason and remedy, always the same
//! way, whatever the encoding; and what compiles makes a snapshot.

use crate::compile::{Documents, Report, prefix_list};
use crate::model::TenantModel;
use crate::settings::TenantSettings;
use crate::snapshot::TenantSnapshot;

/// One file of policies, locations or memberships.
pub fn documents(bytes: &[u8]) {
    let compile = |bytes: &[u8], strict: bool| {
        let mut documents = Documents::new();
        documents.strict(strict).add("file.json", bytes);
        finish(&documents)
    };
    let (model, report) = compile(bytes, false);
    assert_eq!(report.files, 1);
    assert_eq!(model.locations.len(), report.locations);
    let counts = report.policies;
    assert_eq!(
        model.policies.len(),
        counts.enabled + counts.report_only + counts.disabled
    );

    // Strictness refuses more and never less; of two faults in one document it may name another.
    let (_, strict) = compile(bytes, true);
    assert!(strict.refused.len() >= report.refused.len(), "{strict:?}");

    // The encoding is not the content.
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if text.starts_with('\u{feff}') || text.contains('\0') {
        return;
    }
    let little: Vec<u8> = "\u{feff}"
        .encode_utf16()
        .chain(text.encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    let big: Vec<u8> = "\u{feff}"
        .encode_utf16()
        .chain(text.encode_utf16())
        .flat_map(u16::to_be_bytes)
        .collect();
    let marked = ["\u{feff}".as_bytes(), bytes].concat();
    for encoded in [little, big, marked] {
        let (other, other_report) = compile(&encoded, false);
        assert_eq!(other_report, report);
        assert_eq!(other.policies, model.policies);
        assert_eq!(other.locations, model.locations);
    }
}

/// Policies in the form that the issuer pushes, one update a line.
pub fn synced(bytes: &[u8]) {
    let mut documents = Documents::new();
    documents.add_synced("updates.jsonl", bytes, None);
    finish(&documents);
}

/// Plain lists: prefixes, trusted addresses, countries.
pub fn lists(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(prefixes) = prefix_list(&text) {
        assert!(prefixes.iter().all(|prefix| prefix.trunc() == *prefix));
        let written: String = prefixes
            .iter()
            .map(|prefix| format!("{prefix}\n"))
            .collect();
        assert_eq!(prefix_list(&written), Ok(prefixes));
    }
    let mut documents = Documents::new();
    documents
        .add_trusted_ips("trusted.txt", &text)
        .add_country_list("countries.txt", &text);
    finish(&documents);
}

/// A country database.
pub fn country_database(bytes: &[u8]) {
    let mut documents = Documents::new();
    documents.add_country_database("countries.mmdb", bytes);
    finish(&documents);
}

fn finish(documents: &Documents) -> (TenantModel, Report) {
    let (model, report) = documents.finish();
    for refused in &report.refused {
        assert!(
            !refused.file.is_empty() && !refused.reason.is_empty(),
            "{refused:?}"
        );
        assert!(!refused.remedy.is_empty(), "{refused:?}");
    }
    let (again, same_report) = documents.finish();
    assert_eq!(same_report, report);
    assert_eq!(again.policies, model.policies);
    let json = serde_json::to_string(&report).expect("a report is JSON");
    assert!(json.starts_with('{'));
    TenantSnapshot::compile(&model, TenantSettings::default(), 1).expect("a small model fits");
    (model, report)
}
