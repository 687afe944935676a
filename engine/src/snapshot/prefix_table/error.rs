//! Why a table could not be built: only ever because something outgrew its index.

use std::fmt;

/// A table that would need more indices than there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrefixTableError {
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    TooManyLocations { index: usize },
    TooManySets,
}

impl PrefixTableError {
    #[cold]
    pub(super) fn too_many_locations(index: usize) -> Self {
        Self {
            kind: Kind::TooManyLocations { index },
        }
    }

    #[cold]
    pub(super) fn too_many_sets() -> Self {
        Self {
            kind: Kind::TooManySets,
        }
    }
}

impl fmt::Display for PrefixTableError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::TooManyLocations { index } => write!(
                formatter,
                "location number `{index}` is beyond the {} that one table can hold; \
                 split the tenants over several tables",
                super::LocationIndex::MAX
            ),
            Kind::TooManySets => write!(
                formatter,
                "the prefixes overlap in more ways than one table can number; \
                 split the tenants over several tables"
            ),
        }
    }
}

impl std::error::Error for PrefixTableError {}
