//! The conditions of a policy, in Graph's own terms.

use crate::event::RiskLevel;
use crate::identifier::Identifier;

/// `conditions.users`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserScope {
    /// `includeUsers`, `includeGroups`, `includeRoles`, `includeGuestsOrExternalUsers`.
    pub include: Users,
    /// `excludeUsers`, `excludeGroups`, `excludeRoles`, `excludeGuestsOrExternalUsers`.
    pub exclude: Users,
}

/// A set of users, named in several ways.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Users {
    /// `All`.
    pub all: bool,
    /// `GuestsOrExternalUsers`, or the typed form.
    pub guests: Option<GuestScope>,
    /// Object ids of users.
    pub users: Vec<Identifier>,
    /// Object ids of groups.
    pub groups: Vec<Identifier>,
    /// Template ids of directory roles.
    pub roles: Vec<Identifier>,
    /// Entries that are no object id (a placeholder, a name, a malformed GUID). In an include
    /// they make membership unknown; in an exclude they exclude nobody.
    pub unresolved: Vec<String>,
}

impl Users {
    /// Whether the set names nobody at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Users::default()
    }
}

/// `conditionalAccessGuestsOrExternalUsers`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuestScope {
    /// Which kinds of guest.
    pub types: GuestTypes,
    /// From which home tenants.
    pub tenants: ExternalTenants,
}

/// A set of `guestOrExternalUserTypes`, one bit each, with Graph's own values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct GuestTypes(pub u8);

impl GuestTypes {
    /// `internalGuest`.
    pub const INTERNAL_GUEST: GuestTypes = GuestTypes(1);
    /// `b2bCollaborationGuest`.
    pub const B2B_COLLABORATION_GUEST: GuestTypes = GuestTypes(2);
    /// `b2bCollaborationMember`.
    pub const B2B_COLLABORATION_MEMBER: GuestTypes = GuestTypes(4);
    /// `b2bDirectConnectUser`.
    pub const B2B_DIRECT_CONNECT_USER: GuestTypes = GuestTypes(8);
    /// `otherExternalUser`.
    pub const OTHER_EXTERNAL_USER: GuestTypes = GuestTypes(16);
    /// `serviceProvider`.
    pub const SERVICE_PROVIDER: GuestTypes = GuestTypes(32);
    /// Every kind: what the keyword `GuestsOrExternalUsers` means.
    pub const ALL: GuestTypes = GuestTypes(63);

    /// Whether all of `types` are in the set.
    #[must_use]
    pub const fn contains(self, types: GuestTypes) -> bool {
        self.0 & types.0 == types.0
    }
}

/// `externalTenants`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExternalTenants {
    /// `all`, or not stated.
    All,
    /// `enumerated`: these tenants. The token does not name the home tenant: unknown.
    Enumerated(Vec<Identifier>),
}

/// `conditions.clientApplications`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkloadScope {
    /// `includeServicePrincipals`.
    pub include: Workloads,
    /// `excludeServicePrincipals`.
    pub exclude: Workloads,
    /// A `servicePrincipalFilter` or agent condition is present: unknown.
    pub filtered: bool,
}

/// A set of workload identities.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Workloads {
    /// `ServicePrincipalsInMyTenant`.
    pub all: bool,
    /// Object ids of service principals.
    pub ids: Vec<Identifier>,
    /// Entries that are no object id, as in [`Users::unresolved`].
    pub unresolved: Vec<String>,
}

/// `conditions.applications`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApplicationScope {
    /// `includeApplications`.
    pub include: Applications,
    /// `excludeApplications`.
    pub exclude: Applications,
    /// `includeUserActions`: such a policy is about actions at the issuer, never about a
    /// resource.
    pub user_actions: Vec<String>,
    /// `includeAuthenticationContextClassReferences`.
    pub authentication_contexts: Vec<String>,
    /// An `applicationFilter` or network access condition is present: unknown.
    pub filtered: bool,
}

