//! Policies, locations and memberships that are legal by construction.
//!
//! `wire` reads whatever people export; what arrives here has no loose ends left: every
//! condition is either something the engine can judge or an explicit [`Unjudged`] one. The
//! compiler turns a [`TenantModel`] into a snapshot; decisions never see these types.

mod condition;
mod control;
mod device_filter;
mod location;
mod membership;
mod policy;

pub use condition::{
    ApplicationScope, Applications, ClientAppType, ClientAppTypes, ExternalTenants, GuestScope,
    GuestTypes, LocationReference, LocationScope, Platform, PlatformScope, Platforms, RiskLevels,
    Unjudged, UserScope, Users, WorkloadScope, Workloads,
};
pub use control::{
    ContinuousAccessEvaluation, Control, Grant, GrantOperator, SessionControls, SignInFrequency,
};
pub use device_filter::{DeviceAttributes, DeviceFilter, DeviceRuleError, FilterMode};
pub use location::{CountryTable, NamedLocation, NamedLocationKind};
pub use membership::Memberships;
pub use policy::{Conditions, Origin, Policy, PolicyState};

use ipnet::IpNet;

/// Everything that one tenant's documents say.
#[derive(Clone, Debug, Default)]
pub struct TenantModel {
    /// Every policy that compiled, in the order in which the documents were read.
    pub policies: Vec<Policy>,
    /// Every named location, in the order in which the documents were read; ids are unique.
    pub locations: Vec<NamedLocation>,
    /// Who is in which group or role, as far as it was synchronised.
    pub memberships: Memberships,
    /// The operator's list of MFA trusted IPs. `None`: not imported, so unknown.
    pub trusted_ips: Option<Vec<IpNet>>,
    /// Which prefixes belong to which country. `None`: not loaded, so unknown.
    pub countries: Option<CountryTable>,
}

/// The named-location id that stands for the tenant's MFA trusted IPs.
pub const MFA_TRUSTED_IPS: &str = "00000000-0000-0000-0000-000000000000";

/// The named-location id that stands for all compliant network locations.
pub const COMPLIANT_NETWORK: &str = "3d46dbda-8382-466a-856d-eb00cbc6b910";
