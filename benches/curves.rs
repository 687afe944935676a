//! How the cost of a decision grows: with policies, prefixes, marks, tenants, the size of a batch and
//! threads. Writes one plot for each into `docs/curves`.
//!
//! ```text
//! cargo run --release -p highwater-benches --bin curves [-- NAME...]
//! ```
//!
//! Each point is the median of seven rounds over requests chosen at random. All inputs are made up,
//! so that anybody gets the same ones; memory is what the machine has, so take the slope, not the
//! height.

mod plot;

use std::error::Error;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::time::Instant;

use highwater::decision::Decision;
use highwater::engine::Engine;
use highwater::marks::{Keyring, Mark, MarkKey, Marks};
use highwater::request::Request;
use highwater::settings::{EngineSettings, TenantSettings};
use highwater::snapshot::prefix_table::{LocationIndex, PrefixTable};
use highwater::timestamp::Timestamp;
use highwater::token::VerifiedToken;
use highwater_benches::Random;
use highwater_benches::tenant::{self, NOW, Tenant};
use ipnet::{IpNet, Ipv4Net};

use crate::plot::{Curve, Plot};

/// Requests per round.
const REQUESTS: usize = 50_000;

type Curves = Result<Vec<Curve>, Box<dyn Error>>;

/// The name of a plot, what its axis counts, and what measures its curves.
type Measured = (&'static str, &'static str, fn() -> Curves);

fn main() -> Result<(), Box<dyn Error>> {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let plots: [Measured; 6] = [
        ("policies", "policies of the tenant", policies),
        ("prefixes", "IPv4 prefixes of 20 locations", prefixes),
        ("marks", "marked subjects", marks),
        ("tenants", "tenants of 100 policies", tenants),
        ("batch", "requests in a batch", batch),
        ("threads", "threads", threads),
    ];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/curves");
    std::fs::create_dir_all(&folder)?;
    for (name, axis, measure) in plots {
        if !wanted.is_empty() && !wanted.iter().any(|wanted| wanted == name) {
            continue;
        }
        let curves = measure()?;
        for curve in &curves {
            println!("{name}, {}: {:?}", curve.name, curve.points);
        }
        let plot = Plot { axis, curves };
        std::fs::write(folder.join(format!("{name}.svg")), plot.svg())?;
    }
    Ok(())
}

/// The median time of `run`, per one of the `count` operations that it does.
fn nanoseconds(count: usize, mut run: impl FnMut() -> u64) -> f64 {
    let mut rounds: Vec<f64> = (0..8)
        .map(|_| {
            let start = Instant::now();
            black_box(run());
            start.elapsed().as_nanos() as f64 / count as f64
        })
        .skip(1)
        .collect();
    rounds.sort_unstable_by(f64::total_cmp);
    rounds[rounds.len() / 2]
}

/// An engine, tokens of its tenants in random order, and a request for each.
struct Scene {
    engine: Engine,
    tokens: Vec<VerifiedToken>,
    requests: Vec<(usize, Request<'static>)>,
}

impl Scene {
    fn new(tenants: usize, policies: usize) -> Result<Scene, Box<dyn Error>> {
        let tenant = Tenant::of(policies, if tenants == 1 { 2_000 } else { 20 })?;
        let engine = Engine::new(EngineSettings::default());
        let mut random = Random::new(7);
        let mut tokens = Vec::new();
        for number in 0..tenants {
            let id = format!("10000000-0000-4000-8000-{number:012x}");
            engine.publish(id.parse()?, &tenant.model, TenantSettings::default())?;
            for token in 0..(1_000 / tenants).max(1) {
                tokens.push(tenant::token(&engine, &id, random.below(20_000), token)?);
            }
        }
        let now = Timestamp::from_seconds(NOW);
        let requests = (0..REQUESTS)
            .map(|_| {
                let request = Request::new(now, Some(tenant.address(&mut random)));
                (random.below(tokens.len()), request)
            })
            .collect();
        Ok(Scene {
            engine,
            tokens,
            requests,
        })
    }

    fn single(&self) -> u64 {
        let decide = |(token, request): &(usize, Request<'_>)| {
            u64::from(self.engine.decide(&self.tokens[*token], request).status())
        };
        self.requests.iter().map(decide).sum()
    }

    fn batched(&self, size: usize) -> u64 {
        let mut decisions = vec![Decision::UNDECIDED; size];
        let mut batch = Vec::with_capacity(size);
        let mut sum = 0;
        for requests in self.requests.chunks(size) {
            batch.clear();
            let asked = |(token, request): &(usize, Request<'static>)| {
                (&self.tokens[*token], request.clone())
            };
            batch.extend(requests.iter().map(asked));
            let decisions = &mut decisions[..batch.len()];
            self.engine.decide_batch(&batch, decisions);
            let statuses = decisions
                .iter()
                .map(|decision| u64::from(decision.status()));
            sum += statuses.sum::<u64>();
        }
        sum
    }

