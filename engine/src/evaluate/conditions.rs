//! The conditions of one policy, each three-valued (semantics §4.1).

use super::context::Context;
use super::truth::Truth;
use crate::identifier::Identifier;
use crate::model::{
    ApplicationScope, Applications, ExternalTenants, GuestScope, GuestTypes, Platforms, UserScope,
    Users, WorkloadScope, Workloads,
};
use crate::snapshot::policy_table::CompiledPolicy;
use crate::snapshot::{ADMIN_PORTALS, OFFICE_365};
use crate::token::{GroupClaim, SubjectKind};

/// The kinds of condition, named as Graph's `conditionalAccessConditions` names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Condition {
    /// Users, groups, roles and guests.
    Users = 0,
    /// Workload identities.
    ServicePrincipals = 1,
    /// Applications, user actions, authentication contexts.
    Application = 2,
    /// Locations.
    Location = 3,
    /// User risk.
    UserRisk = 4,
    /// Service principal risk.
    ServicePrincipalRisk = 5,
    /// Client application types.
    ClientType = 6,
    /// Platforms.
    DevicePlatform = 7,
    /// Device filter.
    DeviceState = 8,
    /// Everything that only the issuer can judge.
    IssuerDecided = 9,
}

impl Condition {
    /// Every condition, in the order of evaluation.
    pub const ALL: [Condition; 10] = [
        Condition::Users,
        Condition::ServicePrincipals,
        Condition::Application,
        Condition::Location,
        Condition::UserRisk,
        Condition::ServicePrincipalRisk,
        Condition::ClientType,
        Condition::DevicePlatform,
        Condition::DeviceState,
        Condition::IssuerDecided,
    ];

    /// Graph's word for it. Issuer-decided conditions are listed by their own names instead.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Condition::Users => "users",
            Condition::ServicePrincipals => "servicePrincipals",
            Condition::Application => "application",
            Condition::Location => "ipAddressSeenByResourceProvider",
            Condition::UserRisk => "userRisk",
            Condition::ServicePrincipalRisk => "servicePrincipalRisk",
            Condition::ClientType => "clientType",
            Condition::DevicePlatform => "devicePlatform",
            Condition::DeviceState => "deviceState",
            Condition::IssuerDecided => "issuerDecided",
        }
    }
}

/// The answers of all conditions of one policy; `None` where it is not configured, or was not
/// needed because an earlier one already did not match.
#[derive(Clone, Copy, Debug, Default)]
pub struct Answers {
    answers: [Option<Truth>; Condition::ALL.len()],
}

impl Answers {
    /// The answer of one condition.
    #[must_use]
    pub fn get(&self, condition: Condition) -> Option<Truth> {
        self.answers[condition as usize]
    }

    /// All conditions together.
    #[must_use]
    pub fn all(&self) -> Truth {
        self.answers
            .iter()
            .flatten()
            .fold(Truth::True, |all, &answer| all.and(answer))
    }
}

/// Asks the conditions of `policy`. Unless `thorough`, stops at the first that does not match.
pub(super) fn judge(policy: &CompiledPolicy, context: &Context<'_>, thorough: bool) -> Answers {
    let mut answers = Answers::default();
    for condition in Condition::ALL {
        let answer = ask(condition, policy, context);
        answers.answers[condition as usize] = answer;
        if answer == Some(Truth::False) && !thorough {
            break;
        }
    }
    answers
}

/// Users, workload identities and applications together: whom and what the policy is about.
pub(super) fn scope(policy: &CompiledPolicy, context: &Context<'_>) -> Truth {
    [
        Condition::Users,
        Condition::ServicePrincipals,
        Condition::Application,
    ]
    .into_iter()
    .filter_map(|condition| ask(condition, policy, context))
    .fold(Truth::True, Truth::and)
}

fn ask(condition: Condition, policy: &CompiledPolicy, context: &Context<'_>) -> Option<Truth> {
    let signals = &context.request.signals;
    match condition {
        Condition::Users | Condition::ServicePrincipals | Condition::Application
            if context.token.policy_ids.is_some() =>
        {
            let listed = context.token.policy_ids.as_ref()?;
            Some(listed.binary_search(&policy.id).is_ok().into())
        }
        Condition::Users => users(policy, context),
        Condition::ServicePrincipals => workloads(policy, context),
        Condition::Application => policy
            .applications
            .as_ref()
            .map(|scope| applications(scope, context)),
        Condition::Location => policy.locations.as_ref().map(|locations| {
            context
                .tenant
                .locations
                .matches(locations, context.observed, context.network())
        }),
        Condition::UserRisk => policy.user_risk.map(|levels| {
            (context.token.kind == SubjectKind::User && levels.contains(context.mark.risk)).into()
        }),
        Condition::ServicePrincipalRisk => policy.service_principal_risk.map(|levels| {
            (context.token.kind == SubjectKind::Workload && levels.contains(context.mark.risk))
                .into()
        }),
        Condition::ClientType => policy.client_app_types.map(|kinds| {
            if kinds.is_empty() {
                return Truth::False;
            }
            signals
                .client_app_type
                .map(|kind| kinds.contains(kind))
                .into()
        }),
        Condition::DevicePlatform => policy.platforms.map(|scope| {
            if scope.include.is_empty() {
                return Truth::False;
            }
            if scope.include == Platforms::ALL && scope.exclude.is_empty() {
                return Truth::True;
            }
            signals
                .platform
                .map(|platform| {
                    scope.include.contains(platform) && !scope.exclude.contains(platform)
                })
                .into()
        }),
        Condition::DeviceState => policy.devices.as_ref().map(|filter| {
            signals
                .device
                .and_then(|attributes| filter.matches(attributes))
                .into()
        }),
        Condition::IssuerDecided => (!policy.unjudged.is_empty()).then_some(Truth::Unknown),
    }
}

