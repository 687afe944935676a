//! The two names that stand for fixed lists of applications. The lists are data of the engine.

use highwater::identifier::Identifier;
use highwater::snapshot::{ADMIN_PORTALS, OFFICE_365};

/// Whether the application is part of `Office365`.
#[must_use]
pub fn is_office365(application: &Identifier) -> bool {
    OFFICE_365
        .iter()
        .any(|known| *known == application.as_str())
}

/// Whether the application is one of `MicrosoftAdminPortals`.
#[must_use]
pub fn is_admin_portal(application: &Identifier) -> bool {
    ADMIN_PORTALS
        .iter()
        .any(|known| *known == application.as_str())
}
