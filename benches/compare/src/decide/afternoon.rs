//! What a team writes in an afternoon: the obvious crates, tuned fairly.

use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use dashmap::DashMap;
use highwater::identifier::Identifier;
use highwater::request::Request;
use highwater::timestamp::Timestamp;
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
    pub(super) fn decide(&self, token: &AfternoonToken, request: &Request<'_>) -> u32 {
        if request.now >= token.expires {
            return 401;
        }
        for member in &token.members {
            if self
                .revoked
                .get(member)
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

/// What the afternoon keeps of a token: numbers, read once, as ours.
pub(super) struct AfternoonToken {
    expires: Timestamp,
    issued: i64,
    members: [(u8, u128); 5],
}

impl AfternoonToken {
    pub(super) fn new(token: &TokenFacts) -> AfternoonToken {
        let member = |kind, member: Option<&Identifier>| {
            (
                kind,
                member.map_or(u128::MAX, |member| number(member.as_str())),
            )
        };
        AfternoonToken {
            expires: token.expires,
            issued: token.issued,
            members: [
                member(USER, Some(&token.subject)),
                member(SESSION, token.session.as_ref()),
                member(TOKEN, token.id.as_ref()),
                member(DEVICE, token.device.as_ref()),
                member(APP, token.app.as_ref()),
            ],
        }
    }
}

const USER: u8 = 0;
const SESSION: u8 = 1;
const TOKEN: u8 = 2;
const DEVICE: u8 = 3;
const APP: u8 = 4;

/// The number at the end of an identifier.
fn number(identifier: &str) -> u128 {
    let digits = identifier.rsplit('-').next().unwrap_or_default();
    let radix = if identifier.len() == 36 { 16 } else { 10 };
    u128::from_str_radix(digits, radix).unwrap_or(u128::MAX)
}
