//! From a report to the first refusal, and what a million revoked subjects take.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::{Client, StatusCode};
use serde_json::json;

use crate::figures::Figures;
use crate::gateway::Gateway;
use crate::issuer::{Issuer, now};
use crate::{Outcome, Scale};

/// Pushes reports, one after the other, and asks about each user until refused.
pub(crate) async fn latency(
    gateway: &Gateway,
    issuer: &Issuer,
    scale: Scale,
    figures: &mut Figures,
) -> Outcome<()> {
    let client = Client::new();
    let (mut acknowledged, mut refused) = (Vec::new(), Vec::new());
    for number in 0..scale.reports {
        let user = format!("revoked-{number}");
        let (token, report) = (issuer.token(&user)?, issuer.report(&user)?);
        let ask = || {
            client
                .get(format!("{}/decide", gateway.decisions))
                .bearer_auth(&token)
                .header("x-forwarded-for", "203.0.113.7")
                .send()
        };
        if ask().await?.status() != StatusCode::OK {
            return Err(format!("{user} is refused before it is revoked").into());
        }
        let push = client
            .post(format!("{}/signals/idp", gateway.intake))
            .header("content-type", "application/secevent+jwt")
            .body(report)
            .send();
        let started = Instant::now();
        let pushing = async {
            let answer = push.await?;
            Ok::<_, reqwest::Error>((answer.status(), started.elapsed()))
        };
        let asking = async {
            loop {
                if ask().await?.status() != StatusCode::OK {
                    return Ok::<_, reqwest::Error>(started.elapsed());
                }
            }
        };
        let ((status, taken), seen) = tokio::try_join!(pushing, asking)?;
        if status != StatusCode::ACCEPTED {
            return Err(format!("the report about {user} got {status}").into());
        }
        acknowledged.push(taken);
        refused.push(seen);
    }
    let median = |times: &mut Vec<Duration>| {
        times.sort();
        (times[times.len() / 2], times[times.len() * 99 / 100])
    };
    let (half, most) = median(&mut refused);
    figures.say(format!(
        "pushed report to first refusal: p50 {half:.0?}, p99 {most:.0?} (asked again and again)"
    ));
    let (half, most) = median(&mut acknowledged);
    figures.say(format!(
        "pushed report to durable acknowledgement: p50 {half:.0?}, p99 {most:.0?}"
    ));
    Ok(())
}

/// Memory with and without a million revoked subjects.
pub(crate) fn memory(
    binary: &Path,
    folder: &Path,
    issuer: &Issuer,
    scale: Scale,
    figures: &mut Figures,
) -> Outcome<()> {
    let empty = Gateway::start(binary, &folder.join("empty"), issuer)?.memory()?;
    let full_folder = folder.join("full");
    fs::create_dir_all(&full_folder)?;
    let mut dump = format!("{}\n", json!({"highwater_dump": {"schema": 1}}));
    for number in 0..scale.subjects {
        let event = json!({
            "time": now(), "tenant": "contoso",
            "subject": {"user": format!("c0450000-7e57-4a11-8000-{number:012}")},
            "effect": "revoke", "source": "idp",
        });
        writeln!(dump, "{}", json!({"register": event}))?;
    }
    let end = json!({"end": {"registers": scale.subjects, "values": 0, "documents": 0}});
    writeln!(dump, "{end}")?;
    let file = full_folder.join("dump");
    fs::write(&file, dump)?;
    let imported = Command::new(binary)
        .args(["store", "import", "highwater.ledger"])
        .stdin(fs::File::open(&file)?)
        .stdout(Stdio::null())
        .current_dir(&full_folder)
        .status()?;
    if !imported.success() {
        return Err("the dump was not imported".into());
    }
    let started = Instant::now();
    let full = Gateway::start(binary, &full_folder, issuer)?;
    let took = started.elapsed();
    let memory = full.memory()?;
    let megabytes = |bytes: u64| bytes / 1_000_000;
    figures.say(format!(
        "memory: {} MB without facts, {} MB with {} revoked subjects ({} bytes each); \
         started with them in {took:.1?}",
        megabytes(empty),
        megabytes(memory),
        scale.subjects,
        memory.saturating_sub(empty) / scale.subjects as u64,
    ));
    Ok(())
}
