//! The golden fool: a second evaluator, too slow and too simple to be wrong.
//!
//! Written from `docs/semantics.md` alone, section by section. It shares the engine's input
//! types (model, token, event, request, settings) and nothing that decides: no table, no index,
//! no register. Its state is the list of events and the list of challenges; every decision
//! scans both, every policy and every prefix.

pub mod applications;
pub mod condition;
pub mod facts;
pub mod location;
pub mod memory;
pub mod policy;
pub mod truth;

pub use facts::{Facts, Marks};
pub use policy::{Lists, Violation};
pub use truth::Truth;

use highwater::decision::Outcome;
use highwater::event::Event;
use highwater::identifier::TenantId;
use highwater::model::TenantModel;
use highwater::reason::{Family, Reason};
use highwater::request::Request;
use highwater::settings::{EngineSettings, TenantSettings};
use highwater::token::TokenFacts;

use memory::{Memory, Place, TokenKey};
use policy::{Context, LocationMode};

/// The evaluator with everything that it was told.
#[derive(Clone, Debug, Default)]
pub struct Oracle {
    settings: EngineSettings,
    tenants: Vec<(TenantId, TenantModel, TenantSettings)>,
    facts: Facts,
    memory: Memory,
}

/// One decision, with its reasons in full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OracleDecision {
    /// Allow, challenge or deny.
    pub outcome: Outcome,
    /// 200, 401 or 403.
    pub status: u16,
    /// The strongest first, each once.
    pub reasons: Vec<Reason>,
    /// A violation was let pass because the client cannot answer a challenge.
    pub uncovered: bool,
    /// Some event stream is not to be relied on.
    pub degraded: bool,
    /// Every policy, in the order of the documents; none where the decision did not get there.
    pub policies: Vec<PolicyAnswer>,
    /// Positions of the enabled policies with a violation.
    pub violated: Vec<usize>,
    /// What the challenge asks for, if there is one.
    pub claims: Option<AskedClaims>,
}

/// What `explain` says of one policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyAnswer {
    /// Graph's word.
    pub result: &'static str,
    /// Condition by condition.
    pub lists: Lists,
}

/// Section 7: the members of the claims challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedClaims {
    /// `nbf`, in seconds.
    pub not_before: i64,
    /// `xms_rp_ipaddr`.
    pub address: Option<std::net::IpAddr>,
    /// `acrs`.
    pub authentication_context: Option<String>,
}

impl Oracle {
    /// Knows nothing yet.
    #[must_use]
    pub fn new(settings: EngineSettings) -> Oracle {
        Oracle {
            settings,
            ..Oracle::default()
        }
    }

    /// Sets the documents of a tenant, in place of those it had.
    pub fn load(&mut self, tenant: TenantId, model: TenantModel, settings: TenantSettings) {
        self.tenants.retain(|(known, _, _)| *known != tenant);
        self.tenants.push((tenant, model, settings));
    }

    /// Takes note of an event.
    pub fn apply(&mut self, event: Event) {
        self.facts.apply(event);
    }

    /// The process ends and starts again: events are kept, challenges are not (section 6).
    pub fn restart(&mut self) {
        self.memory = Memory::default();
    }

    /// Decides, and remembers the challenge if it is one.
    pub fn decide(&mut self, token: &TokenFacts, request: &Request<'_>) -> OracleDecision {
        let (decision, remembered) = self.judge(token, request);
        if decision.outcome == Outcome::Challenge {
            let place = Place::of(token, request.canonical_address());
            self.memory
                .challenged(request.now, TokenKey::of(token), place, remembered);
        }
        decision
    }

