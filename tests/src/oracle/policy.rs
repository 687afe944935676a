//! Sections 4.2 to 4.6: what one policy says about one request.

use highwater::event::Compliance;
use highwater::identifier::Identifier;
use highwater::model::{
    ContinuousAccessEvaluation, Control, Grant, GrantOperator, Policy, PolicyState,
    SignInFrequency, TenantModel,
};
use highwater::reason::Reason;
use highwater::request::Request;
use highwater::settings::{PolicyChange, TenantSettings};
use highwater::token::{SubjectKind, TokenFacts};

use super::facts::Facts;
use super::memory::{Memory, Place};
use super::truth::{Truth, all, any};
use super::{condition, location};

/// Everything that a policy may look at.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The token.
    pub token: &'a TokenFacts,
    /// The request.
    pub request: &'a Request<'a>,
    /// The tenant's documents.
    pub model: &'a TenantModel,
    /// The tenant's settings.
    pub settings: &'a TenantSettings,
    /// Every event.
    pub facts: &'a Facts,
    /// Every challenge.
    pub memory: &'a Memory,
}

/// How the policies that concern a subject want its locations treated (section 4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocationMode {
    /// A strict policy may be in scope: no exemption, no answered challenge.
    pub strict: bool,
    /// Locations count as held: the token is exempt or the checks are off.
    pub held: bool,
}

/// Conditions by their Graph names, in the order of the document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lists {
    /// Those that match.
    pub satisfied: Vec<String>,
    /// Those that do not.
    pub not_satisfied: Vec<String>,
    /// Those that nobody here can judge.
    pub unknown: Vec<String>,
}

/// One violation of a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Why.
    pub reason: Reason,
    /// Whether it counts for a client without `cp1` (section 5.3).
    pub counts: bool,
}

/// What a policy says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The word of section 8.
    pub result: &'static str,
    /// Its violations; for a policy that is only reported, those that it would have.
    pub violations: Vec<Violation>,
    /// Condition by condition.
    pub lists: Lists,
}

/// Whether strict policies, the exemption or switched-off checks apply.
#[must_use]
pub fn location_mode(context: Context<'_>) -> LocationMode {
    let scope_of = |mode| {
        any(context
            .model
            .policies
            .iter()
            .filter(|policy| {
                policy.state == PolicyState::Enabled
                    && policy.session.continuous_access_evaluation == Some(mode)
            })
            .map(|policy| scope(policy, context)))
    };
    let strict = scope_of(ContinuousAccessEvaluation::StrictLocation) != Truth::NoMatch;
    let off = scope_of(ContinuousAccessEvaluation::Disabled) == Truth::Match;
    let exempt = issuer_was_told(context) && context.token.lifetime() <= 3900;
    LocationMode {
        strict,
        held: !strict && (off || exempt),
    }
}

/// Whether the token carries the observed address as the one that a resource provider reported.
#[must_use]
pub fn issuer_was_told(context: Context<'_>) -> bool {
    let observed = context.request.canonical_address();
    observed.is_some() && context.token.resource_seen_address == observed
}

