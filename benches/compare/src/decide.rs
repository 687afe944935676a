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
mod tenant;

use std::rc::Rc;

use highwater::decision::Decision;
use highwater::engine::Engine;
use highwater::event::Dimension;
use highwater::marks::{Mark, SubjectKeys};
use highwater::request::Request;
use highwater::settings::{EngineSettings, TenantSettings};
use highwater::timestamp::Timestamp;
use highwater::token::{IssuerProfile, TokenFacts, VerifiedToken};
use serde_json::json;

use self::afternoon::{Afternoon, AfternoonToken};
use self::tenant::Tenant;
use crate::Options;
use crate::data::Random;
use crate::measure::{Mode, Subject, check, medians};
use crate::report::{HIGHWATER, Report};

/// The present of all requests, in seconds.
const NOW: i64 = 1_763_760_000;

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
        let id = "10000000-0000-4000-8000-000000000001";
        engine.publish(id.parse()?, &tenant.model, TenantSettings::default())?;
        let mut afternoon = Afternoon::new(&tenant.trusted);
        let mut random = Random::new(7);

        // Nine of ten marked users signed in again since; the others are refused.
        let table = engine.facts().marks();
        table.reserve(marks);
        let tenant_id = id.parse()?;
        for user in 0..marks {
            let before = if user % 10 == 0 {
                NOW - 60
            } else {
                NOW - 86_400
            };
            let name = user_id(user);
            let keys = SubjectKeys::new(engine.keyring(), &tenant_id, |dimension| {
                (dimension == Dimension::User).then_some(name.as_str())
            });
            let shape = keys.dimensions();
            table.use_shape(shape);
            if let Some(key) = keys.key(shape) {
                table.write(
                    key,
                    Mark {
                        revoked_before: Some(before),
                        ..Mark::NOTHING
                    },
                );
            }
            afternoon.revoke(user as u128, before);
        }

        let profile = IssuerProfile::generic("https://idp.example");
        let tokens = (0..tokens)
            .map(|number| {
                // Half of the users were never heard of.
                let user = random.below(marks * 2);
                let claims = json!({
                    "iss": "https://idp.example", "tid": id, "oid": user_id(user), "aud": "api://orders",
                    "iat": NOW - 600, "exp": NOW + 3_000, "sid": format!("session-{number}"),
                    "uti": format!("token-{number}"), "deviceid": user_id(number), "azp": user_id(7),
                    "scp": "orders.read", "groups": [],
                });
                let claims = claims.as_object().ok_or("claims are an object")?;
                Ok(engine.token(TokenFacts::from_claims(claims, &profile)?))
            })
            .collect::<Result<Vec<VerifiedToken>, Box<dyn std::error::Error>>>()?;
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

    fn request(&self, input: u32) -> (&VerifiedToken, Request<'static>) {
        let spread = u64::from(input).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let token = &self.tokens[self.token_of(input)];
        let address = self.addresses[(spread >> 44) as usize % self.addresses.len()];
        (
            token,
            Request::new(Timestamp::from_seconds(NOW), Some(address)),
        )
    }
}

impl Scene {
    /// Which token a request comes with.
    fn token_of(&self, input: u32) -> usize {
        let spread = u64::from(input).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (spread >> 20) as usize % self.tokens.len()
    }
}

/// A directory id made from a number, so that the afternoon may keep numbers.
fn user_id(number: usize) -> String {
    format!("20000000-0000-4000-8000-{number:012x}")
}

fn measure(
    work: &str,
    scene: Scene,
    inputs: u32,
    options: &Options,
    report: &mut Report,
) -> Result<(), Box<dyn std::error::Error>> {
    let scene = Rc::new(scene);
    let ours = scene.clone();
    let theirs = scene.clone();
    let batch = scene.clone();
    let subjects = [
        Subject::single(HIGHWATER, None, move |&input: &u32| {
            let (token, request) = ours.request(input);
            u32::from(ours.engine.decide(token, &request).status())
        }),
        Subject::single("dashmap+ip_network_table", None, move |&input: &u32| {
            let (_, request) = theirs.request(input);
            let token = &theirs.afternoon_tokens[theirs.token_of(input)];
            theirs.afternoon.decide(token, &request)
        }),
        Subject::batch("highwater, batch", None, move |inputs: &[u32]| {
            let mut decisions = [Decision::UNDECIDED; BATCH];
            let mut sum = 0;
            for inputs in inputs.chunks(BATCH) {
                let requests: Vec<_> = inputs.iter().map(|&input| batch.request(input)).collect();
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
    let inputs: Vec<u32> = (0..inputs).collect();
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
