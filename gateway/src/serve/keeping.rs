//! The store as configured: a file or memory, looked after, and shared with other nodes.

use std::sync::Arc;
use std::time::Duration;

use highwater::ledger::Facts;
use highwater_store::mesh::MeshStatus;
use highwater_store::nats::{NatsMesh, NatsOptions, Tls};
use highwater_store::{
    DiskOptions, DiskStore, Housekeeping, HousekeepingOptions, MemoryStore, Store,
};

use crate::config::Configuration;
use crate::config::store::NatsSection;
use crate::failure::Failure;

/// How old knowledge of other nodes may be unless something else is said: many heartbeats.
const MESH_BOUND: Duration = Duration::from_secs(30);

/// Opens the store.
///
/// # Errors
/// What is wrong with the file.
pub(super) fn open(
    configuration: &Configuration,
    facts: Arc<Facts>,
) -> Result<Arc<dyn Store>, Failure> {
    let section = &configuration.store;
    if section.memory {
        tracing::warn!("the store is in memory: revocations are forgotten when the gateway ends");
        return Ok(Arc::new(MemoryStore::new(facts)));
    }
    let path = configuration.folder.join(section.path());
    let options = DiskOptions {
        two_phase_commit: section.two_phase_commit,
        ..DiskOptions::default()
    };
    let store = DiskStore::open(&path, facts, &options)
        .map_err(|error| Failure::Broken(error.to_string()))?;
    if store.status().is_new {
        tracing::warn!(path = %path.display(), "a new store was made: nothing is revoked yet");
    } else {
        tracing::info!(path = %path.display(), registers = store.restored(), "store opened");
    }
    Ok(Arc::new(store))
}

/// What looks after the store and shares it, until it is dropped.
pub(super) struct Keeping {
    mesh: Option<NatsMesh>,
    mesh_bound: Duration,
    _housekeeping: Housekeeping,
}

impl Keeping {
    /// Starts it. A bus that does not answer is tried again and again; decisions go on.
    ///
    /// # Errors
    /// Options that cannot be used, or threads that cannot be started.
    pub(super) fn start(
        configuration: &Configuration,
        store: &Arc<dyn Store>,
    ) -> Result<Keeping, Failure> {
        let section = configuration.store.nats.as_ref();
        let mesh = match section {
            None => None,
            Some(section) => {
                let options = options(section, configuration)?;
                let mesh = NatsMesh::start(Arc::clone(store), options)
                    .map_err(|error| Failure::Input(format!("[store.nats]: {error}")))?;
                Some(mesh)
            }
        };
        let housekeeping = Housekeeping::start(store, HousekeepingOptions::default())
            .map_err(|error| Failure::Broken(format!("cannot look after the store: {error}")))?;
        Ok(Keeping {
            mesh,
            mesh_bound: section
                .and_then(|section| section.stale_after)
                .map_or(MESH_BOUND, |bound| bound.duration()),
            _housekeeping: housekeeping,
        })
    }

    /// How this node follows the others.
    pub(super) fn mesh_status(&self) -> Option<MeshStatus> {
        self.mesh.as_ref().map(NatsMesh::status)
    }

    /// How old knowledge of the other nodes may be.
    pub(super) fn mesh_bound(&self) -> Duration {
        self.mesh_bound
    }
}

fn options(section: &NatsSection, configuration: &Configuration) -> Result<NatsOptions, Failure> {
    let path = |path: &std::path::PathBuf| configuration.folder.join(path);
    let mut options = NatsOptions::new(section.servers.clone(), section.node.clone());
    if let Some(bucket) = &section.bucket {
        options.bucket.clone_from(bucket);
    }
    if let Some(replicas) = section.replicas {
        options.replicas = replicas;
    }
    options.credentials = section.credentials.as_ref().map(path);
    let identity = match (&section.certificate, &section.key) {
        (Some(certificate), Some(key)) => Some((path(certificate), path(key))),
        (None, None) => None,
        _ => {
            return Err(Failure::Input(
                "[store.nats]: `certificate` and `key` come together".to_owned(),
            ));
        }
    };
    let authorities = section.authorities.as_ref().map(path);
    if identity.is_some() || authorities.is_some() {
        options.tls = Some(Tls {
            authorities,
            identity,
        });
    }
    Ok(options)
}
