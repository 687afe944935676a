//! `highwater.toml`: what the operator says once.
//!
//! Every key that is not known is an error with its line and a suggestion: a setting with a
//! typing mistake would otherwise silently keep its default. Paths in the file start at the
//! folder of the file. `docs/configuration.md` lists every key.

pub(crate) mod credentials;
mod engine;
pub(crate) mod graph;
pub(crate) mod issuer;
pub(crate) mod limits;
mod load;
pub(crate) mod logs;
pub(crate) mod route;
pub(crate) mod seconds;
pub(crate) mod secret;
pub(crate) mod serve;
pub(crate) mod store;
mod tenant;
pub(crate) mod token;
pub(crate) mod transmitter;
pub(crate) mod watch;

use issuer::IssuerSection;
pub(crate) use tenant::{TenantSection, Whose};

use std::path::PathBuf;

use serde::Deserialize;

use engine::EngineSection;
use graph::GraphSections;
use logs::{DecisionLogSection, LogSection, TelemetrySection};
use route::RouteSection;
use serve::ServeSection;
use store::StoreSection;
use token::TokenSection;
use transmitter::TransmitterSection;
use watch::WatchSection;

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Configuration {
    /// The folder of the file: where its paths start.
    #[serde(skip)]
    pub(crate) folder: PathBuf,
    /// `[engine]`.
    #[serde(default)]
    pub(crate) engine: EngineSection,
    /// `[[issuer]]`. None: the built-in profiles.
    #[serde(default, rename = "issuer")]
    pub(crate) issuers: Vec<IssuerSection>,
    /// `[[tenant]]`.
    #[serde(default, rename = "tenant")]
    pub(crate) tenants: Vec<TenantSection>,
    /// `[serve]`.
    #[serde(default)]
    pub(crate) serve: ServeSection,
    /// `[store]`.
    #[serde(default)]
    pub(crate) store: StoreSection,
    /// `[[transmitter]]`.
    #[serde(default, rename = "transmitter")]
    pub(crate) transmitters: Vec<TransmitterSection>,
    /// `[graph]`, or `[[graph]]` if there are several.
    #[serde(default)]
    pub(crate) graph: GraphSections,
    /// `[watch]`.
    #[serde(default)]
    pub(crate) watch: WatchSection,
    /// `[token]`.
    #[serde(default)]
    pub(crate) token: TokenSection,
    /// `[[route]]`.
    #[serde(default, rename = "route")]
    pub(crate) routes: Vec<RouteSection>,
    /// `[log]`.
    #[serde(default)]
    pub(crate) log: LogSection,
    /// `[decision_log]`.
    #[serde(default)]
    pub(crate) decision_log: Option<DecisionLogSection>,
    /// `[telemetry]`.
    #[serde(default)]
    pub(crate) telemetry: TelemetrySection,
}

impl Configuration {
    /// Every file and folder from which documents are read, from the folder of the file.
    pub(crate) fn document_paths(&self) -> impl Iterator<Item = &std::path::Path> {
        self.tenants.iter().flat_map(TenantSection::paths)
    }
}
