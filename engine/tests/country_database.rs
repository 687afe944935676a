//! A country table read from MaxMind DB, against the source that such a database is built from.
//!
//! Databases may not be copied here, so the test builds one: MaxMind's own test source, written
//! in the published format (<https://maxmind.github.io/MaxMind-DB/>).

#![allow(clippy::unwrap_used)] // a test may panic in its helpers too

use std::collections::BTreeMap;
use std::io::Read;
use std::net::{IpAddr, Ipv6Addr};

use flate2::read::GzDecoder;
use highwater::compile::Documents;
use ipnet::{IpNet, Ipv6Net};
use serde_json::Value;

mod shared_data;

#[test]
fn a_database_says_what_its_source_says() {
    let Some(data) = shared_data::shared_data() else {
        return;
    };
    let path = data.join("ip/country/maxmind-GeoIP2-Country-Test.json.gz");
    let mut text = String::new();
    let file = std::fs::File::open(path).unwrap();
    GzDecoder::new(file).read_to_string(&mut text).unwrap();
    let source: Value = serde_json::from_str(&text).unwrap();

    let mut networks = BTreeMap::new();
    for entry in source.as_array().unwrap() {
        for (network, record) in entry.as_object().unwrap() {
            let Some(country) = record["country"]["iso_code"].as_str() else {
                continue;
            };
            networks.insert(wide(network.parse().unwrap()), country.to_owned());
        }
    }
    assert!(networks.len() > 200);

    let mut documents = Documents::new();
    documents.add_country_database("countries.mmdb", &database(&networks));
    let (model, report) = documents.finish();
    assert!(report.is_ok(), "{:?}", report.refused);
    let table = model.countries.unwrap().prefixes;
    let (mut ipv4, mut ipv6) = (0, 0);
    for (network, country) in &networks {
        for address in [network.network(), network.broadcast()] {
            let found = table
                .iter()
                .filter(|(prefix, _)| wide(*prefix).contains(&address))
                .map(|(_, code)| std::str::from_utf8(code).unwrap());
            let nested = networks
                .iter()
                .filter(|(other, _)| other.contains(&address))
                .max_by_key(|(other, _)| other.prefix_len())
                .map(|(_, country)| country.as_str());
            assert_eq!(
                found.collect::<Vec<_>>(),
                nested.into_iter().collect::<Vec<_>>(),
                "{address} {country}"
            );
        }
    }
    for (prefix, _) in &table {
        match prefix {
            IpNet::V4(_) => ipv4 += 1,
            IpNet::V6(_) => ipv6 += 1,
        }
    }
    // IPv4 lies under ::/96 in the format and comes out as IPv4.
    assert_eq!((ipv4, ipv6), (18, 324));
}

#[test]
fn a_database_cut_short_is_refused() {
    let networks = BTreeMap::from([(wide("192.0.2.0/24".parse().unwrap()), "DE".to_owned())]);
    let whole = database(&networks);
    let mut documents = Documents::new();
    documents.add_country_database("whole", &whole);
    let (model, report) = documents.finish();
    assert!(report.is_ok());
    let expected = ("192.0.2.0/24".parse().unwrap(), *b"DE");
    assert_eq!(model.countries.unwrap().prefixes, [expected]);
    let mut refused = 0;
    for length in 0..whole.len() {
        let mut documents = Documents::new();
        documents.add_country_database("cut", &whole[..length]);
        refused += usize::from(!documents.finish().1.is_ok());
    }
    // The format ends with its metadata: no beginning of it is a database.
    assert_eq!(refused, whole.len());
}

/// The place of a network in a tree of IPv6 addresses.
fn wide(network: IpNet) -> Ipv6Net {
    match network.trunc() {
        IpNet::V6(network) => network,
        IpNet::V4(network) => {
            let address = u128::from(u32::from(network.addr()));
            Ipv6Net::new(Ipv6Addr::from(address), 96 + network.prefix_len()).unwrap()
        }
    }
}

#[derive(Clone, Default)]
enum Tree {
    #[default]
    Empty,
    Country(String),
    Branch(Box<[Tree; 2]>),
}