/// What `policy` says about the request.
#[must_use]
pub fn judge(policy: &Policy, context: Context<'_>, mode: LocationMode) -> Verdict {
    let conditions = conditions(policy, context);
    let lists = lists(&conditions);
    if policy.state == PolicyState::Disabled {
        return Verdict {
            result: "notEnabled",
            violations: Vec::new(),
            lists,
        };
    }
    let matches = all(conditions.iter().map(|(_, truth)| *truth));
    let reasons = reasons(policy, matches, context, mode);
    let blocks = policy.grant.as_ref().is_some_and(Grant::blocks);
    let deny_unknown = context.settings.unknown_without_capability
        == highwater::settings::UnknownWithoutCapability::Deny;
    let violations: Vec<Violation> = reasons
        .into_iter()
        .map(|reason| Violation {
            reason,
            counts: deny_unknown
                || match reason {
                    Reason::ConditionsUnknown => false,
                    Reason::LocationChanged | Reason::RiskTooHigh | Reason::AuthContextRequired => {
                        blocks
                    }
                    _ => true,
                },
        })
        .collect();
    let enabled = policy.state == PolicyState::Enabled;
    let result = match (matches, violations.is_empty(), enabled) {
        (Truth::NoMatch, _, true) => "notApplied",
        (Truth::NoMatch, _, false) => "reportOnlyNotApplied",
        (_, false, true) => "failure",
        (_, false, false) if blocks => "reportOnlyFailure",
        (_, false, false) => "reportOnlyInterrupted",
        (Truth::Unknown, true, _) => "unknown",
        (Truth::Match, true, true) => "success",
        (Truth::Match, true, false) => "reportOnlySuccess",
    };
    Verdict {
        result,
        violations,
        lists,
    }
}

/// Section 4.4 to 4.6 for a policy that is enabled or reported.
fn reasons(
    policy: &Policy,
    matches: Truth,
    context: Context<'_>,
    mode: LocationMode,
) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if matches == Truth::NoMatch {
        return reasons;
    }
    let blocks = policy.grant.as_ref().is_some_and(Grant::blocks);
    let satisfied = policy
        .grant
        .as_ref()
        .is_none_or(|grant| !blocks && granted(grant, context) == Truth::Match);
    if is_enforced_here(policy) {
        if matches == Truth::Unknown {
            if a_dynamic_condition_matches(policy, context)
                && !satisfied
                && !enforced_at_issuance(policy, context, mode)
            {
                reasons.push(Reason::ConditionsUnknown);
            }
        } else if blocks {
            reasons.extend(violation(policy, context, mode));
        } else if let Some(grant) = policy.grant.as_ref().filter(|_| !satisfied) {
            if device_fails(grant, context) {
                reasons.push(Reason::DeviceNotCompliant);
            } else if !enforced_at_issuance(policy, context, mode) {
                reasons.extend(violation(policy, context, mode));
            }
        }
        if let (Truth::Match, Some(SignInFrequency::Every { seconds }), Some(auth_time)) = (
            matches,
            policy.session.sign_in_frequency,
            context.token.auth_time,
        ) && context.request.now > auth_time.plus_seconds(seconds)
        {
            reasons.push(Reason::SignInTooOld);
        }
    }
    if policy.state == PolicyState::Enabled
        && reasons.is_empty()
        && matches == Truth::Match
        && policy
            .modified
            .is_some_and(|modified| context.token.issued <= modified.seconds())
        && !(mode.held && has_judged_location(policy))
        && match context.settings.policy_change {
            PolicyChange::Off => false,
            PolicyChange::Block => blocks,
            PolicyChange::All => !satisfied,
        }
    {
        reasons.push(Reason::PolicyChanged);
    }
    reasons
}

/// Section 4.2.
fn is_enforced_here(policy: &Policy) -> bool {
    has_judged_location(policy)
        || has_risk(policy)
        || has_contexts(policy)
        || policy
            .grant
            .as_ref()
            .is_some_and(|grant| grant.controls.contains(&Control::CompliantDevice))
        || matches!(
            policy.session.sign_in_frequency,
            Some(SignInFrequency::Every { .. })
        )
}

/// Section 4.5 (a), with the locations counted as held where they do.
fn violation(policy: &Policy, context: Context<'_>, mode: LocationMode) -> Option<Reason> {
    let blocks = policy.grant.as_ref().is_some_and(Grant::blocks);
    if has_judged_location(policy) {
        if !mode.held {
            return Some(if blocks {
                Reason::LocationBlocked
            } else {
                Reason::LocationChanged
            });
        }
        if enforced_at_issuance(policy, context, mode) {
            return None;
        }
    }
    if has_risk(policy) {
        Some(Reason::RiskTooHigh)
    } else if has_contexts(policy) {
        Some(Reason::AuthContextRequired)
    } else {
        None
    }
}

