//! The conditions of one policy, each three-valued (semantics §4.1).

use super::context::Context;
use super::scope;
use super::truth::Truth;
use crate::model::Platforms;
use crate::snapshot::policy_table::CompiledPolicy;
use crate::token::SubjectKind;

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
#[derive(Clone, Copy, Debug)]
pub struct Answers {
    answers: [Option<Truth>; Condition::ALL.len()],
    /// INVARIANT: all of `answers` together.
    all: Truth,
}

impl Default for Answers {
    fn default() -> Answers {
        Answers {
            answers: [None; Condition::ALL.len()],
            all: Truth::True,
        }
    }
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
        self.all
    }

    /// Notes what a condition, not asked before, answers.
    fn note(&mut self, condition: Condition, answer: Option<Truth>) {
        self.answers[condition as usize] = answer;
        self.all = self.all.and(answer.unwrap_or(Truth::True));
    }
}

/// Asks the conditions of `policy`. Unless `thorough`, stops at the first that does not match
/// and takes the policy's `scope` as it is known.
#[inline(always)]
pub(super) fn judge(
    policy: &CompiledPolicy,
    context: &Context<'_>,
    scope: Option<Truth>,
    thorough: bool,
) -> Answers {
    let mut answers = Answers::default();
    let mut left = policy.configured;
    if let Some(scope) = scope
        && !thorough
    {
        // The three conditions of scope together, under the name of the last.
        answers.note(Condition::Application, Some(scope));
        left &= u16::MAX << Condition::Location as u16;
    }
    while left != 0 {
        let condition = Condition::ALL[left.trailing_zeros() as usize];
        left &= left - 1;
        let answer = ask(condition, policy, context);
        answers.note(condition, answer);
        if answer == Some(Truth::False) && !thorough {
            break;
        }
    }
    answers
}

#[inline(always)]
fn ask(condition: Condition, policy: &CompiledPolicy, context: &Context<'_>) -> Option<Truth> {
    let signals = &context.request.signals;
    match condition {
        Condition::Users => scope::users(policy, &context.scope),
        Condition::ServicePrincipals => scope::workloads(policy, &context.scope),
        Condition::Application => scope::applications(policy, &context.scope),
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
