//! The location table against the lists that people really use: clouds, countries, VPN and Tor
//! exits, and the full routing tables of the internet.
//!
//! Every list becomes named locations; the membership of a million addresses, random ones and
//! those at the edges of the prefixes, equals a reference that looks for every possible prefix of
//! an address in a hash map, and for a sample equals a scan over all prefixes.

#![allow(clippy::unwrap_used)] // a test may panic in its helpers too

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::io::{self, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use highwater::snapshot::prefix_table::{LocationIndex, PrefixChange, PrefixTable};
use ipnet::IpNet;

#[test]
fn cloud_country_and_threat_lists() {
    let Some(data) = shared_data() else { return };
    let mut lists = Lists::default();

    for (name, members, key) in [
        (
            "cloud/azure-ServiceTags_Public.json.gz",
            &["values"][..],
            "id",
        ),
        (
            "cloud/aws-ip-ranges-2026-08.json.gz",
            &["prefixes", "ipv6_prefixes"],
            "region",
        ),
        ("cloud/google-cloud-ip-ranges.json", &["prefixes"], "scope"),
    ] {
        for (group, prefix) in grouped_prefixes(&read(&data, name), members, key) {
            lists.add(&format!("{name} {group}"), &prefix);
        }
    }
    for name in [
        "cloud/github-ip-ranges.json",
        "cloud/zscaler-cloud-ip-ranges.json",
    ] {
        let document: serde_json::Value = serde_json::from_str(&read(&data, name)).unwrap();
        for (key, value) in document.as_object().unwrap() {
            for prefix in strings(value)
                .iter()
                .filter(|text| text.parse::<IpNet>().is_ok())
            {
                lists.add(&format!("{name} {key}"), prefix);
            }
        }
    }
    for name in [
        "cloud/lord-alfred/all-ipv4_merged.txt",
        "cloud/lord-alfred/all-ipv6_merged.txt.gz",
        "cloud/lord-alfred/cloudflare-ipv4.txt",
        "cloud/lord-alfred/cloudflare-ipv6.txt",
        "cloud/lord-alfred/googlebot-ipv4.txt",
        "vpn-tor-drop/bitwire-inbound-ipv6.txt",
        "vpn-tor-drop/ipsum-level3.txt.gz",
        "vpn-tor-drop/spamhaus-drop.txt",
        "vpn-tor-drop/spamhaus-drop_ipv6.txt",
        "vpn-tor-drop/x4b-torexit-ipv4.txt",
        "vpn-tor-drop/x4b-vpn-ipv4.txt",
        "vpn-tor-drop/x4b-vpn-ipv6.txt",
    ] {
        for line in read(&data, name).lines() {
            let entry = line.split([';', '#']).next().unwrap_or_default();
            if let Some(prefix) = entry.split_whitespace().next() {
                lists.add(name, prefix);
            }
        }
    }
    for line in read(&data, "country/ipverse-all-countries.tsv.gz").lines() {
        let (country, prefix) = line.split_once('\t').unwrap();
        lists.add(&format!("country {country}"), prefix);
    }

    assert!(lists.names.len() > 1_000, "{} locations", lists.names.len());
    assert!(
        lists.prefixes.len() > 300_000,
        "{} prefixes",
        lists.prefixes.len()
    );
    lists.check_membership(500_000);
}

#[test]
fn full_routing_tables() {
    let Some(data) = shared_data() else { return };
    let mut lists = Lists::default();
    let mut random = Random(7);
    for name in [
        "bgp/ris-20260511-as3333-v4-rib.txt.gz",
        "bgp/ris-20260511-as3333-v6-rib.txt.gz",
    ] {
        for prefix in read(&data, name).lines() {
            lists.add(&format!("network {}", random.next() % 24), prefix);
        }
    }
    assert_eq!(lists.prefixes.len(), 1_042_325 + 246_175);
    lists.check_membership(500_000);
}

/// The recorded changes that followed the routing tables, in batches: afterwards the changed
/// table answers like one that is built from what is left, and the first one as before.
#[test]
fn routing_changes_while_the_table_is_used() {
    let Some(data) = shared_data() else { return };
    for (routes, changes) in [
        (
            "bgp/ris-20260511-as3333-v4-rib.txt.gz",
            "bgp/ris-20260511-as3333-v4-updates-part1.txt.gz",
        ),
        (
            "bgp/ris-20260511-as3333-v6-rib.txt.gz",
            "bgp/ris-20260511-as3333-v6-updates-part1.txt.gz",
        ),
    ] {
        let location =
            |prefix: IpNet| LocationIndex::new(usize::from(prefix.prefix_len()) % 5).unwrap();
        // A part of the table is enough: the rest would only take time.
        let mut left: BTreeSet<IpNet> = read(&data, routes)
            .lines()
            .step_by(8)
            .map(|line| line.parse().unwrap())
            .collect();
        let table_of = |prefixes: &BTreeSet<IpNet>| {
            let mut builder = PrefixTable::builder();
            for &prefix in prefixes {
                builder.insert(prefix, location(prefix));
            }
            builder
        };
        let mut editor = table_of(&left).build_editor().unwrap();
        let (before, before_left) = (editor.publish(), left.clone());

        let changes = read(&data, changes);
        let changes: Vec<(bool, IpNet)> = changes
            .lines()
            .take(6_000)
            .map(|line| (line.starts_with('A'), line[2..].parse().unwrap()))
            .collect();
        for batch in changes.chunks(40) {
            let batch: Vec<_> = batch
                .iter()
                .map(|&(announced, prefix)| {
                    if announced {
                        left.insert(prefix);
                        PrefixChange::Insert(prefix, location(prefix))
                    } else {
                        left.remove(&prefix);
                        PrefixChange::Remove(prefix, location(prefix))
                    }
                })
                .collect();
            editor.apply(batch).unwrap();
        }

        let after = editor.publish();
        for (changed, prefixes) in [(&after, &left), (&before, &before_left)] {
            let fresh = table_of(prefixes).build().unwrap();
            let touched = changes.iter().map(|&(_, prefix)| prefix);
            for prefix in prefixes.iter().copied().step_by(5).chain(touched) {
                for address in [prefix.network(), prefix.broadcast()] {
                    let answer = changed.set(changed.lookup(address));
                    assert_eq!(answer, fresh.set(fresh.lookup(address)), "{address}");
                }
            }
        }
        assert_ne!(left, before_left, "the stream changes something");
    }
}

/// Named locations and their prefixes.
#[derive(Default)]
struct Lists {
    names: BTreeMap<String, usize>,
    prefixes: Vec<(IpNet, usize)>,
}

impl Lists {
    /// Adds a prefix or a single address to a location.
    fn add(&mut self, name: &str, text: &str) {
        let prefix = text
            .parse()
            .or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        let prefix = prefix.unwrap_or_else(|error| panic!("{name}: `{text}`: {error}"));
        let next = self.names.len();
        let index = match self.names.get(name) {
            Some(&index) => index,
            None => *self.names.entry(name.to_owned()).or_insert(next),
        };
        self.prefixes.push((prefix, index));
    }

    fn check_membership(&self, count: usize) {
        let mut builder = PrefixTable::builder();
        for &(prefix, index) in &self.prefixes {
            builder.insert(prefix, LocationIndex::new(index).unwrap());
        }
        let table = builder.build().unwrap();
        let reference = Reference::new(&self.prefixes);

        let mut random = Random(1);
        let mut hits = 0;
        let mut expected = BTreeSet::new();
        for position in 0..count {
            let address = self.interesting_address(position, &mut random);
            let actual = table.set(table.lookup(address));
            reference.locations(address, &mut expected);
            assert!(
                actual
                    .iter()
                    .map(LocationIndex::index)
                    .eq(expected.iter().copied()),
                "{address}: {actual:?} instead of {expected:?}"
            );
            hits += usize::from(!actual.is_empty());
            if position % (count / 20) == 0 {
                let scanned = self
                    .prefixes
                    .iter()
                    .filter(|(prefix, _)| prefix.contains(&address));
                let scanned: BTreeSet<_> = scanned.map(|&(_, index)| index).collect();
                assert_eq!(scanned, expected, "{address}");
            }
        }
        assert!(hits > count / 4 && hits < count, "{hits} of {count} inside");
    }

    /// In turn: an end of some prefix, a neighbour of it, an address inside, one anywhere.
    fn interesting_address(&self, position: usize, random: &mut Random) -> IpAddr {
        let (prefix, _) = self.prefixes[random.next() as usize % self.prefixes.len()];
        match prefix {
            IpNet::V4(prefix) => {
                let (first, last) = (prefix.network().to_bits(), prefix.broadcast().to_bits());
                let inside = first | (random.next() as u32 & prefix.hostmask().to_bits());
                let anywhere = random.next() as u32;
                let around = [first.wrapping_sub(1), first, last, last.wrapping_add(1)];
                let choices = [around[0], around[1], around[2], around[3], inside, anywhere];
                Ipv4Addr::from_bits(choices[position % 6]).into()
            }
            IpNet::V6(prefix) => {
                let (first, last) = (prefix.network().to_bits(), prefix.broadcast().to_bits());
                let inside = first | (random.wide() & prefix.hostmask().to_bits());
                let anywhere = random.wide() >> 3 | 1 << 125;
                let around = [first.wrapping_sub(1), first, last, last.wrapping_add(1)];
                let choices = [around[0], around[1], around[2], around[3], inside, anywhere];
                Ipv6Addr::from_bits(choices[position % 6]).into()
            }
        }
    }
}

/// Every prefix in a hash map: an address asks for each length that occurs at all.
#[derive(Default)]
struct Reference {
    ipv4: HashMap<(u32, u8), Vec<usize>>,
    ipv6: HashMap<(u128, u8), Vec<usize>>,
    ipv4_lengths: BTreeSet<u8>,
    ipv6_lengths: BTreeSet<u8>,
}

impl Reference {
    fn new(prefixes: &[(IpNet, usize)]) -> Self {
        let mut reference = Self::default();
        for &(prefix, index) in prefixes {
            let length = prefix.prefix_len();
            match prefix.network() {
                IpAddr::V4(network) => {
                    reference.ipv4_lengths.insert(length);
                    let key = (network.to_bits(), length);
                    reference.ipv4.entry(key).or_default().push(index);
                }
                IpAddr::V6(network) => {
                    assert!(
                        network.to_ipv4_mapped().is_none(),
                        "no list has mapped prefixes"
                    );
                    reference.ipv6_lengths.insert(length);
                    let key = (network.to_bits(), length);
                    reference.ipv6.entry(key).or_default().push(index);
                }
            }
        }
        reference
    }

    fn locations(&self, address: IpAddr, into: &mut BTreeSet<usize>) {
        into.clear();
        match address {
            IpAddr::V4(address) => {
                for &length in &self.ipv4_lengths {
                    let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
                    let found = self.ipv4.get(&(address.to_bits() & mask, length));
                    into.extend(found.into_iter().flatten());
                }
            }
            IpAddr::V6(address) => {
                for &length in &self.ipv6_lengths {
                    let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
                    let found = self.ipv6.get(&(address.to_bits() & mask, length));
                    into.extend(found.into_iter().flatten());
                }
            }
        }
    }
}

/// A fixed stream of numbers, the upper half of a linear congruence: the same in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(0x5851_f42d_4c95_7f2d)
            .wrapping_add(0x1405_7b7e_f767_814f);
        self.0 >> 32
    }

    fn wide(&mut self) -> u128 {
        (0..4).fold(0, |bits, _| bits << 32 | u128::from(self.next()))
    }
}

