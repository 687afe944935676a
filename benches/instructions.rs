//! How many instructions one operation takes, counted by callgrind: the gate against slow-downs.
//!
//! Time depends on the machine and its neighbours; instructions do not. Each work runs in a process
//! of its own, with different numbers of operations: the difference is what they cost, and what it
//! takes to set the scene cancels out. Callgrind offers AVX2 and no AVX-512, so counts are
//! alike on every x86-64 machine that has AVX2.
//!
//! ```text
//! cargo run --release -p highwater-benches --bin instructions            compare with the record
//! cargo run --release -p highwater-benches --bin instructions -- --record     write the record
//! ```
//!
//! The works named `worst-…` are those of a tenant, or of a reporter of events, who wants decisions
//! to be slow: how much they get.

use std::collections::BTreeMap;
use std::error::Error;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use highwater::decision::Decision;
use highwater::engine::Engine;
use highwater::event::Event;
use highwater::marks::{Keyring, Mark, MarkKey, Marks};
use highwater::request::Request;
use highwater::settings::{EngineSettings, TenantSettings};
use highwater::snapshot::prefix_table::{LocationIndex, LocationSetIndex, PrefixTable};
use highwater::timestamp::Timestamp;
use highwater::token::VerifiedToken;
use highwater_benches::Random;
use highwater_benches::tenant::{self, NOW, TENANT, Tenant};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde_json::json;

/// By how many hundredths a count may differ from the record: compilers of one version agree,
/// and what is worth a line in the record is more.
const TOLERANCE: u64 = 3;

/// How many operations the shortest run does, and the longer ones do more.
///
/// Setting the scene differs by some ten thousand instructions from run to run, because hash maps are
/// seeded at random: what costs little is done more often, so that this does not show.
const SHORTEST: usize = 200;
const MORE: usize = 1_000;
const MANY_MORE: usize = 20_000;

/// Below this many instructions, an operation is done many more times.
const CHEAP: u64 = 5_000;

type Answer = Result<(), Box<dyn Error>>;

