//! A vector file as it is written: TOML, every unknown key refused. See `vectors/README.md`.

use std::collections::BTreeMap;

use highwater::settings::{EngineSettings, TenantSettings};
use highwater::token::IssuerProfile;
use serde::Deserialize;

/// One file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    /// What the file is about: a section of the semantics.
    pub(super) section: String,
    /// Short names for identifiers: `$ada` in any text of the file stands for the value.
    #[serde(default)]
    pub(super) names: BTreeMap<String, String>,
    /// What documents and requests of the file have in common.
    pub(super) base: Base,
    /// Documents that several cases share.
    #[serde(default)]
    pub(super) documents: BTreeMap<String, Documents>,
    /// The cases.
    pub(super) case: Vec<Case>,
}

/// JSON objects into which every document or request is merged (RFC 7396).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Base {
    /// For policies.
    #[serde(default)]
    pub(super) policy: Option<String>,
    /// For requests.
    pub(super) request: String,
    /// For the issuer of all tokens.
    #[serde(default)]
    pub(super) issuer: Option<IssuerProfile>,
    /// For the engine's settings.
    #[serde(default)]
    pub(super) engine: Option<EngineSettings>,
}

/// The documents of one tenant, JSON texts.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Documents {
    /// Graph `conditionalAccessPolicy`, each merged into the base.
    pub(super) policies: Vec<String>,
    /// Graph `namedLocation`.
    pub(super) locations: Vec<String>,
    /// `{group: [members]}`.
    pub(super) memberships: Option<String>,
    /// The MFA trusted IPs.
    pub(super) trusted_ips: Option<Vec<String>>,
    /// `CC<TAB>prefix`, written `CC prefix`.
    pub(super) countries: Option<Vec<String>>,
}

/// One case: a tenant, then events and requests in order.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    /// What the case shows.
    pub(super) name: String,
    /// Shared documents, by name; the case's own come after them.
    #[serde(default)]
    pub(super) documents: Option<String>,
    /// As in [`Documents`].
    #[serde(default)]
    pub(super) policies: Vec<String>,
    /// As in [`Documents`].
    #[serde(default)]
    pub(super) locations: Vec<String>,
    /// As in [`Documents`].
    #[serde(default)]
    pub(super) memberships: Option<String>,
    /// As in [`Documents`].
    #[serde(default)]
    pub(super) trusted_ips: Option<Vec<String>>,
    /// As in [`Documents`].
    #[serde(default)]
    pub(super) countries: Option<Vec<String>>,
    /// Settings of the engine, in place of the file's.
    #[serde(default)]
    pub(super) engine: Option<EngineSettings>,
    /// Settings of the tenant.
    #[serde(default)]
    pub(super) tenant: TenantSettings,
    /// How tokens are read, in place of the file's.
    #[serde(default)]
    pub(super) issuer: Option<IssuerProfile>,
    /// Changes to the base of requests, for the whole case.
    #[serde(default)]
    pub(super) base: Option<String>,
    /// What happens, in order.
    pub(super) steps: Vec<Step>,
}

/// An event, or a request and its answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    /// One canonical event.
    #[serde(default)]
    pub(super) event: Option<String>,
    /// Changes to the base of requests; the result is a line of `highwater decide`.
    #[serde(default)]
    pub(super) request: Option<String>,
    /// `allow`, `challenge`, `deny 401`, `deny 403` or `error`.
    #[serde(default)]
    pub(super) expect: Option<String>,
    /// The reasons, the strongest first.
    #[serde(default)]
    pub(super) because: Vec<String>,
    /// The policies with a violation, by display name.
    #[serde(default)]
    pub(super) by: Vec<String>,
    /// `uncovered`, `degraded`.
    #[serde(default)]
    pub(super) flags: Vec<String>,
    /// The claims document of the challenge; compared only where given.
    #[serde(default)]
    pub(super) claims: Option<String>,
    /// The whole header; compared only where given.
    #[serde(default)]
    pub(super) header: Option<String>,
    /// What `explain` says of policies, by display name; compared for those that are given.
    #[serde(default)]
    pub(super) results: BTreeMap<String, String>,
}
