//! Work `decide-…`: a whole decision, ours and the one that a team writes in an afternoon.
//!
//! The afternoon: a concurrent map of revocation times, a longest-prefix table behind an atomic
//! pointer, and the one rule of the policies that matters written out by hand. It knows one
//! tenant, one rule and no explanation; it gives the same answers on these requests, and that is
//! checked first.
//!
//! `decide-hot`: 100 policies, 2,000 ranges, 10,000 marks. `decide-cold`: a full routing table as
//! ranges, 10 million marks, tokens in random order. Tokens carry user, session, token, device
//! and application, and do not declare `cp1`, so that an answer does not depend on earlier ones.

mod afternoon;

use std::rc::Rc;

use highwater::decision::Decision;
use highwater::engine::Engine;
use highwater::request::Request;
use highwater::settings::{EngineSettings, TenantSettings};
use highwater::timestamp::Timestamp;
use highwater::token::VerifiedToken;
use highwater_benches::Random;
use highwater_benches::tenant::{self, NOW, TENANT, Tenant};

use self::afternoon::{Afternoon, AfternoonToken};
use crate::Options;
use crate::measure::{Mode, Subject, check, medians};
use crate::report::{HIGHWATER, Report};

/// Requests that are answered together in a batch.
const BATCH: usize = 32;

pub(crate) fn run(
    options: &Options,
    report: &mut Report,
) -> Result<(), Box<dyn std::error::Error>> {
    if options.wants("decide-hot") {
        let scene = Scene::build(&Tenant::small()?, 10_000, 1_000)?;
        measure("decide-hot", scene, 4_096, options, report)?;
    }
    if options.wants("decide-cold") {
        let (marks, tokens) = if options.quick {
            (1_000_000, 20_000)
        } else {
            (10_000_000, 100_000)
        };
        let scene = Scene::build(&Tenant::large()?, marks, tokens)?;
        measure("decide-cold", scene, 200_000, options, report)?;
    }
    Ok(())
}

/// Everything that both sides know.
struct Scene {
    engine: Engine,
    afternoon: Afternoon,
    tokens: Vec<VerifiedToken>,
    /// The same tokens as the afternoon keeps them.
    afternoon_tokens: Vec<AfternoonToken>,
    /// Addresses, about nine of ten inside a trusted location.
    addresses: Vec<std::net::IpAddr>,
}

impl Scene {
    fn build(
        tenant: &Tenant,
        marks: usize,
        tokens: usize,
    ) -> Result<Scene, Box<dyn std::error::Error>> {
        let engine = Engine::new(EngineSettings::default());
        engine.publish(TENANT.parse()?, &tenant.model, TenantSettings::default())?;
        tenant::revoke(&engine, marks)?;
        let mut afternoon = Afternoon::new(&tenant.trusted);
        for user in 0..marks {
            afternoon.revoke(user as u128, tenant::revoked_before(user));
        }
        let mut random = Random::new(7);
        // Half of the users were never heard of.
        let tokens = (0..tokens)
            .map(|number| tenant::token(&engine, TENANT, random.below(marks * 2), number))
            .collect::<Result<Vec<VerifiedToken>, _>>()?;
        let addresses = (0..8_192).map(|_| tenant.address(&mut random)).collect();
        Ok(Scene {
            engine,
            afternoon,
            afternoon_tokens: tokens
                .iter()
                .map(|token| AfternoonToken::new(token.facts()))
                .collect(),
            tokens,
            addresses,
        })
    }

    /// `count` requests: which token, and which address.
    fn inputs(&self, count: usize) -> Vec<Input> {
        let mut random = Random::new(11);
        (0..count)
            .map(|_| Input {
                token: random.below(self.tokens.len()) as u32,
                address: random.below(self.addresses.len()) as u32,
            })
            .collect()
    }

    #[inline(always)]
    fn request(&self, input: Input) -> (&VerifiedToken, Request<'static>) {
        let address = self.addresses[input.address as usize];
        (
            &self.tokens[input.token as usize],
            Request::new(Timestamp::from_seconds(NOW), Some(address)),
        )
    }
}

/// One request, by number: choosing costs neither side anything.
#[derive(Clone, Copy, Debug)]
struct Input {
    token: u32,
    address: u32,
}

fn measure(
    work: &str,
    scene: Scene,
    inputs: usize,
    options: &Options,
    report: &mut Report,
) -> Result<(), Box<dyn std::error::Error>> {
    let scene = Rc::new(scene);
    let ours = scene.clone();
    let theirs = scene.clone();
    let batch = scene.clone();
    let subjects = [
        Subject::single(HIGHWATER, None, move |&input: &Input| {
            let (token, request) = ours.request(input);
            u32::from(ours.engine.decide(token, &request).status())
        }),
        Subject::single("dashmap+ip_network_table", None, move |&input: &Input| {
            let (_, request) = theirs.request(input);
            let token = &theirs.afternoon_tokens[input.token as usize];
            theirs.afternoon.decide(token, &request)
        }),
        Subject::batch("highwater, batch", None, move |inputs: &[Input]| {
            let mut decisions = [Decision::UNDECIDED; BATCH];
            let mut requests = Vec::with_capacity(BATCH);
            let mut sum = 0;
            for inputs in inputs.chunks(BATCH) {
                requests.clear();
                requests.extend(inputs.iter().map(|&input| batch.request(input)));
                let decisions = &mut decisions[..inputs.len()];
                batch.engine.decide_batch(&requests, decisions);
                sum += decisions
                    .iter()
                    .map(|decision| u64::from(decision.status()))
                    .sum::<u64>();
            }
            sum
        }),
    ];
    let inputs = scene.inputs(inputs);
    check(&subjects, &inputs[..inputs.len().min(20_000)])?;
    let latency = medians(&subjects, &inputs, Mode::Latency, options.rounds());
    let throughput = medians(&subjects, &inputs, Mode::Throughput, options.rounds());
    for (mode, times) in [("", latency), ("-throughput", throughput)] {
        for (subject, nanoseconds) in subjects.iter().zip(times) {
            if let Some(nanoseconds) = nanoseconds {
                let name = subject.name;
                report.add(&format!("{work}{mode}"), name, nanoseconds, None);
                if name.ends_with("batch") {
                    // A work of its own: what a host gains that asks in batches.
                    report.add(&format!("{work}-batch"), HIGHWATER, nanoseconds, None);
                }
            }
        }
    }
    Ok(())
}