/// Section 4.5 (b). Never asked about a block whose conditions all match, save where its
/// locations count as held.
fn enforced_at_issuance(policy: &Policy, context: Context<'_>, mode: LocationMode) -> bool {
    let conditions = &policy.conditions;
    if has_risk(policy) {
        let (_, since) = context.facts.risk(context.token);
        if since.is_some_and(|since| context.token.issued <= since.seconds()) {
            return false;
        }
    }
    if has_contexts(policy) && !context_is_granted(context) {
        return false;
    }
    let Some(scope) = conditions.locations.as_ref().filter(|_| !mode.held) else {
        return true;
    };
    let seen = context.token.issuer_seen_address;
    let held = location::matches(scope, context.model, seen, &context.request.signals);
    match held {
        Truth::Match => true,
        Truth::NoMatch => false,
        Truth::Unknown => {
            let place = Place::of(context.token, context.request.canonical_address());
            !mode.strict
                && context.settings.answered_challenge
                && context.memory.answered(context.token, &place, &policy.id)
        }
    }
}

/// `auth_context_required` by itself: what the host requires and the token lacks.
#[must_use]
pub fn context_is_granted(context: Context<'_>) -> bool {
    context
        .request
        .authentication_context
        .is_some_and(|required| {
            context
                .token
                .authentication_contexts
                .iter()
                .any(|granted| granted == required)
        })
}

fn a_dynamic_condition_matches(policy: &Policy, context: Context<'_>) -> bool {
    conditions(policy, context).iter().any(|(name, truth)| {
        *truth == Truth::Match && matches!(*name, "location" | "userRisk" | "servicePrincipalRisk")
    }) || contexts_match(policy, context)
}

/// The issuer's list replaces authentication contexts together with the applications.
fn contexts_match(policy: &Policy, context: Context<'_>) -> bool {
    let required = context.request.authentication_context;
    match (&context.token.policy_ids, &policy.conditions.applications) {
        (Some(listed), Some(_)) => has_contexts(policy) && listed.contains(&policy.id),
        (None, Some(scope)) => condition::context(scope, required) == Truth::Match,
        (_, None) => false,
    }
}

/// Section 4.3.
fn granted(grant: &Grant, context: Context<'_>) -> Truth {
    let controls = grant.controls.iter().map(|control| one(control, context));
    match grant.operator {
        GrantOperator::And => all(controls),
        GrantOperator::Or => any(controls),
    }
}

fn one(control: &Control, context: Context<'_>) -> Truth {
    match control {
        Control::Mfa => {
            let evident = context
                .token
                .methods
                .iter()
                .any(|method| method == "mfa" || method == "ngcmfa");
            if evident {
                Truth::Match
            } else {
                Truth::Unknown
            }
        }
        Control::CompliantDevice => match context.facts.compliance(context.token) {
            Some((state, _)) => Truth::certain(state == Compliance::Compliant),
            None => Truth::from_known(context.request.signals.device_compliant()),
        },
        Control::DomainJoinedDevice => {
            Truth::from_known(context.request.signals.device_domain_joined())
        }
        _ => Truth::Unknown,
    }
}

/// The fourth row of section 4.4: the grant is not satisfied, and the device is to blame.
fn device_fails(grant: &Grant, context: Context<'_>) -> bool {
    if !grant.controls.contains(&Control::CompliantDevice)
        || one(&Control::CompliantDevice, context) != Truth::NoMatch
    {
        return false;
    }
    let whole = granted(grant, context) == Truth::NoMatch;
    match context.facts.compliance(context.token) {
        Some((_, since)) => whole || context.token.issued <= since.seconds(),
        None => whole,
    }
}

