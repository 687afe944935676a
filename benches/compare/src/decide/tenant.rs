//! The tenants that are decided about, small and large.

use std::net::{IpAddr, Ipv4Addr};

use highwater::compile::Documents;
use highwater::model::{NamedLocationKind, TenantModel};
use ipnet::{IpNet, Ipv4Net};
use serde_json::{Value, json};

use crate::data::{Random, read_gzip};

pub(super) struct Tenant {
    pub(super) model: TenantModel,
    /// Every prefix of every trusted location.
    pub(super) trusted: Vec<IpNet>,
}

impl Tenant {
    /// 100 policies of the usual mix over 20 locations with 2,000 ranges.
    pub(super) fn small() -> Result<Tenant, String> {
        Tenant::build((0..2_000).map(|number| ipv4(number << 12 | 0x0a00_0000, 24)))
    }

    /// The same policies over a full routing table.
    pub(super) fn large() -> Result<Tenant, Box<dyn std::error::Error>> {
        let text = read_gzip("ip/bgp/ris-20260511-as3333-v4-rib.txt.gz")?;
        let prefixes: Vec<IpNet> = text.lines().map(str::parse).collect::<Result<_, _>>()?;
        // The default route would make every address trusted.
        Ok(Tenant::build(
            prefixes
                .into_iter()
                .filter(|prefix| prefix.prefix_len() > 7),
        )?)
    }

    fn build(prefixes: impl Iterator<Item = IpNet>) -> Result<Tenant, String> {
        let mut documents = Documents::new();
        let policies = Value::from(policies()).to_string();
        documents.add("policies.json", policies.as_bytes());
        let (mut model, report) = documents.finish();
        if !report.is_ok() {
            return Err(format!("the policies do not compile: {:?}", report.refused));
        }
        // Every other location is trusted; ranges go round.
        let mut trusted_prefixes = Vec::new();
        for (number, prefix) in prefixes.enumerate() {
            let position = number % LOCATIONS;
            if let NamedLocationKind::Ranges { ranges, trusted } =
                &mut model.locations[position].kind
            {
                ranges.push(prefix);
                if *trusted {
                    trusted_prefixes.push(prefix);
                }
            }
        }
        Ok(Tenant {
            model,
            trusted: trusted_prefixes,
        })
    }

    /// An address, nine times of ten in a trusted location.
    pub(super) fn address(&self, random: &mut Random) -> IpAddr {
        let prefix = self.trusted[random.below(self.trusted.len())];
        if random.below(10) == 0 {
            return IpAddr::V4(Ipv4Addr::from(random.below(1 << 32) as u32));
        }
        prefix.network()
    }
}

const LOCATIONS: usize = 20;

fn ipv4(address: u32, length: u8) -> IpNet {
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::from(address), length).trunc())
}

/// Locations first, then policies: one that blocks outside trusted locations, and the others
/// that a tenant has beside it.
fn policies() -> Vec<Value> {
    let location_id = |number: usize| format!("30000000-0000-4000-8000-{number:012x}");
    let mut documents: Vec<Value> = (0..LOCATIONS)
        .map(|number| {
            json!({
                "@odata.type": "#microsoft.graph.ipNamedLocation", "id": location_id(number),
                "displayName": format!("Location {number}"), "isTrusted": number % 2 == 0,
                "ipRanges": [{"@odata.type": "#microsoft.graph.iPv4CidrRange",
                              "cidrAddress": format!("192.0.2.{number}/32")}],
            })
        })
        .collect();
    let everyone = json!({"includeUsers": ["All"]});
    let group = |number: usize| json!({"includeGroups": [format!("40000000-0000-4000-8000-{number:012x}")]});
    for number in 0..100 {
        let (state, users, extra, controls) = match number {
            0 => (
                "enabled",
                everyone.clone(),
                json!({"locations":
                {"includeLocations": ["All"], "excludeLocations": ["AllTrusted"]}}),
                json!(["block"]),
            ),
            // Demands that the issuer has enforced, whatever happens here.
            1..40 => ("enabled", everyone.clone(), json!({}), json!(["mfa"])),
            // Locations for groups that these users are not in.
            40..60 => (
                "enabled",
                group(number),
                json!({"locations":
                {"includeLocations": [location_id(number % LOCATIONS)]}}),
                json!(["block"]),
            ),
            60..70 => (
                "enabled",
                everyone.clone(),
                json!({"userRiskLevels": ["high"]}),
                json!(["passwordChange", "mfa"]),
            ),
            70..90 => (
                "enabledForReportingButNotEnforced",
                everyone.clone(),
                json!({"locations":
                {"includeLocations": [location_id(number % LOCATIONS)]}}),
                json!(["block"]),
            ),
            _ => ("disabled", everyone.clone(), json!({}), json!(["block"])),
        };
        let mut conditions = json!({"users": users, "clientAppTypes": ["all"],
            "applications": {"includeApplications": ["All"]}});
        if let (Some(conditions), Some(extra)) = (conditions.as_object_mut(), extra.as_object()) {
            conditions.extend(extra.clone());
        }
        documents.push(json!({
            "id": format!("50000000-0000-4000-8000-{number:012x}"),
            "displayName": format!("Policy {number}"), "state": state, "conditions": conditions,
            "grantControls": {"operator": "AND", "builtInControls": controls},
        }));
    }
    documents
}