    /// Single and batched must agree before they are timed.
    fn check(self) -> Result<Scene, Box<dyn Error>> {
        if self.single() == self.batched(32) {
            return Ok(self);
        }
        Err("a batch decides otherwise than its requests alone".into())
    }
}

fn policies() -> Curves {
    let mut curves = [Curve::new("one by one"), Curve::new("batches of 32")];
    for count in [1, 10, 100, 1_000, 10_000] {
        let scene = Scene::new(1, count)?.check()?;
        curves[0].push(count, nanoseconds(REQUESTS, || scene.single()));
        curves[1].push(count, nanoseconds(REQUESTS, || scene.batched(32)));
    }
    Ok(curves.into())
}

fn tenants() -> Curves {
    let mut curves = [Curve::new("one by one"), Curve::new("batches of 32")];
    for count in [1, 10, 100, 1_000, 10_000] {
        let scene = Scene::new(count, 100)?.check()?;
        curves[0].push(count, nanoseconds(REQUESTS, || scene.single()));
        curves[1].push(count, nanoseconds(REQUESTS, || scene.batched(32)));
    }
    Ok(curves.into())
}

fn batch() -> Curves {
    let mut curve = Curve::new("per request");
    let scene = Scene::new(1, 100)?.check()?;
    for size in [1, 2, 4, 8, 16, 32, 64, 128, 256] {
        curve.push(size, nanoseconds(REQUESTS, || scene.batched(size)));
    }
    Ok(vec![curve])
}

fn threads() -> Curves {
    let mut curve = Curve::new("per decision of all threads together");
    let scene = Scene::new(1, 100)?.check()?;
    let most = std::thread::available_parallelism()?.get();
    for count in 1..=most {
        let time = nanoseconds(REQUESTS * count * 20, || {
            std::thread::scope(|scope| {
                let thread = || (0..20).map(|_| scene.single()).sum::<u64>();
                let others: Vec<_> = (1..count).map(|_| scope.spawn(thread)).collect();
                let others = others.into_iter().filter_map(|other| other.join().ok());
                thread() + others.sum::<u64>()
            })
        });
        curve.push(count, time);
    }
    Ok(vec![curve])
}

fn prefixes() -> Curves {
    let mut curves = [Curve::new("one by one"), Curve::new("batches of 32")];
    for count in [10, 100, 1_000, 10_000, 100_000, 1_000_000] {
        let mut random = Random::new(1);
        let mut builder = PrefixTable::builder();
        let mut networks = Vec::with_capacity(count);
        for number in 0..count {
            let address = Ipv4Addr::from_bits(random.narrow() as u32);
            let network = Ipv4Net::new(address, 16 + random.below(9) as u8)?.trunc();
            builder.insert(IpNet::V4(network), LocationIndex::new(number % 20)?);
            networks.push(network);
        }
        let table = builder.build()?;
        let addresses: Vec<IpAddr> = (0..REQUESTS)
            .map(|_| networks[random.below(count)].network().into())
            .collect();
        let single = || {
            let sets = addresses.iter().map(|&address| table.lookup(address));
            sets.map(|set| set.index() as u64).sum::<u64>()
        };
        let mut sets = vec![Default::default(); REQUESTS];
        table.lookup_batch(&addresses, &mut sets);
        let batched: u64 = sets.iter().map(|set| set.index() as u64).sum();
        if single() != batched {
            return Err("a batch finds other locations than lookups one by one".into());
        }
        curves[0].push(count, nanoseconds(REQUESTS, single));
        let batched = nanoseconds(REQUESTS, || {
            table.lookup_batch(&addresses, &mut sets);
            sets.len() as u64
        });
        curves[1].push(count, batched);
    }
    Ok(curves.into())
}

fn marks() -> Curves {
    let mut curves = [Curve::new("one by one"), Curve::new("batches of 32")];
    for count in [1_000, 10_000, 100_000, 1_000_000, 10_000_000] {
        let mut random = Random::new(1);
        let marks = Marks::new(Keyring::from_seed([1, 2]));
        marks.reserve(count);
        let mut keys = Vec::with_capacity(REQUESTS);
        for number in 0..count {
            let key = MarkKey::from_bits(random.wide());
            let revoked = Mark {
                revoked_before: Some(NOW),
                ..Mark::NOTHING
            };
            marks.write(key, revoked);
            if number % (count / REQUESTS.min(count)) == 0 && keys.len() < REQUESTS {
                keys.push(key);
            }
        }
        let keys: Vec<MarkKey> = (0..REQUESTS)
            .map(|_| keys[random.below(keys.len())])
            .collect();
        let single = || {
            let known = |key: &&MarkKey| marks.revoked_before(**key, NOW).is_some();
            keys.iter().filter(known).count() as u64
        };
        if single() != REQUESTS as u64 {
            return Err("a mark was not found".into());
        }
        let mut found = vec![None; REQUESTS];
        curves[0].push(count, nanoseconds(REQUESTS, single));
        let batched = nanoseconds(REQUESTS, || {
            marks.revoked_before_batch(&keys, NOW, &mut found);
            found.len() as u64
        });
        curves[1].push(count, batched);
    }
    Ok(curves.into())
}
