//! The events that a resource provider has reason to send, with the payloads of CAEP 1.0.

use highwater::event::{Compliance, RiskLevel, StreamState};
use serde_json::{Map, Value, json};

use crate::event_type::EventType;

/// An event to be sent.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum OutgoingEvent {
    /// The session was seen here.
    SessionPresented {
        /// A fingerprint of the user agent.
        fp_ua: Option<String>,
        /// Our own name of the session.
        ext_id: Option<String>,
    },
    /// A session began here.
    SessionEstablished {
        /// A fingerprint of the user agent.
        fp_ua: Option<String>,
        /// The authentication context.
        acr: Option<String>,
        /// The authentication methods.
        amr: Vec<String>,
        /// Our own name of the session.
        ext_id: Option<String>,
    },
    /// The session is over here.
    SessionRevoked,
    /// The risk assessed here changed.
    RiskLevelChange {
        /// What kind of principal the subject is.
        principal: Principal,
        /// The level now.
        current_level: RiskLevel,
        /// The level before.
        previous_level: Option<RiskLevel>,
        /// Why.
        risk_reason: Option<String>,
    },
    /// A device began or ceased to meet its policies.
    DeviceComplianceChange {
        /// The status before.
        previous_status: Compliance,
        /// The status now.
        current_status: Compliance,
    },
    /// A credential was created, changed or withdrawn.
    CredentialChange {
        /// The kind of credential.
        credential_type: String,
        /// `create`, `revoke`, `update` or `delete`.
        change_type: String,
    },
    /// The authentication is worth more or less.
    AssuranceLevelChange {
        /// The scale.
        namespace: String,
        /// The level now.
        current_level: String,
        /// The level before.
        previous_level: Option<String>,
    },
    /// Claims of a token have new values.
    TokenClaimsChange {
        /// The claims.
        claims: Map<String, Value>,
    },
    /// The stream works.
    Verification {
        /// The state that the receiver asked with.
        state: Option<String>,
    },
    /// The stream's status changed.
    StreamUpdated {
        /// The status now.
        status: StreamState,
        /// Why.
        reason: Option<String>,
    },
    /// Any other event.
    Other {
        /// The event URI.
        uri: String,
        /// The payload.
        payload: Map<String, Value>,
    },
}

/// What kind of principal a risk is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Principal {
    /// A user.
    User,
    /// A device.
    Device,
    /// A session.
    Session,
    /// A tenant.
    Tenant,
    /// An organisational unit.
    OrgUnit,
    /// A group.
    Group,
}

impl Principal {
    const fn as_str(self) -> &'static str {
        match self {
            Principal::User => "USER",
            Principal::Device => "DEVICE",
            Principal::Session => "SESSION",
            Principal::Tenant => "TENANT",
            Principal::OrgUnit => "ORG_UNIT",
            Principal::Group => "GROUP",
        }
    }
}

/// Who brought an event about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InitiatingEntity {
    /// An administrator.
    Admin,
    /// The user.
    User,
    /// A policy.
    Policy,
    /// The system itself.
    System,
}

impl InitiatingEntity {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            InitiatingEntity::Admin => "admin",
            InitiatingEntity::User => "user",
            InitiatingEntity::Policy => "policy",
            InitiatingEntity::System => "system",
        }
    }
}

impl OutgoingEvent {
    /// The event URI.
    #[must_use]
    pub fn uri(&self) -> &str {
        let known = match self {
            OutgoingEvent::SessionPresented { .. } => EventType::SessionPresented,
            OutgoingEvent::SessionEstablished { .. } => EventType::SessionEstablished,
            OutgoingEvent::SessionRevoked => EventType::SessionRevoked,
            OutgoingEvent::RiskLevelChange { .. } => EventType::RiskLevelChange,
            OutgoingEvent::DeviceComplianceChange { .. } => EventType::DeviceComplianceChange,
            OutgoingEvent::CredentialChange { .. } => EventType::CredentialChange,
            OutgoingEvent::AssuranceLevelChange { .. } => EventType::AssuranceLevelChange,
            OutgoingEvent::TokenClaimsChange { .. } => EventType::TokenClaimsChange,
            OutgoingEvent::Verification { .. } => EventType::Verification,
            OutgoingEvent::StreamUpdated { .. } => EventType::StreamUpdated,
            OutgoingEvent::Other { uri, .. } => return uri,
        };
        known.uri()
    }

    pub(super) fn payload(&self) -> Map<String, Value> {
        let value = match self {
            OutgoingEvent::SessionPresented { fp_ua, ext_id } => {
                json!({ "fp_ua": fp_ua, "ext_id": ext_id })
            }
            OutgoingEvent::SessionEstablished {
                fp_ua,
                acr,
                amr,
                ext_id,
            } => json!({
                "fp_ua": fp_ua,
                "acr": acr,
                "amr": if amr.is_empty() { Value::Null } else { json!(amr) },
                "ext_id": ext_id,
            }),
            OutgoingEvent::SessionRevoked => json!({}),
            OutgoingEvent::RiskLevelChange {
                principal,
                current_level,
                previous_level,
                risk_reason,
            } => json!({
                "principal": principal.as_str(),
                "current_level": risk(*current_level),
                "previous_level": previous_level.map(risk),
                "risk_reason": risk_reason,
            }),
            OutgoingEvent::DeviceComplianceChange {
                previous_status,
                current_status,
            } => json!({
                "previous_status": compliance(*previous_status),
                "current_status": compliance(*current_status),
            }),
            OutgoingEvent::CredentialChange {
                credential_type,
                change_type,
            } => json!({ "credential_type": credential_type, "change_type": change_type }),
            OutgoingEvent::AssuranceLevelChange {
                namespace,
                current_level,
                previous_level,
            } => json!({
                "namespace": namespace,
                "current_level": current_level,
                "previous_level": previous_level,
            }),
            OutgoingEvent::TokenClaimsChange { claims } => json!({ "claims": claims }),
            OutgoingEvent::Verification { state } => json!({ "state": state }),
            OutgoingEvent::StreamUpdated { status, reason } => {
                json!({ "status": status.as_str(), "reason": reason })
            }
            OutgoingEvent::Other { payload, .. } => return payload.clone(),
        };
        match value {
            // Optional members that are absent are left out: `null` is no value in CAEP.
            Value::Object(members) => members
                .into_iter()
                .filter(|(_, value)| !value.is_null())
                .collect(),
            _ => Map::new(),
        }
    }
}

/// CAEP has no word for no risk at all; the lowest it has is `LOW`.
const fn risk(level: RiskLevel) -> &'static str {
    match level {
        RiskLevel::None | RiskLevel::Low => "LOW",
        RiskLevel::Medium => "MEDIUM",
        RiskLevel::High => "HIGH",
    }
}

const fn compliance(state: Compliance) -> &'static str {
    match state {
        Compliance::Compliant => "compliant",
        Compliance::NotCompliant => "not-compliant",
    }
}
