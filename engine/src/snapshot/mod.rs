//! What a decision reads: immutable once published, replaced as a whole.
//!
//! One [`TenantSnapshot`] holds everything that one tenant's documents say, compiled. A decision
//! takes it once and uses it to the end, so it can never mix two versions.

pub mod location_table;
#[cfg(all(test, loom))]
mod loom_model;
mod membership_table;
#[cfg(all(test, any(loom, shuttle)))]
mod model_support;
pub mod policy_table;
pub mod prefix_table;
#[cfg(all(test, shuttle))]
mod shuttle_model;
pub(crate) mod slot;
mod well_known;

pub use well_known::{ADMIN_PORTALS, OFFICE_365};

use std::net::IpAddr;

use crate::hint;
use crate::identifier::Identifier;
use crate::settings::TenantSettings;

use location_table::LocationTable;
pub(crate) use membership_table::MembershipTable;
use policy_table::PolicyTable;

/// Everything about one tenant that decisions read.
#[derive(Debug, Clone)]
pub struct TenantSnapshot {
    pub(crate) version: u64,
    pub(crate) settings: TenantSettings,
    pub(crate) policies: PolicyTable,
    pub(crate) locations: LocationTable,
    pub(crate) memberships: MembershipTable,
}

impl TenantSnapshot {
    /// What a tenant without documents is judged by: no policies, no locations.
    #[must_use]
    pub fn empty() -> TenantSnapshot {
        TenantSnapshot {
            version: 0,
            settings: TenantSettings::default(),
            policies: PolicyTable::default(),
            locations: LocationTable::default(),
            memberships: MembershipTable::default(),
        }
    }

    /// Asks for those lines of the snapshot itself that nearly every decision reads.
    #[inline]
    pub(crate) fn prefetch(&self) {
        hint::prefetch(&self.policies.enforced);
        hint::prefetch(&self.policies.at_location);
        self.locations.prefetch();
    }

    /// Asks for what a decision about `address` reads beyond that, if the tables are small. Reads
    /// what [`prefetch`](Self::prefetch) asks for.
    #[inline]
    pub(crate) fn expect_small(&self, address: IpAddr) {
        self.policies.at_location.prefetch();
        self.locations.expect_small(address);
    }

    /// Counts up with every publication of the tenant.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The tenant's settings.
    #[must_use]
    pub fn settings(&self) -> &TenantSettings {
        &self.settings
    }

    /// The tenant's policies.
    #[must_use]
    pub fn policies(&self) -> &PolicyTable {
        &self.policies
    }

    /// The tenant's locations.
    #[must_use]
    pub fn locations(&self) -> &LocationTable {
        &self.locations
    }

    /// Whether `member` is in the synchronised group or role; `None` if it is not synchronised.
    #[must_use]
    pub fn is_member(&self, group: &Identifier, member: &Identifier) -> Option<bool> {
        self.memberships.contains(group, member)
    }
}
