//! What is out of the ordinary: clocks that jump, numbers at their ends, tenants of any size,
//! documents and identifiers made to do harm, memory that runs out.
//!
//! Nothing here is timed. Work is bounded by counting what is allocated for it: a load that
//! needs memory in proportion to its input cannot take long for any other reason.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod counting;

use std::net::IpAddr;
use std::process::Command;

use counting::{allocations, taken};
use highwater::challenge;
use highwater::compile::Documents;
use highwater::decision::Outcome;
use highwater::engine::Engine;
use highwater::event::{Effect, Event, RiskLevel, StreamState};
use highwater::identifier::Identifier;
use highwater::marks::{Keyring, SubjectKeys};
use highwater::model::{NamedLocationKind, TenantModel};
use highwater::reason::Reason;
use highwater::request::Request;
use highwater::settings::{EngineSettings, LoopBudget, TenantSettings};
use highwater::timestamp::Timestamp;
use highwater::token::{IssuerProfile, TokenFacts};
use serde_json::{Value, json};

const NOW: i64 = 1_763_760_000;

fn facts(claims: &Value) -> TokenFacts {
    let mut all = json!({"iss": "https://idp.example", "tid": "t", "oid": "ada", "sub": "s",
        "scp": "all", "iat": NOW, "exp": NOW + 3600, "xms_cc": "cp1"});
    for (name, value) in claims.as_object().unwrap() {
        all[name] = value.clone();
    }
    let profile = IssuerProfile {
        answers_challenges: Some(true),
        ..IssuerProfile::generic("https://idp.example")
    };
    TokenFacts::from_claims(all.as_object().unwrap(), &profile).unwrap()
}

fn block_outside() -> Value {
    json!({"id": "20000000-0000-4000-8000-000000000001", "displayName": "Block outside",
        "state": "enabled",
        "conditions": {"users": {"includeUsers": ["All"]}, "clientAppTypes": ["all"],
            "applications": {"includeApplications": ["All"]}, 
            "locations": {"includeLocations": ["All"], "excludeLocations": ["AllTrusted"]}},
        "grantControls": {"operator": "OR", "builtInControls": ["block"]}})
}

fn model(documents: &Value) -> TenantModel {
    let mut reader = Documents::new();
    reader.add("documents.json", documents.to_string().as_bytes());
    let (model, report) = reader.finish();
    assert!(report.is_ok(), "{report:?}");
    model
}

fn engine(settings: EngineSettings, documents: &Value) -> Engine {
    let engine = Engine::new(settings);
    engine
        .publish(
            "t".parse().unwrap(),
            &model(documents),
            TenantSettings::default(),
        )
        .unwrap();
    engine
}

fn event(time: Timestamp, effect: Effect) -> Event {
    let mut event = Event::from_json(
        r#"{"time": 0, "tenant": "t", "subject": {"user": "ada"}, "effect": "revoke", "source": "s"}"#,
    )
    .unwrap();
    (event.time, event.effect) = (time, effect);
    event
}

// ---- time and numbers ----

/// Instants at the ends of what represents them, in milliseconds.
fn instants() -> Vec<Timestamp> {
    let seconds = [0, 1 << 31, 1 << 32, 253_402_300_799]; // 1970, 2038, 2106, 9999
    let around = seconds
        .into_iter()
        .flat_map(|second| [-1000, -1, 0, 1, 1000].map(|step| second * 1000 + step));
    around
        .chain([i64::MIN, i64::MIN + 1, i64::MAX - 1, i64::MAX])
        .map(Timestamp::from_milliseconds)
        .collect()
}

/// Whatever the instants, nothing overflows, and what is revoked stays so.
#[test]
fn instants_at_the_ends_of_time() {
    let effects = [
        Effect::Revoke,
        Effect::Refresh,
        Effect::Deny,
        Effect::Block,
        Effect::Risk(RiskLevel::High),
    ];
    let settings = EngineSettings {
        stale_token_age: Some(600),
        ..EngineSettings::default()
    };
    for time in instants() {
        let engine = engine(settings.clone(), &json!([block_outside()]));
        engine.facts().watch_stream(&"s".parse().unwrap(), 60, time);
        for effect in &effects {
            engine.apply(&event(time, effect.clone()));
        }
        for issued in instants() {
            let mut token = facts(&json!({}));
            token.issued_at = issued;
            token.issued = issued.seconds();
            token.decided = issued.seconds();
            token.not_before = Some(issued);
            token.auth_time = Some(issued);
            token.expires = issued.plus_seconds(3600);
            let token = engine.token(token);
            for now in [issued, time, Timestamp::from_seconds(NOW)] {
                let request = Request::new(now, Some("198.51.100.7".parse().unwrap()));
                let decision = engine.explain(&token, &request).decision;
                assert_ne!(decision.outcome(), Outcome::Allow, "{time} {issued} {now}");
                let early = [Reason::TokenExpired, Reason::TokenNotYetValid]
                    .into_iter()
                    .any(|reason| decision.reasons().contains(reason));
                assert!(early || decision.reasons().contains(Reason::SessionDenied));
                assert_eq!(
                    !early && issued.seconds() <= time.seconds(),
                    decision.reasons().contains(Reason::TokenRevoked),
                    "{time} {issued} {now}"
                );
            }
        }
        engine.forget_expired(time);
        engine.forget_expired(Timestamp::from_milliseconds(i64::MAX));
    }
}

