//! The lists that providers and registries publish, loaded as an operator would: as named
//! locations of one tenant, and as a country table.

#![allow(clippy::unwrap_used)] // a test may panic in its helpers too

use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;
use highwater::compile::{Documents, prefix_list};
use highwater::model::NamedLocationKind;
use highwater::settings::TenantSettings;
use highwater::snapshot::TenantSnapshot;
use ipnet::IpNet;
use serde_json::{Value, json};

mod shared_data;

/// Every list with its IPv4 and IPv6 prefixes, duplicates included.
const LISTS: [(&str, usize, usize); 24] = [
    ("cloud/aws-ip-ranges-2026-08.json.gz", 10_668, 6_160),
    ("cloud/azure-ServiceTags_Public.json.gz", 67_262, 23_074),
    ("cloud/github-ip-ranges.json", 4_969, 990),
    ("cloud/google-cloud-ip-ranges.json", 736, 46),
    ("cloud/lord-alfred/all-ipv4_merged.txt", 7_728, 0),
    ("cloud/lord-alfred/all-ipv6_merged.txt.gz", 0, 12_872),
    ("cloud/lord-alfred/cloudflare-ipv4.txt", 15, 0),
    ("cloud/lord-alfred/cloudflare-ipv6.txt", 0, 7),
    ("cloud/lord-alfred/googlebot-ipv4.txt", 169, 0),
    ("cloud/zscaler-cloud-ip-ranges.json", 30, 50),
    ("country/ipverse-ch.json", 2_658, 870),
    ("country/ipverse-de.json.gz", 8_627, 3_028),
    ("country/ipverse-jp.json", 3_162, 654),
    ("country/ipverse-kp.json", 1, 0),
    ("country/ipverse-no.json", 1_223, 455),
    ("country/ipverse-tv.json", 1, 2),
    ("country/ipverse-us.json.gz", 29_133, 10_277),
    ("country/ipverse-va.json", 4, 3),
    ("vpn-tor-drop/bitwire-inbound-ipv6.txt", 0, 1_117),
    ("vpn-tor-drop/ipsum-level3.txt.gz", 14_217, 0),
    ("vpn-tor-drop/spamhaus-drop.txt", 989, 0),
    ("vpn-tor-drop/spamhaus-drop_ipv6.txt", 0, 51),
    ("vpn-tor-drop/x4b-torexit-ipv4.txt", 809, 0),
    ("vpn-tor-drop/x4b-vpn-ipv4.txt", 10_862, 0),
];

#[test]
fn every_list_loads_as_a_named_location() {
    let Some(data) = shared_data::shared_data() else {
        return;
    };
    let mut documents = Documents::new();
    for (name, _, _) in LISTS {
        let text = read(&data.join("ip").join(name));
        let prefixes: Vec<String> = if name.contains(".json") {
            prefixes_of(&serde_json::from_str(&text).unwrap())
        } else {
            let list = prefix_list(&text).unwrap();
            list.iter().map(ToString::to_string).collect()
        };
        let ranges: Vec<Value> = prefixes
            .iter()
            .map(|prefix| json!({"cidrAddress": prefix}))
            .collect();
        let location = json!({
            "@odata.type": "#microsoft.graph.ipNamedLocation",
            "id": name,
            "displayName": name,
            "ipRanges": ranges,
        });
        documents.add(name, location.to_string().as_bytes());
    }
    let (model, report) = documents.finish();
    assert_eq!(report.refused, []);
    let loaded: Vec<_> = model
        .locations
        .iter()
        .map(|location| {
            let NamedLocationKind::Ranges { ranges, .. } = &location.kind else {
                panic!("{}", location.id);
            };
            let ipv4 = ranges.iter().filter(|net| net.addr().is_ipv4()).count();
            (location.id.as_str(), ipv4, ranges.len() - ipv4)
        })
        .collect();
    assert_eq!(loaded, LISTS);
    TenantSnapshot::compile(&model, TenantSettings::default(), 1).unwrap();
}

#[test]
fn all_countries_load_as_a_table() {
    let Some(data) = shared_data::shared_data() else {
        return;
    };
    let list = read(&data.join("ip/country/ipverse-all-countries.tsv.gz"));
    let mut documents = Documents::new();
    documents.add_country_list("countries.tsv", &list);
    let (model, report) = documents.finish();
    assert_eq!(report.refused, []);
    assert_eq!(model.countries.unwrap().prefixes.len(), 175_195 + 67_839);
}

/// Every text of a JSON document that is a prefix.
fn prefixes_of(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) if text.parse::<IpNet>().is_ok() => vec![text.clone()],
        Value::Array(items) => items.iter().flat_map(prefixes_of).collect(),
        Value::Object(members) => members.values().flat_map(prefixes_of).collect(),
        _ => Vec::new(),
    }
}

fn read(path: &Path) -> String {
    let bytes = std::fs::read(path).unwrap();
    let mut text = String::new();
    if path.extension().is_some_and(|extension| extension == "gz") {
        GzDecoder::new(&bytes[..])
            .read_to_string(&mut text)
            .unwrap();
    } else {
        text = String::from_utf8(bytes).unwrap();
    }
    text
}
