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
    /// Tokens that lack that member are another matter: see [`Authority::must_carry`].
    #[must_use]
    pub fn of(subject: &Subject) -> Scope {
        subject
            .iter()
            .map(|(dimension, _)| Scope::of_member(dimension))
            .min()
            .unwrap_or(Scope::Tenant)
    }

    /// How wide a subject with this one member is.
    #[must_use]
    pub const fn of_member(dimension: Dimension) -> Scope {
        match dimension {
            Dimension::Token => Scope::Token,
            Dimension::Session => Scope::Session,
            Dimension::Device => Scope::Device,
            Dimension::User | Dimension::Workload => Scope::User,
            Dimension::App => Scope::App,
        }
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
    /// The member of `subject` that a token must carry for this transmitter to speak about it;
    /// `None` if every member is within its scope.
    ///
    /// A member that a token lacks is ignored (semantics §1), which widens: "the device of this
    /// user" also means the tokens of this user that name no device. Whoever may only speak
    /// about devices would reach any user by naming a device along.
    #[must_use]
    pub fn must_carry(&self, subject: &Subject) -> Option<Dimension> {
        let scopes = |(dimension, _)| (Scope::of_member(dimension), dimension);
        let is_within = |(scope, _): &(Scope, Dimension)| *scope <= self.scope;
        if subject.iter().map(scopes).all(|member| is_within(&member)) {
            return None;
        }
        let widest = subject.iter().map(scopes).filter(is_within).max();
        widest.map(|(_, dimension)| dimension)
    }

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
    fn a_token_must_carry_a_member_within_the_scope() {
        let id = |text| Identifier::new(text).unwrap();
        let with = |scope| Authority {
            scope,
            ..Authority::default()
        };
        let subject = Subject::of(Dimension::User, id("u"))
            .with(Dimension::Device, id("d"))
            .with(Dimension::Session, id("s"));
        for (scope, dimension) in [
            (Scope::Token, None),
            (Scope::Session, Some(Dimension::Session)),
            (Scope::Device, Some(Dimension::Device)),
            (Scope::User, None),
            (Scope::Tenant, None),
        ] {
            assert_eq!(with(scope).must_carry(&subject), dimension, "{scope:?}");
        }
        assert_eq!(with(Scope::Tenant).must_carry(&Subject::tenant()), None);
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