/// A name, and what does so many operations of it.
type Work = (&'static str, fn(usize) -> Answer);

/// Every work.
const WORKS: [Work; 19] = [
    ("decide-nothing-known", |count| {
        decide(count, UNKNOWN, INSIDE)
    }),
    ("decide-signed-in-since", |count| {
        decide(count, SINCE, INSIDE)
    }),
    ("decide-revoked", |count| decide(count, REVOKED, INSIDE)),
    ("decide-outside", |count| decide(count, UNKNOWN, OUTSIDE)),
    ("decide-after-another-event", decide_after_another_event),
    ("decide-batch-of-32", |count| {
        decide_batch(count, &Tenant::small()?)
    }),
    ("decide-batch-of-32-far", |count| {
        decide_batch(count, &Tenant::of(100, 20_000)?)
    }),
    ("marks-unknown", |count| marks(count, false)),
    ("marks-known", |count| marks(count, true)),
    ("location-v4-small", |count| {
        location(count, 200, Family::Ipv4)
    }),
    ("location-v4-large", |count| {
        location(count, 50_000, Family::Ipv4)
    }),
    ("location-v6", |count| location(count, 50_000, Family::Ipv6)),
    ("location-v6-scattered", |count| {
        location(count, 50_000, Family::Ipv6Scattered)
    }),
    ("location-v4-batch-of-32", |count| {
        location_batch(count, Family::Ipv4)
    }),
    ("location-v6-batch-of-32", |count| {
        location_batch(count, Family::Ipv6)
    }),
    ("token", tokens),
    ("worst-policies-1000", worst_policies),
    ("worst-conjunctions", worst_conjunctions),
    ("worst-nested-prefixes", worst_nested_prefixes),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let answer = match arguments[..] {
        [] => compare(),
        ["--record"] => record(),
        ["--run", work, count] => run(work, count),
        _ => Err("usage: instructions [--record]".into()),
    };
    match answer {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("instructions: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Does `count` operations of `work`: what callgrind watches.
fn run(work: &str, count: &str) -> Answer {
    let (_, operations) = WORKS
        .iter()
        .find(|(name, _)| *name == work)
        .ok_or("no such work")?;
    operations(count.parse()?)
}

fn record_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("record/instructions.txt")
}

fn record() -> Answer {
    let mut text = String::new();
    for (work, count) in counts()? {
        text.push_str(&format!("{work:<28}{count:>8}\n"));
    }
    print!("{text}");
    std::fs::write(record_path(), text)?;
    Ok(())
}

fn compare() -> Answer {
    let record = std::fs::read_to_string(record_path())?;
    let mut recorded: BTreeMap<&str, u64> = BTreeMap::new();
    for line in record.lines() {
        let (work, count) = line.split_once(' ').ok_or("the record is garbled")?;
        recorded.insert(work, count.trim().parse()?);
    }
    let mut differ = Vec::new();
    for (work, count) in counts()? {
        let expected = recorded.get(work).copied();
        let fits = expected.is_some_and(|expected| {
            count.abs_diff(expected) * 100 <= expected.max(100) * TOLERANCE
        });
        let shown = expected.map_or_else(|| "no record".to_owned(), |count| count.to_string());
        let mark = if fits { "" } else { "  ◄" };
        println!("{work:<28}{count:>8}  recorded {shown}{mark}");
        if !fits {
            differ.push(work);
        }
    }
    if differ.is_empty() {
        return Ok(());
    }
    Err(format!(
        "{} differ by more than {TOLERANCE} %: if that is meant, run again with `--record` and say why",
        differ.join(", ")
    )
    .into())
}

fn counts() -> Result<Vec<(&'static str, u64)>, Box<dyn Error>> {
    WORKS
        .iter()
        .map(|(work, _)| {
            let least = collected(work, SHORTEST)?;
            let each = |more: usize| -> Result<u64, Box<dyn Error>> {
                let most = collected(work, SHORTEST + more)?;
                Ok(most.saturating_sub(least) / more as u64)
            };
            let count = each(MORE)?;
            Ok((
                *work,
                if count < CHEAP {
                    each(MANY_MORE)?
                } else {
                    count
                },
            ))
        })
        .collect()
}

/// All instructions of a process that does `count` operations of `work`.
fn collected(work: &str, count: usize) -> Result<u64, Box<dyn Error>> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args(["--run", work, &count.to_string()])
        .output()
        .map_err(|error| {
            format!("valgrind: {error}; install it with `apt-get install valgrind`")
        })?;
    let words = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("{work}: {words}").into());
    }
    let line = words
        .lines()
        .find_map(|line| line.split_once("Collected :"))
        .ok_or_else(|| format!("callgrind said nothing of `Collected`: {words}"))?;
    Ok(line.1.trim().parse()?)
}

/// A user whom nobody revoked.
const UNKNOWN: usize = 1_000_001;
/// One who was revoked after the token was issued.
const REVOKED: usize = 10;
/// One who was revoked before.
const SINCE: usize = 11;

const INSIDE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 32, 1));
const OUTSIDE: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7));

fn request(address: IpAddr) -> Request<'static> {
    Request::new(Timestamp::from_seconds(NOW), Some(address))
}

fn engine(tenant: &Tenant) -> Result<Engine, Box<dyn Error>> {
    let engine = Engine::with_keyring(EngineSettings::default(), Keyring::from_seed([1, 2]));
    engine.publish(TENANT.parse()?, &tenant.model, TenantSettings::default())?;
    tenant::revoke(&engine, 1_000)?;
    Ok(engine)
}

fn expect(actual: u16, expected: u16) -> Answer {
    if actual == expected {
        return Ok(());
    }
    Err(format!("status {actual} instead of {expected}").into())
}

fn decide(count: usize, user: usize, address: IpAddr) -> Answer {
    let engine = engine(&Tenant::small()?)?;
    let token = tenant::token(&engine, TENANT, user, 1)?;
    let request = request(address);
    let expected = match (user, address) {
        (REVOKED, _) => 401,
        (_, INSIDE) => 200,
        _ => 403,
    };
    for _ in 0..count {
        let decision = engine.decide(black_box(&token), black_box(&request));
        expect(decision.status(), expected)?;
    }
    Ok(())
}

