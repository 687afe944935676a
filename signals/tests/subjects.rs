//! Whom a subject means: every member, every way to name it, and what cannot be processed.

#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use common::ISSUER;
use common::mapping::{
    claims, complex, events, expected, id, interpret, interpret_in, opaque, summary,
};
use highwater_signals::directory::{DirectoryMap, Principal};
use highwater_signals::subject::Name;
use highwater_signals::{ErrorCode, EventType, Notice};
use serde_json::{Value, json};

/// The effect of an event that is about every member of its subject.
fn refreshed(changes: &Value, subject: &Value) -> Vec<(String, Value)> {
    let payload = json!({ "claims": {} });
    events(changes, subject, EventType::TokenClaimsChange, &payload)
}

#[test]
fn every_member_that_tokens_carry_narrows() {
    let members = [
        ("user", "u"),
        ("device", "d"),
        ("session", "s"),
        ("application", "a"),
    ];
    let widest = json!({ "authority": { "scope": "tenant" } });
    assert_eq!(
        refreshed(&widest, &complex(&members)),
        expected(&[(
            "refresh",
            json!({ "user": "u", "device": "d", "session": "s", "app": "a" })
        )])
    );
}

#[test]
fn all_sessions_is_a_word_for_sessions_only() {
    let keycloak = json!({ "profile": "keycloak" });
    // A device may be called `ALL`, and a session anything else.
    for (member, name) in [("device", "ALL"), ("session", "s")] {
        assert_eq!(
            refreshed(&keycloak, &complex(&[("user", "u"), (member, name)])),
            expected(&[("refresh", json!({ "user": "u", (member): name }))])
        );
    }
}

#[test]
fn a_group_beside_a_user_is_left_out() {
    let unprocessed = |changes: &Value, members: &[(&str, &str)]| {
        let token = claims(&complex(members), EventType::SessionRevoked, &json!({}));
        let found = interpret(changes, &token).unwrap();
        let left_out = Notice::UnsupportedMember {
            member: "group".to_owned(),
        };
        assert!(found.notices.contains(&left_out), "{:?}", found.notices);
        assert!(!found.is_incomplete(), "nobody asks who belongs to it");
        summary(&found.events)
    };
    assert_eq!(
        unprocessed(&json!({}), &[("user", "u"), ("group", "g")]),
        expected(&[("revoke", json!({ "user": "u" }))])
    );
    let unsupported = json!({ "unsupported_members": ["group"] });
    assert_eq!(unprocessed(&unsupported, &[("group", "g")]), []);
}

#[test]
fn as_many_combinations_as_are_read_are_read() {
    let aliases = |count: usize| {
        let same = vec![opaque("x"); count];
        json!({ "format": "aliases", "identifiers": same })
    };
    let told = |sessions: usize| {
        let subject = json!({ "format": "complex", "user": aliases(32), "device": aliases(32),
            "session": aliases(sessions) });
        interpret(
            &json!({}),
            &claims(&subject, EventType::SessionsRevoked, &json!({})),
        )
    };
    assert_eq!(
        summary(&told(4).unwrap().events),
        expected(&[("revoke", json!({ "user": "x" }))])
    );
    assert_eq!(told(5).unwrap_err().code, ErrorCode::InvalidRequest);
}

#[test]
fn what_several_combinations_say_is_said_once() {
    let devices = json!({ "format": "aliases", "identifiers": [opaque("d"), opaque("e")] });
    let subject = json!({ "format": "complex", "user": opaque("u"), "device": devices });
    let payload = json!({ "principal": "USER", "current_level": "HIGH" });
    assert_eq!(
        events(&json!({}), &subject, EventType::RiskLevelChange, &payload),
        expected(&[("{risk:high}", json!({ "user": "u" }))])
    );
}

#[test]
fn the_only_member_of_a_subject_is_never_skipped() {
    for missing in ["skip", "widen"] {
        let changes = json!({ "missing_member": { "user": missing } });
        assert_eq!(
            refreshed(&changes, &opaque("u")),
            expected(&[("refresh", json!({ "user": "u" }))]),
            "a token without a user is not concerned in any case"
        );
    }
}

#[test]
fn an_issuer_is_a_tenant_byte_for_byte_unless_its_profile_says_otherwise() {
    let slash = format!("{ISSUER}/");
    for (profile, tenant) in [("ssf-1.0", slash.as_str()), ("google", ISSUER)] {
        let changes = json!({ "profile": profile, "issuer": slash });
        let mut token = claims(&opaque("u"), EventType::SessionsRevoked, &json!({}));
        token["iss"] = json!(slash);
        let found = interpret(&changes, &token).unwrap();
        assert_eq!(found.events[0].tenant, id(tenant), "{profile}");
    }
}

#[test]
fn a_tenant_may_be_named_by_a_uri() {
    let tenant = "did:example:t";
    let authority = json!({ "authority": { "scope": "tenant", "tenants": [tenant] } });
    for member in [
        json!({ "format": "uri", "uri": tenant }),
        json!({ "format": "did", "url": tenant }),
    ] {
        let subject = json!({ "format": "complex", "tenant": member });
        let token = claims(&subject, EventType::SessionRevoked, &json!({}));
        let found = interpret(&authority, &token).unwrap();
        assert_eq!(summary(&found.events), expected(&[("revoke", json!({}))]));
        assert_eq!(found.events[0].tenant, id(tenant), "{member}");
    }
}

/// CAEP 1.0 section 3.8: `principal` says what kind of thing the subject is.
#[test]
fn a_risk_is_that_of_the_principal_that_it_names() {
    let changes = json!({ "authority": { "scope": "tenant", "tenants": ["x"] } });
    let mut directory = DirectoryMap::new();
    let group = Name::Opaque { id: "x".to_owned() };
    directory.set_members(id(ISSUER), group, vec![Principal::user(id("member"))]);
    for (principal, subject) in [
        ("USER", json!({ "user": "x" })),
        ("user", json!({ "user": "x" })),
        ("DEVICE", json!({ "device": "x" })),
        ("SESSION", json!({ "session": "x" })),
        ("TENANT", json!({})),
        ("GROUP", json!({ "user": "member" })),
        ("ORG_UNIT", json!({ "user": "member" })),
        ("OTHER", json!({ "user": "x" })),
    ] {
        let payload = json!({ "principal": principal, "current_level": "LOW" });
        let token = claims(&opaque("x"), EventType::RiskLevelChange, &payload);
        let found = interpret_in(&directory, &changes, &token).unwrap();
        assert_eq!(
            summary(&found.events),
            expected(&[("{risk:low}", subject)]),
            "{principal}"
        );
    }
    // Of a complex subject, the member that the principal names.
    let both = complex(&[("user", "u"), ("device", "d")]);
    for (principal, subject) in [
        ("USER", json!({ "user": "u" })),
        ("DEVICE", json!({ "device": "d" })),
        ("OTHER", json!({ "user": "u", "device": "d" })),
    ] {
        let payload = json!({ "principal": principal, "current_level": "LOW" });
        assert_eq!(
            events(&changes, &both, EventType::RiskLevelChange, &payload),
            expected(&[("{risk:low}", subject)]),
            "{principal}"
        );
    }
}