/// A clock that steps back or forth between requests: what is refused stays refused, and the
/// budget of challenges holds within every window that it passes through.
#[test]
fn a_clock_that_jumps_lets_nothing_through() {
    let engine = engine(EngineSettings::default(), &json!([block_outside()]));
    let token = engine.token(facts(&json!({"exp": NOW + 80_000})));
    let outside: IpAddr = "198.51.100.7".parse().unwrap();
    let mut looped = 0;
    for step in [
        0, 10, -3600, -3590, 5, 3600, 0, -86_400, 7200, 600, 599, 0, 0, 0,
    ] {
        let request = Request::new(Timestamp::from_seconds(NOW + step), Some(outside));
        let decision = engine.decide(&token, &request);
        assert_ne!(decision.outcome(), Outcome::Allow, "{step}");
        looped += u32::from(decision.reasons().contains(Reason::ChallengeLoop));
    }
    assert!(looped > 0, "nobody is challenged without end");
}

/// Settings at the ends of their types mean what they say, without overflow.
#[test]
fn settings_at_their_limits() {
    let outside: IpAddr = "198.51.100.7".parse().unwrap();
    for (per_token, per_subject) in [(0, 0), (0, 5), (5, 0), (u32::MAX, u32::MAX), (1, u32::MAX)] {
        for window in [i64::MIN, -1, 0, 1, i64::MAX] {
            for seconds in [i64::MIN, 0, i64::MAX] {
                let settings = EngineSettings {
                    skew: 60,
                    longest_token_lifetime: seconds,
                    longest_session_lifetime: seconds,
                    retention_margin: seconds,
                    stale_token_age: Some(seconds),
                    loop_budget: LoopBudget {
                        per_token,
                        per_subject,
                        window,
                    },
                    remembered_challenges: 0,
                    ..EngineSettings::default()
                };
                let engine = engine(settings, &json!([block_outside()]));
                let stream = Effect::Stream(StreamState::Paused);
                let mut paused = event(Timestamp::from_seconds(NOW), stream);
                paused.subject = Default::default();
                engine.apply(&paused);
                let token = engine.token(facts(&json!({"uti": "t"})));
                let request = Request::new(Timestamp::from_seconds(NOW + 1), Some(outside));
                for _ in 0..3 {
                    let decision = engine.decide(&token, &request);
                    assert!(decision.is_degraded());
                    assert_ne!(decision.outcome(), Outcome::Allow);
                    // Without a budget there is no challenge.
                    if per_token == 0 || per_subject == 0 {
                        assert_eq!(decision.outcome(), Outcome::Deny);
                    }
                }
                engine.apply(&event(Timestamp::from_seconds(NOW), Effect::Revoke));
                engine.forget_expired(Timestamp::from_milliseconds(i64::MAX));
            }
        }
    }
}

// ---- documents made to do harm ----

fn repeated(count: usize, item: &str, separator: &str) -> String {
    vec![item; count].join(separator)
}

