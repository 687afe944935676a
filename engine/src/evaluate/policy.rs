//! What one policy says about one request (semantics §4.4 to §4.6).

use super::conditions::{self, Answers, Condition};
use super::context::Context;
use super::controls;
use super::truth::Truth;
use crate::model::PolicyState;
use crate::reason::{Reason, ReasonSet};
use crate::settings::{PolicyChange, UnknownWithoutCapability};
use crate::snapshot::policy_table::CompiledPolicy;

/// The verdict of one policy.
#[derive(Clone, Copy, Debug)]
pub struct Verdict {
    /// What each condition says.
    pub conditions: Answers,
    /// All conditions together.
    pub matches: Truth,
    /// Why the policy does not let the request pass.
    pub violations: ReasonSet,
    /// Those of `violations` that count although the client cannot answer a challenge.
    pub counting: ReasonSet,
    /// The issuer has spoken and a strict location policy still objects: final.
    pub is_final: bool,
    /// Why a policy that matches has nothing against the request.
    pub note: Note,
}

/// Why a policy has nothing against the request, or where it stands, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// Nothing to add.
    None,
    /// The token shows that the controls are satisfied.
    Evidenced,
    /// The issuer enforced the policy when it issued the token.
    IssuerEnforced,
    /// The issuer has heard of the observed address, or location checks are off.
    LocationHeld,
    /// Only the issuer can say whether the policy applies.
    IssuerDecides,
}

impl Note {
    /// The note in reports; empty for none.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Note::None => "",
            Note::Evidenced => "the token shows that the controls are satisfied",
            Note::IssuerEnforced => "enforced by the issuer when it issued the token",
            Note::LocationHeld => "the issuer answers for this address, or location checks are off",
            Note::IssuerDecides => "only the issuer can tell whether the policy applies",
        }
    }
}

/// Judges `policy` as if it were enabled; `thorough` asks every condition. `scope` is what is
/// known of users, workload identities and applications together, if it is.
#[inline(always)]
pub(super) fn judge(
    policy: &CompiledPolicy,
    context: &Context<'_>,
    scope: Option<Truth>,
    thorough: bool,
) -> Verdict {
    let conditions = conditions::judge(policy, context, scope, thorough);
    let mut verdict = Verdict {
        conditions,
        matches: conditions.all(),
        violations: ReasonSet::EMPTY,
        counting: ReasonSet::EMPTY,
        is_final: false,
        note: Note::None,
    };
    match verdict.matches {
        Truth::False => {}
        Truth::True => when_it_applies(policy, context, &mut verdict),
        Truth::Unknown => when_it_may_apply(policy, context, &mut verdict),
    }
    verdict
}

fn when_it_applies(policy: &CompiledPolicy, context: &Context<'_>, verdict: &mut Verdict) {
    if policy.blocks() {
        let objects = !location_is_held(policy, context)
            || other_conditions_held(policy, context) == Truth::False;
        if objects {
            verdict.object(policy, context);
        } else {
            verdict.note = Note::LocationHeld;
        }
    } else if let Some(grant) = &policy.grant {
        let satisfied = controls::satisfied(grant, context);
        if satisfied == Truth::True {
            verdict.note = Note::Evidenced;
        } else if controls::device_failed(grant, context, satisfied) {
            verdict.add(Reason::DeviceNotCompliant, true);
        } else if enforced_at_issuance(policy, context, verdict.matches) {
            verdict.note = Note::IssuerEnforced;
        } else {
            verdict.object(policy, context);
        }
    }
    if let (Some(period), Some(auth_time)) = (policy.sign_in_period, context.token.auth_time)
        && context.request.now > auth_time.plus_seconds(period)
    {
        verdict.add(Reason::SignInTooOld, true);
    }
    if verdict.violations.is_empty() && has_changed(policy, context) {
        verdict.add(Reason::PolicyChanged, true);
    }
}

