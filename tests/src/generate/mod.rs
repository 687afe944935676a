//! Cases made up from a seed: the same form as vectors, so that a failure is one.
//!
//! Everything is drawn from small universes and directed at boundaries: the first and the last
//! address of every prefix and their neighbours, tokens issued one second before, at and after
//! events, policies' changes and challenges, claims that are missing.

mod address;
mod documents;
pub mod exhaustive;
pub mod names;
mod random;
mod steps;
mod when;

pub use random::Random;

use highwater::event::Event;
use highwater::settings::{
    DenyStatus, EngineSettings, LoopBudget, PolicyChange, TenantSettings, UnknownWithoutCapability,
};
use highwater::token::{Anchor, IssuerProfile};
use steps::Cast;

use crate::vector::{Answer, Case, Documents, Expected, Step};

/// How many requests a case has.
pub const REQUESTS: usize = 96;

/// The case of a seed. Its expected answers are not filled in.
#[must_use]
pub fn case(seed: u64) -> Case {
    make(&mut Random::new(seed), format!("seed {seed}"), REQUESTS)
}

/// As [`case`], with another number of requests.
#[must_use]
pub fn case_of(seed: u64, requests: usize) -> Case {
    make(&mut Random::new(seed), format!("seed {seed}"), requests)
}

/// An event that says something sensible.
#[must_use]
pub fn event(random: &mut Random) -> Event {
    steps::event(random)
}

/// The case that a fuzzer steers to, with `requests` requests.
#[must_use]
pub fn steered_case(bytes: &[u8], requests: usize) -> Case {
    make(&mut Random::steered(bytes), "steered".to_owned(), requests)
}

/// A case without documents and steps, all settings at their defaults.
fn plain_case(name: &str) -> Case {
    Case {
        name: name.to_owned(),
        section: "generated".to_owned(),
        documents: Documents::default(),
        engine: EngineSettings::default(),
        tenant: TenantSettings::default(),
        issuer: IssuerProfile {
            answers_challenges: Some(true),
            ..IssuerProfile::generic("https://idp.example")
        },
        steps: Vec::new(),
    }
}

fn make(random: &mut Random, name: String, requests: usize) -> Case {
    let (documents, prefixes) = documents::documents(random);
    let cast = Cast::new(random, &prefixes);
    let mut steps = Vec::new();
    for _ in 0..requests {
        if random.chance(25) {
            steps.push(Step::Event(steps::event(random)));
        }
        steps.push(Step::Request {
            line: cast.request(random),
            expected: Expected {
                answer: Answer::error(),
            },
        });
    }
    let mut case = Case {
        name,
        section: "generated".to_owned(),
        documents,
        engine: engine(random),
        tenant: tenant(random),
        issuer: issuer(random),
        steps,
    };
    // Now and then around an instant at which some representation of seconds ends.
    if random.chance(8) {
        when::shift(&mut case, random.pick(&when::ENDS) - names::ORIGIN);
    }
    case
}

fn engine(random: &mut Random) -> EngineSettings {
    let status = |random: &mut Random, usual| match random.below(10) {
        0 => DenyStatus::Unauthorized,
        1 => DenyStatus::Forbidden,
        _ => usual,
    };
    EngineSettings {
        accept_any_tenant: random.chance(30),
        loop_budget: LoopBudget {
            per_token: *random.pick(&[0, 1, 2, 3, 3, 30, 30, 30]),
            per_subject: *random.pick(&[0, 1, 2, 3, 3, 30, 30, 30]),
            window: 600,
        },
        // Far more than a case challenges, and a quarter of what is allocated otherwise: the oracle
        // forgets nothing.
        remembered_challenges: 1 << 12,
        stale_token_age: random.chance(30).then(|| *random.pick(&[99, 100, 700])),
        revocation_status: status(random, DenyStatus::Unauthorized),
        policy_status: status(random, DenyStatus::Forbidden),
        ..EngineSettings::default()
    }
}

fn tenant(random: &mut Random) -> TenantSettings {
    TenantSettings {
        policy_change: *random.pick(&[PolicyChange::Off, PolicyChange::Block, PolicyChange::All]),
        answered_challenge: random.chance(80),
        unknown_without_capability: *random.pick(&[
            UnknownWithoutCapability::Allow,
            UnknownWithoutCapability::Deny,
        ]),
    }
}

fn issuer(random: &mut Random) -> IssuerProfile {
    let mut issuer = IssuerProfile::generic("https://idp.example");
    issuer.answers_challenges = Some(random.chance(95));
    issuer.backdate = random.chance(40).then_some(300);
    if random.chance(10) {
        issuer.anchor = Anchor::AuthTime;
    }
    if random.chance(15) {
        issuer.claims.policy_ids = Some("pol".to_owned());
    }
    issuer
}
