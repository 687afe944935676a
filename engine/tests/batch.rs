//! A batch decides as its requests would be decided one by one, and the quick look that settles most
//! requests decides as asking every policy does.
//!
//! Two engines are given the same documents, events and secret. One decides batches, the other one
//! request after the other: challenges are counted, so the order shows. Tenants with no, few and more
//! than 64 enforced policies, tenants that nobody configured, tokens of old snapshots and of other
//! engines, marks of every kind and streams that went silent are mixed.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;
use std::sync::LazyLock;

use highwater::compile::Documents;
use highwater::decision::Decision;
use highwater::engine::Engine;
use highwater::evaluate::Unobserved;
use highwater::event::Event;
use highwater::identifier::Identifier;
use highwater::marks::Keyring;
use highwater::model::TenantModel;
use highwater::request::Request;
use highwater::settings::{EngineSettings, TenantSettings};
use highwater::timestamp::Timestamp;
use highwater::token::{IssuerProfile, TokenFacts, VerifiedToken};
use proptest::prelude::*;
use serde_json::{Value, json};

const NOW: i64 = 1_763_760_000;
/// Enforced policies by tenant; the last tenant is not configured.
const POLICIES: [Option<usize>; 5] = [Some(0), Some(3), Some(64), Some(200), None];
const USERS: usize = 6;

static MODELS: LazyLock<Vec<Option<TenantModel>>> =
    LazyLock::new(|| POLICIES.iter().map(|count| count.map(model)).collect());

fn location(number: usize) -> String {
    format!("10000000-0000-4000-8000-{number:012x}")
}

fn user(number: usize) -> String {
    format!("60000000-0000-4000-8000-{number:012x}")
}

/// Policies of several kinds, most of which do not concern most requests.
fn model(policies: usize) -> TenantModel {
    let mut documents: Vec<Value> = (0..4)
        .map(|number| {
            json!({"@odata.type": "#microsoft.graph.ipNamedLocation", "id": location(number),
                "displayName": format!("Location {number}"), "isTrusted": number == 0,
                "ipRanges": [{"@odata.type": "#microsoft.graph.iPv4CidrRange",
                              "cidrAddress": format!("10.{number}.0.0/16")},
                             {"@odata.type": "#microsoft.graph.iPv6CidrRange",
                              "cidrAddress": format!("2001:db8:{number}::/48")}]})
        })
        .collect();
    if policies == 64 {
        // More prefixes than are taken for near.
        let ranges = (0..10_001_u32).map(|number| {
            json!({"@odata.type": "#microsoft.graph.iPv4CidrRange",
                "cidrAddress": format!("{}/32", Ipv4Addr::from(0x6440_0000 | number << 4))})
        });
        documents[3]["ipRanges"] = ranges.collect();
    }
    for number in 0..policies {
        let users = match number % 5 {
            0 => json!({"includeUsers": ["All"]}),
            1 => json!({"includeUsers": [user(number % USERS)]}),
            2 => json!({"includeGroups": [user(99)]}),
            _ => json!({"includeUsers": [user(number % 2)], "excludeUsers": [user(0)]}),
        };
        let mut conditions = json!({"users": users, "clientAppTypes": ["all"],
            "applications": {"includeApplications": [if number % 7 == 0 { "other" } else { "All" }]}});
        match number % 3 {
            0 => conditions["locations"] = json!({"includeLocations": [location(number % 4)]}),
            1 => conditions["userRiskLevels"] = json!(["high"]),
            _ => {
                conditions["locations"] =
                    json!({"includeLocations": ["All"], "excludeLocations": ["AllTrusted"]});
            }
        }
        let controls = [json!(["block"]), json!(["mfa"]), json!(["compliantDevice"])];
        documents.push(json!({"id": format!("20000000-0000-4000-8000-{number:012x}"),
            "displayName": format!("Policy {number}"), "state": "enabled", "conditions": conditions,
            "modifiedDateTime": if number % 50 == 49 { "2025-11-21T21:15:00Z" } else { "2025-01-01T00:00:00Z" },
            "grantControls": {"operator": "AND", "builtInControls": controls[number % 4 % 3]}}));
    }
    let mut reader = Documents::new();
    reader.add("tenant.json", Value::from(documents).to_string().as_bytes());
    let (model, report) = reader.finish();
    assert!(report.is_ok(), "{report:?}");
    model
}

