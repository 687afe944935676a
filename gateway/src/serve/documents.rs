//! What is published for which tenant, what could not be, and reading it again.
//!
//! A tenant whose documents cannot be read or compiled keeps the snapshot it has. Without one,
//! nobody can judge its requests; that is not the same as a tenant that nobody configured, and
//! never the same as a tenant without policies: the listener's `fail` decides.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use highwater::engine::Engine;
use highwater::identifier::TenantId;
use highwater::timestamp::Timestamp;
use parking_lot::{Mutex, RwLock};

use super::synchronised::Synchronised;
use crate::config::{Configuration, Whose};
use crate::deployment::{EachTenant, ReadTenant, read_each_tenant};
use crate::failure::Failure;

/// The documents of a deployment.
pub(crate) struct Documents {
    /// Where they are read from.
    source: Source,
    /// Those that do not lie in files.
    pub(super) synchronised: Synchronised,
    /// One reload at a time.
    reloading: Mutex<()>,
    tenants: RwLock<BTreeMap<Option<TenantId>, TenantDocuments>>,
    /// Whether some tenant has no snapshot, or nobody knows yet which tenants there are. Read by
    /// every decision, so without the lock.
    is_incomplete: AtomicBool,
    /// Whether the configuration was read at least once.
    is_read: AtomicBool,
}

/// Where a configuration with its tenants is read from, again and again.
pub(crate) enum Source {
    /// A file.
    File(PathBuf),
}

impl Source {
    /// The tenants that `which` wants, with what was synchronised for them.
    fn read(
        &self,
        which: impl Fn(&Whose) -> bool,
        synchronised: &Synchronised,
    ) -> Result<EachTenant, Failure> {
        match self {
            Source::File(path) => {
                let configuration = Configuration::load(path)?;
                Ok(read_each_tenant(
                    &configuration,
                    false,
                    which,
                    |whose, documents| synchronised.add_to(whose, documents),
                ))
            }
        }
    }
}

/// The documents of one tenant, or of every tenant without some of its own.
#[derive(Clone, Default)]
pub(crate) struct TenantDocuments {
    /// What is in force.
    pub(crate) published: Option<Published>,
    /// The documents behind it, for questions of operators.
    read: Option<Arc<ReadTenant>>,
    /// Why what was read last is not in force.
    pub(crate) error: Option<String>,
}

/// A snapshot in force.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Published {
    /// The engine's version of it.
    pub(crate) version: u64,
    /// Since when.
    pub(crate) at: Timestamp,
    /// Policies, whatever their state.
    pub(crate) policies: usize,
    /// Named locations.
    pub(crate) locations: usize,
}

/// Documents that are not in force.
#[derive(Debug, thiserror::Error)]
#[error("{}", .mistakes.join("; "))]
pub(crate) struct DocumentError {
    mistakes: Vec<String>,
}

impl Documents {
    /// None yet; those of `source` will be.
    pub(super) fn new(source: Source) -> Documents {
        Documents {
            source,
            synchronised: Synchronised::default(),
            reloading: Mutex::new(()),
            tenants: RwLock::default(),
            is_incomplete: AtomicBool::new(true),
            is_read: AtomicBool::new(false),
        }
    }

    /// Reads the configuration's tenants and publishes what compiles.
    pub(super) fn reload(&self, engine: &Engine, now: Timestamp) -> Result<(), DocumentError> {
        self.reload_which(engine, None, now)
    }

    /// Reads the documents of one tenant and publishes them if they compile.
    pub(super) fn reload_tenant(
        &self,
        engine: &Engine,
        tenant: &TenantId,
        now: Timestamp,
    ) -> Result<(), DocumentError> {
        self.reload_which(engine, Some(tenant), now)
    }

    fn reload_which(
        &self,
        engine: &Engine,
        only: Option<&TenantId>,
        now: Timestamp,
    ) -> Result<(), DocumentError> {
        let _one_at_a_time = self.reloading.lock();
        let is_meant = |whose: &Whose| match (only, whose) {
            (None, _) => true,
            (Some(tenant), Whose::One(own)) => tenant == own,
            (Some(_), Whose::Any) => false,
        };
        let read = self
            .source
            .read(is_meant, &self.synchronised)
            .map_err(|error| DocumentError {
                mistakes: vec![error.to_string()],
            })?;
        let mut mistakes = Vec::new();
        let mut present = match only {
            None => BTreeMap::new(),
            Some(_) => self.tenants.read().clone(),
        };
        for (whose, outcome) in read {
            let key = match whose {
                Whose::One(tenant) => Some(tenant),
                Whose::Any => None,
            };
            let mut state = self.tenants.read().get(&key).cloned().unwrap_or_default();
            state.error = None;
            match outcome.and_then(|read| Ok((publish(engine, &read, now)?, read))) {
                Ok((published, read)) => {
                    state.published = Some(published);
                    state.read = Some(Arc::new(read));
                }
                Err(error) => {
                    let name = key.as_ref().map_or("*", |tenant| tenant.as_str());
                    let error = error.to_string();
                    mistakes.push(format!("tenant `{name}`: {error}"));
                    state.error = Some(error);
                }
            }
            present.insert(key, state);
        }
        let mut tenants = self.tenants.write();
        let is_gone = |key: &&Option<TenantId>| !present.contains_key(*key);
        for gone in tenants.keys().filter(is_gone) {
            match gone {
                Some(tenant) => engine.remove(tenant),
                None => engine.remove_for_any_tenant(),
            };
        }
        let is_incomplete = present.values().any(|state| state.published.is_none());
        *tenants = present;
        drop(tenants);
        self.is_read.store(true, Ordering::Release);
        self.is_incomplete.store(is_incomplete, Ordering::Release);
        if mistakes.is_empty() {
            tracing::info!("documents published");
            Ok(())
        } else {
            Err(DocumentError { mistakes })
        }
    }

    /// Whether `tenant` is configured and nothing could be published for it: then no decision
    /// about it means anything.
    pub(crate) fn is_missing(&self, tenant: &TenantId) -> bool {
        if !self.is_incomplete.load(Ordering::Acquire) {
            return false;
        }
        if !self.is_read.load(Ordering::Acquire) {
            return true;
        }
        let tenants = self.tenants.read();
        tenants
            .get(&Some(tenant.clone()))
            .or_else(|| tenants.get(&None))
            .is_some_and(|state| state.published.is_none())
    }

    /// Every configured tenant; `None` is every tenant without a section of its own.
    pub(crate) fn tenants(&self) -> BTreeMap<Option<TenantId>, TenantDocuments> {
        self.tenants.read().clone()
    }

    /// The documents in force for `tenant`.
    pub(crate) fn read(&self, tenant: &TenantId) -> Option<Arc<ReadTenant>> {
        let tenants = self.tenants.read();
        let state = tenants
            .get(&Some(tenant.clone()))
            .or_else(|| tenants.get(&None))?;
        state.read.clone()
    }
}

fn publish(engine: &Engine, read: &ReadTenant, now: Timestamp) -> Result<Published, Failure> {
    let (policies, locations) = (read.report.policies, read.report.locations);
    Ok(Published {
        version: read.publish(engine)?,
        at: now,
        policies: policies.enabled + policies.report_only + policies.disabled,
        locations,
    })
}
