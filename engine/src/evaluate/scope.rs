//! Whom and what a policy is about: users, workload identities and applications (semantics
//! §4.1). Nothing here depends on where or when a request is made, so it is asked once per token
//! and snapshot.

use super::truth::Truth;
use crate::event::RiskLevel;
use crate::identifier::Identifier;
use crate::model::{
    ApplicationScope, Applications, ContinuousAccessEvaluation, ExternalTenants, GuestScope,
    GuestTypes, UserScope, Users, WorkloadScope, Workloads,
};
use crate::snapshot::policy_table::{CompiledPolicy, ScopeMask, risk_row};
use crate::snapshot::{ADMIN_PORTALS, OFFICE_365, TenantSnapshot};
use crate::token::{GroupClaim, SubjectKind, TokenFacts};

/// What scope depends on.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'a> {
    pub(crate) tenant: &'a TenantSnapshot,
    pub(crate) token: &'a TokenFacts,
    pub(crate) resource: Option<&'a Identifier>,
    pub(crate) required_context: Option<&'a str>,
}

impl Scope<'_> {
    /// Users, workload identities and applications of `policy` together.
    pub(crate) fn includes(&self, policy: &CompiledPolicy) -> Truth {
        [
            users(policy, self),
            workloads(policy, self),
            applications(policy, self),
        ]
        .into_iter()
        .flatten()
        .fold(Truth::True, Truth::and)
    }

    /// Whether an enabled policy of `mode` has a scope of `at_least` that truth.
    pub(crate) fn is_covered(&self, mode: ContinuousAccessEvaluation, at_least: Truth) -> bool {
        let policies = &self.tenant.policies;
        policies.modes.iter().any(|&(known, index)| {
            known == mode
                && policies
                    .get(index)
                    .is_some_and(|policy| self.includes(policy) >= at_least)
        })
    }

    /// A policy that might be strict counts as strict.
    pub(crate) fn is_strict(&self) -> bool {
        self.is_covered(ContinuousAccessEvaluation::StrictLocation, Truth::Unknown)
    }

    /// A policy that might switch location checks off does not.
    pub(crate) fn is_switched_off(&self) -> bool {
        self.is_covered(ContinuousAccessEvaluation::Disabled, Truth::True)
    }

    /// The scope of every enforced policy at once.
    pub(crate) fn mask(&self) -> ScopeMask {
        let policies = &self.tenant.policies;
        let width = policies.enforced.len().div_ceil(64);
        let mut possible = vec![0u64; width];
        let mut certain = vec![0u64; width];
        for (position, &index) in policies.enforced.iter().enumerate() {
            let scope = policies
                .get(index)
                .map_or(Truth::Unknown, |policy| self.includes(policy));
            possible[position / 64] |= u64::from(scope != Truth::False) << (position % 64);
            certain[position / 64] |= u64::from(scope == Truth::True) << (position % 64);
        }
        let no_risk = policies
            .at_risk
            .row(risk_row(self.token.kind, RiskLevel::None));
        let quiet = (0..)
            .zip(&possible)
            .map(|(word, possible)| {
                let allowed = no_risk.map_or(u64::MAX, |row| row[word as usize]);
                (word, possible & allowed)
            })
            .filter(|(_, quiet)| *quiet != 0)
            .collect();
        ScopeMask {
            quiet,
            possible: possible.into(),
            certain: certain.into(),
            strict: self.is_strict(),
            switched_off: self.is_switched_off(),
        }
    }
}

/// Where the issuer lists the policies in scope, its list replaces the conditions.
fn listed(policy: &CompiledPolicy, scope: &Scope<'_>) -> Option<Truth> {
    let listed = scope.token.policy_ids.as_ref()?;
    Some(listed.binary_search(&policy.id).is_ok().into())
}

pub(super) fn users(policy: &CompiledPolicy, scope: &Scope<'_>) -> Option<Truth> {
    if let Some(listed) = listed(policy, scope) {
        return Some(listed);
    }
    if scope.token.kind == SubjectKind::Workload {
        return None;
    }
    match (&policy.users, &policy.workloads) {
        (Some(users), _) => Some(in_user_scope(users, scope)),
        // Only about workload identities.
        (None, Some(_)) => Some(Truth::False),
        (None, None) => None,
    }
}

pub(super) fn workloads(policy: &CompiledPolicy, scope: &Scope<'_>) -> Option<Truth> {
    if let Some(listed) = listed(policy, scope) {
        return Some(listed);
    }
    if scope.token.kind == SubjectKind::User {
        return None;
    }
    Some(match &policy.workloads {
        None => Truth::False,
        Some(workloads) => in_workload_scope(workloads, &scope.token.subject),
    })
}

