//! Subjects, authority, rules and profiles: whom an event means and who may say it.

#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use common::mapping::{
    claims, complex, events, expected, id, interpret, interpret_in, opaque, summary,
};
use common::{AUDIENCE, ISSUER, NOW, config, user};
use highwater::event::{Dimension, Effect, RiskLevel, Subject};
use highwater::timestamp::Timestamp;
use highwater_signals::directory::{
    DirectoryChange, DirectoryMap, Principal, Unresolved, UnresolvedCounts,
};
use highwater_signals::graph::ResourceKind;
use highwater_signals::subject::{Name, Spelling, SubjectId};
use highwater_signals::transmitter::{Profile, ProfileName};
use highwater_signals::{ErrorCode, EventType, Notice, Receiver, Voucher};
use serde_json::{Value, json};

#[test]
fn a_named_session_ends_for_good_and_its_user_by_time() {
    let subject = complex(&[("user", "u"), ("session", "s")]);
    let end = |changes: &Value| events(changes, &subject, EventType::SessionRevoked, &json!({}));
    assert_eq!(
        end(&json!({})),
        expected(&[
            // Never denied for good without the session itself.
            (
                "deny",
                json!({ "user": "u", "session": "s", "skip": ["session"] })
            ),
            ("revoke", json!({ "user": "u", "session": "s" })),
        ])
    );
    assert_eq!(
        end(&json!({ "missing_member": { "session": "skip" } })),
        expected(&[(
            "deny",
            json!({ "user": "u", "session": "s", "skip": ["session"] })
        )])
    );
    assert_eq!(
        end(&json!({ "unsupported_members": ["session"] })),
        expected(&[("revoke", json!({ "user": "u" }))])
    );
}

#[test]
fn keycloak_names_all_sessions_by_one_word() {
    let subject = complex(&[("user", "u"), ("session", "ALL")]);
    let end = |profile: &str| {
        events(
            &json!({ "profile": profile }),
            &subject,
            EventType::SessionRevoked,
            &json!({}),
        )
    };
    assert_eq!(
        end("keycloak"),
        expected(&[("revoke", json!({ "user": "u" }))])
    );
    assert_eq!(end("ssf-1.0").len(), 2);
}

#[test]
fn what_cannot_be_processed_never_becomes_the_whole_tenant() {
    let authority = json!({ "authority": { "scope": "tenant", "tenants": ["t"] } });
    for members in [
        &[("tenant", "t"), ("planet", "p")][..],
        &[("planet", "p")],
        &[("tenant", "t"), ("org_unit", "o")],
        &[("group", "g")],
    ] {
        let found = events(
            &authority,
            &complex(members),
            EventType::SessionRevoked,
            &json!({}),
        );
        assert_eq!(found, [], "{members:?}");
    }
    let whole = events(
        &authority,
        &complex(&[("tenant", "t")]),
        EventType::SessionRevoked,
        &json!({}),
    );
    assert_eq!(whole, expected(&[("revoke", json!({}))]));
    let narrowed = complex(&[("tenant", "t"), ("user", "u"), ("planet", "p")]);
    let found = events(&authority, &narrowed, EventType::SessionRevoked, &json!({}));
    assert_eq!(found, expected(&[("revoke", json!({ "user": "u" }))]));
}

#[test]
fn a_group_means_its_members() {
    let mut directory = DirectoryMap::new();
    let principals = vec![
        Principal::user(id("a")),
        Principal {
            kind: Dimension::Workload,
            id: id("w"),
        },
    ];
    let group = Name::Opaque { id: "g".to_owned() };
    let token = claims(
        &complex(&[("group", "g")]),
        EventType::SessionRevoked,
        &json!({}),
    );
    let unknown = interpret_in(&directory, &json!({}), &token).unwrap();
    assert!(unknown.is_incomplete() && unknown.events.is_empty());
    directory.set_members(id(ISSUER), group, principals);
    let found = interpret_in(&directory, &json!({}), &token).unwrap();
    assert_eq!(
        summary(&found.events),
        expected(&[
            ("revoke", json!({ "user": "a" })),
            ("revoke", json!({ "workload": "w" }))
        ])
    );
}

