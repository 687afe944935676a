//! Who is a proxy of ours: by address, by count, or both.

use std::net::IpAddr;
use std::num::NonZeroU8;
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net};
use serde::{Deserialize, Serialize};

/// How many proxies a request passes, the one that connects to us included.
pub type HopCount = NonZeroU8;

/// The proxies whose word about a client's address is taken. Nobody by default.
///
/// | prefixes | hops | a proxy is |
/// |---|---|---|
/// | none | none | nobody |
/// | some | none | whoever has an address in one of the prefixes |
/// | none | *n* | whoever stands at one of the *n* places nearest to us |
/// | some | *n* | whoever is both |
///
/// Prefixes are the safer choice: they hold when somebody goes around a proxy. A count alone
/// believes whoever connects, so nobody but the proxies may reach the listener. Both together
/// also know clients whose own address lies in a prefix.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies {
    prefixes: Vec<IpNet>,
    hops: Option<HopCount>,
}

impl TrustedProxies {
    /// Nobody.
    pub const NOBODY: TrustedProxies = TrustedProxies {
        prefixes: Vec::new(),
        hops: None,
    };

    /// Whoever has an address in one of `prefixes`. Bits behind the prefix length are ignored;
    /// IPv4-mapped prefixes count as IPv4.
    #[must_use]
    pub fn new(prefixes: impl IntoIterator<Item = IpNet>) -> TrustedProxies {
        TrustedProxies {
            prefixes: prefixes.into_iter().map(folded).collect(),
            hops: None,
        }
    }

    /// Limits the proxies to the `hops` places nearest to us; `None` for no limit.
    #[must_use]
    pub const fn with_hops(mut self, hops: Option<HopCount>) -> TrustedProxies {
        self.hops = hops;
        self
    }

    /// The prefixes.
    pub fn prefixes(&self) -> impl Iterator<Item = IpNet> + '_ {
        self.prefixes.iter().copied()
    }

    /// The number of places.
    #[must_use]
    pub const fn hops(&self) -> Option<HopCount> {
        self.hops
    }

    /// Whether nobody is trusted.
    #[must_use]
    pub const fn is_nobody(&self) -> bool {
        self.prefixes.is_empty() && self.hops.is_none()
    }

    /// Whether whoever connects from `peer` is a proxy: only then may it speak for others, by a
    /// header or by the PROXY protocol.
    #[must_use]
    pub fn trusts(&self, peer: Option<IpAddr>) -> bool {
        self.is_proxy(peer.map(|peer| peer.to_canonical()), 0)
    }

    /// Whether the canonical `address`, `passed` places away from us, is that of a proxy.
    pub(super) fn is_proxy(&self, address: Option<IpAddr>, passed: usize) -> bool {
        let near = match self.hops {
            Some(hops) => passed < usize::from(hops.get()),
            None => !self.prefixes.is_empty(),
        };
        near && (self.prefixes.is_empty()
            || address.is_some_and(|address| {
                self.prefixes.iter().any(|prefix| prefix.contains(&address))
            }))
    }
}

/// An IPv4-mapped prefix as the IPv4 prefix that it carries.
fn folded(prefix: IpNet) -> IpNet {
    let prefix = prefix.trunc();
    if let IpNet::V6(wide) = prefix
        && let (Some(network), Some(length)) = (
            wide.network().to_ipv4_mapped(),
            wide.prefix_len().checked_sub(96),
        )
        && let Ok(narrow) = Ipv4Net::new(network, length)
    {
        return IpNet::V4(narrow);
    }
    prefix
}

/// A prefix as it is configured: one address is enough.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct Prefix(IpNet);

impl From<Prefix> for IpNet {
    fn from(prefix: Prefix) -> IpNet {
        prefix.0
    }
}

impl From<IpNet> for Prefix {
    fn from(prefix: IpNet) -> Prefix {
        Prefix(prefix)
    }
}

impl From<Prefix> for String {
    fn from(prefix: Prefix) -> String {
        prefix.0.to_string()
    }
}

impl TryFrom<String> for Prefix {
    type Error = String;

    fn try_from(text: String) -> Result<Prefix, String> {
        IpNet::from_str(&text)
            .ok()
            .or_else(|| IpAddr::from_str(&text).ok().map(IpNet::from))
            .map(Prefix)
            .ok_or_else(|| format!("`{text}` is no prefix such as `10.0.0.0/8` and no address"))
    }
}
