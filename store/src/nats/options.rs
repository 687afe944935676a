//! Where the bus is, who this node is, and how patient it is.

use std::path::PathBuf;
use std::time::Duration;

/// How a node joins the mesh.
#[derive(Clone, Debug)]
pub struct NatsOptions {
    /// Servers, such as `nats://bus-1:4222`. All of one cluster.
    pub servers: Vec<String>,
    /// The bucket that all nodes share. Default `highwater`. Letters, digits, `-` and `_`.
    pub bucket: String,
    /// This node's name, unique in the mesh. Letters, digits, `-` and `_`.
    pub node: String,
    /// Copies that the cluster keeps of the bucket. Default 1; use 3 on three servers. Hazard of
    /// 1: while its only server is away, nodes learn nothing from each other.
    pub replicas: usize,
    /// User and password, if the servers ask for them.
    pub user: Option<(String, String)>,
    /// A file of credentials (JWT and key), if the servers ask for them.
    pub credentials: Option<PathBuf>,
    /// TLS; `None`: as the servers' addresses say (`tls://`).
    pub tls: Option<Tls>,
    /// How often this node shows that it is there. Default one second.
    pub heartbeat: Duration,
    /// Silence after which the node asks for what it missed. Default 1.5 seconds; more than the
    /// heartbeat.
    pub silence: Duration,
    /// The longest pause between two attempts of anything. Default five seconds.
    pub longest_pause: Duration,
    /// How many publications may be under way at once. Default 256.
    pub in_flight: usize,
}

/// How the connection is protected.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// Certificates of the authorities to trust, in PEM; `None`: those of the system.
    pub authorities: Option<PathBuf>,
    /// This node's certificate and key, in PEM, where the servers verify clients.
    pub identity: Option<(PathBuf, PathBuf)>,
}

impl NatsOptions {
    /// Options for a node named `node` on `servers`, everything else at its default.
    #[must_use]
    pub fn new(servers: Vec<String>, node: impl Into<String>) -> NatsOptions {
        NatsOptions {
            servers,
            bucket: "highwater".to_owned(),
            node: node.into(),
            replicas: 1,
            user: None,
            credentials: None,
            tls: None,
            heartbeat: Duration::from_secs(1),
            silence: Duration::from_millis(1500),
            longest_pause: Duration::from_secs(5),
            in_flight: 256,
        }
    }

    pub(super) fn check(&self) -> Result<(), NatsError> {
        let is_name = |text: &str| {
            !text.is_empty()
                && text
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        };
        let refuse = |what: &'static str, found: &str| {
            Err(NatsError::Option {
                what,
                found: found.to_owned(),
            })
        };
        if self.servers.is_empty() {
            return refuse("at least one server is needed", "");
        }
        if !is_name(&self.bucket) {
            return refuse(
                "a bucket is named with letters, digits, `-` and `_`",
                &self.bucket,
            );
        }
        if !is_name(&self.node) {
            return refuse(
                "a node is named with letters, digits, `-` and `_`",
                &self.node,
            );
        }
        if self.silence <= self.heartbeat {
            return refuse("silence has to be longer than a heartbeat", "");
        }
        Ok(())
    }
}

/// Why a mesh cannot be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NatsError {
    /// An option that cannot be used.
    #[error("{what}, found `{found}`")]
    Option {
        /// What is wrong.
        what: &'static str,
        /// What was given.
        found: String,
    },
    /// The driver's thread or runtime did not start.
    #[error("cannot start the thread that follows the bus: {0}")]
    Thread(#[from] std::io::Error),
}