#[test]
fn nobody_speaks_beyond_their_authority() {
    let revoked = |changes: Value, subject: &Value| {
        interpret(
            &changes,
            &claims(subject, EventType::SessionRevoked, &json!({})),
        )
    };
    let foreign = json!({ "format": "iss_sub", "iss": "https://other.example", "sub": "u" });
    let tenant = complex(&[("tenant", "t")]);
    for (changes, subject) in [
        (json!({}), &foreign),
        (json!({ "authority": { "scope": "tenant" } }), &tenant),
        (json!({ "authority": { "tenants": ["t"] } }), &tenant),
        (json!({ "authority": { "scope": "device" } }), &opaque("u")),
        (
            json!({ "authority": { "event_types": ["account-disabled"] } }),
            &opaque("u"),
        ),
    ] {
        let refusal = revoked(changes.clone(), subject).unwrap_err();
        assert_eq!(refusal.code, ErrorCode::AccessDenied, "{changes}");
    }
    let allowed = json!({ "authority": { "subject_issuers": ["https://other.example"] } });
    let found = revoked(allowed, &foreign).unwrap();
    assert_eq!(found.events[0].tenant, id("https://other.example"));
    let enabled = claims(&opaque("u"), EventType::AccountEnabled, &json!({}));
    assert_eq!(
        interpret(&json!({}), &enabled).unwrap_err().code,
        ErrorCode::AccessDenied
    );
    let may = json!({ "authority": { "may_unblock": true } });
    assert_eq!(
        interpret(&may, &enabled).unwrap().events[0].effect,
        Effect::Unblock
    );
    // Enabling never reaches back behind the revocation.
    assert_eq!(interpret(&may, &enabled).unwrap().events.len(), 1);
}

#[test]
fn a_device_manager_speaks_about_devices_only() {
    let changes = json!({ "authority": { "scope": "device" } });
    let payload = json!({ "current_status": "not-compliant", "previous_status": "compliant" });
    let subject = complex(&[("user", "u"), ("device", "d")]);
    let found = events(
        &changes,
        &subject,
        EventType::DeviceComplianceChange,
        &payload,
    );
    assert_eq!(
        found,
        expected(&[("{compliance:not_compliant}", json!({ "device": "d" }))])
    );
}

/// A member that a token lacks is ignored; that must not reach whom the transmitter may not name.
#[test]
fn a_narrow_transmitter_reaches_nobody_by_naming_them_along() {
    for (scope, member) in [("device", "device"), ("session", "session")] {
        let changes = json!({ "authority": { "scope": scope } });
        let subject = complex(&[("user", "u"), (member, "made up")]);
        for (event, payload) in [
            (EventType::SessionRevoked, json!({})),
            (
                EventType::RiskLevelChange,
                json!({ "principal": "USER", "current_level": "HIGH" }),
            ),
        ] {
            match interpret(&changes, &claims(&subject, event, &payload)) {
                // About the user alone: refused.
                Err(refusal) => assert_eq!(refusal.code, ErrorCode::AccessDenied),
                Ok(found) => {
                    for (effect, subject) in summary(&found.events) {
                        assert_eq!(subject["skip"], json!([member]), "{effect} {subject}");
                    }
                }
            }
        }
    }
    // And what it may say is said.
    let changes = json!({ "authority": { "scope": "session" } });
    let subject = complex(&[("user", "u"), ("session", "s")]);
    assert_eq!(
        events(&changes, &subject, EventType::SessionRevoked, &json!({})),
        expected(&[(
            "deny",
            json!({ "user": "u", "session": "s", "skip": ["session"] })
        )])
    );
}

#[test]
fn names_are_looked_up_kept_or_taken_as_they_are() {
    let email = json!({ "format": "email", "email": "Ada@Example.com" });
    let token = claims(&email, EventType::SessionRevoked, &json!({}));
    let unknown = interpret(&json!({}), &token).unwrap();
    assert!(unknown.is_incomplete());
    assert!(unknown.has_effect(), "it is kept, not ignored");
    let mut directory = DirectoryMap::new();
    directory.bind(
        id(ISSUER),
        Name::email("ada@example.com"),
        Principal::user(id("object")),
        Timestamp::MINIMUM,
    );
    let found = interpret_in(&directory, &json!({}), &token).unwrap();
    assert_eq!(
        summary(&found.events),
        expected(&[("revoke", json!({ "user": "object" }))])
    );
    let itself = interpret(&json!({ "subjects": { "email": "itself" } }), &token).unwrap();
    assert_eq!(
        summary(&itself.events),
        expected(&[("revoke", json!({ "user": "Ada@example.com" }))])
    );
    // Pairwise subjects: the public one must not be taken for the one in the tokens.
    let public = serde_json::to_value(user("public")).unwrap();
    let token = claims(&public, EventType::SessionRevoked, &json!({}));
    let pairwise = json!({ "subjects": { "iss_sub": "directory" } });
    assert!(interpret(&pairwise, &token).unwrap().is_incomplete());
}

