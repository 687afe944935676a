//! A conditional access policy: when its conditions match, its controls are due.

use super::condition::{
    ApplicationScope, ClientAppTypes, LocationScope, PlatformScope, RiskLevels, Unjudged,
    UserScope, WorkloadScope,
};
use super::control::{Grant, SessionControls};
use super::device_filter::DeviceFilter;
use crate::identifier::Identifier;
use crate::timestamp::Timestamp;

/// One policy. Graph `conditionalAccessPolicy`.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// `id`, or a stable one made from file and position where the document has none.
    pub id: Identifier,
    /// `displayName`; empty where missing.
    pub display_name: String,
    /// `state`, with soft deletion folded in.
    pub state: PolicyState,
    /// `modifiedDateTime`, else `createdDateTime`. `None`: unknown, so never counted as changed.
    pub modified: Option<Timestamp>,
    /// When the policy applies.
    pub conditions: Conditions,
    /// `grantControls`. `None`: a session-only policy.
    pub grant: Option<Grant>,
    /// `sessionControls`, as far as a resource provider can act on them.
    pub session: SessionControls,
    /// Where the policy was read.
    pub origin: Origin,
}

/// Whether a policy counts. Graph `conditionalAccessPolicyState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PolicyState {
    /// `enabled`.
    Enabled,
    /// `enabledForReportingButNotEnforced`: evaluated and reported, never enforced.
    ReportOnly,
    /// `disabled`, or soft-deleted.
    Disabled,
}

/// The conditions of a policy; `None` where the policy does not configure one, which matches.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Conditions {
    /// Which users. Never concerns workload tokens.
    pub users: Option<UserScope>,
    /// Which workload identities. A policy that has this one never concerns users unless it
    /// also names some.
    pub workloads: Option<WorkloadScope>,
    /// Which applications, user actions or authentication contexts.
    pub applications: Option<ApplicationScope>,
    /// Which addresses.
    pub locations: Option<LocationScope>,
    /// Which levels of user risk.
    pub user_risk: Option<RiskLevels>,
    /// Which levels of service principal risk.
    pub service_principal_risk: Option<RiskLevels>,
    /// Which kinds of client application; judged only if the host supplies the signal.
    pub client_app_types: Option<ClientAppTypes>,
    /// Which platforms; judged only if the host supplies the signal.
    pub platforms: Option<PlatformScope>,
    /// Which devices; judged only if the host supplies the signal.
    pub devices: Option<DeviceFilter>,
    /// Conditions that only the issuer can judge, or that this version does not know: always
    /// unknown, never a reason to skip the policy.
    pub unjudged: Vec<Unjudged>,
}

/// Where a part of a document stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Origin {
    /// The file, as the caller named it.
    pub file: String,
    /// JSON Pointer inside the file; empty for the root.
    pub pointer: String,
}
