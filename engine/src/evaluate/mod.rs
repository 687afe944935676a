//! The decision: total, allocation-free, and on this page (semantics §3).
//!
//! [`evaluate`] reads one tenant's snapshot, the marks of one token and the circumstances of one
//! request. It never fails, never waits and reads no clock. What it cannot judge becomes a
//! reason, not an error.

mod conditions;
mod context;
mod controls;
mod findings;
mod memory;
mod policy;
mod quick;
mod scope;
mod truth;

pub use conditions::{Answers, Condition};
pub use memory::ChallengeMemory;
pub use policy::{Note, Verdict};
pub(crate) use quick::{LookedUp, nothing_can_object, refused_as_usual};
pub(crate) use scope::Scope;
pub use truth::Truth;

use context::Context;
use findings::Findings;

use crate::decision::{Decision, PolicyIndex};
use crate::event::RiskLevel;
use crate::marks::{Latest, Mark, Marks, assurance_rank};
use crate::reason::Reason;
use crate::request::Request;
use crate::settings::EngineSettings;
use crate::snapshot::TenantSnapshot;
use crate::snapshot::policy_table::CompiledPolicy;
use crate::timestamp::Timestamp;
use crate::token::{TokenFacts, VerifiedToken};

/// Everything that a decision reads besides the token and the request. Made by an engine: a token
/// remembers what its settings and its snapshot say.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct World<'a> {
    /// The engine's settings.
    pub settings: &'a EngineSettings,
    /// The token's tenant; `None` if it is not configured.
    pub tenant: Option<&'a TenantSnapshot>,
    /// What is known about subjects.
    pub marks: &'a Marks,
    /// Whether some event stream is stale, paused or disabled.
    pub degraded: bool,
    /// Earlier challenges.
    pub memory: &'a ChallengeMemory,
}

/// Watches a decision being made: nothing for a decision, everything for an explanation.
pub trait Observer {
    /// Whether every policy and every condition is to be asked, also those that cannot change
    /// the outcome.
    const THOROUGH: bool;

    /// One policy was judged.
    fn policy(&mut self, index: PolicyIndex, policy: &CompiledPolicy, verdict: &Verdict);
}

/// The mark of a token about which nothing is known: most of them.
static NOTHING_KNOWN: Mark = Mark::NOTHING;

/// The observer of plain decisions.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unobserved;

impl Observer for Unobserved {
    const THOROUGH: bool = false;

    fn policy(&mut self, _: PolicyIndex, _: &CompiledPolicy, _: &Verdict) {}
}

/// Decides one request with one token.
#[inline(always)]
pub fn evaluate<O: Observer>(
    world: &World<'_>,
    token: &VerifiedToken,
    request: &Request<'_>,
    observer: &mut O,
) -> Decision {
    let mut looked_up = LookedUp::default();
    if !O::THOROUGH
        && let Some(tenant) = world.tenant
        && nothing_can_object(world, tenant, token, request, &mut looked_up)
    {
        return Decision::ALLOWED;
    }
    judge(world, looked_up, token, request, observer)
}

/// The five steps of a decision: everything that may have something against the request is asked.
#[inline(never)]
pub(crate) fn judge<O: Observer>(
    world: &World<'_>,
    looked_up: LookedUp,
    token: &VerifiedToken,
    request: &Request<'_>,
    observer: &mut O,
) -> Decision {
    let degraded = world.degraded;
    // 1. The token's own window.
    if let Some(reason) = token.outside_window(request.now, world.settings.skew) {
        return Decision::deny(401, reason, degraded);
    }
    // 2. The tenant.
    let Some(tenant) = world.tenant else {
        return Decision::deny(403, Reason::TenantUnknown, degraded);
    };
    token.prefetch_rest();
    let facts = token.facts();

    // 3. The marks of everything that the token carries.
    let mut findings = Findings::default();
    let found;
    let mark = if looked_up.latest == Some(Latest::NOTHING) {
        &NOTHING_KNOWN
    } else {
        let read = || world.marks.read_since(token.keys(), facts.issued);
        found = looked_up.latest.and_then(Latest::mark).unwrap_or_else(read);
        judge_marks(&found, facts, &mut findings);
        &found
    };
    if degraded && is_too_old_meanwhile(facts, request.now, world.settings) {
        findings.add(Reason::StreamStale);
    }
    // 4. The policies, and what the host itself requires.
    if let Some(required) = request.authentication_context
        && !facts
            .authentication_contexts
            .iter()
            .any(|held| held == required)
    {
        findings.add(Reason::AuthContextRequired);
    }
    // With a risk come policies that the quick look could leave out.
    let candidates = looked_up
        .candidates
        .filter(|_| mark.risk == RiskLevel::None);
    if candidates != Some(0) {
        let context = Context::new(world, tenant, token, request, mark, looked_up.locations);
        judge_policies(&context, candidates, &mut findings, observer);
    }
    // 5. The strongest remedy that the client can act on.
    let spent = || world.memory.is_spent(token, request.address, request.now);
    findings.conclude(
        world.settings,
        facts.capable,
        mark,
        request.now,
        degraded,
        spent,
    )
}

/// Asks the policies that can matter: the `candidates` of the quick look, if it found out which; an
/// observer that is thorough sees all of them.
#[inline(always)]
fn judge_policies<O: Observer>(
    context: &Context<'_>,
    candidates: Option<u64>,
    findings: &mut Findings,
    observer: &mut O,
) {
    let mut judge = |index: PolicyIndex, policy: &CompiledPolicy, scope: Option<Truth>| {
        let verdict = policy::judge(policy, context, scope, O::THOROUGH);
        if verdict.is_enforced_in(policy.state) {
            findings.add_policy(index, &verdict);
        }
        observer.policy(index, policy, &verdict);
    };
    let policies = &context.tenant.policies;
    if O::THOROUGH {
        policies
            .iter()
            .for_each(|(index, policy)| judge(index, policy, None));
        return;
    }
    let mut at = |position: usize| {
        let index = policies.enforced[position];
        if let Some(policy) = policies.get(index) {
            judge(index, policy, context.mask.map(|mask| mask.scope(position)));
        }
    };
    if let Some(mut left) = candidates {
        while left != 0 {
            at(left.trailing_zeros() as usize);
            left &= left - 1;
        }
        // The quick look is only for tokens that are younger than every change.
        return;
    }
    policies.candidates(context.filters()).for_each(at);
    for (index, policy) in policies.changed_since(context.token.issued) {
        judge(index, policy, None);
    }
}

fn judge_marks(mark: &Mark, token: &TokenFacts, findings: &mut Findings) {
    let reaches = |instant: Option<i64>| instant.is_some_and(|instant| token.issued <= instant);
    let lowered = token
        .level
        .as_deref()
        .and_then(assurance_rank)
        .is_some_and(|rank| mark.assurance.lowered(rank, token.issued));
    for (holds, reason) in [
        (mark.purged, Reason::SubjectPurged),
        (mark.denied_session, Reason::SessionDenied),
        (mark.denied_token, Reason::TokenDenied),
        (mark.blocked, Reason::SubjectBlocked),
        (reaches(mark.revoked_before), Reason::TokenRevoked),
        (reaches(mark.refresh_before), Reason::TokenStale),
        (lowered, Reason::AssuranceLowered),
    ] {
        if holds {
            findings.add(reason);
        }
    }
}

fn is_too_old_meanwhile(token: &TokenFacts, now: Timestamp, settings: &EngineSettings) -> bool {
    settings
        .stale_token_age
        .is_some_and(|age| now > token.issued_at.plus_seconds(age))
}