#[test]
fn a_token_that_waits_survives_a_restart() {
    let email = json!({ "format": "email", "email": "ada@example.com" });
    let token = claims(&email, EventType::SessionRevoked, &json!({}));
    let receiver = Receiver::new([config(&json!({}))]).unwrap();
    let set = receiver
        .vouch(token.to_string().as_bytes(), NOW, Voucher::host("a test"))
        .unwrap();
    let kept = serde_json::to_string(&set.kept()).unwrap();
    let restored = receiver
        .restore(&serde_json::from_str(&kept).unwrap())
        .unwrap();
    assert_eq!(restored.claims(), set.claims());
    assert_eq!(restored.verified_at(), set.verified_at());
    let elsewhere = Receiver::new([config(&json!({ "name": "other" }))]).unwrap();
    assert!(elsewhere.restore(&set.kept()).is_err());
}

#[test]
fn any_alias_is_enough_and_one_principal_is_hit_once() {
    let subject = json!({ "format": "aliases", "identifiers": [
        { "format": "opaque", "id": "u" },
        { "format": "email", "email": "ada@example.com" },
        { "format": "x-unknown", "id": "z" },
    ]});
    let mut directory = DirectoryMap::new();
    let bound = Principal::user(id("u"));
    directory.bind(
        id(ISSUER),
        Name::email("ada@example.com"),
        bound,
        Timestamp::MINIMUM,
    );
    let token = claims(&subject, EventType::SessionsRevoked, &json!({}));
    let found = interpret_in(&directory, &json!({}), &token).unwrap();
    assert_eq!(
        summary(&found.events),
        expected(&[("revoke", json!({ "user": "u" }))])
    );
}

#[test]
fn a_new_owner_of_an_address_inherits_nothing() {
    let email = json!({ "format": "email", "email": "ada@example.com" });
    let changes = json!({
        "subjects": { "email": "itself" },
        "authority": { "may_change_identifiers": true, "may_unblock": true },
    });
    // An address may be given away, so it is never purged for ever.
    let gone = events(&changes, &email, EventType::AccountPurged, &json!({}));
    assert_eq!(gone[0].0, "block");
    let token = claims(&email, EventType::IdentifierRecycled, &json!({}));
    let found = interpret(&changes, &token).unwrap();
    let effects: Vec<String> = summary(&found.events)
        .into_iter()
        .map(|row| row.0)
        .collect();
    assert_eq!(effects, ["revoke", "unblock", "{risk:none}"]);
    assert!(matches!(
        found.directory[..],
        [DirectoryChange::Recycle { .. }]
    ));
    let gone = events(
        &json!({}),
        &opaque("u"),
        EventType::AccountPurged,
        &json!({}),
    );
    assert_eq!(
        gone,
        expected(&[
            ("purge", json!({ "user": "u" })),
            ("revoke", json!({ "user": "u" }))
        ])
    );
}

#[test]
fn a_new_password_lifts_the_suspicion_and_not_the_assessment() {
    let compromised = claims(
        &opaque("u"),
        EventType::CredentialCompromise,
        &json!({ "credential_type": "password" }),
    );
    let changed = claims(
        &opaque("u"),
        EventType::CredentialChange,
        &json!({ "credential_type": "password", "change_type": "update" }),
    );
    let risk = |token: &Value| {
        interpret(&json!({}), token)
            .unwrap()
            .events
            .into_iter()
            .find(|event| matches!(event.effect, Effect::Risk(_)))
            .unwrap()
    };
    let (raised, lifted) = (risk(&compromised), risk(&changed));
    assert_eq!(raised.effect, Effect::Risk(RiskLevel::High));
    assert_eq!(lifted.effect, Effect::Risk(RiskLevel::None));
    assert_eq!(raised.provenance.source, lifted.provenance.source);
    assert_ne!(raised.provenance.source, id("idp"));
}

