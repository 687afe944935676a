//! The event types that mean something here, by their exact URIs.
//!
//! A SET is a statement, not a command: an unknown type is acknowledged and counted. Types are
//! compared byte for byte, because a private URI that looks like a standard one is private.

/// A known event type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum EventType {
    /// CAEP: the sessions that the subject names are over.
    SessionRevoked,
    /// CAEP: claims of a token have new values.
    TokenClaimsChange,
    /// CAEP: a credential was created, changed or withdrawn.
    CredentialChange,
    /// CAEP: the authentication is worth more or less than at sign-in.
    AssuranceLevelChange,
    /// CAEP: a device began or ceased to meet its policies.
    DeviceComplianceChange,
    /// CAEP: a session began.
    SessionEstablished,
    /// CAEP: a session was seen.
    SessionPresented,
    /// CAEP: the assessed risk of a principal changed.
    RiskLevelChange,
    /// RISC: the user must change a credential.
    AccountCredentialChangeRequired,
    /// RISC: the account is gone for ever.
    AccountPurged,
    /// RISC: the account is disabled.
    AccountDisabled,
    /// RISC: the account is enabled again.
    AccountEnabled,
    /// RISC: an address or number changed.
    IdentifierChanged,
    /// RISC: an address or number belongs to somebody else now.
    IdentifierRecycled,
    /// RISC: a credential is known to others.
    CredentialCompromise,
    /// RISC: the account takes part in the exchange.
    OptIn,
    /// RISC: the account asked to leave the exchange.
    OptOutInitiated,
    /// RISC: the account stays after all.
    OptOutCancelled,
    /// RISC: nothing more will be heard about the account.
    OptOutEffective,
    /// RISC: the user started an account recovery.
    RecoveryActivated,
    /// RISC: the recovery information changed.
    RecoveryInformationChanged,
    /// RISC, deprecated: all sessions of the account are over.
    SessionsRevoked,
    /// SSF: the stream works.
    Verification,
    /// SSF: the stream's status changed.
    StreamUpdated,
    /// Draft OAuth events: all tokens of the account are revoked.
    TokensRevoked,
    /// Draft OAuth events: one token is revoked.
    TokenRevoked,
    /// Okta: the assessed risk of a user changed.
    OktaUserRiskChange,
    /// Okta: the assessed risk of a device changed.
    OktaDeviceRiskChange,
    /// Okta: a session moved to another address.
    OktaIpChange,
    /// SCIM (RFC 9967): the account was activated.
    ScimActivate,
    /// SCIM (RFC 9967): the account was deactivated.
    ScimDeactivate,
    /// SCIM (RFC 9967): the account was deleted.
    ScimDelete,
}

macro_rules! caep {
    ($name:literal) => {
        concat!(
            "https://schemas.openid.net/secevent/caep/event-type/",
            $name
        )
    };
}
macro_rules! risc {
    ($name:literal) => {
        concat!(
            "https://schemas.openid.net/secevent/risc/event-type/",
            $name
        )
    };
}

