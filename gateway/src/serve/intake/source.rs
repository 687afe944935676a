//! One transmitter while the gateway runs: its keys, its stream's life, our access to it.
//!
//! Every transmitter has a receiver of its own, so that an endpoint takes the tokens of the
//! transmitter to which it was given and of no other, and so that none waits for another's
//! signatures.

use std::path::Path;
use std::time::{Duration, Instant};

use highwater::identifier::{Identifier, TenantId};
use highwater::timestamp::Timestamp;
use highwater_signals::Receiver;
use highwater_signals::delivery::liveness::Liveness;
use highwater_signals::delivery::metadata::Metadata;
use highwater_signals::delivery::push::PushEndpoint;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::access::Access;
use crate::config::secret::SecretError;
use crate::config::transmitter::{PushSection, TransmitterSection};
use crate::failure::Failure;
use crate::input::read;

/// How long a secret for pushes is used before its file is looked at again.
const SECRET_AGE: Duration = Duration::from_secs(10);

/// One transmitter.
pub(crate) struct Source {
    pub(super) section: TransmitterSection,
    /// What checks its tokens. Held for one signature at a time, never over a wait.
    pub(super) receiver: Mutex<Receiver>,
    /// Whether its stream lives.
    pub(super) liveness: Mutex<Liveness>,
    /// What it publishes about itself, once that was read.
    pub(super) metadata: Mutex<Option<Metadata>>,
    /// Whether its keys are being fetched.
    pub(super) fetching: watch::Sender<bool>,
    /// Where to poll, once that is known.
    pub(super) poll_endpoint: watch::Sender<Option<String>>,
    pub(super) access: Access,
    /// What is kept of its stream.
    pub(super) memory: Mutex<StreamMemory>,
    endpoint: Mutex<Option<(Instant, PushEndpoint)>>,
}

/// What is kept of a stream across restarts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct StreamMemory {
    /// The stream's id at the transmitter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stream_id: Option<String>,
    /// The state of the last verification request: its answer may come after a restart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) expected_state: Option<String>,
    /// When the transmitter was last heard of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) heard: Option<Timestamp>,
}

impl Source {
    /// The transmitter as it was when the gateway stopped.
    ///
    /// # Errors
    /// Keys that cannot be read, or a configuration that cannot be used.
    pub(super) fn new(
        section: &TransmitterSection,
        folder: &Path,
        memory: StreamMemory,
    ) -> Result<Source, Failure> {
        let name = section.name().get_ref();
        let failed = |reason: String| Failure::Input(format!("transmitter `{name}`: {reason}"));
        let jwks = match &section.jwks_file {
            None => None,
            Some(path) => {
                let path = folder.join(path);
                let read = serde_json::from_slice(&read(&path)?);
                Some(read.map_err(|error| {
                    failed(format!("`{}` is no JWK set: {error}", path.display()))
                })?)
            }
        };
        let config = section.config(jwks);
        let tenant = match &config.tenant {
            Some(tenant) => tenant.clone(),
            None => TenantId::new(&config.issuer).map_err(|error| failed(error.to_string()))?,
        };
        let mut receiver =
            Receiver::new([config]).map_err(|error| Failure::Input(error.to_string()))?;
        if let Some(transmitter) = receiver.transmitter_mut(name.as_str()) {
            transmitter
                .expected_state
                .clone_from(&memory.expected_state);
        }
        let credentials = match &section.credentials {
            None => None,
            Some(section) => Some(section.complete().map_err(failed)?),
        };
        let poll = section.poll.as_ref();
        let source = Source {
            receiver: Mutex::new(receiver),
            liveness: Mutex::new(Liveness::new(name.clone(), tenant, section.liveness())),
            metadata: Mutex::new(None),
            fetching: watch::Sender::new(false),
            poll_endpoint: watch::Sender::new(poll.and_then(|poll| poll.endpoint_url.clone())),
            access: Access::new(credentials, folder),
            memory: Mutex::new(memory),
            endpoint: Mutex::new(None),
            section: section.clone(),
        };
        // A secret that is not there is noticed at the start, not with the first push.
        source
            .endpoint(folder)
            .map_err(|error| failed(error.to_string()))?;
        Ok(source)
    }

    /// Its name: the source of its facts.
    pub(crate) fn name(&self) -> &Identifier {
        self.section.name().get_ref()
    }

    /// What it may post to; `None` if it may not.
    pub(super) fn endpoint(&self, folder: &Path) -> Result<Option<PushEndpoint>, SecretError> {
        let Some(section) = &self.section.push else {
            return Ok(None);
        };
        let mut known = self.endpoint.lock();
        if let Some((_, endpoint)) = known.as_ref().filter(|(at, _)| at.elapsed() < SECRET_AGE) {
            return Ok(Some(endpoint.clone()));
        }
        let endpoint = endpoint(section, folder)?;
        *known = Some((Instant::now(), endpoint.clone()));
        Ok(Some(endpoint))
    }

    /// Waits until no fetch of its keys is under way.
    pub(super) async fn settled(&self) {
        // The sender lives as long as we do.
        let _ = self
            .fetching
            .subscribe()
            .wait_for(|fetching| !fetching)
            .await;
    }
}

fn endpoint(section: &PushSection, folder: &Path) -> Result<PushEndpoint, SecretError> {
    let authorization = match &section.authorization {
        None => None,
        Some(source) => Some(source.read(folder)?.expose().to_owned()),
    };
    Ok(PushEndpoint {
        authorization,
        unauthenticated_status: section.unauthenticated_status,
    })
}