fn users(policy: &CompiledPolicy, context: &Context<'_>) -> Option<Truth> {
    if context.token.kind == SubjectKind::Workload {
        return None;
    }
    match (&policy.users, &policy.workloads) {
        (Some(scope), _) => Some(in_user_scope(scope, context)),
        // Only about workload identities.
        (None, Some(_)) => Some(Truth::False),
        (None, None) => None,
    }
}

fn workloads(policy: &CompiledPolicy, context: &Context<'_>) -> Option<Truth> {
    if context.token.kind == SubjectKind::User {
        return None;
    }
    Some(match &policy.workloads {
        None => Truth::False,
        Some(scope) => in_workload_scope(scope, &context.token.subject),
    })
}

fn in_user_scope(scope: &UserScope, context: &Context<'_>) -> Truth {
    let included = among_users(&scope.include, context).or(unresolved(&scope.include.unresolved));
    if included == Truth::False {
        return Truth::False;
    }
    included.and(among_users(&scope.exclude, context).not())
}

/// An entry of an include list that is no id could be anyone.
fn unresolved(entries: &[String]) -> Truth {
    if entries.is_empty() {
        Truth::False
    } else {
        Truth::Unknown
    }
}

fn among_users(users: &Users, context: &Context<'_>) -> Truth {
    if users.all || users.users.contains(&context.token.subject) {
        return Truth::True;
    }
    let mut answer = Truth::False;
    let claimed = match &context.token.groups {
        GroupClaim::Listed(groups) => Some(groups.as_slice()),
        GroupClaim::Absent | GroupClaim::Overage => None,
    };
    for group in &users.groups {
        answer = answer.or(is_member(group, claimed, context));
    }
    for role in &users.roles {
        answer = answer.or(is_member(role, context.token.roles.as_deref(), context));
    }
    if let Some(guests) = &users.guests {
        answer = answer.or(is_guest(guests, context.token.guest));
    }
    answer
}

fn is_member(group: &Identifier, claimed: Option<&[Identifier]>, context: &Context<'_>) -> Truth {
    let synchronised = context.tenant.is_member(group, &context.token.subject);
    let claimed = claimed.map(|groups| groups.binary_search(group).is_ok());
    match (claimed, synchronised) {
        (Some(true), _) | (_, Some(true)) => Truth::True,
        (Some(false), _) | (_, Some(false)) => Truth::False,
        (None, None) => Truth::Unknown,
    }
}

fn is_guest(scope: &GuestScope, guest: Option<bool>) -> Truth {
    let internal = scope.types.contains(GuestTypes::INTERNAL_GUEST);
    let collaborator = scope.types.contains(GuestTypes::B2B_COLLABORATION_GUEST);
    let only_members = scope.types == GuestTypes::B2B_COLLABORATION_MEMBER;
    let answer = match guest {
        Some(true) if internal && collaborator => Truth::True,
        Some(true) if only_members || scope.types == GuestTypes::default() => Truth::False,
        Some(false) if internal || collaborator || scope.types == GuestTypes::default() => {
            Truth::False
        }
        _ => Truth::Unknown,
    };
    match scope.tenants {
        ExternalTenants::All => answer,
        ExternalTenants::Enumerated(_) => answer.and(Truth::Unknown),
    }
}

fn in_workload_scope(scope: &WorkloadScope, subject: &Identifier) -> Truth {
    let among = |workloads: &Workloads| workloads.all || workloads.ids.contains(subject);
    let included = Truth::from(among(&scope.include)).or(unresolved(&scope.include.unresolved));
    filtered(scope.filtered, included).and(Truth::from(among(&scope.exclude)).not())
}

fn applications(scope: &ApplicationScope, context: &Context<'_>) -> Truth {
    if !scope.authentication_contexts.is_empty() {
        let required = context.request.authentication_context;
        return required
            .is_some_and(|required| scope.authentication_contexts.iter().any(|c| c == required))
            .into();
    }
    if !scope.user_actions.is_empty() {
        return Truth::False;
    }
    let included =
        among_applications(&scope.include, context).or(unresolved(&scope.include.unresolved));
    filtered(scope.filtered, included).and(among_applications(&scope.exclude, context).not())
}

/// A filter that nobody here can judge may take anything in or out.
fn filtered(is_filtered: bool, included: Truth) -> Truth {
    if is_filtered {
        Truth::Unknown
    } else {
        included
    }
}

fn among_applications(applications: &Applications, context: &Context<'_>) -> Truth {
    if applications.all {
        return Truth::True;
    }
    let Some(resource) = context.resource else {
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
