//! Whom the names of transmitters mean: kept in memory, written down name by name.
//!
//! Graph says once how a user is called and then only what changes, so what it said has to
//! survive a restart. Every name has a row with its history in the store.

use highwater::identifier::TenantId;
use highwater::timestamp::Timestamp;
use highwater_signals::directory::{DirectoryChange, DirectoryMap, Principal};
use highwater_signals::subject::Name;
use highwater_store::{Batch, Space, Store, Value};
use parking_lot::{RwLock, RwLockReadGuard};
use serde::{Deserialize, Serialize};

/// What stands before the keys of names.
const PREFIX: &str = "name/";

/// The directory.
#[derive(Debug, Default)]
pub(super) struct NamesOfPeople {
    map: RwLock<DirectoryMap>,
}

/// One row.
#[derive(Serialize, Deserialize)]
struct Row {
    tenant: TenantId,
    name: Name,
    /// What it meant from when on, in milliseconds, because "always" has no date; nobody that we
    /// know is `null`.
    history: Vec<(i64, Option<Principal>)>,
}

impl NamesOfPeople {
    /// What the store remembers.
    pub(super) fn restore(store: &dyn Store) -> NamesOfPeople {
        let mut map = DirectoryMap::new();
        let mut restored = 0_usize;
        for (key, value) in store.values(Space::DeltaLink) {
            if !key.starts_with(PREFIX) {
                continue;
            }
            let Ok(row) = serde_json::from_slice::<Row>(&value.bytes) else {
                // Graph is asked for everything again if its own rows are unreadable too; a single
                // name is said again when it changes.
                tracing::warn!(key, "a name in the store cannot be read");
                continue;
            };
            for (since, principal) in row.history {
                let since = Timestamp::from_milliseconds(since);
                match principal {
                    Some(principal) => {
                        map.bind(row.tenant.clone(), row.name.clone(), principal, since);
                    }
                    None => map.release(row.tenant.clone(), row.name.clone(), since),
                }
            }
            restored += 1;
        }
        if restored > 0 {
            tracing::info!(names = restored, "names restored");
        }
        NamesOfPeople {
            map: RwLock::new(map),
        }
    }

    /// To resolve names by.
    pub(super) fn read(&self) -> RwLockReadGuard<'_, DirectoryMap> {
        self.map.read()
    }

    /// Takes over what an event said; `batch` then writes it down.
    pub(super) fn apply(&self, change: &DirectoryChange, batch: Batch) -> Batch {
        let mut map = self.map.write();
        map.apply(change);
        let (tenant, name) = match change {
            DirectoryChange::Alias { tenant, new, .. } => (tenant, new),
            DirectoryChange::Recycle { tenant, name, .. } => (tenant, name),
        };
        written(&map, tenant, name, batch)
    }

    /// `name` was seen to mean `principal`; `batch` then writes down what is new. Whether
    /// anything is.
    pub(super) fn observe(
        &self,
        tenant: &TenantId,
        name: &Name,
        principal: &Principal,
        seen: Timestamp,
        batch: Batch,
    ) -> (Batch, bool) {
        let mut map = self.map.write();
        let before = map.history(tenant, name).count();
        map.observe(tenant.clone(), name.clone(), principal.clone(), seen);
        if map.history(tenant, name).count() == before {
            return (batch, false);
        }
        (written(&map, tenant, name, batch), true)
    }
}

fn written(map: &DirectoryMap, tenant: &TenantId, name: &Name, batch: Batch) -> Batch {
    let row = Row {
        tenant: tenant.clone(),
        name: name.clone(),
        history: map
            .history(tenant, name)
            .map(|(since, principal)| (since.milliseconds(), principal.cloned()))
            .collect(),
    };
    let (Ok(key), Ok(bytes)) = (serde_json::to_string(name), serde_json::to_vec(&row)) else {
        // A name without a form names nothing and is never bound.
        return batch;
    };
    batch.value(
        Space::DeltaLink,
        format!("{PREFIX}{tenant}/{key}"),
        Value::new(bytes),
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use highwater::identifier::Identifier;
    use highwater::ledger::{Facts, Retention};
    use highwater::marks::Keyring;
    use highwater_signals::directory::Directory;
    use highwater_store::MemoryStore;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn user(id: &str) -> Principal {
        Principal::user(Identifier::new(id).unwrap())
    }

    #[test]
    fn names_and_their_owners_survive_a_restart() {
        let store = MemoryStore::new(Arc::new(Facts::new(
            Keyring::random(),
            Retention::default(),
        )));
        let tenant = Identifier::new("t").unwrap();
        let name = Name::email("ada@Example.com");
        let directory = NamesOfPeople::restore(&store);
        let (batch, new) = directory.observe(&tenant, &name, &user("ada"), at(100), Batch::new());
        assert!(new);
        let (batch, new) = directory.observe(&tenant, &name, &user("ada"), at(200), batch);
        assert!(!new, "seen before");
        let recycle = DirectoryChange::Recycle {
            tenant: tenant.clone(),
            name: name.clone(),
            time: at(300),
        };
        let batch = directory.apply(&recycle, batch);
        let (batch, _) = directory.observe(&tenant, &name, &user("bob"), at(400), batch);
        store.commit(batch).wait().unwrap();
        let restored = NamesOfPeople::restore(&store);
        let whose = |when| restored.read().resolve(&tenant, &name, at(when));
        assert_eq!(whose(250), Some(user("ada")));
        assert_eq!(whose(350), None);
        assert_eq!(whose(500), Some(user("bob")));
    }
}
