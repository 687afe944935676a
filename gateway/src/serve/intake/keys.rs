//! Keys of transmitters, fetched in the background.
//!
//! A fetch has three reasons: nothing is known yet, what is known is old, or a token names a key
//! that is not known. The last is in the hands of strangers, so the cooldown of
//! [`Keys::begin`](highwater_signals::set::Keys::begin) stands before every fetch, whatever its
//! reason, and everybody who waits for one waits for the same one.

use std::sync::Arc;
use std::time::Duration;

use highwater_signals::delivery::HttpRequest;
use highwater_signals::delivery::metadata::{Metadata, well_known_url};
use highwater_signals::set::KeySet;
use highwater_signals::set::keys::{KeyError, MAXIMUM_JWKS_BYTES};
use highwater_signals::transmitter::ProfileName;
use metrics::counter;

use super::Intake;
use super::outbound::Outbound;
use super::source::Source;
use crate::config::transmitter::TransmitterSection;

/// How long a fetch may take.
const TIMEOUT: Duration = Duration::from_secs(20);

/// How often it is looked whether keys have become old.
const TICK: Duration = Duration::from_secs(1);

/// The longest metadata that are read.
const MAXIMUM_METADATA: usize = 256 * 1024;

/// Keeps the keys of `source` fresh until the gateway stops.
pub(super) async fn keep(intake: Arc<Intake>, source: Arc<Source>) {
    loop {
        let now = intake.service.now();
        let begun = {
            let mut receiver = source.receiver.lock();
            let name = source.name().as_str();
            receiver
                .transmitter_mut(name)
                .is_some_and(|known| known.keys.is_due(now) && known.keys.begin(now))
        };
        if begun {
            fetch(&intake, &source);
            source.settled().await;
        }
        tokio::select! {
            () = tokio::time::sleep(TICK) => {}
            () = intake.service.shutdown.cancelled() => return,
        }
    }
}

/// Fetches the keys of `source` in a task of its own: whoever asked for it may go away. The
/// cooldown has been passed.
pub(super) fn fetch(intake: &Arc<Intake>, source: &Arc<Source>) {
    if source.fetching.send_replace(true) {
        // One is under way although the cooldown is over: its result will do.
        return;
    }
    let (intake, source) = (Arc::clone(intake), Arc::clone(source));
    let tasks = intake.service.tasks.clone();
    tasks.spawn(async move {
        let fetched = tokio::select! {
            fetched = ask(&intake, &source) => fetched,
            () = intake.service.shutdown.cancelled() => Err("the gateway stops".to_owned()),
        };
        let name = source.name().to_string();
        let outcome = if fetched.is_ok() { "fetched" } else { "failed" };
        counter!("highwater_key_fetches_total", "transmitter" => name.clone(), "outcome" => outcome)
            .increment(1);
        let result = match fetched {
            Ok(keys) => {
                for skipped in keys.skipped() {
                    tracing::debug!(transmitter = name, %skipped, "a key is not used");
                }
                tracing::info!(transmitter = name, keys = keys.len(), "keys fetched");
                Ok(keys)
            }
            Err(reason) => {
                tracing::warn!(
                    transmitter = name,
                    reason,
                    "keys cannot be fetched; those that are known stay"
                );
                Err(KeyError::Json(reason))
            }
        };
        {
            let mut receiver = source.receiver.lock();
            if let Some(transmitter) = receiver.transmitter_mut(&name) {
                transmitter.finish_keys(result, intake.service.now());
            }
        }
        source.fetching.send_replace(false);
    });
}

async fn ask(intake: &Intake, source: &Source) -> Result<KeySet, String> {
    let url = match &source.section.jwks_uri {
        Some(url) => url.clone(),
        None => metadata(intake, source)
            .await?
            .jwks_uri
            .ok_or("its metadata names no `jwks_uri`; configure it")?,
    };
    let request = HttpRequest::bare("GET", url.clone());
    // Keys are public: no credentials.
    let answer = intake
        .outbound
        .send(&request, None, MAXIMUM_JWKS_BYTES, TIMEOUT)
        .await
        .map_err(|error| format!("`{url}`: {error}"))?;
    if answer.status != 200 {
        return Err(format!("`{url}` answered with {}", answer.status));
    }
    KeySet::parse(&answer.body).map_err(|error| format!("`{url}`: {error}"))
}

