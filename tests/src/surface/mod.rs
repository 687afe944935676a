//! Ways of asking: each runs a vector from a fresh start and answers in the same terms.

#[cfg(feature = "members")]
mod c_abi;
mod command;
mod engine;
mod oracle;
#[cfg(feature = "members")]
mod reopened;

#[cfg(feature = "members")]
pub use c_abi::CSurface;
pub use command::CommandSurface;
pub use engine::EngineSurface;
#[cfg(feature = "members")]
pub(crate) use engine::Run as EngineRun;
pub use oracle::OracleSurface;
#[cfg(feature = "members")]
pub use reopened::{RestartedOracle, RestartedSurface};

use highwater::compile::Documents;
use highwater::model::TenantModel;
use highwater::settings::EngineSettings;
use serde_json::Value;

use crate::request_line::RequestLine;
use crate::vector::{Case, Step};

/// A case with everything read that does not depend on who is asked: comparing surfaces reads
/// documents and requests once, not once each.
#[derive(Debug)]
pub struct ReadCase<'a> {
    case: &'a Case,
    model: TenantModel,
    /// Display names of the policies, in the order of the documents.
    names: Vec<String>,
    /// One for every step; `None` for events and for lines that cannot be read.
    lines: Vec<Option<ReadLine>>,
}

/// A request with its token.
#[derive(Debug)]
struct ReadLine {
    line: RequestLine,
    /// Which of the different tokens of the case it brings, from 0.
    token: usize,
}

impl<'a> ReadCase<'a> {
    /// Reads a case.
    ///
    /// # Panics
    /// As [`model`].
    #[must_use]
    pub fn new(case: &'a Case) -> ReadCase<'a> {
        let model = model(case);
        let names = model
            .policies
            .iter()
            .map(|policy| policy.display_name.clone())
            .collect();
        let mut tokens: Vec<&Value> = Vec::new();
        let lines = case
            .steps
            .iter()
            .map(|step| match step {
                Step::Request { line, .. } => {
                    let claims = &line["token"];
                    let token = tokens.iter().position(|known| *known == claims);
                    let token = token.unwrap_or_else(|| {
                        tokens.push(claims);
                        tokens.len() - 1
                    });
                    let line = RequestLine::read(line, &case.issuer).ok()?;
                    Some(ReadLine { line, token })
                }
                Step::Event(_) => None,
            })
            .collect();
        ReadCase {
            case,
            model,
            names,
            lines,
        }
    }

    /// The documents of the tenant.
    #[cfg(feature = "members")]
    pub(crate) fn model(&self) -> &TenantModel {
        &self.model
    }

    /// The settings of the tenant.
    #[cfg(feature = "members")]
    pub(crate) fn tenant_settings(&self) -> highwater::settings::TenantSettings {
        self.case.tenant.clone()
    }

    #[cfg(feature = "members")]
    /// The request of a number, counted round and round; `None` if it cannot be read.
    fn request(&self, number: usize) -> Option<&ReadLine> {
        let requests = || {
            self.steps()
                .filter(|(step, _)| matches!(step, Step::Request { .. }))
        };
        requests().nth(number % requests().count().max(1))?.1
    }

    pub(crate) fn settings(&self) -> EngineSettings {
        self.case.engine.clone()
    }

    /// The steps, each with its request if it is one that can be read.
    fn steps(&self) -> impl Iterator<Item = (&'a Step, Option<&ReadLine>)> {
        self.case
            .steps
            .iter()
            .zip(self.lines.iter().map(Option::as_ref))
    }
}

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