struct Twin {
    engine: Engine,
    tokens: Vec<VerifiedToken>,
}

impl Twin {
    fn new(tokens: &[TokenFacts], early: usize) -> Twin {
        let keyring = Keyring::from_seed([5, 6]);
        let engine = Engine::with_keyring(EngineSettings::default(), keyring);
        let publish = || {
            for (number, model) in MODELS.iter().enumerate() {
                if let Some(model) = model {
                    let tenant = format!("tenant-{number}").parse().unwrap();
                    let settings = TenantSettings::default();
                    engine.publish(tenant, model, settings).unwrap();
                }
            }
        };
        // Some tokens remember what was published before, some nothing at all.
        let (before, after) = tokens.split_at(early);
        publish();
        let mut tokens: Vec<_> = before
            .iter()
            .map(|facts| engine.token(facts.clone()))
            .collect();
        publish();
        let other = Engine::new(EngineSettings::default());
        for (number, facts) in after.iter().enumerate() {
            tokens.push(match number % 8 {
                0 => VerifiedToken::assertion(facts.clone(), engine.keyring()),
                1 => other.token(facts.clone()),
                _ => engine.token(facts.clone()),
            });
        }
        Twin { engine, tokens }
    }
}

/// Tokens of all tenants, or of one: batches of one tenant go other ways.
fn tokens() -> impl Strategy<Value = Vec<TokenFacts>> {
    let some = |tenants: Range<usize>| proptest::collection::vec(facts(tenants), 1..40);
    let one = (0..POLICIES.len()).prop_flat_map(move |tenant| some(tenant..tenant + 1));
    prop_oneof![some(0..POLICIES.len()), one]
}

fn facts(tenants: Range<usize>) -> impl Strategy<Value = TokenFacts> {
    let parts = (tenants, 0..USERS, 0..4_i64, any::<[bool; 4]>());
    parts.prop_map(
        |(tenant, number, age, [capable, is_workload, has_device, is_late])| {
            let mut claims = json!({"iss": "https://idp.example", "tid": format!("tenant-{tenant}"),
            "oid": user(number), "sub": "s", "aud": "api", "groups": [],
            "iat": NOW - 100 * age - 1, "exp": if is_late { NOW - 30 } else { NOW + 3_000 },
            "sid": format!("session-{number}"), "uti": format!("token-{number}-{age}"),
            "xms_cc": if capable { "cp1" } else { "" }});
            if is_workload {
                claims["idtyp"] = json!("app");
            }
            if has_device {
                claims["deviceid"] = json!("device");
            }
            if age == 3 {
                claims["nbf"] = json!(NOW + 30 + 100 * i64::from(is_late));
            }
            let profile = IssuerProfile::entra("https://idp.example");
            TokenFacts::from_claims(claims.as_object().unwrap(), &profile).unwrap()
        },
    )
}

fn events() -> impl Strategy<Value = Value> {
    let effects = prop_oneof![
        4 => Just(json!("revoke")),
        1 => Just(json!("block")),
        1 => Just(json!("refresh")),
        2 => Just(json!({"risk": "high"})),
    ];
    (0..POLICIES.len(), 0..USERS, 0..5_u8, 0..400_i64, effects).prop_map(
        |(tenant, number, kind, age, effect)| {
            let (subject, effect) = match kind {
                0 => (
                    json!({"session": format!("session-{number}")}),
                    json!("deny"),
                ),
                1 => (
                    json!({"user": user(number), "device": "device"}),
                    json!("revoke"),
                ),
                2 => (
                    json!({"device": "device"}),
                    json!({"compliance": "not_compliant"}),
                ),
                _ => (json!({"user": user(number)}), effect),
            };
            json!({"time": NOW - age, "tenant": format!("tenant-{tenant}"), "subject": subject,
                "effect": effect, "source": "idp"})
        },
    )
}