/// Reads what the transmitter publishes about itself, and remembers it.
pub(super) async fn metadata(intake: &Intake, source: &Source) -> Result<Metadata, String> {
    let metadata = read_metadata(&intake.outbound, &source.section).await?;
    let mut known = source.metadata.lock();
    if known.as_ref() != Some(&metadata) {
        for warning in metadata.warnings() {
            tracing::warn!(transmitter = %source.name(), warning, "transmitter metadata");
        }
        *known = Some(metadata.clone());
    }
    Ok(metadata)
}

/// Reads what a transmitter publishes about itself.
pub(super) async fn read_metadata(
    outbound: &Outbound,
    section: &TransmitterSection,
) -> Result<Metadata, String> {
    let issuer = section.issuer();
    let url = metadata_url(section)?;
    let request = HttpRequest::bare("GET", url.clone());
    let answer = outbound
        .send(&request, None, MAXIMUM_METADATA, TIMEOUT)
        .await
        .map_err(|error| format!("`{url}`: {error}"))?;
    if answer.status != 200 {
        return Err(format!("`{url}` answered with {}", answer.status));
    }
    let metadata =
        Metadata::parse(&answer.body, issuer).map_err(|error| format!("`{url}`: {error}"))?;
    match leads_inside(&url, &metadata) {
        Some(inside) => Err(format!(
            "`{url}` names `{inside}` on this machine; nothing in it is used"
        )),
        None => Ok(metadata),
    }
}

/// Where the metadata of a transmitter are.
pub(super) fn metadata_url(section: &TransmitterSection) -> Result<String, String> {
    match &section.metadata_url {
        Some(url) => Ok(url.clone()),
        None => {
            let is_risc = section.profile() == ProfileName::Google;
            well_known_url(section.issuer(), is_risc)
                .map_err(|error| format!("{error}; say `metadata_url` or `jwks_uri`"))
        }
    }
}

/// An address on this machine that somebody from outside names: our requests, with credentials,
/// would go to services that trust whoever is here. Only a transmitter that is here itself may.
fn leads_inside<'a>(from: &str, metadata: &'a Metadata) -> Option<&'a str> {
    let addresses = [
        &metadata.jwks_uri,
        &metadata.configuration_endpoint,
        &metadata.status_endpoint,
        &metadata.add_subject_endpoint,
        &metadata.remove_subject_endpoint,
        &metadata.verification_endpoint,
    ];
    addresses
        .into_iter()
        .flatten()
        .map(String::as_str)
        .find(|address| !may_lead_to(from, address))
}

/// Whether whoever answers at `from` may send us to `to`.
pub(super) fn may_lead_to(from: &str, to: &str) -> bool {
    to.starts_with("https://") || from.starts_with("http://")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_from_outside_leads_us_to_this_machine() {
        let metadata = |url: &str| Metadata {
            issuer: "https://idp.example".to_owned(),
            jwks_uri: Some("https://idp.example/keys".to_owned()),
            verification_endpoint: Some(url.to_owned()),
            ..Metadata::default()
        };
        let (outside, here) = (
            "https://idp.example/.well-known",
            "http://127.0.0.1:1/metadata",
        );
        let (theirs, ours) = (
            metadata("https://idp.example/v"),
            metadata("http://127.0.0.1:6379/"),
        );
        assert_eq!(leads_inside(outside, &theirs), None);
        assert_eq!(leads_inside(outside, &ours), Some("http://127.0.0.1:6379/"));
        assert_eq!(leads_inside(here, &ours), None, "a sidecar");
    }
}
