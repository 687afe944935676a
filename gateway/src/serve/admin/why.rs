//! `GET /admin/why`: what is in force for a subject, since when, and who said so.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use highwater::event::{Dimension, Effect};
use highwater::identifier::{Identifier, TenantId};
use highwater::ledger::Entry;
use highwater::timestamp::Timestamp;
use serde::{Deserialize, Serialize};

use crate::serve::Service;
use crate::serve::problem::Problem;
use crate::story::{Names, effect_of};

/// Whom the question is about: a tenant, and what a token would carry.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Holder {
    tenant: String,
    user: Option<String>,
    workload: Option<String>,
    session: Option<String>,
    token: Option<String>,
    device: Option<String>,
    app: Option<String>,
}

impl Holder {
    fn member(&self, dimension: Dimension) -> Option<&str> {
        match dimension {
            Dimension::User => self.user.as_deref(),
            Dimension::Workload => self.workload.as_deref(),
            Dimension::Session => self.session.as_deref(),
            Dimension::Token => self.token.as_deref(),
            Dimension::Device => self.device.as_deref(),
            Dimension::App => self.app.as_deref(),
        }
    }

    /// The tenant and the members, in the form in which they are compared.
    fn read(&self) -> Result<(TenantId, Vec<(Dimension, Identifier)>), Problem> {
        let identifier = |name: &str, text: &str| {
            Identifier::new(text)
                .map_err(|error| Problem::bad_request(format!("`{name}`: {error}")))
        };
        let tenant = identifier("tenant", &self.tenant)?;
        let members = Dimension::ALL
            .into_iter()
            .filter_map(|dimension| Some((dimension, self.member(dimension)?)))
            .map(|(dimension, text)| Ok((dimension, identifier(dimension.as_str(), text)?)))
            .collect::<Result<_, Problem>>()?;
        Ok((tenant, members))
    }
}

/// The answer.
#[derive(Debug, Serialize)]
pub(super) struct Why {
    /// Whether tokens that carry these members are refused, and which.
    refused: Refused,
    /// Tokens issued at or before it are refused, if any are for that reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    issued_before: Option<Timestamp>,
    /// What is known, by register.
    registers: Vec<Register>,
}

/// Which tokens are refused by marks, from none to all. What policies say depends on the request
/// too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
enum Refused {
    /// None.
    None,
    /// Those issued at or before an instant.
    Older,
    /// Every one.
    All,
}

/// One register that concerns the subject.
#[derive(Debug, Serialize)]
struct Register {
    /// In words.
    text: String,
    /// Its name.
    register: &'static str,
    /// Since when.
    since: Timestamp,
    /// When it may be forgotten, if ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Timestamp>,
    /// The event that won it, with who said so.
    event: Entry,
}

/// Answers.
pub(super) async fn why(
    State(service): State<Arc<Service>>,
    Query(holder): Query<Holder>,
) -> Result<Json<Why>, Problem> {
    let (tenant, members) = holder.read()?;
    let facts = service.engine.facts();
    let carried = |dimension| {
        members
            .iter()
            .find(|(known, _)| *known == dimension)
            .map(|(_, identifier)| identifier.as_str())
    };
    let entries = facts.concerning(&tenant, carried);
    let retention = facts.retention();
    let refused = entries.iter().map(refusal).max().unwrap_or(Refused::None);
    let issued_before = entries
        .iter()
        .filter(|entry| refusal(entry) == Refused::Older)
        .map(Entry::time)
        .max();
    let registers = entries
        .into_iter()
        .map(|entry| Register {
            text: effect_of(entry.event(), &Names::default()),
            register: entry.register().as_str(),
            since: entry.time(),
            until: retention.last_use(&entry),
            event: entry,
        })
        .collect();
    Ok(Json(Why {
        refused,
        issued_before,
        registers,
    }))
}

/// What one register refuses by itself.
fn refusal(entry: &Entry) -> Refused {
    match entry.effect() {
        Effect::Revoke | Effect::Refresh => Refused::Older,
        Effect::Deny | Effect::Block | Effect::Purge => Refused::All,
        // Whether these refuse is up to policies.
        Effect::Unblock
        | Effect::Risk(_)
        | Effect::Compliance(_)
        | Effect::Assurance { .. }
        | Effect::Stream(_) => Refused::None,
    }
}
