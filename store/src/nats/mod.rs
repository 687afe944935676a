//! The mesh over NATS JetStream: one bucket, a thread per node, and every measured trap avoided.
//!
//! - *A last value is not a maximum.* Every publication names the revision that it was joined
//!   with; a publication that met another one joins and tries again.
//! - *A watch may stall for many seconds after a server lost its leader.* Nobody watches: the
//!   bucket republishes its changes on a plain subject, a core subscription follows it through
//!   reconnects, and its numbers tell what is missing.
//! - *Silence is no proof of calm.* Every node writes a heartbeat; without one for a while the
//!   node asks the bucket what it missed.
//! - *A reconnect of everybody at once is a storm.* Every wait grows and is spread at random.
//!
//! The engine and the stores know no runtime; this driver brings its own on a thread of its own,
//! so blocking and async hosts use it alike.

mod bucket;
mod driver;
mod options;
mod peers;
mod publisher;

pub use options::{NatsError, NatsOptions, Tls};
pub use peers::Peer;

use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::Mutex;
use tokio::sync::Notify;

use self::peers::Peers;
use crate::Store;
use crate::mesh::{MeshStatus, Node, Outbox};

/// A store that shares what it learns with other nodes. Dropping it ends the sharing, not the
/// store.
pub struct NatsMesh {
    shared: Arc<Shared>,
    driver: Option<JoinHandle<()>>,
}

/// What the driver and its owner both look at.
pub(crate) struct Shared {
    pub(crate) node: Mutex<Node>,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) connection: Mutex<Connection>,
    pub(crate) peers: Peers,
    /// Something waits in the outbox.
    pub(crate) publish: Notify,
    pub(crate) stop: Notify,
}

/// What is known about the connection.
#[derive(Clone, Debug, Default)]
pub struct Connection {
    /// Whether a server answers.
    pub is_connected: bool,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// How often the connection was made.
    pub connects: u64,
}

impl NatsMesh {
    /// Shares `store` over the bus. Returns at once: the connection is made in the background
    /// and made again whenever it is lost; meanwhile the node decides on what it knows.
    ///
    /// # Errors
    /// The options cannot be used, or the thread cannot be started.
    pub fn start(store: Arc<dyn Store>, options: NatsOptions) -> Result<NatsMesh, NatsError> {
        options.check()?;
        let shared = Arc::new_cyclic(|shared: &std::sync::Weak<Shared>| {
            let wake = shared.clone();
            let outbox = Arc::new(Outbox::new(move || {
                if let Some(shared) = wake.upgrade() {
                    shared.publish.notify_one();
                }
            }));
            Shared {
                node: Mutex::new(Node::new(store, Arc::clone(&outbox))),
                outbox,
                connection: Mutex::default(),
                peers: Peers::default(),
                publish: Notify::new(),
                stop: Notify::new(),
            }
        });
        let driver = driver::spawn(Arc::clone(&shared), options)?;
        Ok(NatsMesh {
            shared,
            driver: Some(driver),
        })
    }

    /// How this node follows the others: for [`Concern::of`](crate::Concern::of) and metrics.
    #[must_use]
    pub fn status(&self) -> MeshStatus {
        self.shared.node.lock().status()
    }

    /// How the connection is.
    #[must_use]
    pub fn connection(&self) -> Connection {
        self.shared.connection.lock().clone()
    }

    /// Every node that was heard since this one started, itself included, by name.
    #[must_use]
    pub fn peers(&self) -> Vec<Peer> {
        self.shared.peers.list()
    }

    /// How many registers and documents wait to be published.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.shared.outbox.len()
    }
}

impl Drop for NatsMesh {
    fn drop(&mut self) {
        self.shared.stop.notify_one();
        if let Some(driver) = self.driver.take() {
            // The driver does not panic; if it did, there is nothing left to wait for.
            let _ = driver.join();
        }
    }
}