/// The mix of the comparison: one in ten outside, one in twenty revoked. Counts one request.
fn decide_batch(count: usize, tenant: &Tenant) -> Answer {
    const SIZE: usize = 32;
    let engine = engine(tenant)?;
    let mut random = Random::new(7);
    let tokens = (0..SIZE)
        .map(|number| tenant::token(&engine, TENANT, random.below(2_000), number))
        .collect::<Result<Vec<VerifiedToken>, _>>()?;
    let requests: Vec<_> = tokens
        .iter()
        .map(|token| (token, request(tenant.address(&mut random))))
        .collect();
    let mut decisions = vec![Decision::UNDECIDED; SIZE];
    for _ in 0..count.div_ceil(SIZE) {
        engine.decide_batch(black_box(&requests), &mut decisions);
        black_box(&decisions);
    }
    Ok(())
}

fn marks(count: usize, known: bool) -> Answer {
    let marks = Marks::new(Keyring::from_seed([1, 2]));
    let mut random = Random::new(1);
    let mut key = MarkKey::default();
    for _ in 0..1_000 {
        key = MarkKey::from_bits(random.wide());
        let revoked = Mark {
            revoked_before: Some(NOW),
            ..Mark::NOTHING
        };
        marks.write(key, revoked);
    }
    if !known {
        key = MarkKey::from_bits(random.wide());
    }
    for _ in 0..count {
        let found = marks.revoked_before(black_box(key), NOW);
        if found.is_some() != known {
            return Err("the mark is not what was written".into());
        }
    }
    Ok(())
}

/// A table of so many prefixes, and the first address of each.
/// Which prefixes a table has.
#[derive(Clone, Copy)]
enum Family {
    Ipv4,
    /// In as many networks of 16 bits as routing tables.
    Ipv6,
    /// In thousands of networks of 16 bits.
    Ipv6Scattered,
}

fn table(prefixes: usize, family: Family) -> Result<(PrefixTable, Vec<IpAddr>), Box<dyn Error>> {
    let mut random = Random::new(1);
    let mut builder = PrefixTable::builder();
    let mut addresses = Vec::new();
    for number in 0..prefixes {
        let ipv6 = |address| Ipv6Net::new(Ipv6Addr::from_bits(address), 40);
        let prefix: IpNet = match family {
            Family::Ipv4 => {
                let address = Ipv4Addr::from_bits(random.narrow() as u32);
                Ipv4Net::new(address, 24)?.trunc().into()
            }
            Family::Ipv6 => ipv6(random.wide() >> 10 | 0x2400 << 112)?.trunc().into(),
            Family::Ipv6Scattered => ipv6(random.wide() >> 3 | 1 << 125)?.trunc().into(),
        };
        builder.insert(prefix, LocationIndex::new(number % 20)?);
        addresses.push(prefix.network());
    }
    Ok((builder.build()?, addresses))
}

fn location(count: usize, prefixes: usize, family: Family) -> Answer {
    let (table, addresses) = table(prefixes, family)?;
    let last = addresses[prefixes - 1];
    for _ in 0..count {
        if table.set(table.lookup(black_box(last))).is_empty() {
            return Err("the last prefix is missing".into());
        }
    }
    Ok(())
}

/// Counts one address.
fn location_batch(count: usize, family: Family) -> Answer {
    const SIZE: usize = 32;
    let (table, addresses) = table(50_000, family)?;
    let mut sets = [LocationSetIndex::EMPTY; SIZE];
    for chunk in addresses.chunks_exact(SIZE).cycle().take(count / SIZE) {
        table.lookup_batch(black_box(chunk), &mut sets);
        if sets.iter().any(|&set| table.set(set).is_empty()) {
            return Err("a prefix is missing".into());
        }
    }
    Ok(())
}

/// What a token costs once: keys, and a question to every policy.
fn tokens(count: usize) -> Answer {
    let engine = engine(&Tenant::small()?)?;
    let token = tenant::token(&engine, TENANT, UNKNOWN, 1)?;
    for _ in 0..count {
        black_box(engine.token(token.facts().clone()));
    }
    Ok(())
}