/// The folder of address lists; without it the test is skipped, except in CI.
fn shared_data() -> Option<PathBuf> {
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let shared = std::env::var_os("HIGHWATER_SHARED").map_or_else(default, PathBuf::from);
    let data = shared.join("data/ip");
    if data.is_dir() {
        return Some(data);
    }
    let missing = format!("{} is missing: set HIGHWATER_SHARED", data.display());
    assert!(std::env::var_os("CI").is_none(), "{missing}");
    eprintln!("skipped: {missing}");
    None
}

fn read(data: &Path, name: &str) -> String {
    let path = data.join(name);
    let mut file = File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut text = String::new();
    let read: io::Result<usize> = match path.extension() {
        Some(extension) if extension == "gz" => GzDecoder::new(file).read_to_string(&mut text),
        _ => file.read_to_string(&mut text),
    };
    read.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text
}

/// (group, prefix) of all entries of the arrays `members`, grouped by the entries' member `key`.
fn grouped_prefixes(document: &str, members: &[&str], key: &str) -> Vec<(String, String)> {
    let document: serde_json::Value = serde_json::from_str(document).unwrap();
    let entries = members
        .iter()
        .flat_map(|member| document[member].as_array().unwrap());
    let grouped = entries.flat_map(|entry| {
        let group = entry[key].as_str().unwrap();
        strings(entry)
            .into_iter()
            .map(move |text| (group.to_owned(), text))
    });
    grouped
        .filter(|(_, text)| text.parse::<IpNet>().is_ok())
        .collect()
}

/// All strings anywhere in `value`.
fn strings(value: &serde_json::Value) -> Vec<String> {
    match value {
        serde_json::Value::String(text) => vec![text.clone()],
        serde_json::Value::Array(values) => values.iter().flat_map(strings).collect(),
        serde_json::Value::Object(members) => members.values().flat_map(strings).collect(),
        _ => Vec::new(),
    }
}
