//! Prints `rust<TAB>ns per decision, single<TAB>ns per decision, in batches of 64`: the engine
//! without the C ABI, on what `cost.h` describes. The answers are checked first.

use std::hint::black_box;
use std::time::Instant;

use highwater::compile::Documents;
use highwater::decision::{Decision, Outcome};
use highwater::engine::Engine;
use highwater::request::Request;
use highwater::settings::{EngineSettings, TenantSettings};
use highwater::timestamp::Timestamp;
use highwater::token::{IssuerProfile, TokenFacts};

const DOCUMENTS: &str = r##"[
{"@odata.type": "#microsoft.graph.ipNamedLocation", "id": "0ff1ce00-0000-4000-8000-000000000001",
 "displayName": "Office", "isTrusted": true,
 "ipRanges": [{"@odata.type": "#microsoft.graph.iPv4CidrRange", "cidrAddress": "203.0.113.0/24"}]},
{"id": "b10c0000-0000-4000-8000-000000000001", "displayName": "Block outside the office", "state": "enabled",
 "conditions": {"users": {"includeUsers": ["All"]}, "applications": {"includeApplications": ["All"]},
  "locations": {"includeLocations": ["All"], "excludeLocations": ["AllTrusted"]}},
 "grantControls": {"operator": "OR", "builtInControls": ["block"]}}]"##;
const ROUNDS: usize = 7;
const CALLS: usize = 200_000;
const BATCH: usize = 64;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut documents = Documents::new();
    documents.add("policies.json", DOCUMENTS.as_bytes());
    let (model, report) = documents.finish();
    assert!(report.is_ok(), "{report:?}");
    let engine = Engine::new(EngineSettings::default());
    engine.publish("contoso".parse()?, &model, TenantSettings::default())?;
    let claims = serde_json::json!({
        "iss": "https://sts.windows.net/contoso/", "tid": "contoso", "oid": "ada",
        "aud": "api://orders", "iat": 1_763_759_000, "exp": 1_763_762_900, "xms_cc": ["cp1"],
    });
    let profile = IssuerProfile::entra("https://sts.windows.net/*/");
    let facts = TokenFacts::from_claims(claims.as_object().ok_or("claims")?, &profile)?;
    let token = engine.token(facts);
    let now = Timestamp::from_milliseconds(1_763_760_100_000);
    let inside = Request::new(now, Some("203.0.113.7".parse()?));
    let outside = Request::new(now, Some("198.51.100.9".parse()?));
    assert_eq!(
        engine.decide(&token, &outside).outcome(),
        Outcome::Challenge
    );
    assert_eq!(engine.decide(&token, &inside).outcome(), Outcome::Allow);

    let is_allowed = |decision: &Decision| decision.outcome() == Outcome::Allow;
    let requests: Vec<_> = (0..BATCH).map(|_| (&token, inside.clone())).collect();
    let mut decisions = [Decision::UNDECIDED; BATCH];
    let (mut single, mut batch) = (f64::MAX, f64::MAX);
    for _ in 0..ROUNDS {
        let started = Instant::now();
        let allowed = (0..CALLS)
            .filter(|_| is_allowed(&engine.decide(black_box(&token), black_box(&inside))))
            .count();
        single = single.min(nanoseconds(started, CALLS));
        assert_eq!(allowed, CALLS);

        let mut allowed = 0;
        let started = Instant::now();
        for _ in 0..CALLS / BATCH {
            engine.decide_batch(black_box(&requests), &mut decisions);
            allowed += decisions
                .iter()
                .filter(|decision| is_allowed(decision))
                .count();
        }
        batch = batch.min(nanoseconds(started, CALLS / BATCH * BATCH));
        assert_eq!(allowed, CALLS / BATCH * BATCH);
    }
    println!("rust\t{single:.1}\t{batch:.1}");
    Ok(())
}

fn nanoseconds(started: Instant, decisions: usize) -> f64 {
    started.elapsed().as_nanos() as f64 / decisions as f64
}
