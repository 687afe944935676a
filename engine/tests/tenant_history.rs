//! One real tenant over a year: its dated exports, published one after the other under load.
//!
//! What is held: a decision reads one version, never a mixture of two. Every decision taken
//! while versions come and go equals the decision of an engine that never knew another version.

#![allow(clippy::unwrap_used)] // a test may panic in its helpers too

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use highwater::compile::Documents;
use highwater::decision::{Decision, PolicyIndex};
use highwater::engine::Engine;
use highwater::evaluate::{Observer, Verdict};
use highwater::identifier::Identifier;
use highwater::model::{NamedLocationKind, TenantModel};
use highwater::request::Request;
use highwater::settings::{EngineSettings, TenantSettings};
use highwater::snapshot::policy_table::CompiledPolicy;
use highwater::timestamp::Timestamp;
use highwater::token::{IssuerProfile, TokenFacts, VerifiedToken};
use serde_json::json;

mod shared_data;

const TENANT: &str = "7c3b1f0e-0000-4000-8000-000000000001";
const NOW: i64 = 1_654_041_600; // 2022-06-01, after the last export

/// The exports by date, policies with locations of the same or an earlier day, and what they
/// hold: policies enabled, report-only and disabled, locations, IPv4 ranges.
const VERSIONS: [(&str, &str, [usize; 5]); 9] = [
    (
        "20210511-Policies",
        "20210511_Locations",
        [22, 15, 10, 32, 84],
    ),
    (
        "20210629-Policies",
        "20210629-Locations",
        [31, 13, 0, 35, 112],
    ),
    (
        "20210714-Policies",
        "20210629-Locations",
        [31, 13, 0, 35, 112],
    ),
    (
        "20210908-Policies",
        "20210908-Locations",
        [33, 14, 0, 49, 174],
    ),
    (
        "20211025-Policies",
        "20211025-Locations",
        [33, 15, 0, 60, 213],
    ),
    (
        "20211221-Policies",
        "20211221-locations",
        [41, 8, 0, 71, 235],
    ),
    (
        "20220119-Policies",
        "20220119-Locations",
        [41, 8, 0, 73, 238],
    ),
    (
        "20220322-Policies",
        "20220322-Locations",
        [42, 11, 0, 83, 250],
    ),
    (
        "20220427-Policies",
        "20220427-Locations",
        [42, 10, 0, 84, 253],
    ),
];

#[test]
fn no_decision_mixes_two_versions() {
    let Some(data) = shared_data::shared_data() else {
        return;
    };
    let folder = data.join("policies/A-permissive/anon-tenant/tenant-history");
    let models: Vec<TenantModel> = VERSIONS.iter().map(|it| model(&folder, it)).collect();
    let sign_ins = sign_ins(&models);

    // What each version says when it is alone.
    let alone: Vec<Vec<Answer>> = models
        .iter()
        .map(|model| {
            let engine = Engine::new(EngineSettings::default());
            publish(&engine, model);
            sign_ins
                .iter()
                .map(|sign_in| sign_in.observe(&engine).0)
                .collect()
        })
        .collect();
    let distinct = |index: usize| -> usize {
        let answers = alone.iter().map(|answers| format!("{:?}", answers[index]));
        answers.collect::<BTreeSet<_>>().len()
    };
    let telling = (0..sign_ins.len())
        .filter(|index| distinct(*index) > 1)
        .count();
    assert!(
        telling * 2 > sign_ins.len(),
        "{telling} of {}",
        sign_ins.len()
    );

    // The same under load: two threads decide while a third publishes.
    let engine = Engine::new(EngineSettings::default());
    let first = publish(&engine, &models[0]);
    let done = AtomicBool::new(false);
    let seen = std::thread::scope(|scope| {
        let readers: Vec<_> = (0..2)
            .map(|reader| {
                let (engine, done, sign_ins, alone) = (&engine, &done, &sign_ins, &alone);
                scope.spawn(move || {
                    let mut seen = BTreeSet::new();
                    let mut index = reader * 37;
                    while !done.load(Ordering::Relaxed) {
                        index = (index + 1) % sign_ins.len();
                        let (answer, version) = sign_ins[index].observe(engine);
                        let position = usize::try_from(version - first).unwrap() % alone.len();
                        assert_eq!(answer, alone[position][index], "version {version}");
                        seen.insert(position);
                    }
                    seen
                })
            })
            .collect();
        for _ in 0..12 {
            for model in models.iter().skip(1).chain(models.first()) {
                publish(&engine, model);
            }
        }
        done.store(true, Ordering::Relaxed);
        let mut seen = BTreeSet::new();
        for reader in readers {
            seen.extend(reader.join().unwrap());
        }
        seen
    });
    assert!(seen.len() > 1, "the readers met {seen:?} only");
}

