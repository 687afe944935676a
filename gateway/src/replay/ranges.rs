//! Where location refusals came from: by /24 and /48, which is what one would add to a named
//! location if those places are one's own.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use highwater::engine::Engine;
use highwater::reason::Reason;
use serde::Serialize;

use super::tally::Decided;

/// The refusals from one range.
#[derive(Debug, Serialize)]
pub(super) struct RangeRefusals {
    /// The range that would have to be added.
    pub(super) range: String,
    /// Requests refused for their location.
    pub(super) refusals: usize,
    /// Different addresses.
    pub(super) addresses: usize,
    /// Different subjects.
    pub(super) subjects: usize,
    /// The policies that objected, by name.
    pub(super) policies: Vec<String>,
}

/// Counts by range.
#[derive(Default)]
pub(super) struct Ranges(HashMap<IpAddr, Counted>);

#[derive(Default)]
struct Counted {
    refusals: usize,
    addresses: HashSet<IpAddr>,
    subjects: HashSet<String>,
    policies: BTreeSet<String>,
}

impl Ranges {
    /// A request was refused.
    pub(super) fn refused(&mut self, decided: &Decided<'_>, engine: &Engine) {
        let reasons = decided.decision.reasons();
        if !reasons.contains(Reason::LocationBlocked) && !reasons.contains(Reason::LocationChanged)
        {
            return;
        }
        let request = decided.document.request();
        let Some(address) = request.canonical_address() else {
            return;
        };
        let facts = decided.facts();
        let counted = self.0.entry(network(address)).or_default();
        counted.refusals += 1;
        counted.addresses.insert(address);
        counted
            .subjects
            .insert(format!("{} {}", facts.tenant, facts.subject));
        if let Some(snapshot) = engine.snapshot(&facts.tenant) {
            for index in decided.decision.policies() {
                if let Some(policy) = snapshot.policies().get(index) {
                    let name = match policy.display_name.as_str() {
                        "" => policy.id.as_str(),
                        name => name,
                    };
                    if !counted.policies.contains(name) {
                        counted.policies.insert(name.to_owned());
                    }
                }
            }
        }
    }

    /// The ranges, the most refused first.
    pub(super) fn finish(self) -> Vec<RangeRefusals> {
        let mut ranges: Vec<(IpAddr, Counted)> = self.0.into_iter().collect();
        ranges.sort_by(|(one, first), (other, second)| {
            second.refusals.cmp(&first.refusals).then(one.cmp(other))
        });
        ranges
            .into_iter()
            .map(|(network, counted)| RangeRefusals {
                range: match network {
                    IpAddr::V4(network) => format!("{network}/24"),
                    IpAddr::V6(network) => format!("{network}/48"),
                },
                refusals: counted.refusals,
                addresses: counted.addresses.len(),
                subjects: counted.subjects.len(),
                policies: counted.policies.into_iter().collect(),
            })
            .collect()
    }
}

/// The first address of the /24 or /48.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(address) => IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() & (!0 << 8))),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (!0 << 80))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_what_one_would_add() {
        let network = |text: &str| network(text.parse().unwrap()).to_string();
        assert_eq!(network("198.51.100.77"), "198.51.100.0");
        assert_eq!(network("2001:db8:1:2:3::4"), "2001:db8:1::");
    }
}