/// A set of applications.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applications {
    /// `All`.
    pub all: bool,
    /// `Office365`: the suite, see [`crate::snapshot::OFFICE_365`].
    pub office365: bool,
    /// `MicrosoftAdminPortals`, see [`crate::snapshot::ADMIN_PORTALS`].
    pub admin_portals: bool,
    /// Application ids.
    pub ids: Vec<Identifier>,
    /// Entries that are no application id, as in [`Users::unresolved`].
    pub unresolved: Vec<String>,
}

/// `conditions.locations`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LocationScope {
    /// `includeLocations`.
    pub include: Vec<LocationReference>,
    /// `excludeLocations`.
    pub exclude: Vec<LocationReference>,
}

/// One entry of a location list.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LocationReference {
    /// `All`.
    All,
    /// `AllTrusted`.
    AllTrusted,
    /// The MFA trusted IPs ([`super::MFA_TRUSTED_IPS`]).
    MfaTrustedIps,
    /// The compliant network ([`super::COMPLIANT_NETWORK`], or a named location of that type).
    CompliantNetwork,
    /// A named location of this tenant, by its position in [`super::TenantModel::locations`].
    Named(usize),
    /// An id that no document defines. In an include: unknown; in an exclude: excludes nothing.
    Dangling(String),
}

/// A set of risk levels, one bit per [`RiskLevel`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RiskLevels(u8);

impl RiskLevels {
    /// This set and `level`.
    #[must_use]
    pub const fn with(self, level: RiskLevel) -> RiskLevels {
        RiskLevels(self.0 | 1 << level as u8)
    }

    /// Whether `level` is in the set.
    #[must_use]
    pub const fn contains(self, level: RiskLevel) -> bool {
        self.0 & (1 << level as u8) != 0
    }

    /// Whether no level is in the set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// Graph `conditionalAccessClientApp`, without `all`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ClientAppType {
    /// `browser`.
    Browser = 0,
    /// `mobileAppsAndDesktopClients`.
    MobileAppsAndDesktopClients = 1,
    /// `exchangeActiveSync`.
    ExchangeActiveSync = 2,
    /// `easSupported`.
    EasSupported = 3,
    /// `other`.
    Other = 4,
}

/// A set of [`ClientAppType`]. `all` is written as an unconfigured condition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ClientAppTypes(u8);

impl ClientAppTypes {
    /// This set and `kind`.
    #[must_use]
    pub const fn with(self, kind: ClientAppType) -> ClientAppTypes {
        ClientAppTypes(self.0 | 1 << kind as u8)
    }

    /// Whether `kind` is in the set.
    #[must_use]
    pub const fn contains(self, kind: ClientAppType) -> bool {
        self.0 & (1 << kind as u8) != 0
    }

    /// Whether no kind is in the set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// Graph `conditionalAccessDevicePlatform`, without `all`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Platform {
    /// `android`.
    Android = 0,
    /// `iOS`.
    Ios = 1,
    /// `windows`.
    Windows = 2,
    /// `windowsPhone`.
    WindowsPhone = 3,
    /// `macOS`.
    MacOs = 4,
    /// `linux`.
    Linux = 5,
    /// A platform that none of the above names, as reported by the host.
    Other = 6,
}

/// A set of [`Platform`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Platforms(u8);

impl Platforms {
    /// Every platform, named or not: `all`.
    pub const ALL: Platforms = Platforms(0x7f);

    /// This set and `platform`.
    #[must_use]
    pub const fn with(self, platform: Platform) -> Platforms {
        Platforms(self.0 | 1 << platform as u8)
    }

    /// Whether `platform` is in the set.
    #[must_use]
    pub const fn contains(self, platform: Platform) -> bool {
        self.0 & (1 << platform as u8) != 0
    }

    /// Whether no platform is in the set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// `conditions.platforms`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlatformScope {
    /// `includePlatforms`.
    pub include: Platforms,
    /// `excludePlatforms`.
    pub exclude: Platforms,
}

/// A condition that is configured and that this engine cannot judge.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Unjudged {
    /// The member's name in the document, such as `signInRiskLevels`.
    pub name: String,
}