/// A decision with everything that led to it.
#[derive(Clone, Debug, PartialEq)]
struct Answer {
    decision: Decision,
    policies: Vec<(Identifier, String)>,
}

struct SignIn {
    facts: TokenFacts,
    address: IpAddr,
}

impl SignIn {
    /// The answer, and the version of the snapshot that gave it.
    fn observe(&self, engine: &Engine) -> (Answer, u64) {
        let token: VerifiedToken = engine.token(self.facts.clone());
        let request = Request::new(Timestamp::from_seconds(NOW), Some(self.address));
        let mut trace = Trace(Vec::new());
        let (decision, snapshot) = engine.observe(&token, &request, &mut trace);
        let answer = Answer {
            decision,
            policies: trace.0,
        };
        (answer, snapshot.unwrap().version())
    }
}

struct Trace(Vec<(Identifier, String)>);

impl Observer for Trace {
    const THOROUGH: bool = true;

    fn policy(&mut self, _: PolicyIndex, policy: &CompiledPolicy, verdict: &Verdict) {
        self.0.push((policy.id.clone(), format!("{verdict:?}")));
    }
}

fn publish(engine: &Engine, model: &TenantModel) -> u64 {
    engine
        .publish(TENANT.parse().unwrap(), model, TenantSettings::default())
        .unwrap()
}

fn model(folder: &Path, (policies, locations, expected): &(&str, &str, [usize; 5])) -> TenantModel {
    let mut documents = Documents::new();
    for name in [policies, locations] {
        let file = format!("{name}.json");
        documents.add(&file, &std::fs::read(folder.join(&file)).unwrap());
    }
    let (model, report) = documents.finish();
    assert!(report.is_ok(), "{policies}: {:?}", report.refused);
    let counts = [
        report.policies.enabled,
        report.policies.report_only,
        report.policies.disabled,
        report.locations,
        report.ranges.ipv4,
    ];
    assert_eq!(counts, *expected, "{policies}");
    model
}

/// Users and groups that the policies name, at addresses in and outside the locations.
fn sign_ins(models: &[TenantModel]) -> Vec<SignIn> {
    let mut users = BTreeSet::new();
    let mut groups = BTreeSet::new();
    let mut addresses: BTreeSet<IpAddr> = ["198.51.100.7", "2001:db8::7"]
        .iter()
        .map(|address| address.parse().unwrap())
        .collect();
    for model in models {
        for scope in model
            .policies
            .iter()
            .filter_map(|it| it.conditions.users.as_ref())
        {
            for side in [&scope.include, &scope.exclude] {
                users.extend(side.users.iter().cloned());
                groups.extend(side.groups.iter().cloned());
            }
        }
        for location in &model.locations {
            if let NamedLocationKind::Ranges { ranges, .. } = &location.kind {
                addresses.extend(ranges.iter().map(|range| range.addr()));
            }
        }
    }
    let (users, groups, addresses) = (
        Vec::from_iter(users),
        Vec::from_iter(groups),
        Vec::from_iter(addresses),
    );
    // A fixed linear congruence: the same sign-ins in every run.
    let mut state = 1_u64;
    let mut pick = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(state >> 33).unwrap() % below
    };
    (0..400)
        .map(|index| {
            let member_of: Vec<_> = (0..3)
                .map(|_| groups[pick(groups.len())].as_str())
                .collect();
            let claims = json!({
                "iss": format!("https://sts.windows.net/{TENANT}/"),
                "tid": TENANT,
                "oid": users[pick(users.len())].as_str(),
                "sub": "pairwise",
                "scp": "user_impersonation",
                "aud": "00000003-0000-0ff1-ce00-000000000000",
                "iat": NOW - 60,
                "exp": NOW + 3600,
                "groups": member_of,
                "wids": [],
                "acct": pick(2),
                "amr": if pick(2) == 0 { json!(["pwd"]) } else { json!(["pwd", "mfa"]) },
                "xms_cc": if index % 2 == 0 { json!(["cp1"]) } else { json!([]) },
                "ipaddr": addresses[pick(addresses.len())].to_string(),
            });
            let profile = IssuerProfile::entra("https://sts.windows.net/*");
            SignIn {
                facts: TokenFacts::from_claims(claims.as_object().unwrap(), &profile).unwrap(),
                address: addresses[pick(addresses.len())],
            }
        })
        .collect()
}
