//! Events from files: engine events, Security Event Tokens, Graph pages.

use std::path::PathBuf;
use std::time::SystemTime;

use highwater::event::Event;
use highwater::identifier::{Identifier, TenantId};
use highwater::timestamp::Timestamp;
use highwater_signals::directory::NoDirectory;
use highwater_signals::intake::{Expectation, Intake, Outcome, Report};
use highwater_signals::transmitter::ProfileName;
use serde::Deserialize;
use serde::de::IntoDeserializer;

use super::{read, read_stdin, read_text};
use crate::failure::Failure;
use crate::output::count;

/// At most so many refused inputs are shown.
const SHOWN: usize = 5;

/// What is expected of events that are not the engine's own.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "What is expected of events")]
pub(crate) struct EventOptions {
    /// The issuer of Security Event Tokens [default: whichever they name]
    #[arg(long, value_name = "URI")]
    issuer: Option<String>,
    /// Their audience [default: whichever they name]
    #[arg(long, value_name = "URI")]
    audience: Option<String>,
    /// How their transmitter writes: ssf-1.0, caep-interop, legacy, okta, keycloak, google,
    /// sailpoint, scim
    #[arg(long, default_value = "ssf-1.0", value_parser = profile)]
    profile: ProfileName,
    /// The keys that sign them: a JWK set
    #[arg(long, value_name = "FILE")]
    jwks: Option<PathBuf>,
    /// Believe claims sets without a signature. DANGEROUS: anyone could have written them
    #[arg(long)]
    trust_unsigned: bool,
    /// The tenant of Graph pages, and of subjects that do not name theirs
    #[arg(long, value_name = "ID")]
    tenant: Option<TenantId>,
    /// The name under which the facts are kept
    #[arg(long, value_name = "NAME", default_value = "file")]
    source: Identifier,
    /// The time at which events are received, RFC 3339 or seconds [default: now]
    #[arg(long = "received", visible_alias = "now", value_name = "TIME", value_parser = instant)]
    received: Option<Timestamp>,
}

fn profile(text: &str) -> Result<ProfileName, serde::de::value::Error> {
    ProfileName::deserialize(text.into_deserializer())
}

fn instant(text: &str) -> Result<Timestamp, String> {
    let read = match text.parse::<f64>() {
        Ok(number) => Timestamp::from_number(number),
        Err(_) => Timestamp::from_rfc3339(text).ok(),
    };
    read.ok_or_else(|| "neither RFC 3339 nor seconds since 1970".to_owned())
}

impl EventOptions {
    /// Reads every file of `files`, in their order, and says what became of each input.
    pub(crate) fn reports(&self, files: &[PathBuf]) -> Result<Vec<Report>, Failure> {
        let jwks = match &self.jwks {
            None => None,
            Some(path) => Some(serde_json::from_str(&read_text(path)?).map_err(|error| {
                Failure::Input(format!("`{}` is no JWK set: {error}", path.display()))
            })?),
        };
        let expectation = Expectation {
            issuer: self.issuer.clone(),
            audience: self.audience.clone(),
            profile: self.profile,
            jwks,
            trust_unsigned: self.trust_unsigned,
            tenant: self.tenant.clone(),
            ..Expectation::new(
                self.source.clone(),
                self.received.unwrap_or_else(wall_clock),
            )
        };
        let mut intake = Intake::new(expectation, &NoDirectory);
        let mut reports = Vec::new();
        for file in files {
            let content = match file.to_str() {
                Some("-") => read_stdin()?,
                _ => read(file)?,
            };
            reports.extend(intake.file(&file.to_string_lossy(), &content));
        }
        Ok(reports)
    }

    /// Every event of `files`, in their order.
    ///
    /// One input that is refused refuses them all: without its event, what should be refused
    /// would be allowed.
    pub(crate) fn read(&self, files: &[PathBuf]) -> Result<Vec<Event>, Failure> {
        let reports = self.reports(files)?;
        let refused: Vec<&Report> = reports
            .iter()
            .filter(|report| report.outcome == Outcome::Refused)
            .collect();
        if refused.is_empty() {
            return Ok(reports
                .into_iter()
                .flat_map(|report| report.events)
                .collect());
        }
        let mut message = format!(
            "{} refused; nothing was decided, because a missing event allows what it should refuse",
            count(refused.len(), "event input"),
        );
        for report in refused.iter().take(SHOWN) {
            let reason = report.description.as_deref().unwrap_or_default();
            message.push_str(&format!("\n  {}: {reason}", report.input));
        }
        if refused.len() > SHOWN {
            message.push_str(&format!("\n  and {} more", refused.len() - SHOWN));
        }
        Err(Failure::Input(message))
    }
}

/// The system's clock, for events that are received now.
pub(crate) fn wall_clock() -> Timestamp {
    SystemTime::now().into()
}
