//! The tenants that are decided about, small and large, and tokens of their users.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr};

use highwater::compile::Documents;
use highwater::engine::Engine;
use highwater::event::Dimension;
use highwater::marks::{Mark, SubjectKeys};
use highwater::model::{NamedLocationKind, TenantModel};
use highwater::token::{IssuerProfile, TokenFacts, VerifiedToken};
use ipnet::{IpNet, Ipv4Net};
use serde_json::{Value, json};

use crate::Random;
use crate::inputs::read_gzip;

/// The present of all requests, in seconds.
pub const NOW: i64 = 1_763_760_000;

/// The tenant's id.
pub const TENANT: &str = "10000000-0000-4000-8000-000000000001";

/// A tenant, and what a hand-written check needs to know of it.
#[derive(Debug, Clone)]
pub struct Tenant {
    /// What the engine is given.
    pub model: TenantModel,
    /// Every prefix of every trusted location.
    pub trusted: Vec<IpNet>,
}

impl Tenant {
    /// 100 policies of the usual mix over 20 locations with 2,000 ranges.
    ///
    /// # Errors
    /// Never, unless the policies below are broken.
    pub fn small() -> Result<Tenant, String> {
        Tenant::of(100, 2_000)
    }

    /// As many policies, of the same mix, over as many ranges.
    ///
    /// # Errors
    /// As [`Tenant::small`].
    pub fn of(policies: usize, ranges: u32) -> Result<Tenant, String> {
        let networks = (0..ranges).map(|number| ipv4(number << 12 | 0x0a00_0000, 24));
        Tenant::build(policies, networks)
    }

    /// The same policies over a full routing table.
    ///
    /// # Errors
    /// The routing table cannot be read.
    pub fn large() -> Result<Tenant, Box<dyn Error>> {
        let text = read_gzip("ip/bgp/ris-20260511-as3333-v4-rib.txt.gz")?;
        let prefixes: Vec<IpNet> = text.lines().map(str::parse).collect::<Result<_, _>>()?;
        // The default route would make every address trusted.
        Ok(Tenant::build(
            100,
            prefixes
                .into_iter()
                .filter(|prefix| prefix.prefix_len() > 7),
        )?)
    }

    fn build(count: usize, prefixes: impl Iterator<Item = IpNet>) -> Result<Tenant, String> {
        let mut documents = Documents::new();
        let policies = Value::from(policies(count)).to_string();
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
    pub fn address(&self, random: &mut Random) -> IpAddr {
        let prefix = self.trusted[random.below(self.trusted.len())];
        if random.below(10) == 0 {
            return IpAddr::V4(Ipv4Addr::from(random.below(1 << 32) as u32));
        }
        prefix.network()
    }
}

/// Nine of ten of the first `count` users signed in again since they were revoked; the others are
/// to be refused.
///
/// # Errors
/// Never: the tenant's id is an id.
pub fn revoke(engine: &Engine, count: usize) -> Result<(), Box<dyn Error>> {
    let table = engine.facts().marks();
    table.reserve(count);
    let tenant = TENANT.parse()?;
    for user in 0..count {
        let name = user_id(user);
        let keys = SubjectKeys::new(engine.keyring(), &tenant, |dimension| {
            (dimension == Dimension::User).then_some(name.as_str())
        });
        let shape = keys.dimensions();
        table.use_shape(shape);
        if let Some(key) = keys.key(engine.keyring(), shape) {
            let mark = Mark {
                revoked_before: Some(revoked_before(user)),
                ..Mark::NOTHING
            };
            table.write(key, mark);
        }
    }
    Ok(())
}

/// Up to when the tokens of a user are revoked by [`revoke`], in seconds.
#[must_use]
pub const fn revoked_before(user: usize) -> i64 {
    if user.is_multiple_of(10) {
        NOW - 60
    } else {
        NOW - 86_400
    }
}

/// A directory id made from a number, so that a hand-written check may keep numbers.
#[must_use]
pub fn user_id(number: usize) -> String {
    format!("20000000-0000-4000-8000-{number:012x}")
}

/// The token of a user of `tenant`, the `number`th, with session, id, device and application; its
/// client cannot answer challenges, so that an answer does not depend on earlier ones.
///
/// # Errors
/// Never: the claims are in order.
pub fn token(
    engine: &Engine,
    tenant: &str,
    user: usize,
    number: usize,
) -> Result<VerifiedToken, Box<dyn Error>> {
    let claims = json!({
        "iss": "https://idp.example", "tid": tenant, "oid": user_id(user), "aud": "api://orders",
        "iat": NOW - 600, "exp": NOW + 3_000, "sid": format!("session-{number}"),
        "uti": format!("token-{number}"), "deviceid": user_id(number), "azp": user_id(7),
        "scp": "orders.read", "groups": [],
    });
    let claims = claims.as_object().ok_or("claims are an object")?;
    let profile = IssuerProfile::generic("https://idp.example");
    Ok(engine.token(TokenFacts::from_claims(claims, &profile)?))
}

const LOCATIONS: usize = 20;

fn ipv4(address: u32, length: u8) -> IpNet {
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::from(address), length).trunc())
}

/// Locations first, then policies: one that blocks outside trusted locations, and the others
/// that a tenant has beside it.
fn policies(count: usize) -> Vec<Value> {
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
    for number in 0..count {
        let (state, users, extra, controls) = match number % 100 {
            // Only one blocks outside: the others of its kind are about people elsewhere.
            0 if number > 0 => (
                "enabled",
                group(number),
                json!({"locations":
                {"includeLocations": ["All"], "excludeLocations": ["AllTrusted"]}}),
                json!(["block"]),
            ),
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
