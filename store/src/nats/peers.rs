//! Who else is there: what the heartbeats of all nodes say.
//!
//! A heartbeat is the revision up to which its sender has joined everything. Nothing is decided
//! by it; operators see which node is behind, and which one went silent.

use std::collections::BTreeMap;

use highwater::timestamp::Timestamp;
use parking_lot::Mutex;

/// A node as this one knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its name in the mesh.
    pub node: String,
    /// When it was heard last, by the clock of this machine.
    pub heard: Timestamp,
    /// The revision up to which it had joined everything: compare it with
    /// [`MeshStatus::newest`](crate::mesh::MeshStatus::newest).
    pub applied: u64,
}

/// Names remembered at most: whoever can write to the bus can invent any number.
const MAXIMUM: usize = 4096;

#[derive(Debug, Default)]
pub(crate) struct Peers {
    heard: Mutex<BTreeMap<String, (Timestamp, u64)>>,
}

impl Peers {
    /// Takes a heartbeat. Markers of expired ones and bytes that are none change nothing.
    pub(super) fn hear(&self, node: &str, payload: &[u8], now: Timestamp) {
        let Ok(applied) = payload.try_into().map(u64::from_le_bytes) else {
            return;
        };
        let mut heard = self.heard.lock();
        if heard.len() < MAXIMUM || heard.contains_key(node) {
            heard.insert(node.to_owned(), (now, applied));
        }
    }

    pub(super) fn list(&self) -> Vec<Peer> {
        let heard = self.heard.lock();
        heard
            .iter()
            .map(|(node, &(heard, applied))| Peer {
                node: node.clone(),
                heard,
                applied,
            })
            .collect()
    }
}

/// The payload of a heartbeat.
pub(super) fn heartbeat(applied: u64) -> [u8; 8] {
    applied.to_le_bytes()
}
