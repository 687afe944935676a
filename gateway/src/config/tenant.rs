//! `[[tenant]]`: the documents of one tenant, and what differs from the other tenants.

use std::path::{Path, PathBuf};

use highwater::compile::Documents;
use highwater::identifier::TenantId;
use highwater::settings::{PolicyChange, TenantSettings, UnknownWithoutCapability};
use serde::Deserialize;
use toml::Spanned;

use crate::failure::Failure;
use crate::input::documents;

/// One `[[tenant]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TenantSection {
    /// The tenant, or `*` for every tenant without a section of its own.
    id: Spanned<String>,
    documents: Vec<PathBuf>,
    country_table: Option<PathBuf>,
    trusted_ips: Option<PathBuf>,
    #[serde(default)]
    memberships: Vec<PathBuf>,
    #[serde(default)]
    settings: SettingsSection,
}

/// `[tenant.settings]`. What is not said is as `[engine]` says.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct SettingsSection {
    policy_change: Option<PolicyChange>,
    answered_challenge: Option<bool>,
    unknown_without_capability: Option<UnknownWithoutCapability>,
}

/// The tenants that a section is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// One tenant.
    One(TenantId),
    /// Every tenant without a section of its own.
    Any,
}

impl TenantSection {
    /// What stands in `id`, and where.
    pub(super) fn id(&self) -> &Spanned<String> {
        &self.id
    }

    /// The tenants that this section is about.
    ///
    /// # Errors
    /// Text that is no identifier. Loading has checked that already.
    pub(crate) fn whose(&self) -> Result<Whose, Failure> {
        match self.id.get_ref().as_str() {
            "*" => Ok(Whose::Any),
            text => text
                .parse()
                .map(Whose::One)
                .map_err(|error| Failure::Input(format!("tenant `{text}`: {error}"))),
        }
    }

    /// The settings, with those of `[engine]` where this section says nothing.
    pub(crate) fn settings(&self, default: TenantSettings) -> TenantSettings {
        let own = &self.settings;
        TenantSettings {
            policy_change: own.policy_change.unwrap_or(default.policy_change),
            answered_challenge: own.answered_challenge.unwrap_or(default.answered_challenge),
            unknown_without_capability: own
                .unknown_without_capability
                .unwrap_or(default.unknown_without_capability),
        }
    }

    /// Every file and folder that this section names.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        let tables = [&self.country_table, &self.trusted_ips];
        let lists = self.documents.iter().chain(&self.memberships);
        lists
            .chain(tables.into_iter().flatten())
            .map(PathBuf::as_path)
    }

    /// Reads the documents; paths start at `folder`.
    pub(crate) fn read(&self, folder: &Path) -> Result<Documents, Failure> {
        let mut read = Documents::new();
        documents::add_paths(&mut read, folder, &self.documents)?;
        documents::add_paths(&mut read, folder, &self.memberships)?;
        if let Some(table) = &self.country_table {
            documents::add_country_table(&mut read, folder, table)?;
        }
        if let Some(list) = &self.trusted_ips {
            documents::add_trusted_ips(&mut read, folder, list)?;
        }
        Ok(read)
    }
}