fn when_it_may_apply(policy: &CompiledPolicy, context: &Context<'_>, verdict: &mut Verdict) {
    verdict.note = Note::IssuerDecides;
    let condition_matches = |condition| verdict.conditions.get(condition) == Some(Truth::True);
    let judged = policy.judged;
    let dynamic_match = (judged.location && condition_matches(Condition::Location))
        || (judged.risk
            && (condition_matches(Condition::UserRisk)
                || condition_matches(Condition::ServicePrincipalRisk)))
        || (judged.authentication_context && condition_matches(Condition::Application));
    let satisfied = match &policy.grant {
        None => Truth::True,
        Some(_) if policy.blocks() => Truth::False,
        Some(grant) => controls::satisfied(grant, context),
    };
    if dynamic_match
        && satisfied != Truth::True
        && !enforced_at_issuance(policy, context, verdict.matches)
    {
        verdict.add(Reason::ConditionsUnknown, unknown_counts(context));
    }
}

impl Verdict {
    fn add(&mut self, reason: Reason, counts: bool) {
        self.violations = self.violations.with(reason);
        if counts {
            self.counting = self.counting.with(reason);
        }
    }

    /// Adds the violation of a policy whose conditions all match (semantics §4.5 a).
    fn object(&mut self, policy: &CompiledPolicy, context: &Context<'_>) {
        let blocks = policy.blocks();
        let reason = if policy.judged.location && !location_is_held(policy, context) {
            self.is_final = context.strict && (context.issuer_spoke() || context.answered(policy));
            if blocks {
                Reason::LocationBlocked
            } else {
                Reason::LocationChanged
            }
        } else if policy.judged.risk {
            Reason::RiskTooHigh
        } else if policy.judged.authentication_context {
            Reason::AuthContextRequired
        } else {
            // Nothing about it changed since the issuer enforced it.
            self.note = Note::IssuerEnforced;
            return;
        };
        self.add(reason, blocks || unknown_counts(context));
    }

    /// Whether the violations count in `state`; other policies are judged for the report only.
    #[must_use]
    pub fn is_enforced_in(&self, state: PolicyState) -> bool {
        state == PolicyState::Enabled && !self.violations.is_empty()
    }
}

fn unknown_counts(context: &Context<'_>) -> bool {
    context.tenant.settings.unknown_without_capability == UnknownWithoutCapability::Deny
}

fn location_is_held(policy: &CompiledPolicy, context: &Context<'_>) -> bool {
    policy.judged.location && context.location_held
}

/// Whether the issuer enforced the policy under the same dynamic conditions (semantics §4.5 b).
fn enforced_at_issuance(policy: &CompiledPolicy, context: &Context<'_>, matches: Truth) -> bool {
    if policy.blocks() && matches == Truth::True {
        return false;
    }
    let location = match &policy.locations {
        None => Truth::True,
        Some(_) if context.location_held => Truth::True,
        Some(condition) => {
            context
                .tenant
                .locations
                .matches(condition, context.issuer_seen(), context.network())
        }
    };
    match location.and(other_conditions_held(policy, context)) {
        Truth::True => true,
        Truth::False => false,
        Truth::Unknown => {
            context.tenant.settings.answered_challenge
                && !context.strict
                && context.answered(policy)
        }
    }
}

/// Whether risk and authentication context were already what they are when the token was issued.
fn other_conditions_held(policy: &CompiledPolicy, context: &Context<'_>) -> Truth {
    let risk = !policy.judged.risk || context.mark.risk_since < context.token.issued;
    let authentication_context = !policy.judged.authentication_context
        || context
            .request
            .authentication_context
            .is_some_and(|required| {
                context
                    .token
                    .authentication_contexts
                    .iter()
                    .any(|held| held == required)
            });
    (risk && authentication_context).into()
}

/// Whether the policy changed after the token was issued and now demands more (semantics §4.6).
fn has_changed(policy: &CompiledPolicy, context: &Context<'_>) -> bool {
    let changed = policy
        .modified
        .is_some_and(|modified| context.token.issued <= modified);
    let enabled = policy.state == PolicyState::Enabled;
    if !changed || !enabled || location_is_held(policy, context) {
        return false;
    }
    match (context.tenant.settings.policy_change, &policy.grant) {
        (PolicyChange::Off, _) | (_, None) => false,
        (_, Some(_)) if policy.blocks() => true,
        (PolicyChange::Block, Some(_)) => false,
        (PolicyChange::All, Some(grant)) => controls::satisfied(grant, context) != Truth::True,
    }
}