/// Every type: its short name for configuration, its URI, and the URIs it had before.
#[rustfmt::skip]
const TABLE: &[(EventType, &str, &str, &[&str])] = &[
    (EventType::SessionRevoked, "session-revoked", caep!("session-revoked"), &[]),
    (EventType::TokenClaimsChange, "token-claims-change", caep!("token-claims-change"), &[]),
    (EventType::CredentialChange, "credential-change", caep!("credential-change"), &[]),
    (EventType::AssuranceLevelChange, "assurance-level-change", caep!("assurance-level-change"), &[]),
    (EventType::DeviceComplianceChange, "device-compliance-change", caep!("device-compliance-change"), &[]),
    (EventType::SessionEstablished, "session-established", caep!("session-established"), &[]),
    (EventType::SessionPresented, "session-presented", caep!("session-presented"), &[]),
    (EventType::RiskLevelChange, "risk-level-change", caep!("risk-level-change"), &[]),
    (EventType::AccountCredentialChangeRequired, "account-credential-change-required", risc!("account-credential-change-required"), &[]),
    (EventType::AccountPurged, "account-purged", risc!("account-purged"), &[]),
    (EventType::AccountDisabled, "account-disabled", risc!("account-disabled"), &[]),
    (EventType::AccountEnabled, "account-enabled", risc!("account-enabled"), &[]),
    (EventType::IdentifierChanged, "identifier-changed", risc!("identifier-changed"), &[]),
    (EventType::IdentifierRecycled, "identifier-recycled", risc!("identifier-recycled"), &[]),
    (EventType::CredentialCompromise, "credential-compromise", risc!("credential-compromise"), &[]),
    (EventType::OptIn, "opt-in", risc!("opt-in"), &[]),
    (EventType::OptOutInitiated, "opt-out-initiated", risc!("opt-out-initiated"), &[]),
    (EventType::OptOutCancelled, "opt-out-cancelled", risc!("opt-out-cancelled"), &[]),
    (EventType::OptOutEffective, "opt-out-effective", risc!("opt-out-effective"), &[]),
    (EventType::RecoveryActivated, "recovery-activated", risc!("recovery-activated"), &[]),
    (EventType::RecoveryInformationChanged, "recovery-information-changed", risc!("recovery-information-changed"), &[]),
    (EventType::SessionsRevoked, "sessions-revoked", risc!("sessions-revoked"), &[]),
    (EventType::Verification, "verification", "https://schemas.openid.net/secevent/ssf/event-type/verification", &[
        "https://schemas.openid.net/secevent/sse/event-type/verification",
        risc!("verification"),
    ]),
    (EventType::StreamUpdated, "stream-updated", "https://schemas.openid.net/secevent/ssf/event-type/stream-updated", &[
        "https://schemas.openid.net/secevent/sse/event-type/stream-updated",
    ]),
    (EventType::TokensRevoked, "tokens-revoked", "https://schemas.openid.net/secevent/oauth/event-type/tokens-revoked", &[]),
    (EventType::TokenRevoked, "token-revoked", "https://schemas.openid.net/secevent/oauth/event-type/token-revoked", &[]),
    (EventType::OktaUserRiskChange, "user-risk-change", "https://schemas.okta.com/secevent/okta/event-type/user-risk-change", &[]),
    (EventType::OktaDeviceRiskChange, "device-risk-change", "https://schemas.okta.com/secevent/okta/event-type/device-risk-change", &[]),
    (EventType::OktaIpChange, "ip-change", "https://schemas.okta.com/secevent/okta/event-type/ip-change", &[]),
    (EventType::ScimActivate, "scim-activate", "urn:ietf:params:scim:event:prov:activate", &[]),
    (EventType::ScimDeactivate, "scim-deactivate", "urn:ietf:params:scim:event:prov:deactivate", &[]),
    (EventType::ScimDelete, "scim-delete", "urn:ietf:params:scim:event:prov:delete", &[]),
];

impl EventType {
    /// Every known type.
    pub fn all() -> impl Iterator<Item = EventType> {
        TABLE.iter().map(|row| row.0)
    }

    /// Reads an event URI.
    #[must_use]
    pub fn from_uri(uri: &str) -> Option<EventType> {
        TABLE
            .iter()
            .find(|row| row.2 == uri || row.3.contains(&uri))
            .map(|row| row.0)
    }

    /// Reads a URI or the short name that configuration uses.
    #[must_use]
    pub fn from_name(name: &str) -> Option<EventType> {
        TABLE
            .iter()
            .find(|row| row.1 == name)
            .map(|row| row.0)
            .or_else(|| EventType::from_uri(name))
    }

    /// The URI under which the type is emitted.
    #[must_use]
    pub fn uri(self) -> &'static str {
        // INVARIANT: every variant has its row; `every_type_has_one_row` holds it.
        TABLE
            .iter()
            .find(|row| row.0 == self)
            .map_or("", |row| row.2)
    }

    /// The short name that configuration uses.
    #[must_use]
    pub fn name(self) -> &'static str {
        TABLE
            .iter()
            .find(|row| row.0 == self)
            .map_or("", |row| row.1)
    }

    /// Whether the event is about the stream itself.
    #[must_use]
    pub const fn is_about_stream(self) -> bool {
        matches!(self, EventType::Verification | EventType::StreamUpdated)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_one_row() {
        assert_eq!(TABLE.len(), EventType::ScimDelete as usize + 1);
        for (index, row) in TABLE.iter().enumerate() {
            assert_eq!(row.0 as usize, index);
            assert_eq!(EventType::from_uri(row.0.uri()), Some(row.0));
            assert_eq!(EventType::from_name(row.0.name()), Some(row.0));
        }
    }

    #[test]
    fn uris_are_compared_exactly() {
        for uri in [
            "https://schemas.openid.net/secevent/caep/event-type/session-revoked/",
            "https://schemas.digitalIdentity.gov/secevent/risc/event-type/account-purged",
            "HTTPS://schemas.openid.net/secevent/caep/event-type/session-revoked",
            "session-revoked",
        ] {
            assert_eq!(EventType::from_uri(uri), None, "{uri}");
        }
    }
}
