//! Vectors: recorded decisions that every surface has to reproduce.
//!
//! A case is a tenant's documents, then events and requests in order, each request with the
//! answer it must get. What is not an engine type here is plain JSON, exactly as the
//! `highwater` command reads it, so that a case can be run through any surface.

mod merge;
mod read;
mod schema;

use std::collections::BTreeMap;

use highwater::decision::NAMED_POLICIES;
use highwater::event::Event;
use highwater::settings::{EngineSettings, TenantSettings};
use highwater::token::IssuerProfile;
use serde_json::Value;

pub use read::{VectorError, corpus, read};

/// One case, with every name and base resolved.
#[derive(Clone, Debug)]
pub struct Case {
    /// The file and the case's name in it.
    pub name: String,
    /// The section of the semantics that it is about.
    pub section: String,
    /// The tenant that requests and events are about.
    pub documents: Documents,
    /// Settings of the engine.
    pub engine: EngineSettings,
    /// Settings of the tenant.
    pub tenant: TenantSettings,
    /// How tokens are read.
    pub issuer: IssuerProfile,
    /// What happens.
    pub steps: Vec<Step>,
}

/// The tenant's documents.
#[derive(Clone, Debug, Default)]
pub struct Documents {
    /// Graph `conditionalAccessPolicy` objects.
    pub policies: Vec<Value>,
    /// Graph `namedLocation` objects.
    pub locations: Vec<Value>,
    /// `{group: [members]}`.
    pub memberships: Option<Value>,
    /// One prefix a line.
    pub trusted_ips: Option<String>,
    /// `CC<TAB>prefix` lines.
    pub countries: Option<String>,
}

/// What happens at one point of a case.
#[derive(Clone, Debug)]
pub enum Step {
    /// A fact arrives.
    Event(Event),
    /// A request is decided.
    Request {
        /// The line, as `highwater decide` reads it.
        line: Value,
        /// What must come out.
        expected: Expected,
    },
}

/// The tenant of every case.
pub const TENANT: &str = "7e4a0000-0000-4000-8000-00000000000a";

/// What must come out.
#[derive(Clone, Debug)]
pub struct Expected {
    /// The answer; `results` holds only the policies to be compared.
    pub answer: Answer,
}

/// One answer, in the terms that every surface can give.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// `allow`, `challenge`, `deny 401`, `deny 403` or `error`.
    pub decision: String,
    /// Reasons, the strongest first.
    pub reasons: Vec<String>,
    /// Policies with a violation, by display name, in the order of the documents.
    pub policies: Vec<String>,
    /// `uncovered`, `degraded`; `None` where the surface does not say.
    pub flags: Option<Vec<String>>,
    /// The claims document of a challenge; `None` where the surface does not say.
    pub claims: Option<Value>,
    /// The whole header; `None` where the surface does not say.
    pub header: Option<String>,
    /// What `explain` says, by display name; `None` where the surface does not say.
    pub results: Option<BTreeMap<String, String>>,
}

impl Answer {
    /// The answer to a line that cannot be read.
    #[must_use]
    pub fn error() -> Answer {
        Answer {
            decision: "error".to_owned(),
            reasons: Vec::new(),
            policies: Vec::new(),
            flags: None,
            claims: None,
            header: None,
            results: None,
        }
    }
}

impl Expected {
    /// The first difference, for people; `None` if the answer is as it must be.
    #[must_use]
    pub fn difference(&self, answer: &Answer) -> Option<String> {
        let wanted = &self.answer;
        let differ = |what: &str, wanted: &dyn std::fmt::Debug, found: &dyn std::fmt::Debug| {
            Some(format!("{what}: expected {wanted:?}, got {found:?}"))
        };
        if wanted.decision != answer.decision || wanted.reasons != answer.reasons {
            let both = |answer: &Answer| (answer.decision.clone(), answer.reasons.clone());
            return differ("decision", &both(wanted), &both(answer));
        }
        // A decision names the first policies; an oracle has them all.
        let first = &wanted.policies[..wanted.policies.len().min(NAMED_POLICIES)];
        if answer.policies != wanted.policies && answer.policies != first {
            return differ("policies", &wanted.policies, &answer.policies);
        }
        if let Some(flags) = &answer.flags
            && wanted.flags.as_ref() != Some(flags)
        {
            return differ("flags", &wanted.flags, flags);
        }
        if let (Some(wanted), Some(found)) = (&wanted.claims, &answer.claims)
            && wanted != found
        {
            return differ("claims", wanted, found);
        }
        if let (Some(wanted), Some(found)) = (&wanted.header, &answer.header)
            && wanted != found
        {
            return differ("header", wanted, found);
        }
        if let (Some(wanted), Some(found)) = (&wanted.results, &answer.results) {
            for (policy, word) in wanted {
                if found.get(policy) != Some(word) {
                    return differ(policy, word, &found.get(policy));
                }
            }
        }
        None
    }
}

/// A way of asking the engine.
pub trait Surface {
    /// The surface's name in failures.
    fn name(&self) -> &'static str;

    /// Runs a case from a fresh start: the answers to its requests, in order.
    fn run(&mut self, case: &Case) -> Vec<Answer>;
}