#[test]
fn rules_take_the_place_of_the_table() {
    let rules = json!({ "rules": [
        { "event": "credential-change", "when": { "change_type": "create" }, "effect": "refresh" },
        { "event": "recovery-activated", "effect": { "risk": "medium" } },
        { "event": "session-revoked", "effect": "ignore" },
        { "event": "urn:ours:left", "effect": ["block", "revoke"] },
    ]});
    let payload = json!({ "credential_type": "pin", "change_type": "create" });
    assert_eq!(
        events(&rules, &opaque("u"), EventType::CredentialChange, &payload),
        expected(&[("refresh", json!({ "user": "u" }))])
    );
    assert_eq!(
        events(
            &rules,
            &opaque("u"),
            EventType::RecoveryActivated,
            &json!({})
        ),
        expected(&[("{risk:medium}", json!({ "user": "u" }))])
    );
    let ignored = interpret(
        &rules,
        &claims(&opaque("u"), EventType::SessionRevoked, &json!({})),
    )
    .unwrap();
    assert!(!ignored.has_effect());
    assert!(matches!(ignored.notices[..], [Notice::NoEffect { .. }]));
    let mut token = claims(&opaque("u"), EventType::SessionRevoked, &json!({}));
    token["events"] = json!({ "urn:ours:left": {} });
    assert_eq!(interpret(&rules, &token).unwrap().events.len(), 2);
    assert_eq!(
        interpret(&json!({}), &token).unwrap().notices,
        [Notice::UnknownEventType {
            uri: "urn:ours:left".to_owned()
        }]
    );
}

#[test]
fn a_revoked_token_is_found_by_its_id_only() {
    let revoked = |subject: &Value| {
        events(
            &json!({ "profile": "google" }),
            subject,
            EventType::TokenRevoked,
            &json!({}),
        )
    };
    let by_id = json!({ "format": "jwt_id", "iss": ISSUER, "jti": "t" });
    assert_eq!(
        revoked(&by_id),
        expected(&[("deny", json!({ "token": "t" }))])
    );
    assert_eq!(revoked(&serde_json::to_value(user("ada")).unwrap()), []);
    let by_prefix = json!({ "subject_type": "oauth_token", "token_type": "refresh_token",
        "token_identifier_alg": "prefix", "token": "1//0abcdefghijkl" });
    assert_eq!(revoked(&by_prefix), []);
}

#[test]
fn a_critical_member_takes_the_event_with_it() {
    let changes = json!({ "critical_subject_members": ["planet"] });
    let token = claims(
        &complex(&[("user", "u"), ("planet", "p")]),
        EventType::SessionRevoked,
        &json!({}),
    );
    assert_eq!(
        interpret(&changes, &token).unwrap_err().code,
        ErrorCode::InvalidRequest
    );
    assert_eq!(interpret(&json!({}), &token).unwrap().events.len(), 1);
}

#[test]
fn dialects_of_the_field_are_understood_by_their_profile() {
    let inside = |subject: Value, uri: &str, payload: Value| {
        let mut payload = payload;
        payload["subject"] = subject;
        json!({ "iss": ISSUER, "aud": AUDIENCE, "jti": "j", "iat": NOW.seconds(), "events": { uri: payload } })
    };
    let okta = inside(
        json!({ "user": { "format": "iss_sub", "iss": ISSUER, "sub": "u" } }),
        EventType::OktaUserRiskChange.uri(),
        json!({ "current_level": "high", "event_timestamp": NOW.seconds() - 5 }),
    );
    let found = interpret(&json!({ "profile": "okta" }), &okta).unwrap();
    assert_eq!(
        summary(&found.events),
        expected(&[("{risk:high}", json!({ "user": "u" }))])
    );
    assert_eq!(found.events[0].time, NOW.plus_seconds(-5));
    let google = inside(
        json!({ "subject_type": "iss-sub", "iss": format!("{ISSUER}/"), "sub": "u" }),
        EventType::TokensRevoked.uri(),
        json!({}),
    );
    let found = interpret(&json!({ "profile": "google" }), &google).unwrap();
    assert_eq!(found.events[0].tenant, id(ISSUER));
    assert_eq!(
        found.events[0].subject,
        Subject::of(Dimension::User, id("u"))
    );
    assert!(
        interpret(&json!({ "profile": "legacy" }), &google).is_err(),
        "another issuer"
    );
    let mut scim = claims(
        &json!({ "format": "scim", "uri": "/Users/u", "externalId": "e" }),
        EventType::ScimDeactivate,
        &json!({}),
    );
    scim["iat"] = json!(NOW.seconds() - 5);
    let itself = json!({ "profile": "scim", "subjects": { "scim": "itself" } });
    assert_eq!(
        summary(&interpret(&itself, &scim).unwrap().events),
        expected(&[
            ("block", json!({ "user": "u" })),
            ("revoke", json!({ "user": "u" }))
        ])
    );
    for profile in ["ssf-1.0", "caep-interop", "keycloak"] {
        assert!(
            interpret(&json!({ "profile": profile }), &okta).is_err(),
            "{profile}"
        );
    }
}

