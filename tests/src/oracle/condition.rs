//! Section 4.1: every condition but the locations, one function each.

use highwater::event::RiskLevel;
use highwater::identifier::Identifier;
use highwater::model::{
    ApplicationScope, Applications, ClientAppTypes, ExternalTenants, GuestScope, GuestTypes,
    Memberships, PlatformScope, Platforms, RiskLevels, UserScope, Users, WorkloadScope,
};
use highwater::request::Signals;
use highwater::token::{GroupClaim, SubjectKind, TokenFacts};

use super::applications;
use super::truth::{Truth, any};

/// `conditions.users`, for a user token.
#[must_use]
pub fn users(scope: &UserScope, token: &TokenFacts, memberships: &Memberships) -> Truth {
    let include = in_users(&scope.include, token, memberships)
        .or(unresolved_in_include(&scope.include.unresolved));
    let exclude = in_users(&scope.exclude, token, memberships);
    include.and(exclude.negate())
}

/// `conditions.clientApplications`, for a workload token.
#[must_use]
pub fn workloads(scope: &WorkloadScope, token: &TokenFacts) -> Truth {
    let named = |set: &highwater::model::Workloads| {
        Truth::certain(set.all || set.ids.contains(&token.subject))
    };
    let mut include = named(&scope.include).or(unresolved_in_include(&scope.include.unresolved));
    if scope.filtered {
        include = Truth::Unknown;
    }
    include.and(named(&scope.exclude).negate())
}

/// `conditions.applications`.
#[must_use]
pub fn applications(
    scope: &ApplicationScope,
    resource: Option<&Identifier>,
    required_context: Option<&str>,
) -> Truth {
    let mut include = in_applications(&scope.include, resource)
        .or(unresolved_in_include(&scope.include.unresolved))
        .or(context(scope, required_context));
    if scope.filtered {
        include = Truth::Unknown;
    }
    include.and(in_applications(&scope.exclude, resource).negate())
}

/// Whether the required authentication context is one that scopes the policy.
#[must_use]
pub fn context(scope: &ApplicationScope, required: Option<&str>) -> Truth {
    Truth::certain(required.is_some_and(|required| {
        scope
            .authentication_contexts
            .iter()
            .any(|listed| listed == required)
    }))
}

/// Risk of either kind: only a token of that kind can match.
#[must_use]
pub fn risk(levels: RiskLevels, about: SubjectKind, token: &TokenFacts, level: RiskLevel) -> Truth {
    Truth::certain(token.kind == about && levels.contains(level))
}

/// `conditions.clientAppTypes`.
#[must_use]
pub fn client_app_types(types: ClientAppTypes, signals: &Signals<'_>) -> Truth {
    if types.is_empty() {
        return Truth::NoMatch;
    }
    Truth::from_known(signals.client_app_type.map(|kind| types.contains(kind)))
}

/// `conditions.platforms`.
#[must_use]
pub fn platforms(scope: PlatformScope, signals: &Signals<'_>) -> Truth {
    let inside = |set: Platforms| {
        if set.is_empty() {
            return Truth::NoMatch;
        }
        if set == Platforms::ALL {
            return Truth::Match;
        }
        Truth::from_known(signals.platform.map(|platform| set.contains(platform)))
    };
    inside(scope.include).and(inside(scope.exclude).negate())
}

fn unresolved_in_include(entries: &[String]) -> Truth {
    if entries.is_empty() {
        Truth::NoMatch
    } else {
        Truth::Unknown
    }
}

fn in_users(set: &Users, token: &TokenFacts, memberships: &Memberships) -> Truth {
    let groups = set.groups.iter().map(|group| {
        let listed = match &token.groups {
            GroupClaim::Listed(groups) => Some(groups.contains(group)),
            GroupClaim::Absent | GroupClaim::Overage => None,
        };
        member(listed, group, token, memberships)
    });
    let roles = set.roles.iter().map(|role| {
        let listed = token.roles.as_ref().map(|roles| roles.contains(role));
        member(listed, role, token, memberships)
    });
    Truth::certain(set.all || set.users.contains(&token.subject))
        .or(any(groups))
        .or(any(roles))
        .or(set
            .guests
            .as_ref()
            .map_or(Truth::NoMatch, |scope| guests(scope, token)))
}

/// In a group or role: by the token's list, or by the synchronised members.
fn member(
    listed: Option<bool>,
    group: &Identifier,
    token: &TokenFacts,
    memberships: &Memberships,
) -> Truth {
    let synchronised = memberships
        .iter()
        .find(|(known, _)| *known == group)
        .map(|(_, members)| members.contains(&token.subject));
    match (listed, synchronised) {
        (Some(true), _) | (_, Some(true)) => Truth::Match,
        (None, None) => Truth::Unknown,
        _ => Truth::NoMatch,
    }
}

fn guests(scope: &GuestScope, token: &TokenFacts) -> Truth {
    let has = |kind| scope.types.contains(kind);
    let internal = has(GuestTypes::INTERNAL_GUEST);
    let collaboration = has(GuestTypes::B2B_COLLABORATION_GUEST);
    let others = has(GuestTypes::B2B_DIRECT_CONNECT_USER)
        || has(GuestTypes::OTHER_EXTERNAL_USER)
        || has(GuestTypes::SERVICE_PROVIDER);
    let by_kind = match token.guest {
        Some(true) if internal && collaboration => Truth::Match,
        Some(true) if !internal && !collaboration && !others => Truth::NoMatch,
        Some(false) if internal || collaboration => Truth::NoMatch,
        _ => Truth::Unknown,
    };
    match scope.tenants {
        ExternalTenants::All => by_kind,
        ExternalTenants::Enumerated(_) => by_kind.doubted(),
    }
}

fn in_applications(set: &Applications, resource: Option<&Identifier>) -> Truth {
    if set.all {
        return Truth::Match;
    }
    let names_any = set.office365 || set.admin_portals || !set.ids.is_empty();
    let Some(resource) = resource else {
        // Without a resource nobody can tell whether it is one of these.
        return if names_any {
            Truth::Unknown
        } else {
            Truth::NoMatch
        };
    };
    Truth::certain(
        set.ids.contains(resource)
            || (set.office365 && applications::is_office365(resource))
            || (set.admin_portals && applications::is_admin_portal(resource)),
    )
}