impl Tree {
    fn insert(&mut self, address: u128, depth: u8, length: u8, country: &str) {
        if depth == length {
            *self = Tree::Country(country.to_owned());
            return;
        }
        if !matches!(self, Tree::Branch(_)) {
            *self = Tree::Branch(Box::new([self.clone(), self.clone()]));
        }
        if let Tree::Branch(children) = self {
            let bit = usize::from(address >> (127 - depth) & 1 == 1);
            children[bit].insert(address, depth + 1, length, country);
        }
    }

    /// Numbers the branches in the order in which they are written.
    fn branches<'tree>(&'tree self, list: &mut Vec<&'tree [Tree; 2]>) {
        if let Tree::Branch(children) = self {
            list.push(children);
            for child in children.iter() {
                child.branches(list);
            }
        }
    }
}

/// Writes a database: search tree, data, metadata.
fn database(networks: &BTreeMap<Ipv6Net, String>) -> Vec<u8> {
    let mut tree = Tree::default();
    let mut by_length: Vec<_> = networks.iter().collect();
    by_length.sort_by_key(|(network, _)| network.prefix_len());
    for (network, country) in by_length {
        tree.insert(network.network().into(), 0, network.prefix_len(), country);
    }
    let mut branches = Vec::new();
    tree.branches(&mut branches);
    let count = u32::try_from(branches.len()).unwrap();

    let mut data = Vec::new();
    let mut offsets: BTreeMap<&str, u32> = BTreeMap::new();
    let mut bytes = Vec::new();
    for children in &branches {
        for child in children.iter() {
            let record = match child {
                Tree::Empty => count,
                Tree::Country(country) => {
                    let offset = *offsets.entry(country).or_insert_with(|| {
                        let offset = u32::try_from(data.len()).unwrap();
                        data.push(0xe1); // a map of one
                        text(&mut data, "country");
                        data.push(0xe1);
                        text(&mut data, "iso_code");
                        text(&mut data, country);
                        offset
                    });
                    count + 16 + offset
                }
                Tree::Branch(grandchildren) => {
                    let place = branches
                        .iter()
                        .position(|branch| std::ptr::eq(*branch, &**grandchildren));
                    u32::try_from(place.unwrap()).unwrap()
                }
            };
            bytes.extend(&record.to_be_bytes()[1..]);
        }
    }
    bytes.extend([0; 16]);
    bytes.extend(data);
    bytes.extend(b"\xab\xcd\xefMaxMind.com");
    bytes.push(0xe9); // a map of nine
    for (name, value) in [
        ("binary_format_major_version", 2),
        ("binary_format_minor_version", 0),
        ("ip_version", 6),
        ("record_size", 24),
    ] {
        text(&mut bytes, name);
        bytes.extend([0xa1, value]); // 16 bits unsigned, one byte long
    }
    text(&mut bytes, "node_count");
    bytes.push(0xc4); // 32 bits unsigned
    bytes.extend(count.to_be_bytes());
    text(&mut bytes, "build_epoch");
    bytes.extend([1, 2, 1]); // 64 bits unsigned, one byte long
    text(&mut bytes, "database_type");
    text(&mut bytes, "Test-Country");
    text(&mut bytes, "languages");
    bytes.extend([0, 4]); // an empty array
    text(&mut bytes, "description");
    bytes.push(0xe0); // an empty map
    bytes
}

fn text(bytes: &mut Vec<u8>, text: &str) {
    assert!(text.len() < 29);
    bytes.push(0x40 | u8::try_from(text.len()).unwrap());
    bytes.extend(text.as_bytes());
}

#[test]
fn addresses_of_both_families_are_in_the_table() {
    let networks = BTreeMap::from([
        (wide("0.0.0.0/1".parse().unwrap()), "NO".to_owned()),
        (wide("2001:db8::/32".parse().unwrap()), "JP".to_owned()),
    ]);
    let mut documents = Documents::new();
    documents.add_country_database("both", &database(&networks));
    let prefixes = documents.finish().0.countries.unwrap().prefixes;
    let of = |address: &str| {
        let address: IpAddr = address.parse().unwrap();
        prefixes
            .iter()
            .find(|(prefix, _)| prefix.contains(&address))
            .map(|(_, country)| *country)
    };
    assert_eq!(of("127.0.0.1"), Some(*b"NO"));
    assert_eq!(of("128.0.0.1"), None);
    assert_eq!(of("2001:db8::1"), Some(*b"JP"));
    assert_eq!(of("::7f00:1"), None);
}