#[test]
fn a_token_is_taken_whole_or_not_at_all() {
    let mut token = claims(&opaque("u"), EventType::SessionRevoked, &json!({}));
    token["events"][EventType::RiskLevelChange.uri()] =
        json!({ "principal": "USER", "current_level": "COLOSSAL" });
    assert_eq!(
        interpret(&json!({}), &token).unwrap_err().code,
        ErrorCode::InvalidRequest
    );
    let receiver = Receiver::new([config(&json!({ "profile": "caep-interop" }))]).unwrap();
    token["events"][EventType::RiskLevelChange.uri()]["current_level"] = json!("LOW");
    assert!(
        receiver
            .vouch(token.to_string().as_bytes(), NOW, Voucher::host("x"))
            .is_err()
    );
}

#[test]
fn an_event_far_ahead_refuses_nobody_for_longer_than_the_agreed_skew() {
    let years_ahead = NOW.plus_seconds(10 * 365 * 86_400);
    let found = interpret(
        &json!({ "clock_skew_seconds": 90 }),
        &claims(
            &opaque("u"),
            EventType::SessionRevoked,
            &json!({ "event_timestamp": years_ahead.seconds() }),
        ),
    )
    .unwrap();
    let latest = NOW.plus_seconds(90);
    assert!(!found.events.is_empty());
    for event in &found.events {
        assert_eq!(event.time, latest);
    }
    let told = found.notices.iter().any(|notice| {
        matches!(notice, Notice::TimeClamped { claimed, used }
            if *claimed == years_ahead && *used == latest)
    });
    assert!(told, "{:?}", found.notices);
}

#[test]
fn a_subject_of_too_many_combinations_is_refused_before_they_are_made() {
    let aliases = |kind: &str, count: usize| {
        let identifiers: Vec<Value> = (0..count)
            .map(|number| opaque(&format!("{kind}-{number}")))
            .collect();
        json!({ "format": "aliases", "identifiers": identifiers })
    };
    let told = |counts: [usize; 3]| {
        let subject = json!({ "format": "complex",
            "user": aliases("user", counts[0]),
            "device": aliases("device", counts[1]),
            "session": aliases("session", counts[2]) });
        interpret(
            &json!({}),
            &claims(&subject, EventType::SessionRevoked, &json!({})),
        )
    };
    let refused = told([32, 32, 32]).unwrap_err();
    assert_eq!(refused.code, ErrorCode::InvalidRequest);
    assert!(refused.description.contains("combinations"), "{refused:?}");
    // Every combination of what is few enough.
    let found = told([2, 2, 2]).unwrap();
    let revoked = found
        .events
        .iter()
        .filter(|event| event.effect == Effect::Revoke);
    assert_eq!(revoked.count(), 8);
}

#[test]
fn a_tenant_is_named_by_an_identifier_and_by_nothing_else() {
    let authority = json!({ "authority": { "scope": "tenant", "tenants": ["t"] } });
    let told = |tenant: &Value| {
        let subject = json!({ "format": "complex", "tenant": tenant, "user": opaque("u") });
        interpret(
            &authority,
            &claims(&subject, EventType::SessionRevoked, &json!({})),
        )
    };
    for tenant in [
        opaque("t"),
        json!({ "format": "iss_sub", "iss": ISSUER, "sub": "t" }),
    ] {
        let found = told(&tenant).unwrap();
        assert!(!found.events.is_empty(), "{tenant}");
        for event in &found.events {
            assert_eq!(event.tenant.as_str(), "t", "{tenant}");
        }
    }
    let refused = told(&json!({ "format": "email", "email": "t@example.com" })).unwrap_err();
    assert_eq!(refused.code, ErrorCode::InvalidRequest);
    assert!(refused.description.contains("opaque"), "{refused:?}");
}

