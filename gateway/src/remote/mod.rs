//! What operators ask of a gateway that runs: `highwater why`, `revoke`, `whatif`.
//!
//! Thin: the gateway answers in words and JSON; here is only how to reach it and how to print.

mod client;
mod revoke;
mod what_if;
mod why;

pub(crate) use revoke::Revoke;
pub(crate) use what_if::WhatIf;
pub(crate) use why::Why;

use std::io::Write;

use serde_json::Value;

use crate::failure::Failure;
use crate::output;

/// Whom a question or an order is about.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Subject {
    /// The tenant: `tid` of its tokens, else their issuer
    #[arg(long)]
    tenant: String,
    /// A user, by object id
    #[arg(long, conflicts_with = "workload")]
    user: Option<String>,
    /// A workload identity, by object id
    #[arg(long)]
    workload: Option<String>,
    /// A session, by `sid`
    #[arg(long)]
    session: Option<String>,
    /// One token, by `uti` or `jti`
    #[arg(long)]
    token: Option<String>,
    /// A device, by `deviceid`
    #[arg(long)]
    device: Option<String>,
    /// A client application, by `azp` or `appid`
    #[arg(long)]
    app: Option<String>,
}

impl Subject {
    /// The members that were given, by their names in events.
    fn members(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [
            ("user", &self.user),
            ("workload", &self.workload),
            ("session", &self.session),
            ("token", &self.token),
            ("device", &self.device),
            ("app", &self.app),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.as_deref()?)))
    }
}

/// Writes an answer for programs.
fn write_json(answer: &Value) -> Result<(), Failure> {
    let mut out = output::machine();
    serde_json::to_writer_pretty(&mut out, answer)?;
    out.write_all(b"\n")?;
    Ok(out.flush()?)
}

/// Text at a JSON Pointer of an answer.
fn text<'a>(answer: &'a Value, pointer: &str) -> &'a str {
    answer
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}
