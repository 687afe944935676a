//! Section 4.1, *locations*: by linear scans over every prefix.

use std::net::IpAddr;

use highwater::model::{
    CountryTable, LocationReference, LocationScope, NamedLocationKind, TenantModel,
};
use highwater::request::Signals;
use ipnet::IpNet;

use super::truth::{Truth, any};

/// Whether an address, with what the host knows, is inside a location condition.
#[must_use]
pub fn matches(
    scope: &LocationScope,
    model: &TenantModel,
    address: Option<IpAddr>,
    signals: &Signals<'_>,
) -> Truth {
    let here = |reference: &LocationReference| one(reference, model, address, signals);
    let include = any(scope.include.iter().map(here));
    let exclude = any(scope
        .exclude
        .iter()
        .filter(|reference| !matches!(reference, LocationReference::Dangling(_)))
        .map(here));
    include.and(exclude.negate())
}

/// Whether the condition says more than `All` without exclusions (section 4.2).
#[must_use]
pub fn is_judged(scope: &LocationScope) -> bool {
    !(scope.exclude.is_empty() && scope.include.contains(&LocationReference::All))
}

fn one(
    reference: &LocationReference,
    model: &TenantModel,
    address: Option<IpAddr>,
    signals: &Signals<'_>,
) -> Truth {
    match reference {
        LocationReference::All => Truth::Match,
        LocationReference::AllTrusted => {
            let trusted = model
                .locations
                .iter()
                .filter(|location| match location.kind {
                    NamedLocationKind::Ranges { trusted, .. }
                    | NamedLocationKind::CompliantNetwork { trusted } => trusted,
                    _ => false,
                });
            let named = any(trusted.map(|location| kind(&location.kind, model, address, signals)));
            match &model.trusted_ips {
                Some(ranges) => named.or(in_ranges(ranges, address)),
                None => named,
            }
        }
        LocationReference::MfaTrustedIps => match &model.trusted_ips {
            Some(ranges) => in_ranges(ranges, address),
            None => Truth::Unknown,
        },
        LocationReference::CompliantNetwork => Truth::from_known(signals.compliant_network),
        LocationReference::Named(index) => match model.locations.get(*index) {
            Some(location) => kind(&location.kind, model, address, signals),
            None => Truth::Unknown,
        },
        LocationReference::Dangling(_) => Truth::Unknown,
    }
}

fn kind(
    kind: &NamedLocationKind,
    model: &TenantModel,
    address: Option<IpAddr>,
    signals: &Signals<'_>,
) -> Truth {
    match kind {
        NamedLocationKind::Ranges { ranges, .. } => in_ranges(ranges, address),
        NamedLocationKind::Countries { by_gps: true, .. } => Truth::Unknown,
        NamedLocationKind::Countries {
            countries,
            include_unknown,
            by_gps: false,
        } => match (signals.country, &model.countries, address) {
            (Some(country), _, _) => Truth::certain(countries.contains(&country)),
            (None, Some(table), Some(address)) => match country_of(table, address) {
                Some(country) => Truth::certain(countries.contains(&country)),
                None => Truth::certain(*include_unknown),
            },
            _ => Truth::Unknown,
        },
        NamedLocationKind::CompliantNetwork { .. } => Truth::from_known(signals.compliant_network),
        NamedLocationKind::Unknown { .. } => Truth::Unknown,
    }
}

fn in_ranges(ranges: &[IpNet], address: Option<IpAddr>) -> Truth {
    match address {
        Some(address) => Truth::certain(ranges.iter().any(|range| covers(range, address))),
        None => Truth::Unknown,
    }
}

/// The code at the longest prefix that covers the address.
fn country_of(table: &CountryTable, address: IpAddr) -> Option<[u8; 2]> {
    table
        .prefixes
        .iter()
        .filter(|(prefix, _)| covers(prefix, address))
        .max_by_key(|(prefix, _)| prefix.prefix_len())
        .map(|(_, country)| *country)
}

/// Bit by bit, so that nothing is shared with the tables of the engine.
fn covers(prefix: &IpNet, address: IpAddr) -> bool {
    let (network, candidate, width) = match (prefix.addr(), address.to_canonical()) {
        (IpAddr::V4(network), IpAddr::V4(candidate)) => (
            u128::from(network.to_bits()),
            u128::from(candidate.to_bits()),
            32,
        ),
        (IpAddr::V6(network), IpAddr::V6(candidate)) => {
            (network.to_bits(), candidate.to_bits(), 128)
        }
        _ => return false,
    };
    (0..u32::from(prefix.prefix_len())).all(|bit| {
        let shift = width - 1 - bit;
        (network >> shift) & 1 == (candidate >> shift) & 1
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_cover_bit_by_bit() {
        let covers = |prefix: &str, address: &str| {
            covers(&prefix.parse().unwrap(), address.parse().unwrap())
        };
        assert!(covers("203.0.113.0/24", "203.0.113.255"));
        assert!(!covers("203.0.113.0/24", "203.0.114.0"));
        assert!(covers("0.0.0.0/0", "::ffff:1.2.3.4"));
        assert!(!covers("::/0", "1.2.3.4"));
        assert!(covers("2001:db8::/33", "2001:db8:7fff::1"));
        assert!(!covers("2001:db8::/33", "2001:db8:8000::"));
        assert!(covers("2001:db8::1/128", "2001:db8::1"));
    }
}
