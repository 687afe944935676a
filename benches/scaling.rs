//! What a decision costs as things grow: the scenes of the scaling curves and of bench `scaling`.
//!
//! All inputs are made up, so that anybody gets the same ones. Each scene is asked one by one and in
//! batches, and the two must agree before they are timed.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr};

use highwater::decision::Decision;
use highwater::engine::Engine;
use highwater::marks::{Keyring, Mark, MarkKey, Marks};
use highwater::request::Request;
use highwater::settings::{EngineSettings, TenantSettings};
use highwater::snapshot::prefix_table::{LocationIndex, LocationSetIndex, PrefixTable};
use highwater::timestamp::Timestamp;
use highwater::token::VerifiedToken;
use ipnet::{IpNet, Ipv4Net};

use crate::Random;
use crate::tenant::{self, NOW, Tenant};

/// Questions per round.
pub const QUESTIONS: usize = 50_000;

/// Policies of one tenant.
pub const POLICIES: [usize; 5] = [1, 10, 100, 1_000, 10_000];

/// Tenants of 100 policies.
pub const TENANTS: [usize; 5] = [1, 10, 100, 1_000, 10_000];

/// Requests in a batch.
pub const BATCHES: [usize; 9] = [1, 2, 4, 8, 16, 32, 64, 128, 256];

/// IPv4 prefixes of 20 locations.
pub const PREFIXES: [usize; 6] = [10, 100, 1_000, 10_000, 100_000, 1_000_000];

/// Marked subjects.
pub const MARKS: [usize; 5] = [1_000, 10_000, 100_000, 1_000_000, 10_000_000];

/// An engine, tokens of its tenants, and a request of a random token each.
#[derive(Debug)]
pub struct Decisions {
    engine: Engine,
    tokens: Vec<VerifiedToken>,
    requests: Vec<(usize, Request<'static>)>,
}

impl Decisions {
    /// `tenants` of `policies` each: 2,000 ranges if there is one tenant, 20 if there are more.
    ///
    /// # Errors
    /// A batch decides otherwise than its requests one by one.
    pub fn new(tenants: usize, policies: usize) -> Result<Decisions, Box<dyn Error>> {
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
        let requests = (0..QUESTIONS)
            .map(|_| {
                let request = Request::new(now, Some(tenant.address(&mut random)));
                (random.below(tokens.len()), request)
            })
            .collect();
        let scene = Decisions {
            engine,
            tokens,
            requests,
        };
        if scene.single() != scene.batched(32) {
            return Err("a batch decides otherwise than its requests alone".into());
        }
        Ok(scene)
    }

    /// Every request, one after the other: the sum of the status codes.
    #[must_use]
    pub fn single(&self) -> u64 {
        let decide = |(token, request): &(usize, Request<'_>)| {
            u64::from(self.engine.decide(&self.tokens[*token], request).status())
        };
        self.requests.iter().map(decide).sum()
    }

    /// Every request, in batches of `size`: the sum of the status codes.
    #[must_use]
    pub fn batched(&self, size: usize) -> u64 {
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
}

/// A location table, and addresses in random prefixes of it.
#[derive(Debug)]
pub struct Lookups {
    table: PrefixTable,
    addresses: Vec<IpAddr>,
    sets: Vec<LocationSetIndex>,
}

impl Lookups {
    /// A table of `count` prefixes of 16 to 24 bits.
    ///
    /// # Errors
    /// A batch finds other locations than lookups one by one.
    pub fn new(count: usize) -> Result<Lookups, Box<dyn Error>> {
        let mut random = Random::new(1);
        let mut builder = PrefixTable::builder();
        let mut networks = Vec::with_capacity(count);
        for number in 0..count {
            let address = Ipv4Addr::from_bits(random.narrow() as u32);
            let network = Ipv4Net::new(address, 16 + random.below(9) as u8)?.trunc();
            builder.insert(IpNet::V4(network), LocationIndex::new(number % 20)?);
            networks.push(network);
        }
        let addresses = (0..QUESTIONS)
            .map(|_| networks[random.below(count)].network().into())
            .collect();
        let mut scene = Lookups {
            table: builder.build()?,
            addresses,
            sets: vec![LocationSetIndex::EMPTY; QUESTIONS],
        };
        if scene.single() != scene.batched() {
            return Err("a batch finds other locations than lookups one by one".into());
        }
        Ok(scene)
    }

    /// Every address, one after the other: the sum of the answers.
    #[must_use]
    pub fn single(&self) -> u64 {
        let find = |&address: &IpAddr| self.table.lookup(address).index() as u64;
        self.addresses.iter().map(find).sum()
    }

    /// Every address, together: the sum of the answers.
    pub fn batched(&mut self) -> u64 {
        self.table.lookup_batch(&self.addresses, &mut self.sets);
        self.sets.iter().map(|set| set.index() as u64).sum()
    }
}

/// Marks, and random keys that they refuse.
#[derive(Debug)]
pub struct Marked {
    marks: Marks,
    keys: Vec<MarkKey>,
    found: Vec<Option<i64>>,
}

impl Marked {
    /// Marks of `count` subjects.
    ///
    /// # Errors
    /// A mark is not found.
    pub fn new(count: usize) -> Result<Marked, Box<dyn Error>> {
        let mut random = Random::new(1);
        let marks = Marks::new(Keyring::from_seed([1, 2]));
        marks.reserve(count);
        let revoked = Mark {
            revoked_before: Some(NOW),
            ..Mark::NOTHING
        };
        let every = count.div_ceil(QUESTIONS);
        let mut known = Vec::with_capacity(QUESTIONS);
        for number in 0..count {
            let key = MarkKey::from_bits(random.wide());
            marks.write(key, revoked);
            if number % every == 0 {
                known.push(key);
            }
        }
        let mut scene = Marked {
            marks,
            keys: (0..QUESTIONS)
                .map(|_| known[random.below(known.len())])
                .collect(),
            found: vec![None; QUESTIONS],
        };
        if scene.single() != QUESTIONS as u64 || scene.batched() != QUESTIONS as u64 {
            return Err("a mark was not found".into());
        }
        Ok(scene)
    }

    /// Every key, one after the other: how many are refused.
    #[must_use]
    pub fn single(&self) -> u64 {
        let refused = |key: &&MarkKey| self.marks.revoked_before(**key, NOW).is_some();
        self.keys.iter().filter(refused).count() as u64
    }

    /// Every key, together: how many are refused.
    pub fn batched(&mut self) -> u64 {
        self.marks
            .revoked_before_batch(&self.keys, NOW, &mut self.found);
        self.found.iter().filter(|found| found.is_some()).count() as u64
    }
}
