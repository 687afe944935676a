//! The options of an engine as one JSON document: what `highwater.toml` says to the command.

use std::path::Path;
use std::time::Duration;

use highwater::settings::{EngineSettings, TenantSettings};
use highwater::token::{IssuerProfile, IssuerProfiles};
use highwater_signals::{Receiver, TransmitterConfig};
use highwater_store::{Creation, DiskOptions};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::error::{Failure, Outcome};
use crate::status::highwater_status;

/// `{"settings": {…}, "issuers": […], "transmitters": […], "store": {…}}`, all of it optional.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Options {
    /// `[engine]` of `docs/configuration.md`, lengths of time in seconds.
    pub(crate) settings: EngineSettings,
    issuers: Vec<IssuerProfile>,
    transmitters: Vec<TransmitterConfig>,
    store: StoreOptions,
}

/// How a store in a file behaves.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct StoreOptions {
    creation: CreationOption,
    cache_bytes: Option<usize>,
    two_phase_commit: bool,
    retry_milliseconds: Option<u64>,
    threads: Option<usize>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum CreationOption {
    #[default]
    IfMissing,
    Never,
    Always,
}

impl Options {
    /// Reads the options; an empty text has none.
    pub(crate) fn read(text: &str) -> Outcome<Options> {
        settings("options", text)
    }

    /// The issuers whose tokens are read.
    pub(crate) fn issuers(&mut self) -> IssuerProfiles {
        IssuerProfiles::new(std::mem::take(&mut self.issuers))
    }

    /// The transmitters whose events are taken.
    pub(crate) fn receiver(&mut self) -> Outcome<Receiver> {
        let configs = std::mem::take(&mut self.transmitters);
        Receiver::new(configs).map_err(|error| {
            Failure::at(
                highwater_status::InvalidSettings,
                format!("`options`: {error}"),
                "/transmitters",
            )
        })
    }

    /// How the store in a file behaves.
    pub(crate) fn store(&self) -> DiskOptions {
        let default = DiskOptions::default();
        let store = &self.store;
        DiskOptions {
            creation: match store.creation {
                CreationOption::IfMissing => Creation::IfMissing,
                CreationOption::Never => Creation::Never,
                CreationOption::Always => Creation::Always,
            },
            cache_bytes: store.cache_bytes.unwrap_or(default.cache_bytes),
            two_phase_commit: store.two_phase_commit,
            retry: store
                .retry_milliseconds
                .map_or(default.retry, Duration::from_millis),
            threads: store.threads.unwrap_or(default.threads).max(1),
        }
    }
}

/// The settings of a tenant; an empty text changes none.
pub(crate) fn tenant_settings(text: &str) -> Outcome<TenantSettings> {
    settings("settings", text)
}

fn settings<T: Default + DeserializeOwned>(name: &str, text: &str) -> Outcome<T> {
    if text.is_empty() {
        return Ok(T::default());
    }
    read_json(name, text, highwater_status::InvalidSettings)
}

/// Reads JSON of a known shape; a mistake is named by its JSON Pointer.
pub(crate) fn read_json<T: DeserializeOwned>(
    name: &str,
    text: &str,
    status: highwater_status,
) -> Outcome<T> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = highwater::exchange::pointer(error.path());
        let inner = error.into_inner();
        let status = if inner.is_data() {
            status
        } else {
            highwater_status::InvalidJson
        };
        Failure::at(status, format!("`{name}`: {inner}"), path)
    })?;
    reader.end().map_err(|error| {
        Failure::new(highwater_status::InvalidJson, format!("`{name}`: {error}"))
    })?;
    Ok(value)
}

/// A path as people read it.
pub(crate) fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
