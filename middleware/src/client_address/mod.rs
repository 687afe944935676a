//! Which address a request comes from, and whom to believe about it.
//!
//! A location policy is worth as much as the address that it is asked about, and every header
//! that carries one can be written by the client. Proxies append, so what a client wrote stands
//! to the left of what trusted proxies wrote: the walk starts at the connection and goes from
//! right to left for as long as it meets proxies that are trusted. The first that is not one is
//! the client. Nothing to the left of it is ever read, so nothing that a client sends changes
//! the answer.
//!
//! Whatever is missing or malformed on the way there makes the address *unknown*, which policies
//! treat as such. It never falls back to the address of a proxy: that one is often inside a
//! trusted location.

mod forwarded;
mod header;
mod node;
pub mod proxy_protocol;
#[cfg(test)]
mod tests;
mod trusted_proxies;

use std::net::IpAddr;

use http::HeaderMap;
use serde::{Deserialize, Serialize};

pub use header::ForwardingHeader;
use node::Node;
pub use trusted_proxies::{HopCount, TrustedProxies};

/// Whom to believe about a client's address, and which header to read.
///
/// The default believes nobody: the address of the connection is that of the client.
///
/// ```
/// use highwater_tower::client_address::ClientAddressRule;
///
/// let rule: ClientAddressRule = serde_json::from_str(
///     r#"{"header": "x-forwarded-for", "trusted_proxies": ["10.0.0.0/8"]}"#)?;
/// let mut headers = http::HeaderMap::new();
/// headers.append("x-forwarded-for", "192.0.2.1, 203.0.113.7, 10.0.0.2".parse()?);
///
/// // The connection comes from a proxy; so did the one that 10.0.0.2 reports.
/// let address = rule.client_address(Some("10.0.0.1".parse()?), &headers);
/// assert_eq!(address, Some("203.0.113.7".parse()?));
///
/// // Somebody else connects: the header is theirs, and is not read.
/// let address = rule.client_address(Some("198.51.100.9".parse()?), &headers);
/// assert_eq!(address, Some("198.51.100.9".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Wire", into = "Wire")]
pub struct ClientAddressRule {
    proxies: TrustedProxies,
    header: ForwardingHeader,
}

impl ClientAddressRule {
    /// Believes `proxies` about what they write into `header`; no other header is read.
    #[must_use]
    pub const fn new(proxies: TrustedProxies, header: ForwardingHeader) -> ClientAddressRule {
        ClientAddressRule { proxies, header }
    }

    /// Whom to believe.
    #[must_use]
    pub const fn proxies(&self) -> &TrustedProxies {
        &self.proxies
    }

    /// The one header that is read.
    #[must_use]
    pub const fn header(&self) -> &ForwardingHeader {
        &self.header
    }

    /// The address of the client; `None` if it is unknown.
    ///
    /// `peer` is the other end of the connection, or what a
    /// [PROXY protocol header](proxy_protocol) of a trusted proxy says in its place; `None` where
    /// there is no address, as on a Unix socket. IPv4-mapped addresses come out as IPv4.
    ///
    /// Takes time in the length of what trusted proxies wrote and in the number of prefixes, and
    /// allocates nothing.
    #[must_use]
    pub fn client_address(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> Option<IpAddr> {
        let peer = peer.map(|peer| peer.to_canonical());
        if !self.proxies.is_proxy(peer, 0) {
            return peer;
        }
        for (passed, node) in (1..).zip(self.header.nodes(headers)) {
            let address = match node {
                Node::Address(address) => Some(address),
                Node::Hidden => None,
                Node::Malformed => return None,
            };
            if !self.proxies.is_proxy(address, passed) {
                return address;
            }
        }
        // Only proxies: one of them does not say whom it serves.
        None
    }
}

/// The rule as it is configured.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    header: Option<ForwardingHeader>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    trusted_proxies: Vec<trusted_proxies::Prefix>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hops: Option<HopCount>,
}

impl TryFrom<Wire> for ClientAddressRule {
    type Error = RuleError;

    fn try_from(wire: Wire) -> Result<ClientAddressRule, RuleError> {
        let proxies = TrustedProxies::new(wire.trusted_proxies.into_iter().map(Into::into))
            .with_hops(wire.hops);
        if let (Some(header), true) = (&wire.header, proxies.is_nobody()) {
            return Err(RuleError {
                header: header.clone(),
            });
        }
        Ok(ClientAddressRule::new(
            proxies,
            wire.header.unwrap_or_default(),
        ))
    }
}

impl From<ClientAddressRule> for Wire {
    fn from(rule: ClientAddressRule) -> Wire {
        let nobody = rule.proxies.is_nobody();
        Wire {
            header: (!nobody).then_some(rule.header),
            trusted_proxies: rule.proxies.prefixes().map(Into::into).collect(),
            hops: rule.proxies.hops(),
        }
    }
}

/// A header that would never be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the header `{header}` is never read, because no proxy is trusted; say whose it is with \
     `trusted_proxies` or `hops`"
)]
pub struct RuleError {
    header: ForwardingHeader,
}
