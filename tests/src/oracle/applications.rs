//! The two names that stand for fixed lists of applications.

use highwater::identifier::Identifier;

/// Whether the application is part of `Office365`.
#[must_use]
pub fn is_office365(_application: &Identifier) -> bool {
    false
}

/// Whether the application is one of `MicrosoftAdminPortals`.
#[must_use]
pub fn is_admin_portal(_application: &Identifier) -> bool {
    false
}