fn has_judged_location(policy: &Policy) -> bool {
    policy
        .conditions
        .locations
        .as_ref()
        .is_some_and(location::is_judged)
}

fn has_risk(policy: &Policy) -> bool {
    policy.conditions.user_risk.is_some() || policy.conditions.service_principal_risk.is_some()
}

fn has_contexts(policy: &Policy) -> bool {
    policy
        .conditions
        .applications
        .as_ref()
        .is_some_and(|scope| !scope.authentication_contexts.is_empty())
}

/// Users, workload identities and applications.
fn scope(policy: &Policy, context: Context<'_>) -> Truth {
    all(conditions(policy, context)
        .iter()
        .filter(|(name, _)| matches!(*name, "users" | "servicePrincipals" | "application"))
        .map(|(_, truth)| *truth))
}

/// Every condition, by name: those that the policy configures, and those that hold it back from
/// tokens of a kind that it does not name.
fn conditions(policy: &Policy, context: Context<'_>) -> Vec<(&'static str, Truth)> {
    let Context {
        token,
        request,
        model,
        facts,
        ..
    } = context;
    let configured = &policy.conditions;
    let mut truths: Vec<(&'static str, Truth)> = Vec::new();
    if let Some(listed) = &token.policy_ids {
        let listed = Truth::certain(listed.contains(&policy.id));
        truths.push(("users", listed));
        truths.push(("servicePrincipals", listed));
        truths.push(("application", listed));
    } else {
        match token.kind {
            SubjectKind::User => match (&configured.users, &configured.workloads) {
                (Some(scope), _) => {
                    truths.push(("users", condition::users(scope, token, &model.memberships)));
                }
                (None, Some(_)) => truths.push(("servicePrincipals", Truth::NoMatch)),
                (None, None) => {}
            },
            SubjectKind::Workload => match &configured.workloads {
                Some(scope) => {
                    truths.push(("servicePrincipals", condition::workloads(scope, token)));
                }
                None => truths.push(("users", Truth::NoMatch)),
            },
        }
        if let Some(scope) = &configured.applications {
            let resource: Option<&Identifier> = request.resource.or(token.audience.as_ref());
            truths.push((
                "application",
                condition::applications(scope, resource, request.authentication_context),
            ));
        }
    }
    if let Some(scope) = &configured.locations {
        let address = request.canonical_address();
        truths.push((
            "location",
            location::matches(scope, model, address, &request.signals),
        ));
    }
    let (level, _) = facts.risk(token);
    if let Some(levels) = configured.user_risk {
        truths.push((
            "userRisk",
            condition::risk(levels, SubjectKind::User, token, level),
        ));
    }
    if let Some(levels) = configured.service_principal_risk {
        truths.push((
            "servicePrincipalRisk",
            condition::risk(levels, SubjectKind::Workload, token, level),
        ));
    }
    if let Some(types) = configured.client_app_types {
        truths.push((
            "clientType",
            condition::client_app_types(types, &request.signals),
        ));
    }
    if let Some(scope) = configured.platforms {
        truths.push((
            "devicePlatform",
            condition::platforms(scope, &request.signals),
        ));
    }
    if let Some(filter) = &configured.devices {
        // The rule language is the model's own and has its own tests.
        let known = request
            .signals
            .device
            .and_then(|device| filter.matches(device));
        truths.push(("deviceState", Truth::from_known(known)));
    }
    for _ in &configured.unjudged {
        truths.push(("unjudged", Truth::Unknown));
    }
    truths
}

fn lists(conditions: &[(&'static str, Truth)]) -> Lists {
    let with = |wanted: Truth| {
        conditions
            .iter()
            .filter(|(_, truth)| *truth == wanted)
            .map(|(name, _)| (*name).to_owned())
            .collect()
    };
    Lists {
        satisfied: with(Truth::Match),
        not_satisfied: with(Truth::NoMatch),
        unknown: with(Truth::Unknown),
    }
}
