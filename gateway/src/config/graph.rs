//! `[graph]`: what is read from Microsoft Graph, of which tenant, as whom.

use std::fmt;
use std::marker::PhantomData;

use highwater::identifier::{Identifier, TenantId};
use highwater_signals::graph::{GraphConfig, ResourceKind};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use toml::Spanned;

use super::credentials::{CredentialsSection, is_protected};
use super::seconds::Seconds;

/// Where Graph is, unless the configuration says otherwise.
const BASE_URL: &str = "https://graph.microsoft.com/v1.0";

/// Every `[graph]`, or `[[graph]]` if there are several.
#[derive(Clone, Debug, Default)]
pub(crate) struct GraphSections(pub(crate) Vec<GraphSection>);

/// One `[graph]`.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GraphSection {
    tenant: Spanned<TenantId>,
    base_url: Option<String>,
    source: Option<Identifier>,
    read: Option<Vec<Collection>>,
    interval: Option<Seconds>,
    stale_after: Option<Seconds>,
    password_change_revokes: Option<bool>,
    high_risk_revokes: Option<bool>,
    horizon: Option<Seconds>,
    pub(crate) credentials: CredentialsSection,
}

/// A collection of Graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Collection {
    Policies,
    NamedLocations,
    Groups,
    RoleAssignments,
    Users,
    ServicePrincipals,
    Devices,
    RiskyUsers,
    RiskyServicePrincipals,
}

impl Collection {
    /// What is read unless the configuration says otherwise: everything but devices, of which
    /// there are many, and which few tokens name.
    const DEFAULT: [Collection; 8] = [
        Collection::Policies,
        Collection::NamedLocations,
        Collection::Groups,
        Collection::RoleAssignments,
        Collection::Users,
        Collection::ServicePrincipals,
        Collection::RiskyUsers,
        Collection::RiskyServicePrincipals,
    ];

    /// The name in configuration, logs, metrics and the store.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Collection::Policies => "policies",
            Collection::NamedLocations => "named_locations",
            Collection::Groups => "groups",
            Collection::RoleAssignments => "role_assignments",
            Collection::Users => "users",
            Collection::ServicePrincipals => "service_principals",
            Collection::Devices => "devices",
            Collection::RiskyUsers => "risky_users",
            Collection::RiskyServicePrincipals => "risky_service_principals",
        }
    }

    /// What the feed reads.
    pub(crate) const fn kind(self) -> ResourceKind {
        match self {
            Collection::Policies => ResourceKind::Policy,
            Collection::NamedLocations => ResourceKind::NamedLocation,
            Collection::Groups => ResourceKind::Group,
            Collection::RoleAssignments => ResourceKind::RoleAssignment,
            Collection::Users => ResourceKind::User,
            Collection::ServicePrincipals => ResourceKind::ServicePrincipal,
            Collection::Devices => ResourceKind::Device,
            Collection::RiskyUsers => ResourceKind::RiskyUser,
            Collection::RiskyServicePrincipals => ResourceKind::RiskyServicePrincipal,
        }
    }
}

impl GraphSection {
    /// Whose directory it is, and where that stands.
    pub(crate) fn tenant(&self) -> &Spanned<TenantId> {
        &self.tenant
    }

    /// Where Graph is, with its version.
    pub(crate) fn base_url(&self) -> &str {
        self.base_url.as_deref().unwrap_or(BASE_URL)
    }

    /// What is read, without repetitions.
    pub(crate) fn collections(&self) -> Vec<Collection> {
        let mut collections = self
            .read
            .clone()
            .unwrap_or_else(|| Collection::DEFAULT.to_vec());
        collections.sort_unstable();
        collections.dedup();
        collections
    }

    /// How often each collection is asked for changes, in seconds.
    pub(crate) fn interval_seconds(&self) -> i64 {
        self.interval.map_or(60, |interval| interval.0.max(1))
    }

    /// After how many seconds without an answer what is known counts as stale.
    pub(crate) fn stale_after_seconds(&self) -> i64 {
        self.stale_after.map_or(900, |seconds| seconds.0)
    }

    /// How the feeds are read.
    pub(crate) fn config(&self) -> GraphConfig {
        let default = GraphConfig::new(self.tenant.get_ref().clone());
        GraphConfig {
            source: self.source.clone().unwrap_or(default.source),
            password_change_revokes: self
                .password_change_revokes
                .unwrap_or(default.password_change_revokes),
            high_risk_revokes: self.high_risk_revokes.unwrap_or(default.high_risk_revokes),
            horizon_seconds: self
                .horizon
                .map_or(default.horizon_seconds, |seconds| seconds.0),
            tenant: default.tenant,
        }
    }

    /// What types alone cannot say.
    pub(super) fn mistake(&self) -> Option<String> {
        if !is_protected(self.base_url()) {
            return Some(format!(
                "`base_url` is `{}`; only `https` is used",
                self.base_url()
            ));
        }
        if self.collections().is_empty() {
            return Some(
                "`read` names nothing to read; leave it out to read everything".to_owned(),
            );
        }
        let collections = self.collections();
        if collections.contains(&Collection::RoleAssignments)
            && !collections.contains(&Collection::Groups)
        {
            return Some(
                "`read` names `role_assignments` without `groups`: a role may be held by a group"
                    .to_owned(),
            );
        }
        self.credentials.complete().err()
    }
}

impl<'de> Deserialize<'de> for GraphSections {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<GraphSections, D::Error> {
        deserializer
            .deserialize_any(OneOrSeveral(PhantomData))
            .map(GraphSections)
    }
}

/// One table or an array of tables, without losing the place of a mistake in either.
struct OneOrSeveral<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for OneOrSeveral<T> {
    type Value = Vec<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a table or an array of tables")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Vec<T>, A::Error> {
        Ok(vec![T::deserialize(MapAccessDeserializer::new(map))?])
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Vec<T>, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(seq))
    }
}
