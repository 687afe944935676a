//! One place on the way of a request, as a proxy writes it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What a proxy says about who connected to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Node {
    /// The address, canonical.
    Address(IpAddr),
    /// It says that it does not tell.
    Hidden,
    /// Nothing that can be read.
    Malformed,
}

impl Node {
    /// An item of `X-Forwarded-For`: an address, as several products write it with a port, IPv6
    /// with or without brackets; `unknown` where the proxy does not know.
    pub(super) fn from_list_item(item: &[u8]) -> Node {
        let Ok(text) = str::from_utf8(item) else {
            return Node::Malformed;
        };
        if text.eq_ignore_ascii_case("unknown") {
            return Node::Hidden;
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Node::Address(address.to_canonical());
        }
        Node::with_port(text, is_port).unwrap_or(Node::Malformed)
    }

    /// `192.0.2.1`, `192.0.2.1:443`, `[2001:db8::1]` or `[2001:db8::1]:443`.
    pub(super) fn with_port(text: &str, is_port: fn(&str) -> bool) -> Option<Node> {
        let (address, rest): (IpAddr, &str) = match text.strip_prefix('[') {
            Some(bracketed) => {
                let (address, rest) = bracketed.split_once(']')?;
                (address.parse::<Ipv6Addr>().ok()?.into(), rest)
            }
            None => {
                let end = text.find(':').unwrap_or(text.len());
                let (address, rest) = text.split_at(end);
                (address.parse::<Ipv4Addr>().ok()?.into(), rest)
            }
        };
        let fits = match rest.strip_prefix(':') {
            Some(port) => is_port(port),
            None => rest.is_empty(),
        };
        fits.then(|| Node::Address(address.to_canonical()))
    }
}

/// One to five digits (RFC 7239 section 6).
pub(super) fn is_port(text: &str) -> bool {
    (1..=5).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}