/// Inputs of some hundred kilobytes, each aimed at one way of asking for more than its share.
fn bombs() -> Vec<(&'static str, Vec<u8>)> {
    const COUNT: usize = 40_000;
    let list = |item: &str| format!("[{}]", repeated(COUNT, item, ","));
    let policy = |scope: &str| {
        format!(
            r#"{{"id": "20000000-0000-4000-8000-000000000001", "displayName": "P",
            "state": "enabled", "conditions": {scope},
            "grantControls": {{"operator": "OR", "builtInControls": ["block"]}}}}"#
        )
    };
    let users = repeated(COUNT / 4, r#""20000000-0000-4000-8000-000000000001""#, ",");
    let ranges = repeated(COUNT / 4, r#"{"cidrAddress": "192.0.2.0/24"}"#, ",");
    let rule = format!(
        "{}device.model -eq {}",
        "(".repeat(COUNT),
        ")".repeat(COUNT)
    );
    let mut wide = vec![0xff, 0xfe];
    wide.extend(list("0").encode_utf16().flat_map(u16::to_le_bytes));
    vec![
        ("open arrays", "[".repeat(COUNT).into_bytes()),
        ("open objects", "{\"a\":".repeat(COUNT).into_bytes()),
        ("zeros", list("0").into_bytes()),
        ("empty arrays", list("[]").into_bytes()),
        ("empty objects", list("{}").into_bytes()),
        ("nested arrays", list(&format!("{}{}", "[".repeat(60), "]".repeat(60))).into_bytes()),
        ("one name again and again", format!("{{{}}}", repeated(COUNT, "\"id\":0", ",")).into_bytes()),
        ("escapes", format!("[\"{}\"]", "\\u00e9".repeat(COUNT)).into_bytes()),
        ("a long name", format!("{{\"{}\":0}}", "a".repeat(COUNT)).into_bytes()),
        ("a long number", format!("[{}]", "9".repeat(COUNT)).into_bytes()),
        ("a large exponent", b"[1e999999999,-1e999999999,1e-999999999]".to_vec()),
        ("two bytes a character", wide),
        ("not UTF-8", vec![0xc3; COUNT]),
        ("one policy again and again", list(&policy(r#"{"users": {"includeUsers": ["All"]}}"#)).into_bytes()),
        ("a user again and again", policy(&format!(r#"{{"users": {{"includeUsers": [{users}]}}}}"#)).into_bytes()),
        ("a range again and again", format!(
            r##"{{"@odata.type": "#microsoft.graph.ipNamedLocation", "id": "10000000-0000-4000-8000-000000000001",
            "displayName": "L", "ipRanges": [{ranges}]}}"##
        ).into_bytes()),
        ("a rule of parentheses", policy(&format!(
            r#"{{"devices": {{"deviceFilter": {{"mode": "include", "rule": "{rule}"}}}}}}"#
        )).into_bytes()),
    ]
}

/// Whatever is read of strangers takes memory in proportion to its length, and no panic.
#[test]
fn bombs_take_memory_in_proportion_to_their_length() {
    let profile = IssuerProfile::generic("*");
    for (name, bytes) in bombs() {
        // A JSON value takes tens of bytes where its text takes two, and lists grow by doubling.
        let allowed = 160 * bytes.len() + (1 << 20);
        let check = |reader: &str, taken: counting::Taken| {
            assert!(
                taken.peak <= allowed,
                "{name} as {reader}: {taken:?} of {} bytes",
                bytes.len()
            );
            assert!(
                taken.calls <= 64 * bytes.len() + 10_000,
                "{name} as {reader}: {taken:?}"
            );
        };
        let (report, of_documents) = taken(|| {
            let mut documents = Documents::new();
            documents.add("bomb.json", &bytes);
            documents.finish().1
        });
        check("documents", of_documents);
        for refused in &report.refused {
            assert!(!refused.reason.is_empty());
            // What is told of the input is cut to what a person reads.
            assert!(
                refused.reason.len() < 1000,
                "{name}: {}",
                refused.reason.len()
            );
        }
        let (_, of_updates) = taken(|| {
            let mut documents = Documents::new();
            documents.add_synced("bomb.jsonl", &bytes, None);
            documents.finish().1
        });
        check("synced policies", of_updates);
        let Ok(text) = std::str::from_utf8(&bytes) else {
            continue;
        };
        let (event, of_event) = taken(|| Event::from_json(text));
        assert!(event.is_err());
        check("an event", of_event);
        let (_, of_lists) = taken(|| {
            let mut documents = Documents::new();
            documents.add_country_list("bomb.txt", text);
            documents.add_trusted_ips("bomb.txt", text);
            documents.finish().1
        });
        check("lists", of_lists);
        let (_, of_challenge) = taken(|| challenge::parse([text]));
        check("a header", of_challenge);
        if let Ok(Value::Object(claims)) = serde_json::from_str(text) {
            let (_, of_claims) = taken(|| TokenFacts::from_claims(&claims, &profile).is_err());
            check("claims", of_claims);
        }
    }
}

/// A load that is refused leaves what was published before in force.
#[test]
fn a_refused_load_changes_nothing() {
    let engine = engine(EngineSettings::default(), &json!([block_outside()]));
    let before = engine.snapshot(&"t".parse().unwrap()).unwrap().version();
    for (_, bytes) in bombs() {
        let mut documents = Documents::new();
        documents.add("bomb.json", &bytes);
        let (_, report) = documents.finish();
        let after = engine.snapshot(&"t".parse().unwrap()).unwrap().version();
        assert_eq!(before, after);
        assert!(report.files == 1);
    }
}

// ---- sizes ----

/// A tenant without anything allows what no mark forbids, from anywhere.
#[test]
fn an_empty_tenant_has_nothing_against_anybody() {
    let engine = engine(EngineSettings::default(), &json!([]));
    let token = engine.token(facts(&json!({})));
    for address in [
        None,
        Some("::".parse().unwrap()),
        Some("255.255.255.255".parse().unwrap()),
    ] {
        let request = Request::new(Timestamp::from_seconds(NOW), address);
        assert_eq!(engine.decide(&token, &request).outcome(), Outcome::Allow);
    }
    engine.apply(&event(Timestamp::from_seconds(NOW), Effect::Revoke));
    let request = Request::new(Timestamp::from_seconds(NOW), None);
    assert_eq!(
        engine.decide(&token, &request).reason(),
        Some(Reason::TokenRevoked)
    );
}

fn id(kind: u32, number: usize) -> Identifier {
    Identifier::new(&format!("{kind:08x}-0000-4000-8000-{number:012x}")).unwrap()
}

/// A tenant with so many policies, prefixes and members.
fn large(policies: usize, prefixes: usize, members: usize) -> TenantModel {
    let mut model = model(&json!([block_outside()]));
    let pattern = model.policies.remove(0);
    for number in 0..policies {
        let mut policy = pattern.clone();
        policy.id = id(1, number);
        policy.display_name = format!("P{number}");
        model.policies.push(policy);
    }
    let office = json!([{"@odata.type": "#microsoft.graph.ipNamedLocation",
        "id": id(2, 0), "displayName": "Everywhere we are", "isTrusted": true,
        "ipRanges": [{"cidrAddress": "192.0.2.0/24"}]}]);
    model.locations = self::model(&office).locations;
    // Half in either family, neighbours apart, so that nothing can be merged.
    let ranges = (0..prefixes).map(|number| {
        let bits = (number as u32 / 2) << 9;
        let text = if number % 2 == 0 {
            format!("{}/24", std::net::Ipv4Addr::from_bits(bits | 10 << 24))
        } else {
            let bits = u128::from(bits) << 64 | 0x2001_0db8 << 96;
            format!("{}/64", std::net::Ipv6Addr::from_bits(bits))
        };
        text.parse().unwrap()
    });
    model.locations[0].kind = NamedLocationKind::Ranges {
        ranges: ranges.collect(),
        trusted: true,
    };
    let group = id(3, 0);
    model
        .memberships
        .add(group, (0..members).map(|number| id(4, number)));
    model
}

/// Compiling takes memory in proportion to the tenant: twice the tenant, about twice the memory
/// and twice the calls. The largest is what the largest known tenants have, times ten; deciding
/// in it takes none.
#[test]
fn gigantic_tenants_compile_in_proportion_and_decide_without_memory() {
    let compiled = |scale: usize| {
        let model = large(10_000 / scale, 1_000_000 / scale, 1_000_000 / scale);
        let engine = Engine::new(EngineSettings::default());
        let (published, taken) =
            taken(|| engine.publish("t".parse().unwrap(), &model, TenantSettings::default()));
        published.unwrap();
        (engine, taken)
    };
    let (_, quarter) = compiled(40);
    let (_, half) = compiled(20);
    let (engine, whole) = compiled(1);
    println!("compiling: {quarter:?}, {half:?}, {whole:?}");
    for (small, large, times) in [(quarter, half, 2), (half, whole, 20)] {
        // Tables double, so twice the input may come to four times a small table.
        assert!(
            large.peak <= 2 * times * small.peak + (64 << 20),
            "{small:?} {large:?}"
        );
        assert!(
            large.calls <= 2 * times * small.calls + 10_000,
            "{small:?} {large:?}"
        );
    }
    assert!(whole.peak < 2 << 30, "{whole:?}");

    let token = engine.token(facts(&json!({})));
    let inside = Some("10.0.0.7".parse().unwrap());
    let outside = Some("10.0.1.7".parse().unwrap());
    for (address, outcome) in [(inside, Outcome::Allow), (outside, Outcome::Challenge)] {
        let request = Request::new(Timestamp::from_seconds(NOW), address);
        let before = allocations();
        let decision = engine.decide(&token, &request);
        assert_eq!(allocations(), before);
        assert_eq!(decision.outcome(), outcome);
    }
    // The model itself is freed as fast as it was made.
}

/// A million subjects with a mark each take the bytes that they are said to take.
#[test]
fn a_million_marks_take_what_they_are_said_to_take() {
    let engine = Engine::new(EngineSettings::default());
    let marks = engine.facts().marks();
    let tenant: Identifier = "t".parse().unwrap();
    let ((), growing) = taken(|| {
        for number in 0..200_000 {
            let user = id(5, number);
            let keys = SubjectKeys::new(engine.keyring(), &tenant, |dimension| {
                (dimension == highwater::event::Dimension::User).then_some(user.as_str())
            });
            let key = keys.key(engine.keyring(), keys.dimensions()).unwrap();
            marks.write(
                key,
                highwater::marks::Mark {
                    revoked_before: Some(NOW),
                    ..highwater::marks::Mark::NOTHING
                },
            );
        }
    });
    let (hot, exact) = marks.bytes();
    // Two tables while it grows, and nothing for each subject beside them.
    assert!(
        growing.peak <= 2 * (hot + exact) + (1 << 20),
        "{growing:?} {hot} {exact}"
    );
    assert!((hot + exact) <= 200_000 * 80, "{hot} {exact}");
}

// ---- identifiers made to collide ----

/// Who knows how keys are made but not the secret cannot choose identifiers that meet in one
/// place: those that do under one secret are spread under another like any others.
#[test]
fn identifiers_that_collide_under_one_secret_are_spread_under_another() {
    let key = |keyring: &Keyring, user: &str| {
        let tenant: Identifier = "t".parse().unwrap();
        let keys = SubjectKeys::new(keyring, &tenant, |dimension| {
            (dimension == highwater::event::Dimension::User).then_some(user)
        });
        keys.key(keyring, keys.dimensions()).unwrap().bits()
    };
    // The attacker's own engine, with a secret that they know.
    let known = Keyring::from_seed([0, 0]);
    let aimed: Vec<String> = (0..200_000)
        .map(|number| format!("user-{number}"))
        .filter(|user| key(&known, user) >> 121 == 0)
        .collect();
    assert!(aimed.len() > 1000, "{}", aimed.len());
    let ours = Keyring::random();
    let mut lines = [0_usize; 128];
    for user in &aimed {
        lines[(key(&ours, user) >> 121) as usize] += 1;
    }
    let average = aimed.len() / lines.len();
    let fullest = lines.into_iter().max().unwrap();
    // Of a thousand balls in 128 bins none holds five times the average, short of odds that
    // never come up.
    assert!(
        fullest < 5 * average + 20,
        "{fullest} of {average} on average"
    );
    // And no two of them are the same mark.
    let mut keys: Vec<u128> = aimed.iter().map(|user| key(&ours, user)).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), aimed.len());
}

// ---- memory that runs out ----

const HUNGRY: &str = "HIGHWATER_TEST_SPARE_MEGABYTES";

/// Not a test of its own: the child of the test below. Takes away all memory but a few megabytes,
/// loads a tenant and says so.
#[test]
fn loads_a_tenant_with_what_memory_is_left() {
    let Ok(spare) = std::env::var(HUNGRY) else {
        return;
    };
    let spare: u64 = spare.parse().unwrap();
    let pages: u64 = std::fs::read_to_string("/proc/self/statm")
        .unwrap()
        .split(' ')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    let limit = pages * 4096 + (spare << 20);
    let limited = Command::new("prlimit")
        .args([
            "--pid",
            &std::process::id().to_string(),
            &format!("--as={limit}"),
        ])
        .status();
    assert!(limited.unwrap().success());
    let engine = Engine::new(EngineSettings::default());
    let published = engine.publish(
        "t".parse().unwrap(),
        &large(10, 300_000, 300_000),
        TenantSettings::default(),
    );
    println!("published: {}", published.is_ok());
}

/// When memory runs out while a tenant is loaded, the process ends; it does not go on with half
/// of the tenant. (What it had on disk is the store's business, see `store/tests/crash.rs`.)
#[cfg(target_os = "linux")]
#[test]
fn running_out_of_memory_while_loading_ends_the_process() {
    let load = |spare: &str| {
        let output = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "loads_a_tenant_with_what_memory_is_left",
                "--nocapture",
            ])
            .env(HUNGRY, spare)
            // One arena: memory that was set aside but never used is no memory left.
            .env("MALLOC_ARENA_MAX", "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        (
            output.status.success(),
            said.contains("published: true"),
            said,
        )
    };
    let (success, published, said) = load("4000");
    assert!(success && published, "{said}");
    let (success, published, said) = load("12");
    assert!(!success && !published, "{said}");
}
