//! What a team writes in an afternoon: the obvious crates, tuned fairly.

use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use dashmap::DashMap;
use highwater::request::Request;
use highwater::token::TokenFacts;
use ip_network::IpNetwork;
use ip_network_table::IpNetworkTable;
use ipnet::IpNet;

type Revocations = DashMap<(u8, u128), i64, ahash::RandomState>;

pub(super) struct Afternoon {
    /// By kind of subject and its number.
    revoked: Revocations,
    trusted: ArcSwap<IpNetworkTable<bool>>,
}

impl Afternoon {
    pub(super) fn new(trusted: &[IpNet]) -> Afternoon {
        let mut table = IpNetworkTable::new();
        for prefix in trusted {
            // Both types hold the same prefixes; a prefix of one is a prefix of the other.
            if let Ok(prefix) = IpNetwork::new(prefix.network(), prefix.prefix_len()) {
                table.insert(prefix, true);
            }
        }
        Afternoon {
            revoked: DashMap::default(),
            trusted: ArcSwap::new(Arc::new(table)),
        }
    }

    pub(super) fn revoke(&mut self, user: u128, before: i64) {
        self.revoked.insert((USER, user), before);
    }

    /// 200, 401 or 403.
    pub(super) fn decide(&self, token: &TokenFacts, request: &Request<'_>) -> u32 {
        if request.now >= token.expires {
            return 401;
        }
        let members = [
            (USER, Some(&token.subject)),
            (SESSION, token.session.as_ref()),
            (TOKEN, token.id.as_ref()),
            (DEVICE, token.device.as_ref()),
            (APP, token.app.as_ref()),
        ];
        for (kind, member) in members {
            let Some(member) = member else { continue };
            let key = (kind, number(member.as_str()));
            if self
                .revoked
                .get(&key)
                .is_some_and(|before| token.issued <= *before)
            {
                return 401;
            }
        }
        let trusted = self.trusted.load();
        let inside = request.address.is_some_and(|address| match address {
            IpAddr::V4(address) => trusted.longest_match_ipv4(address).is_some(),
            IpAddr::V6(address) => trusted.longest_match_ipv6(address).is_some(),
        });
        if inside { 200 } else { 403 }
    }
}

const USER: u8 = 0;
const SESSION: u8 = 1;
const TOKEN: u8 = 2;
const DEVICE: u8 = 3;
const APP: u8 = 4;

/// The number at the end of an identifier: cheaper than hashing it, in favour of the afternoon.
fn number(identifier: &str) -> u128 {
    let digits = identifier.rsplit('-').next().unwrap_or_default();
    let radix = if identifier.len() == 36 { 16 } else { 10 };
    u128::from_str_radix(digits, radix).unwrap_or(u128::MAX)
}