pub(super) fn applications(policy: &CompiledPolicy, scope: &Scope<'_>) -> Option<Truth> {
    if let Some(listed) = listed(policy, scope) {
        return Some(listed);
    }
    policy
        .applications
        .as_ref()
        .map(|applications| in_application_scope(applications, scope))
}

fn in_user_scope(users: &UserScope, scope: &Scope<'_>) -> Truth {
    let included = among_users(&users.include, scope).or(unresolved(&users.include.unresolved));
    if included == Truth::False {
        return Truth::False;
    }
    included.and(among_users(&users.exclude, scope).not())
}

/// An entry of an include list that is no id could be anyone.
fn unresolved(entries: &[String]) -> Truth {
    if entries.is_empty() {
        Truth::False
    } else {
        Truth::Unknown
    }
}

fn among_users(users: &Users, scope: &Scope<'_>) -> Truth {
    if users.all || users.users.contains(&scope.token.subject) {
        return Truth::True;
    }
    let mut answer = Truth::False;
    let claimed = match &scope.token.groups {
        GroupClaim::Listed(groups) => Some(groups.as_slice()),
        GroupClaim::Absent | GroupClaim::Overage => None,
    };
    for group in &users.groups {
        answer = answer.or(is_member(group, claimed, scope));
    }
    for role in &users.roles {
        answer = answer.or(is_member(role, scope.token.roles.as_deref(), scope));
    }
    if let Some(guests) = &users.guests {
        answer = answer.or(is_guest(guests, scope.token.guest));
    }
    answer
}

fn is_member(group: &Identifier, claimed: Option<&[Identifier]>, scope: &Scope<'_>) -> Truth {
    let synchronised = scope.tenant.is_member(group, &scope.token.subject);
    let claimed = claimed.map(|groups| groups.binary_search(group).is_ok());
    match (claimed, synchronised) {
        (Some(true), _) | (_, Some(true)) => Truth::True,
        (Some(false), _) | (_, Some(false)) => Truth::False,
        (None, None) => Truth::Unknown,
    }
}

fn is_guest(guests: &GuestScope, guest: Option<bool>) -> Truth {
    let internal = guests.types.contains(GuestTypes::INTERNAL_GUEST);
    let collaborator = guests.types.contains(GuestTypes::B2B_COLLABORATION_GUEST);
    let only_members = guests.types == GuestTypes::B2B_COLLABORATION_MEMBER;
    let answer = match guest {
        Some(true) if internal && collaborator => Truth::True,
        Some(true) if only_members || guests.types == GuestTypes::default() => Truth::False,
        Some(false) if internal || collaborator || guests.types == GuestTypes::default() => {
            Truth::False
        }
        _ => Truth::Unknown,
    };
    match guests.tenants {
        ExternalTenants::All => answer,
        ExternalTenants::Enumerated(_) => answer.and(Truth::Unknown),
    }
}

fn in_workload_scope(workloads: &WorkloadScope, subject: &Identifier) -> Truth {
    let among = |workloads: &Workloads| workloads.all || workloads.ids.contains(subject);
    let included =
        Truth::from(among(&workloads.include)).or(unresolved(&workloads.include.unresolved));
    filtered(workloads.filtered, included).and(Truth::from(among(&workloads.exclude)).not())
}

fn in_application_scope(applications: &ApplicationScope, scope: &Scope<'_>) -> Truth {
    let contexts = &applications.authentication_contexts;
    if !contexts.is_empty() {
        return scope
            .required_context
            .is_some_and(|required| contexts.iter().any(|context| context == required))
            .into();
    }
    if !applications.user_actions.is_empty() {
        return Truth::False;
    }
    let included = among_applications(&applications.include, scope)
        .or(unresolved(&applications.include.unresolved));
    filtered(applications.filtered, included)
        .and(among_applications(&applications.exclude, scope).not())
}

/// A filter that nobody here can judge may take anything in or out.
fn filtered(is_filtered: bool, included: Truth) -> Truth {
    if is_filtered {
        Truth::Unknown
    } else {
        included
    }
}

fn among_applications(applications: &Applications, scope: &Scope<'_>) -> Truth {
    if applications.all {
        return Truth::True;
    }
    let Some(resource) = scope.resource else {
        // A token without audience and a host that does not say: it could be any of them.
        let names_any =
            !applications.ids.is_empty() || applications.office365 || applications.admin_portals;
        return if names_any {
            Truth::Unknown
        } else {
            Truth::False
        };
    };
    (applications.ids.contains(resource)
        || (applications.office365 && OFFICE_365.contains(&resource.as_str()))
        || (applications.admin_portals && ADMIN_PORTALS.contains(&resource.as_str())))
    .into()
}