    /// Section 3, in its order.
    fn judge(
        &self,
        token: &TokenFacts,
        request: &Request<'_>,
    ) -> (OracleDecision, Vec<highwater::identifier::Identifier>) {
        let degraded = self.facts.degraded();
        let refused = |status, reason| {
            let decision = OracleDecision {
                outcome: Outcome::Deny,
                status,
                reasons: vec![reason],
                uncovered: false,
                degraded,
                policies: Vec::new(),
                violated: Vec::new(),
                claims: None,
            };
            (decision, Vec::new())
        };

        // 1. Token window.
        let skew = self.settings.skew;
        if request.now >= token.expires.plus_seconds(skew) {
            return refused(401, Reason::TokenExpired);
        }
        if let Some(not_before) = token.not_before
            && request.now < not_before.plus_seconds(-skew)
        {
            return refused(401, Reason::TokenNotYetValid);
        }

        // 2. Tenant.
        let none = (
            token.tenant.clone(),
            TenantModel::default(),
            TenantSettings::default(),
        );
        let (_, model, settings) = match self
            .tenants
            .iter()
            .find(|(known, _, _)| *known == token.tenant)
        {
            Some(tenant) => tenant,
            None if self.settings.accept_any_tenant => &none,
            None => return refused(403, Reason::TenantUnknown),
        };

        // 3. Marks.
        let marks = self.facts.marks(token);
        let mut violations: Vec<Violation> = Vec::new();
        let mut add = |reason| {
            violations.push(Violation {
                reason,
                counts: true,
            });
        };
        marks.violations.iter().copied().for_each(&mut add);
        if let Some(age) = self.settings.stale_token_age
            && degraded
            && request.now > token.issued_at.plus_seconds(age)
        {
            add(Reason::StreamStale);
        }

        // 4. Policies, and what the host requires.
        let context = Context {
            token,
            request,
            model,
            settings,
            facts: &self.facts,
            memory: &self.memory,
        };
        if request.authentication_context.is_some() && !policy::context_is_granted(context) {
            add(Reason::AuthContextRequired);
        }
        if self.facts.assurance_lowered(token) {
            add(Reason::AssuranceLowered);
        }
        let mode = policy::location_mode(context);
        let mut answers = Vec::new();
        let mut violated = Vec::new();
        for (index, policy) in model.policies.iter().enumerate() {
            let verdict = policy::judge(policy, context, mode);
            if policy.state == highwater::model::PolicyState::Enabled
                && !verdict.violations.is_empty()
            {
                violations.extend(&verdict.violations);
                violated.push(index);
            }
            answers.push(PolicyAnswer {
                result: verdict.result,
                lists: verdict.lists,
            });
        }

        // 5. Outcome.
        let (outcome, status, looped) = self.outcome(&violations, &violated, context, mode);
        let mut reasons: Vec<Reason> = violations
            .iter()
            .map(|violation| violation.reason)
            .chain(looped)
            .collect();
        reasons.sort_unstable();
        reasons.dedup();
        let has = |reason: Reason| reasons.contains(&reason);
        let claims = (outcome == Outcome::Challenge).then(|| AskedClaims {
            not_before: match marks.mark {
                Some(mark) => request.now.seconds().max(mark + 1),
                None => request.now.seconds(),
            },
            address: request
                .canonical_address()
                .filter(|_| has(Reason::LocationBlocked) || has(Reason::LocationChanged)),
            authentication_context: request
                .authentication_context
                .filter(|_| has(Reason::AuthContextRequired))
                .map(str::to_owned),
        });
        let remembered = violated
            .iter()
            .map(|index| model.policies[*index].id.clone())
            .collect();
        let decision = OracleDecision {
            outcome,
            status,
            uncovered: outcome == Outcome::Allow && !reasons.is_empty(),
            reasons,
            degraded,
            policies: answers,
            violated,
            claims,
        };
        (decision, remembered)
    }

    /// Section 5.
    fn outcome(
        &self,
        violations: &[Violation],
        violated: &[usize],
        context: Context<'_>,
        mode: LocationMode,
    ) -> (Outcome, u16, Option<Reason>) {
        let Context { token, request, .. } = context;
        if violations.is_empty() {
            return (Outcome::Allow, 200, None);
        }
        let has = |reason| {
            violations
                .iter()
                .any(|violation| violation.reason == reason)
        };
        let place = Place::of(token, request.canonical_address());
        let location = has(Reason::LocationBlocked) || has(Reason::LocationChanged);
        let spoken = policy::issuer_was_told(context)
            || violated.iter().any(|&index| {
                let policy = &context.model.policies[index];
                policy::judge(policy, context, mode)
                    .violations
                    .iter()
                    .any(|violation| {
                        matches!(
                            violation.reason,
                            Reason::LocationBlocked | Reason::LocationChanged
                        )
                    })
                    && self.memory.answered(token, &place, &policy.id)
            });
        if has(Reason::SubjectPurged) || (mode.strict && location && spoken) {
            return (Outcome::Deny, 403, None);
        }
        if token.capable {
            let budget = self.settings.loop_budget;
            let key = TokenKey::of(token);
            return if self.memory.spent(request.now, &key, &place, budget) {
                (Outcome::Deny, 403, Some(Reason::ChallengeLoop))
            } else {
                (Outcome::Challenge, 401, None)
            };
        }
        let strongest = violations
            .iter()
            .filter(|violation| violation.counts)
            .map(|violation| violation.reason)
            .min();
        match strongest.map(Reason::family) {
            None => (Outcome::Allow, 200, None),
            Some(Family::Revocation) => {
                (Outcome::Deny, self.settings.revocation_status.into(), None)
            }
            Some(Family::Policy) => (Outcome::Deny, self.settings.policy_status.into(), None),
        }
    }
}