#[test]
fn each_profile_departs_from_the_standard_where_it_says() {
    let strict = Profile {
        requires_sub_id: true,
        requires_typ: true,
        allows_sub: false,
        allows_exp: false,
        single_event: false,
        legacy_subjects: false,
        ignores_trailing_slash: false,
        session_all: false,
    };
    let legacy = Profile {
        requires_sub_id: false,
        requires_typ: false,
        allows_sub: true,
        legacy_subjects: true,
        ..strict
    };
    for (name, expected) in [
        (ProfileName::Ssf10, strict),
        (
            ProfileName::CaepInterop,
            Profile {
                single_event: true,
                ..strict
            },
        ),
        (ProfileName::Legacy, legacy),
        (ProfileName::Sailpoint, legacy),
        (
            ProfileName::Keycloak,
            Profile {
                session_all: true,
                ..strict
            },
        ),
        (
            ProfileName::Okta,
            Profile {
                allows_sub: false,
                requires_typ: true,
                ..legacy
            },
        ),
        (
            ProfileName::Google,
            Profile {
                ignores_trailing_slash: true,
                ..legacy
            },
        ),
        (
            ProfileName::Scim,
            Profile {
                requires_sub_id: false,
                ..strict
            },
        ),
    ] {
        assert_eq!(name.profile(), expected, "{}", name.as_str());
    }
}

#[test]
fn the_subject_is_where_the_profile_says() {
    let subject = json!({ "format": "iss_sub", "iss": ISSUER, "sub": "u" });
    let bare = |payload: Value| {
        json!({ "iss": ISSUER, "aud": AUDIENCE, "jti": "j", "iat": NOW.seconds(),
            "events": { EventType::SessionRevoked.uri(): payload } })
    };
    let inside = bare(json!({ "subject": subject }));
    let mut claimed = bare(json!({}));
    claimed["sub"] = json!("u");
    let means_the_user = |profile: &str, claims: &Value| {
        let found = interpret(&json!({ "profile": profile }), claims);
        found.is_ok_and(|found| {
            let user = Subject::of(Dimension::User, id("u"));
            !found.events.is_empty() && found.events.iter().all(|event| event.subject == user)
        })
    };
    for (profile, takes_inside, takes_claim) in [
        ("ssf-1.0", false, false),
        ("caep-interop", false, false),
        ("keycloak", false, false),
        ("scim", true, false),
        ("okta", true, false),
        ("legacy", true, true),
        ("sailpoint", true, true),
        ("google", true, true),
    ] {
        assert_eq!(means_the_user(profile, &inside), takes_inside, "{profile}");
        assert_eq!(means_the_user(profile, &claimed), takes_claim, "{profile}");
        assert!(interpret(&json!({ "profile": profile }), &bare(json!({}))).is_err());
    }
}

#[test]
fn a_subject_repeated_inside_is_compared_with_the_one_that_counts() {
    let subject = |sub: &str| json!({ "format": "iss_sub", "iss": ISSUER, "sub": sub });
    for (inside, differs) in [("u", false), ("v", true)] {
        let payload = json!({ "subject": subject(inside) });
        let claims = claims(&subject("u"), EventType::SessionRevoked, &payload);
        let found = interpret(&json!({}), &claims).unwrap();
        let noticed = found
            .notices
            .iter()
            .any(|notice| matches!(notice, Notice::NonConformant { .. }));
        assert_eq!(noticed, differs, "{inside}");
        let user = Subject::of(Dimension::User, id("u"));
        assert!(found.events.iter().all(|event| event.subject == user));
    }
}

/// Tokens that wait for a name: how many, for how long, and what became of them.
#[test]
fn tokens_that_wait_are_counted_and_bounded() {
    let receiver = Receiver::new([config(&json!({}))]).unwrap();
    let set = |at: Timestamp| {
        let claims = claims(&opaque("x"), EventType::SessionRevoked, &json!({}));
        let voucher = Voucher::host("a test");
        let text = claims.to_string();
        receiver.vouch(text.as_bytes(), at, voucher).unwrap()
    };
    let mut waiting = Unresolved::new(2, 60);
    assert!(waiting.is_empty());
    assert!(waiting.keep(set(NOW)) && waiting.keep(set(NOW.plus_seconds(1))));
    assert_eq!((waiting.len(), waiting.is_empty()), (2, false));
    assert!(
        !waiting.keep(set(NOW.plus_seconds(2))),
        "the oldest made room"
    );
    assert_eq!(waiting.len(), 2);
    // The second is sixty seconds old, the third one less.
    let mut taken = waiting.take(NOW.plus_seconds(61));
    assert_eq!((taken.len(), waiting.len()), (1, 0));
    waiting.put_back(taken.remove(0));
    assert_eq!(waiting.len(), 1);
    waiting.resolved();
    let expected = UnresolvedCounts {
        kept: 3,
        displaced: 1,
        expired: 1,
        resolved: 1,
    };
    assert_eq!(waiting.counts(), expected);
}

