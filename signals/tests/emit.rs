//! What we send is what we would take: every outgoing event through our own strict receiver.

#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use common::{AUDIENCE, ISSUER, NOW, emitter, knowing, private_key, push, user};
use highwater::event::{Compliance, Effect, RiskLevel, StreamState};
use highwater_signals::emit::{Emitter, InitiatingEntity, OutgoingEvent, Principal, SetDraft};
use highwater_signals::set::{Algorithm, Claims};
use highwater_signals::subject::{Name, SubjectId};
use serde_json::{Value, json};

fn opaque(id: &str) -> SubjectId {
    Name::Opaque { id: id.to_owned() }.into()
}

#[test]
fn every_outgoing_event_is_taken_by_a_strict_receiver() {
    let emitter = emitter(Algorithm::RS256, "k");
    // The strictest that there is: RS256, one event, payloads by the letter.
    let changes = json!({
        "profile": "caep-interop", "strict_payloads": true, "streams": ["stream"],
        "authority": { "scope": "tenant", "tenants": ["*"] },
    });
    let mut receiver = knowing(&changes, &emitter.jwks().unwrap());
    let text = |text: &str| Some(text.to_owned());
    let cases: Vec<(SubjectId, OutgoingEvent, Vec<Effect>)> = vec![
        (
            SubjectId::complex([
                ("user", user("ada")),
                ("session", Name::Opaque { id: "s".to_owned() }),
            ]),
            OutgoingEvent::SessionPresented {
                fp_ua: text("f"),
                ext_id: None,
            },
            vec![],
        ),
        (
            user("ada").into(),
            OutgoingEvent::SessionEstablished {
                fp_ua: None,
                acr: text("AAL2"),
                amr: vec!["otp".to_owned()],
                ext_id: text("x"),
            },
            vec![],
        ),
        (
            user("ada").into(),
            OutgoingEvent::SessionRevoked,
            vec![Effect::Revoke],
        ),
        (
            user("ada").into(),
            OutgoingEvent::RiskLevelChange {
                principal: Principal::User,
                current_level: RiskLevel::High,
                previous_level: Some(RiskLevel::Low),
                risk_reason: text("TWO_PLACES"),
            },
            vec![Effect::Risk(RiskLevel::High)],
        ),
        (
            opaque("device"),
            OutgoingEvent::DeviceComplianceChange {
                previous_status: Compliance::Compliant,
                current_status: Compliance::NotCompliant,
            },
            vec![Effect::Compliance(Compliance::NotCompliant)],
        ),
        (
            user("ada").into(),
            OutgoingEvent::CredentialChange {
                credential_type: "x509".to_owned(),
                change_type: "revoke".to_owned(),
            },
            vec![Effect::Revoke],
        ),
        (
            user("ada").into(),
            OutgoingEvent::AssuranceLevelChange {
                namespace: "NIST-AAL".to_owned(),
                current_level: "nist-aal1".to_owned(),
                previous_level: None,
            },
            vec![Effect::Assurance {
                namespace: "NIST-AAL".to_owned(),
                level: "nist-aal1".to_owned(),
            }],
        ),
        (
            Name::JwtId {
                iss: ISSUER.to_owned(),
                jti: "t".to_owned(),
            }
            .into(),
            OutgoingEvent::TokenClaimsChange {
                claims: json!({ "role": "guest" }).as_object().unwrap().clone(),
            },
            vec![Effect::Refresh],
        ),
        (
            opaque("stream"),
            OutgoingEvent::Verification { state: None },
            vec![Effect::Stream(StreamState::Enabled)],
        ),
        (
            opaque("stream"),
            OutgoingEvent::StreamUpdated {
                status: StreamState::Paused,
                reason: text("night"),
            },
            vec![Effect::Stream(StreamState::Paused)],
        ),
        (
            opaque("x"),
            OutgoingEvent::Other {
                uri: "urn:ours".to_owned(),
                payload: serde_json::Map::new(),
            },
            vec![],
        ),
    ];
    for (subject, event, expected) in cases {
        let mut draft = SetDraft::new("j", AUDIENCE, NOW, subject, event.clone());
        draft.event_timestamp = Some(NOW.plus_seconds(-30));
        draft.initiating_entity = Some(InitiatingEntity::Policy);
        draft.reason_admin = vec![("en".to_owned(), "because".to_owned())];
        draft.transaction = Some("t".to_owned());
        let token = emitter.sign(&draft).unwrap();
        let (response, found) = push(&mut receiver, &token, None, NOW);
        assert_eq!(response.status, 202, "{event:?}: {response:?}");
        let found = found.unwrap();
        let effects: Vec<Effect> = found
            .events
            .iter()
            .map(|event| event.effect.clone())
            .collect();
        assert_eq!(effects, expected, "{event:?}");
        for event in &found.events {
            assert_eq!(event.time, NOW.plus_seconds(-30));
            assert_eq!(event.provenance.transaction.as_deref(), Some("t"));
        }
    }
}

#[test]
fn the_claims_that_go_out_are_the_claims_that_come_in() {
    let mut draft = common::draft("j");
    draft.audience.push("https://another.example".to_owned());
    draft.reason_user = vec![("de".to_owned(), "Grund".to_owned())];
    let value = draft.claims(ISSUER);
    let claims = Claims::parse(value.to_string().as_bytes()).unwrap();
    assert_eq!(claims.audience, draft.audience);
    assert_eq!(claims.issuer, ISSUER);
    assert!(!claims.has_expiry && claims.sub.is_none());
    assert_eq!(
        Value::Object(claims.subject.unwrap()),
        draft.subject.to_value()
    );
    assert_eq!(claims.events[0].1["reason_user"]["de"], "Grund");
}

#[test]
fn a_risk_names_the_kind_of_its_principal() {
    for (principal, word) in [
        (Principal::User, "USER"),
        (Principal::Device, "DEVICE"),
        (Principal::Session, "SESSION"),
        (Principal::Tenant, "TENANT"),
        (Principal::OrgUnit, "ORG_UNIT"),
        (Principal::Group, "GROUP"),
    ] {
        let event = OutgoingEvent::RiskLevelChange {
            principal,
            current_level: RiskLevel::Medium,
            previous_level: None,
            risk_reason: None,
        };
        let uri = event.uri().to_owned();
        let claims = SetDraft::new("j", AUDIENCE, NOW, opaque("x"), event).claims(ISSUER);
        let expected = json!({ "principal": word, "current_level": "MEDIUM" });
        assert_eq!(claims["events"][uri], expected);
    }
}

#[test]
fn an_emitter_shows_its_name_and_not_its_key() {
    let pem = private_key(Algorithm::ES256);
    let emitter = Emitter::from_pem(ISSUER, Algorithm::ES256, "key-1", &pem).unwrap();
    assert_eq!(emitter.issuer(), ISSUER);
    let expected =
        format!("Emitter {{ issuer: {ISSUER:?}, algorithm: ES256, key_id: \"key-1\", .. }}");
    assert_eq!(format!("{emitter:?}"), expected);
}

#[test]
fn a_key_for_another_algorithm_is_refused_at_once() {
    let pem = private_key(Algorithm::ES256);
    for algorithm in [Algorithm::ES384, Algorithm::RS256, Algorithm::EdDSA] {
        assert!(
            Emitter::from_pem(ISSUER, algorithm, "k", &pem).is_err(),
            "{algorithm}"
        );
    }
    let error = Emitter::from_pem(ISSUER, Algorithm::ES256, "k", b"nothing").unwrap_err();
    assert!(error.to_string().contains("ES256"));
}
