//! `[store]`: where facts last, and with whom they are shared.

use std::path::PathBuf;

use serde::Deserialize;

/// `[store]`. None: a file named `highwater.ledger` beside the configuration.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct StoreSection {
    /// The file.
    path: Option<PathBuf>,
    /// Forget everything when the gateway ends.
    pub(crate) memory: bool,
    /// Two flushes per commit instead of one.
    pub(crate) two_phase_commit: bool,
    /// `[store.nats]`: share with other nodes.
    pub(crate) nats: Option<NatsSection>,
}

impl StoreSection {
    /// The file, from the folder of the configuration.
    pub(crate) fn path(&self) -> PathBuf {
        self.path
            .clone()
            .unwrap_or_else(|| PathBuf::from("highwater.ledger"))
    }
}

/// `[store.nats]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NatsSection {
    /// Servers of one cluster.
    pub(crate) servers: Vec<String>,
    /// This node's name in the mesh.
    pub(crate) node: String,
    /// The bucket that all nodes share.
    pub(crate) bucket: Option<String>,
    /// Copies that the cluster keeps.
    pub(crate) replicas: Option<usize>,
    /// A file of credentials.
    pub(crate) credentials: Option<PathBuf>,
    /// Certificates of the authorities to trust, in PEM.
    pub(crate) authorities: Option<PathBuf>,
    /// This node's certificate, in PEM, with `key`.
    pub(crate) certificate: Option<PathBuf>,
    /// The certificate's key, in PEM.
    pub(crate) key: Option<PathBuf>,
    /// Not ready while the knowledge of the mesh is older than this. Default 30 s.
    pub(crate) stale_after: Option<super::seconds::Seconds>,
}