#[test]
fn kinds_of_the_directory_go_by_their_type() {
    for (name, expected) in [
        ("user", ResourceKind::User),
        ("servicePrincipal", ResourceKind::ServicePrincipal),
        ("group", ResourceKind::Group),
        ("directoryRole", ResourceKind::Group),
        ("device", ResourceKind::Device),
        ("riskyUser", ResourceKind::RiskyUser),
        ("riskyServicePrincipal", ResourceKind::RiskyServicePrincipal),
        ("conditionalAccessPolicy", ResourceKind::Policy),
        ("unifiedRoleAssignment", ResourceKind::RoleAssignment),
        ("ipNamedLocation", ResourceKind::NamedLocation),
        ("countryNamedLocation", ResourceKind::NamedLocation),
    ] {
        let found = ResourceKind::from_type(&format!("#microsoft.graph.{name}"));
        assert_eq!(found, Some(expected), "{name}");
    }
    assert_eq!(ResourceKind::from_type("#microsoft.graph.toaster"), None);
    assert_eq!(ResourceKind::from_type("user"), None);
}

/// Old spellings of names mean something to the drafts that have them, and to nobody else.
#[test]
fn old_spellings_are_understood_where_they_are_expected_only() {
    let read = |object: &Value, spelling: Spelling| {
        let object = object.as_object().unwrap();
        SubjectId::parse(object, spelling)
    };
    let pair = |format: &str| json!({"format": format, "iss": "i", "sub": "s", "jti": "j"});
    let saml = |format: &str| json!({"format": format, "issuer": "i", "assertion_id": "a"});
    let phone = |format: &str| json!({"format": format, "phone_number": "+1 555"});
    let token = json!({"format": "oauth_token", "token_type": "refresh_token",
        "token_identifier_alg": "plain", "token": "t"});
    for (old, usual) in [
        (pair("iss-sub"), Some(pair("iss_sub"))),
        (pair("jwt-id"), Some(pair("jwt_id"))),
        (saml("saml-assertion-id"), Some(saml("saml_assertion_id"))),
        (phone("phone-number"), Some(phone("phone_number"))),
        (pair("id_token_claims"), Some(pair("iss_sub"))),
        (pair("id-token-claims"), Some(pair("iss_sub"))),
        (
            json!({"format": "id_token_claims", "email": "a@example.com"}),
            Some(json!({"format": "email", "email": "a@example.com"})),
        ),
        (
            json!({"format": "ip_addresses", "ip_addresses": ["192.0.2.7"]}),
            Some(json!({"format": "ip-addresses", "ip-addresses": ["192.0.2.7"]})),
        ),
        (token, None),
    ] {
        let unknown = matches!(
            read(&old, Spelling::Final),
            Ok(SubjectId::Simple(Name::Unknown { .. }))
        );
        assert!(unknown, "{old}");
        let understood = read(&old, Spelling::Legacy).unwrap();
        match usual {
            Some(usual) => assert_eq!(understood, read(&usual, Spelling::Final).unwrap(), "{old}"),
            None => assert!(matches!(
                understood,
                SubjectId::Simple(Name::OauthToken { .. })
            )),
        }
    }
    let bare = json!({"format": "phone", "phone": "+1 555"});
    let number = read(&phone("phone_number"), Spelling::Final).unwrap();
    for spelling in [Spelling::Final, Spelling::Legacy] {
        assert_eq!(read(&bare, spelling).unwrap(), number);
    }
    let mixed = json!({"format": "phone_number", "phone": "+1 555"});
    assert!(read(&mixed, Spelling::Final).is_err());
    assert_eq!(read(&mixed, Spelling::Legacy).unwrap(), number);
}
