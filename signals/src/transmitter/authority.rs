//! What a transmitter may say, and about whom.
//!
//! A signature proves who speaks, not that the speaker knows. A device manager must not enable
//! accounts, and a partner must not sign out the whole tenant.

use highwater::event::{Dimension, Subject};
use serde::{Deserialize, Serialize};

use crate::event_type::EventType;

/// The widest subject that a transmitter may speak about, in rising order.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Single tokens.
    Token,
    /// Sessions, and what is narrower.
    Session,
    /// Devices, and what is narrower.
    Device,
    /// Users and workload identities, and what is narrower.
    #[default]
    User,
    /// Applications, and what is narrower.
    App,
    /// The whole tenant.
    Tenant,
}

impl Scope {
    /// How wide a subject is: as its narrowest member, because members narrow one another.
    #[must_use]
    pub fn of(subject: &Subject) -> Scope {
        subject
            .iter()
            .map(|(dimension, _)| match dimension {
                Dimension::Token => Scope::Token,
                Dimension::Session => Scope::Session,
                Dimension::Device => Scope::Device,
                Dimension::User | Dimension::Workload => Scope::User,
                Dimension::App => Scope::App,
            })
            .min()
            .unwrap_or(Scope::Tenant)
    }
}

/// What a transmitter may say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Authority {
    /// The event types it may send, by short name or URI. Default: all. Events about the stream
    /// itself are always allowed.
    pub event_types: Option<Vec<String>>,
    /// The issuers of whose subjects it may speak; `*` for any. Default: only itself.
    pub subject_issuers: Vec<String>,
    /// The names that it may give in the `tenant` member of a complex subject, besides those
    /// that `tenants` maps; `*` for any. Default: none.
    pub tenants: Vec<String>,
    /// The widest subject it may speak about. Default: `user`.
    pub scope: Scope,
    /// Whether it may lift a block that it set. Default: no.
    pub may_unblock: bool,
    /// Whether it may say that an address or number belongs to somebody else now, or that a
    /// person has another one. Default: no; the old owner's tokens are revoked all the same.
    pub may_change_identifiers: bool,
}

impl Authority {
    /// Whether an event type may be sent.
    #[must_use]
    pub fn allows_event(&self, uri: &str) -> bool {
        let known = EventType::from_uri(uri);
        if known.is_some_and(EventType::is_about_stream) {
            return true;
        }
        match &self.event_types {
            None => true,
            Some(allowed) => allowed.iter().any(|name| {
                name == uri || known.is_some_and(|known| EventType::from_name(name) == Some(known))
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use highwater::identifier::Identifier;

    #[test]
    fn members_narrow() {
        let id = |text| Identifier::new(text).unwrap();
        let user = Subject::of(Dimension::User, id("u"));
        assert_eq!(Scope::of(&user), Scope::User);
        assert_eq!(
            Scope::of(&user.clone().with(Dimension::Device, id("d"))),
            Scope::Device
        );
        assert_eq!(Scope::of(&Subject::tenant()), Scope::Tenant);
        assert!(Scope::Session < Scope::Device);
    }

    #[test]
    fn types_are_allowed_by_name_or_uri() {
        let authority = Authority {
            event_types: Some(vec!["session-revoked".to_owned(), "urn:x:y".to_owned()]),
            ..Authority::default()
        };
        assert!(authority.allows_event(EventType::SessionRevoked.uri()));
        assert!(authority.allows_event("urn:x:y"));
        assert!(authority.allows_event(EventType::Verification.uri()));
        assert!(!authority.allows_event(EventType::AccountDisabled.uri()));
    }
}
