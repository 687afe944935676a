//! What lives as long as the process: the engine, what it decides by, and how all of it ends.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use highwater::engine::Engine;
use highwater::identifier::TenantId;
use highwater::ledger::Facts;
use highwater::marks::Keyring;
use highwater::timestamp::Timestamp;
use highwater_store::Store;
use highwater_store::mesh::MeshStatus;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::decide::Judge;
use super::documents::{DocumentError, Documents, Source};
use super::keeping::{self, Keeping};
use super::metrics::Metrics;
use crate::config::Configuration;
use crate::config::limits::Limits;
use crate::failure::Failure;
use crate::input::events::wall_clock;

/// The gateway's state. Shared by every listener and every task.
pub(crate) struct Service {
    /// What decides, over the facts of the store.
    pub(crate) engine: Arc<Engine>,
    /// What is durable. Change facts only through it.
    pub(crate) store: Arc<dyn Store>,
    /// What is published for which tenant, and what could not be.
    pub(crate) documents: Documents,
    /// Which tokens are accepted, and what paths ask for.
    pub(crate) judge: Judge,
    /// What is counted.
    pub(crate) metrics: Metrics,
    /// The configuration with which the gateway started.
    pub(crate) configuration: Configuration,
    /// Bounds on what clients may ask.
    pub(crate) limits: Limits,
    /// Cancelled once: when the gateway is told to stop. Tasks finish what they do and end.
    pub(crate) shutdown: CancellationToken,
    /// Everything that has to end before the process does.
    pub(crate) tasks: TaskTracker,
    /// What looks after the store. Ends before it.
    keeping: Keeping,
}

impl Service {
    /// Opens the store and makes the engine over its facts. Documents are not read yet.
    ///
    /// # Errors
    /// What is wrong with the store.
    pub(super) fn open(configuration: Configuration, source: Source) -> Result<Service, Failure> {
        let settings = configuration.engine.settings();
        let facts = Arc::new(Facts::new(Keyring::random(), settings.retention()));
        let store = keeping::open(&configuration, facts)?;
        let keeping = Keeping::start(&configuration, &store)?;
        let engine = Arc::new(Engine::with_facts(settings, Arc::clone(store.facts())));
        let limits = configuration.serve.limits.limits();
        let judge = Judge::new(&configuration, &engine)?;
        Ok(Service {
            engine,
            store,
            judge,
            documents: Documents::new(source),
            metrics: Metrics::install(limits.tenants_in_metrics)?,
            limits,
            configuration,
            shutdown: CancellationToken::new(),
            tasks: TaskTracker::new(),
            keeping,
        })
    }

    /// The present. The only clock that decisions are made by.
    pub(crate) fn now(&self) -> Timestamp {
        wall_clock()
    }

    /// Reads the configuration's tenants and their documents again and publishes what compiles.
    /// A tenant whose documents are refused keeps its snapshot. Blocks: call it where that is
    /// allowed.
    ///
    /// # Errors
    /// What could not be read or published; the rest is in force.
    pub(crate) fn reload_documents(&self) -> Result<(), DocumentError> {
        self.documents.reload(&self.engine, self.now())
    }

    /// How this node follows the others, if there are others.
    pub(crate) fn mesh_status(&self) -> Option<MeshStatus> {
        self.keeping.mesh_status()
    }

    /// How old knowledge of the other nodes may be.
    pub(crate) fn mesh_bound(&self) -> Duration {
        self.keeping.mesh_bound()
    }

    /// As [`Self::reload_documents`], for one tenant.
    ///
    /// # Errors
    /// What could not be read or published; what was in force stays.
    pub(crate) fn reload_tenant(&self, tenant: &TenantId) -> Result<(), DocumentError> {
        self.documents
            .reload_tenant(&self.engine, tenant, self.now())
    }

    /// A path of the configuration, from its folder.
    pub(crate) fn path(&self, path: &Path) -> PathBuf {
        self.configuration.folder.join(path)
    }

    /// Waits until the gateway is told to stop, then for everything under way, within bounds.
    pub(crate) async fn run_to_the_end(&self) {
        self.shutdown.cancelled().await;
        self.tasks.close();
        let drain = self.configuration.serve.drain();
        if tokio::time::timeout(drain, self.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!(
                tasks = self.tasks.len(),
                "stopping although something is still under way"
            );
        }
    }
}