#[derive(Clone, Debug)]
struct Asked {
    token: usize,
    address: Option<IpAddr>,
    second: i64,
    resource: Option<Identifier>,
    context: Option<&'static str>,
    country: Option<[u8; 2]>,
}

impl Asked {
    fn request(&self) -> Request<'_> {
        let now = Timestamp::from_seconds(NOW + self.second);
        let mut request = Request::new(now, self.address);
        request.resource = self.resource.as_ref();
        request.authentication_context = self.context;
        request.signals.country = self.country;
        request
    }
}

fn asked() -> impl Strategy<Value = Asked> {
    let addresses = prop_oneof![
        1 => Just(None),
        2 => (0..12_000_u32).prop_map(|host| Some(Ipv4Addr::from(0x6440_0000 | host << 4).into())),
        8 => (0..6_u8, any::<u8>()).prop_map(|(network, host)| Some(IpAddr::from([10, network, 0, host]))),
        2 => (0..6_u16).prop_map(|network| Some(IpAddr::from([0x2001, 0xdb8, network, 0, 0, 0, 0, 1]))),
        1 => (0..6_u16).prop_map(|network| Some(IpAddr::from([0, 0, 0, 0, 0, 0xffff, 0x0a00 | network, 1]))),
    ];
    let rare = 0..12_u8;
    (any::<usize>(), addresses, 0..60_i64, rare).prop_map(|(token, address, second, rare)| Asked {
        token,
        address,
        second,
        resource: match rare {
            0 => Some("api".parse().unwrap()),
            1 => Some("other".parse().unwrap()),
            _ => None,
        },
        context: (rare == 2).then_some("c1"),
        country: (rare == 3).then_some(*b"DE"),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn batches_singles_and_explanations_agree(
        tokens in tokens(),
        early in 0..10_usize,
        rounds in proptest::collection::vec(proptest::collection::vec(events(), 0..8), 1..4),
        asked in proptest::collection::vec(asked(), 1..100),
        is_silent in proptest::bool::weighted(0.1),
    ) {
        let early = early.min(tokens.len());
        let [left, right, third] = [(); 3].map(|()| Twin::new(&tokens, early));
        // What tokens keep of one round must not hide the events of the next.
        for events in &rounds {
            for twin in [&left, &right, &third] {
                for event in events {
                    twin.engine.apply(&Event::from_value(event).unwrap());
                }
                if is_silent {
                    let source = "idp".parse().unwrap();
                    twin.engine.facts().watch_stream(&source, 1, Timestamp::from_seconds(NOW - 60));
                }
            }
            agree(&left, &right, &third, &asked)?;
        }
    }
}

fn agree(left: &Twin, right: &Twin, third: &Twin, asked: &[Asked]) -> Result<(), TestCaseError> {
    let count = left.tokens.len();
    let requests: Vec<_> = asked
        .iter()
        .map(|asked| (&left.tokens[asked.token % count], asked.request()))
        .collect();
    let mut batch = vec![Decision::UNDECIDED; requests.len()];
    left.engine.decide_batch(&requests, &mut batch);
    // Handed over one by one: each of them once, and the same.
    let requests: Vec<_> = asked
        .iter()
        .map(|asked| (&third.tokens[asked.token % count], asked.request()))
        .collect();
    let mut handed = vec![None; requests.len()];
    third
        .engine
        .decide_batch_with(&requests, |index, decision| {
            assert_eq!(handed[index].replace(decision), None, "twice");
        });
    prop_assert!(handed.into_iter().eq(batch.iter().copied().map(Some)));
    for (asked, batched) in asked.iter().zip(batch) {
        let token = &right.tokens[asked.token % count];
        let request = asked.request();
        let (observed, _) = right.engine.observe(token, &request, &mut Unobserved);
        let explained = right.engine.explain(token, &request).decision;
        prop_assert_eq!(explained, observed, "{:?}", asked);
        prop_assert_eq!(right.engine.decide(token, &request), batched, "{:?}", asked);
        prop_assert_eq!(observed, batched, "{:?}", asked);
    }
    Ok(())
}