/// A thousand policies that all match and all object.
fn worst_policies(count: usize) -> Answer {
    let policies: Vec<_> = (0..1_000)
        .map(|number| {
            json!({
                "id": format!("50000000-0000-4000-8000-{number:012x}"), "state": "enabled",
                "displayName": format!("Policy {number}"),
                "conditions": {"users": {"includeUsers": ["All"]}, "clientAppTypes": ["all"],
                    "applications": {"includeApplications": ["All"]},
                    "locations": {"includeLocations": ["All"], "excludeLocations": ["AllTrusted"]}},
                "grantControls": {"operator": "OR", "builtInControls": ["block"]},
            })
        })
        .collect();
    let mut documents = highwater::compile::Documents::new();
    documents.add(
        "policies.json",
        serde_json::Value::from(policies).to_string().as_bytes(),
    );
    let tenant = Tenant {
        model: documents.finish().0,
        trusted: Vec::new(),
    };
    let engine = engine(&tenant)?;
    let token = tenant::token(&engine, TENANT, UNKNOWN, 1)?;
    let request = request(OUTSIDE);
    for _ in 0..count {
        let decision = engine.decide(black_box(&token), black_box(&request));
        expect(decision.status(), 403)?;
        if decision.policy_count() != 1_000 {
            return Err("not every policy objects".into());
        }
    }
    Ok(())
}

/// Marks in every combination of members: each has to be asked for.
fn worst_conjunctions(count: usize) -> Answer {
    let engine = engine(&Tenant::small()?)?;
    let members = ["user", "workload", "session", "token", "device", "app"];
    // A subject is a user or a workload, never both.
    for shape in (1..64_u8).filter(|shape| shape & 3 != 3) {
        let mut subject = serde_json::Map::new();
        for (bit, member) in members.iter().enumerate() {
            if shape >> bit & 1 == 1 {
                subject.insert((*member).to_owned(), json!(format!("nobody-{shape}")));
            }
        }
        engine.apply(&Event::from_value(
            &json!({"time": NOW, "tenant": TENANT, "subject": subject,
            "effect": "revoke", "source": "idp"}),
        )?);
    }
    decide_beside_events(&engine, count)
}

/// A decision after a change that is about somebody else: the token finds out that it is not meant.
fn decide_after_another_event(count: usize) -> Answer {
    let engine = engine(&Tenant::small()?)?;
    tenant::revoke(&engine, 10_000)?;
    decide_beside_events(&engine, count)
}

/// Before every decision the mark of another user is written, which is counted too.
fn decide_beside_events(engine: &Engine, count: usize) -> Answer {
    let token = tenant::token(engine, TENANT, UNKNOWN, 1)?;
    let request = request(INSIDE);
    let other = MarkKey::from_bits(0x5eed << 64 | 77);
    for number in 0..count {
        let mark = Mark {
            revoked_before: Some(NOW - 86_400 + number as i64 % 2),
            ..Mark::NOTHING
        };
        engine.facts().marks().write(other, mark);
        let decision = engine.decide(black_box(&token), black_box(&request));
        expect(decision.status(), 200)?;
    }
    Ok(())
}

/// A location for each of the 128 networks around one address, and 10,000 others.
fn worst_nested_prefixes(count: usize) -> Answer {
    let mut random = Random::new(1);
    let mut builder = PrefixTable::builder();
    let address = Ipv6Addr::from_bits(0x2001_0db8_u128 << 96 | 7);
    for length in 1..=128 {
        let prefix = Ipv6Net::new(address, length)?.trunc();
        builder.insert(prefix.into(), LocationIndex::new(length.into())?);
    }
    for _ in 0..10_000 {
        let other = Ipv6Addr::from_bits(address.to_bits() ^ random.wide() >> 33);
        builder.insert(
            Ipv6Net::new(other, 120)?.trunc().into(),
            LocationIndex::new(0)?,
        );
    }
    let table = builder.build()?;
    for _ in 0..count {
        if table
            .set(table.lookup(black_box(IpAddr::V6(address))))
            .len()
            < 128
        {
            return Err("a network is missing".into());
        }
    }
    Ok(())
}
