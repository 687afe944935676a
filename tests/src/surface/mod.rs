//! Ways of asking: each runs a vector from a fresh start and answers in the same terms.

mod command;
mod engine;
mod oracle;

pub use command::CommandSurface;
pub use engine::EngineSurface;
pub use oracle::OracleSurface;

use highwater::compile::Documents;
use highwater::model::TenantModel;

use crate::vector::Case;

/// Compiles the documents of a case.
///
/// # Panics
/// If one of them is refused: vectors are about decisions.
#[must_use]
pub fn model(case: &Case) -> TenantModel {
    let mut documents = Documents::new();
    let mut add = |file: String, value: &serde_json::Value| {
        documents.add(&file, value.to_string().as_bytes());
    };
    for (index, policy) in case.documents.policies.iter().enumerate() {
        add(format!("policy-{index}.json"), policy);
    }
    for (index, location) in case.documents.locations.iter().enumerate() {
        add(format!("location-{index}.json"), location);
    }
    if let Some(memberships) = &case.documents.memberships {
        add("memberships.json".to_owned(), memberships);
    }
    if let Some(list) = &case.documents.trusted_ips {
        documents.add_trusted_ips("trusted-ips.txt", list);
    }
    if let Some(list) = &case.documents.countries {
        documents.add_country_list("countries.txt", list);
    }
    let (model, report) = documents.finish();
    assert!(report.is_ok(), "{}: {:?}", case.name, report.refused);
    model
}

/// The word for a decision in vectors.
fn word(outcome: highwater::decision::Outcome, status: u16) -> String {
    match (outcome.as_str(), status) {
        ("allow", 200) => "allow".to_owned(),
        ("challenge", 401) => "challenge".to_owned(),
        (outcome, status) => format!("{outcome} {status}"),
    }
}

fn flags(uncovered: bool, degraded: bool) -> Vec<String> {
    [(uncovered, "uncovered"), (degraded, "degraded")]
        .into_iter()
        .filter(|(set, _)| *set)
        .map(|(_, name)| name.to_owned())
        .collect()
}
