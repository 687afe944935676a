//! Documents that do not lie in files: what a directory synchronised, tenant by tenant.
//!
//! They are read together with a tenant's files and compile together with them, or not at all. A
//! tenant whose policies come from the directory has none until the directory was read once: it
//! is not published then, because a tenant without policies forbids nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use highwater::compile::Documents;
use highwater::identifier::TenantId;
use parking_lot::RwLock;

use crate::config::Whose;
use crate::failure::Failure;

/// Documents by name.
pub(crate) type Bundle = Arc<BTreeMap<String, Vec<u8>>>;

/// What was synchronised for every tenant.
#[derive(Debug, Default)]
pub(crate) struct Synchronised {
    /// `None`: expected, and not there yet.
    tenants: RwLock<BTreeMap<TenantId, Option<Bundle>>>,
}

impl Synchronised {
    /// The policies or locations of `tenant` will come: until then nothing is published for it.
    pub(super) fn expect(&self, tenant: TenantId) {
        self.tenants.write().entry(tenant).or_default();
    }

    /// What was synchronised for `tenant` now.
    pub(super) fn set(&self, tenant: TenantId, bundle: Bundle) {
        self.tenants.write().insert(tenant, Some(bundle));
    }

    /// Adds what was synchronised to the documents of a tenant.
    ///
    /// # Errors
    /// It is expected and not there yet.
    pub(super) fn add_to(&self, whose: &Whose, documents: &mut Documents) -> Result<(), Failure> {
        let Whose::One(tenant) = whose else {
            return Ok(());
        };
        match self.tenants.read().get(tenant) {
            None => Ok(()),
            Some(None) => Err(Failure::Input(
                "its documents come from Graph, which has not been read yet".to_owned(),
            )),
            Some(Some(bundle)) => {
                for (name, bytes) in bundle.iter() {
                    documents.add(name, bytes);
                }
                Ok(())
            }
        }
    }
}
