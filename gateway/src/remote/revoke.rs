//! `highwater revoke`: refuse a subject's tokens now, everywhere, durably.

use std::io::Write;

use reqwest::Method;
use serde_json::{Map, Value, json};

use super::client::Server;
use super::{Subject, text, write_json};
use crate::arguments::Output;
use crate::failure::{Exit, Failure};
use crate::output::{self, Format, GOOD, paint};

/// Have a gateway refuse a subject's tokens from now on; without a subject, the whole tenant's.
#[derive(Debug, clap::Args)]
pub(crate) struct Revoke {
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    subject: Subject,
    /// What becomes of it
    #[arg(long, value_enum, default_value_t = Effect::Revoke)]
    effect: Effect,
    /// Why, for those who ask later
    #[arg(long)]
    reason: Option<String>,
    /// Who orders it; who unblocks has to be who blocked
    #[arg(long, default_value = "operator")]
    source: String,
    #[command(flatten)]
    output: Output,
}

/// Effects that an operator orders.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Effect {
    /// Tokens issued so far are refused
    Revoke,
    /// Tokens issued so far have to be renewed
    Refresh,
    /// A session or a token is ended for good
    Deny,
    /// Refused until unblocked
    Block,
    /// The source's own block is lifted
    Unblock,
    /// Deleted for good
    Purge,
}

impl Effect {
    const fn as_str(self) -> &'static str {
        match self {
            Effect::Revoke => "revoke",
            Effect::Refresh => "refresh",
            Effect::Deny => "deny",
            Effect::Block => "block",
            Effect::Unblock => "unblock",
            Effect::Purge => "purge",
        }
    }
}

impl Revoke {
    /// Runs the command. It is durable when this ends well.
    pub(crate) fn run(self) -> Result<Exit, Failure> {
        let subject: Map<String, Value> = self
            .subject
            .members()
            .map(|(name, value)| (name.to_owned(), Value::from(value)))
            .collect();
        let order = json!({
            "tenant": self.subject.tenant,
            "subject": subject,
            "effect": self.effect.as_str(),
            "reason": self.reason,
            "source": self.source,
        });
        let answer = self
            .server
            .ask(Method::POST, "/admin/revoke", &[], Some(&order))?;
        match self.output.format {
            Format::Json => write_json(&answer)?,
            Format::Human => {
                let mut out = output::human();
                writeln!(
                    out,
                    "{}: {}",
                    paint(GOOD, "durable"),
                    text(&answer, "/text")
                )?;
                out.flush()?;
            }
        }
        Ok(Exit::Success)
    }
}
