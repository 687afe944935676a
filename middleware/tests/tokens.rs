//! Access tokens from outside: what is accepted, what is refused with which answer, and what keys
//! that rotate, vanish or cannot be fetched do to it.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use highwater::engine::Engine;
use highwater::event::Event;
use highwater::model::TenantModel;
use highwater::request::Request;
use highwater::settings::{EngineSettings, TenantSettings};
use highwater::timestamp::Timestamp;
use highwater::token::{IssuerProfile, VerifiedToken};
use highwater_signals::set::keys::RefreshPolicy;
use highwater_signals::set::{Algorithm, KeySet};
use highwater_tower::token::{AcceptedIssuer, KeySource, TokenError, TokenType, TokenValidator};
use serde_json::{Value, json};
use support::{AUDIENCE, ISSUER, KeyServer, NOW, SigningKey, claims, jwks};

const TENANT: &str = "8a0c1f0e-53cb-4d3c-9a6f-0a39c7d8c001";

fn at(offset: i64) -> Timestamp {
    Timestamp::from_seconds(NOW + offset)
}

fn engine() -> Arc<Engine> {
    Arc::new(Engine::new(EngineSettings::default()))
}

fn fixed(keys: &[&SigningKey]) -> KeySource {
    KeySource::Fixed(KeySet::from_value(&jwks(keys)).unwrap())
}

fn accepted(keys: KeySource) -> AcceptedIssuer {
    AcceptedIssuer::new(IssuerProfile::generic(ISSUER), keys, [AUDIENCE]).unwrap()
}

fn validator(issuer: AcceptedIssuer) -> TokenValidator {
    TokenValidator::builder(engine())
        .issuer(issuer)
        .build()
        .unwrap()
}

#[track_caller]
fn refused(result: Result<Arc<VerifiedToken>, TokenError>, status: u16, reason: &str) {
    let error = result.unwrap_err();
    assert_eq!(
        (error.status(), error.reason()),
        (status, reason),
        "{error}"
    );
    assert!(!error.description().contains(['"', ',', '\\', '=']));
}

#[test]
fn every_accepted_algorithm_verifies_and_no_other_key_does() {
    for algorithm in ["RS256", "PS256", "ES256", "EdDSA"] {
        let (key, other) = (
            SigningKey::new(algorithm, "k"),
            SigningKey::new(algorithm, "k"),
        );
        let validator = validator(accepted(fixed(&[&key])));
        let token = validator
            .validate_with_known_keys(&key.token(&claims(&json!({}))), at(0))
            .unwrap();
        assert_eq!(token.facts().subject.as_str(), "ada");
        let forged = other.token(&claims(&json!({})));
        refused(
            validator.validate_with_known_keys(&forged, at(0)),
            401,
            "token_signature",
        );
        assert_eq!(validator.cached_tokens(), 1, "nothing forged is kept");
    }
}

#[test]
fn what_is_not_an_access_token_for_us_is_refused() {
    let key = SigningKey::new("ES256", "k");
    let validator = validator(accepted(fixed(&[&key])));
    for (changes, reason) in [
        (json!({"iss": "https://other.example"}), "token_issuer"),
        (json!({"iss": "https://idp.example/"}), "token_issuer"),
        (json!({"iss": 1}), "token_malformed"),
        (json!({"aud": "api://other"}), "token_audience"),
        (json!({"aud": null}), "token_audience"),
        (json!({"aud": []}), "token_audience"),
        (json!({"exp": NOW - 60}), "token_expired"),
        (json!({"exp": null}), "token_claims"),
        (json!({"exp": "never"}), "token_claims"),
        (json!({"nbf": NOW + 61}), "token_not_yet_valid"),
        (json!({"iat": null}), "token_claims"),
        (json!({"events": {"urn:e": {}}}), "token_type"),
        (json!({"cnf": {"jkt": "x"}}), "token_type"),
    ] {
        let token = key.token(&claims(&changes));
        refused(
            validator.validate_with_known_keys(&token, at(0)),
            401,
            reason,
        );
    }
    for (header, reason) in [
        (
            json!({"alg": "ES256", "kid": "k", "typ": "secevent+jwt"}),
            "token_type",
        ),
        (
            json!({"alg": "ES256", "kid": "k", "typ": "logout+jwt"}),
            "token_type",
        ),
        (
            json!({"alg": "ES256", "kid": "k", "typ": "dpop+jwt"}),
            "token_type",
        ),
        (json!({"alg": "ES384", "kid": "k"}), "token_algorithm"),
        (json!({"alg": "RS256", "kid": "k"}), "token_key"),
        (json!({"alg": "EdDSA", "kid": "k"}), "token_key"),
        (json!({"alg": "none", "kid": "k"}), "token_malformed"),
        (json!({"alg": "HS256", "kid": "k"}), "token_malformed"),
        (json!({"alg": "ES256", "kid": "other"}), "token_key"),
        (
            json!({"alg": "ES256", "kid": "k", "crit": ["x"], "x": 1}),
            "token_malformed",
        ),
    ] {
        let token = key.sign(&header, &claims(&json!({})));
        refused(
            validator.validate_with_known_keys(&token, at(0)),
            401,
            reason,
        );
    }
    // What a forged token says stays in one line of the log.
    for (header, changes) in [
        (json!({"alg": "ES256", "kid": "a\nb"}), json!({})),
        (
            json!({"alg": "ES256", "kid": "k", "typ": "a\nb"}),
            json!({}),
        ),
        (json!({"alg": "ES256", "kid": "k"}), json!({"iss": "a\nb"})),
    ] {
        let token = key.sign(&header, &claims(&changes));
        let error = validator
            .validate_with_known_keys(&token, at(0))
            .unwrap_err();
        assert!(error.to_string().contains("a\\nb"), "{error}");
    }
    let good = key.token(&claims(&json!({})));
    for bad in [
        "x".to_owned(),
        format!("{good}A"),
        format!("{good}.{good}"),
        good.replacen('.', "..", 1),
        good[..good.rfind('.').unwrap() + 1].to_owned(),
        "a".repeat(20_000),
    ] {
        let error = validator.validate_with_known_keys(&bad, at(0)).unwrap_err();
        assert_eq!(error.status(), 401);
    }
    assert_eq!(validator.cached_tokens(), 0);
    assert!(validator.validate_with_known_keys(&good, at(0)).is_ok());
}

#[test]
fn rfc_9068_tokens_can_be_demanded() {
    let key = SigningKey::new("EdDSA", "k");
    let strict = validator(accepted(fixed(&[&key])).with_token_type(TokenType::AccessToken));
    let lenient = validator(accepted(fixed(&[&key])));
    for (media_type, is_access_token) in [
        (json!("at+jwt"), true),
        (json!("application/AT+JWT"), true),
        (json!("JWT"), false),
        (json!(null), false),
    ] {
        let header = json!({"alg": "EdDSA", "kid": "k", "typ": media_type});
        let token = key.sign(&header, &claims(&json!({})));
        assert!(lenient.validate_with_known_keys(&token, at(0)).is_ok());
        assert_eq!(
            strict.validate_with_known_keys(&token, at(0)).is_ok(),
            is_access_token
        );
    }
}

#[test]
fn algorithms_can_be_fewer() {
    let key = SigningKey::new("PS256", "k");
    let issuer = accepted(fixed(&[&key])).with_algorithms([Algorithm::RS256]);
    let token = key.token(&claims(&json!({})));
    refused(
        validator(issuer).validate_with_known_keys(&token, at(0)),
        401,
        "token_algorithm",
    );
}

#[test]
fn the_first_of_our_audiences_is_the_resource() {
    let key = SigningKey::new("ES256", "k");
    let issuer = AcceptedIssuer::new(
        IssuerProfile::generic(ISSUER),
        fixed(&[&key]),
        ["9D0C1F0E-53CB-4D3C-9A6F-0A39C7D8C0AA", AUDIENCE],
    )
    .unwrap();
    let validator = validator(issuer);
    for (audience, resource) in [
        (json!(["api://other", AUDIENCE]), AUDIENCE),
        (
            json!("9d0c1f0e-53cb-4d3c-9a6f-0a39c7d8c0aa"),
            "9d0c1f0e-53cb-4d3c-9a6f-0a39c7d8c0aa",
        ),
    ] {
        let token = key.token(&claims(&json!({"aud": audience})));
        let token = validator.validate_with_known_keys(&token, at(0)).unwrap();
        assert_eq!(token.facts().audience.as_ref().unwrap().as_str(), resource);
    }
}

/// Entra's keys and issuers: versions 1 and 2, the tenant of the issuer, the issuer of the key.
#[test]
fn entra_tokens_speak_for_their_own_tenant_only() {
    let key = SigningKey::new("RS256", "k");
    let with_issuer = |issuer: Value| {
        let mut jwk = key.jwk();
        jwk["issuer"] = issuer;
        KeySource::Fixed(KeySet::from_value(&json!({"keys": [jwk]})).unwrap())
    };
    let any = "https://login.microsoftonline.com/{tenantid}/v2.0";
    let v1 = format!("https://sts.windows.net/{TENANT}/");
    let v2 = format!("https://login.microsoftonline.com/{TENANT}/v2.0");
    let other = "00000000-0000-4000-8000-000000000001";
    for (pattern, key_issuer, issuer, tenant, accepted) in [
        (any, json!(any), &v2, TENANT, true),
        (any, json!(v2), &v2, TENANT, true),
        (any, json!(null), &v2, TENANT, true),
        ("https://sts.windows.net/*/", json!(any), &v1, TENANT, true),
        ("https://sts.windows.net/*/", json!(v2), &v1, TENANT, true),
        (any, json!(any), &v2, other, false),
        (
            any,
            json!(format!("https://login.microsoftonline.com/{other}/v2.0")),
            &v2,
            TENANT,
            false,
        ),
        (any, json!("nonsense"), &v2, TENANT, false),
        (any, json!(any), &v1, TENANT, false),
    ] {
        let keys = with_issuer(key_issuer.clone());
        let issuers = AcceptedIssuer::new(IssuerProfile::entra(pattern), keys, [AUDIENCE]).unwrap();
        let token = key.token(&claims(
            &json!({"iss": issuer, "tid": tenant.to_uppercase(), "oid": "o", "ver": "2.0"}),
        ));
        let result = validator(issuers).validate_with_known_keys(&token, at(0));
        assert_eq!(
            result.is_ok(),
            accepted,
            "{pattern} {key_issuer} {issuer} {tenant}"
        );
        if let Ok(token) = result {
            assert_eq!(token.facts().tenant.as_str(), TENANT);
        }
    }
}

#[test]
fn a_known_token_is_the_same_until_it_expires() {
    let key = SigningKey::new("ES256", "k");
    let validator = validator(accepted(fixed(&[&key])));
    let token = key.token(&claims(&json!({})));
    let first = validator.validate_with_known_keys(&token, at(0)).unwrap();
    let second = validator
        .validate_with_known_keys(&token, at(3659))
        .unwrap();
    assert!(Arc::ptr_eq(&first, &second), "the signature is paid once");
    refused(
        validator.validate_with_known_keys(&token, at(3660)),
        401,
        "token_expired",
    );
    assert_eq!(validator.cached_tokens(), 0);
    validator.validate_with_known_keys(&token, at(0)).unwrap();
    validator.forget_expired(at(3659));
    assert_eq!(validator.cached_tokens(), 1);
    validator.forget_expired(at(3660));
    assert_eq!(validator.cached_tokens(), 0);
}

#[test]
fn the_cache_is_bounded_and_keeps_what_is_used() {
    let key = SigningKey::new("EdDSA", "k");
    let validator = TokenValidator::builder(engine())
        .issuer(accepted(fixed(&[&key])))
        .cache_bytes(64 * 1024)
        .build()
        .unwrap();
    for index in 0..400 {
        let token = key.token(&claims(&json!({"jti": format!("t{index}")})));
        validator.validate_with_known_keys(&token, at(0)).unwrap();
    }
    assert!(validator.cached_bytes() <= 64 * 1024);
    assert!(
        (10..64).contains(&validator.cached_tokens()),
        "{}",
        validator.cached_tokens()
    );
}

#[test]
fn a_cached_token_takes_up_what_is_published() {
    let key = SigningKey::new("ES256", "k");
    let engine = engine();
    let validator = TokenValidator::builder(Arc::clone(&engine))
        .issuer(accepted(fixed(&[&key])))
        .build()
        .unwrap();
    let token = key.token(&claims(&json!({})));
    let decide = || {
        let token = validator.validate_with_known_keys(&token, at(0)).unwrap();
        (
            engine.decide(&token, &Request::new(at(0), None)).status(),
            token,
        )
    };
    assert_eq!(decide().0, 403, "the tenant is not known yet");
    let publish = || {
        let model = TenantModel::default();
        engine
            .publish(ISSUER.parse().unwrap(), &model, TenantSettings::default())
            .unwrap()
    };
    publish();
    let (status, first) = decide();
    assert_eq!(status, 200);
    assert!(Arc::ptr_eq(&first, &decide().1));
    publish();
    let second = decide().1;
    assert!(!Arc::ptr_eq(&first, &second), "prepared anew");
    assert!(Arc::ptr_eq(&second, &decide().1), "and kept so");
    let event = format!(
        r#"{{"time": {NOW}, "tenant": "{ISSUER}", "subject": {{"user": "ada"}}, "effect": "revoke", "source": "idp"}}"#
    );
    let _ = engine.apply(&Event::from_json(&event).unwrap());
    assert_eq!(decide().0, 401);
}

#[test]
fn issuers_are_checked_when_they_are_configured() {
    let key = SigningKey::new("EdDSA", "k");
    let profile = || IssuerProfile::generic(ISSUER);
    let none: [&str; 0] = [];
    let error = AcceptedIssuer::new(profile(), fixed(&[&key]), none).unwrap_err();
    assert!(error.to_string().contains("no audience"), "{error}");
    let error = TokenValidator::builder(engine()).build().unwrap_err();
    assert!(error.to_string().contains("no issuer"), "{error}");
    let build = |source: KeySource, pattern: &str| {
        let issuer = AcceptedIssuer::new(IssuerProfile::generic(pattern), source, ["a"]).unwrap();
        TokenValidator::builder(engine())
            .issuer(issuer)
            .build()
            .unwrap_err()
            .to_string()
    };
    let jwks = |url: &str| build(KeySource::Jwks(url.to_owned()), ISSUER);
    assert!(jwks("http://idp.example/jwks").contains("not `https`"));
    assert!(jwks("file:///etc/keys").contains("not `https`"));
    assert!(jwks("keys").contains("no URL"));
    let open = build(KeySource::Discovery(None), "https://*.idp.example");
    assert!(open.contains("give the URL"), "{open}");
    let twice = TokenValidator::builder(engine())
        .issuer(accepted(fixed(&[&key])))
        .issuer(accepted(fixed(&[&key])));
    assert!(twice.build().unwrap_err().to_string().contains("twice"));
}

fn remote(server: &KeyServer) -> TokenValidator {
    let refresh = RefreshPolicy {
        minimum_interval_seconds: 60,
        maximum_age_seconds: 3600,
    };
    validator(accepted(KeySource::Jwks(server.url("/jwks"))).with_refresh(refresh))
}

fn named(key: &SigningKey, id: usize) -> String {
    let header = json!({"alg": key.algorithm, "kid": format!("unknown {id}")});
    key.sign(&header, &claims(&json!({})))
}

#[tokio::test]
async fn a_flood_of_unknown_keys_asks_once_per_cooldown() {
    let (key, stranger) = (SigningKey::new("ES256", "k"), SigningKey::new("EdDSA", "s"));
    let server = KeyServer::start(jwks(&[&key])).await;
    server.answer_after(Duration::from_millis(50));
    let validator = Arc::new(remote(&server));
    // Everybody at once, before any key is known: one fetch serves them all.
    let flood = |now: Timestamp| {
        let validator = Arc::clone(&validator);
        let good = key.token(&claims(&json!({})));
        let forged: Vec<String> = (0..200).map(|id| named(&stranger, id)).collect();
        async move {
            let mut tasks = tokio::task::JoinSet::new();
            for token in forged {
                let validator = Arc::clone(&validator);
                tasks.spawn(async move { validator.validate(&token, now).await });
            }
            assert!(validator.validate(&good, now).await.is_ok());
            while let Some(result) = tasks.join_next().await {
                refused(result.unwrap(), 401, "token_key");
            }
        }
    };
    flood(at(0)).await;
    assert_eq!(server.fetches(), 1);
    flood(at(59)).await;
    assert_eq!(server.fetches(), 1, "the cooldown holds");
    flood(at(60)).await;
    assert_eq!(server.fetches(), 2);
}

#[tokio::test]
async fn a_slow_issuer_keeps_a_bounded_number_of_requests_waiting() {
    let (key, stranger) = (SigningKey::new("ES256", "k"), SigningKey::new("EdDSA", "s"));
    let server = KeyServer::start(jwks(&[&key])).await;
    let validator = Arc::new(remote(&server));
    validator.fetch_keys(at(0)).await.unwrap();
    let held = server.hold().await;
    let mut tasks = tokio::task::JoinSet::new();
    for id in 0..1100 {
        let (validator, token) = (Arc::clone(&validator), named(&stranger, id));
        tasks.spawn(async move { validator.validate(&token, at(60)).await });
    }
    // The issuer has not answered, and those without a place are told so.
    for _ in 0..1100 - 1024 {
        refused(tasks.join_next().await.unwrap().unwrap(), 401, "token_key");
    }
    let good = key.token(&claims(&json!({})));
    assert!(validator.validate(&good, at(60)).await.is_ok());
    drop(held);
    while let Some(result) = tasks.join_next().await {
        refused(result.unwrap(), 401, "token_key");
    }
    assert_eq!(server.fetches(), 2);
}

#[tokio::test]
async fn a_client_that_hangs_up_does_not_keep_keys_from_others() {
    let key = SigningKey::new("ES256", "k");
    let server = KeyServer::start(jwks(&[&key])).await;
    server.answer_after(Duration::from_millis(100));
    let validator = remote(&server);
    let token = key.token(&claims(&json!({})));
    let hasty = tokio::time::timeout(Duration::from_millis(20), validator.validate(&token, at(0)));
    assert!(hasty.await.is_err(), "it hung up");
    assert!(validator.validate(&token, at(1)).await.is_ok());
    assert_eq!(server.fetches(), 1);
}

#[tokio::test]
async fn keys_rotate_without_a_refusal_and_withdrawn_keys_take_their_tokens_along() {
    let (old, new) = (
        SigningKey::new("ES256", "old"),
        SigningKey::new("EdDSA", "new"),
    );
    let server = KeyServer::start(jwks(&[&old])).await;
    let validator = remote(&server);
    let tokens = [
        old.token(&claims(&json!({}))),
        new.token(&claims(&json!({}))),
    ];
    assert!(validator.validate(&tokens[0], at(0)).await.is_ok());
    server.publish(Some(jwks(&[&old, &new])));
    assert!(validator.validate(&tokens[1], at(100)).await.is_ok());
    assert_eq!((server.fetches(), validator.cached_tokens()), (2, 2));
    server.publish(Some(jwks(&[&new])));
    assert!(
        validator.validate(&tokens[0], at(200)).await.is_ok(),
        "nobody asked yet"
    );
    assert!(validator.validate(&named(&new, 1), at(300)).await.is_err());
    assert_eq!((server.fetches(), validator.cached_tokens()), (3, 1));
    refused(
        validator.validate(&tokens[0], at(301)).await,
        401,
        "token_key",
    );
    assert!(validator.validate(&tokens[1], at(302)).await.is_ok());
    // The same name with another key is another key.
    let impostor = SigningKey::new("EdDSA", "new");
    server.publish(Some(jwks(&[&impostor])));
    validator.fetch_keys(at(400)).await.unwrap();
    refused(
        validator.validate(&tokens[1], at(401)).await,
        401,
        "token_signature",
    );
}

#[tokio::test]
async fn old_keys_are_fetched_beside_the_requests() {
    let (old, new) = (
        SigningKey::new("ES256", "old"),
        SigningKey::new("ES256", "new"),
    );
    let server = KeyServer::start(jwks(&[&old])).await;
    let validator = remote(&server);
    let token = old.token(&claims(&json!({"exp": NOW + 90_000})));
    validator.fetch_keys(at(0)).await.unwrap();
    assert!(validator.validate(&token, at(3599)).await.is_ok());
    assert_eq!(server.fetches(), 1);
    server.publish(Some(jwks(&[&new])));
    // A request that finds its token in the cache has the keys fetched, and does not wait.
    for _ in 0..20 {
        assert!(validator.validate_with_known_keys(&token, at(3600)).is_ok());
    }
    while validator.cached_tokens() > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(server.fetches(), 2);
    refused(validator.validate(&token, at(3601)).await, 401, "token_key");
}

#[tokio::test]
async fn an_outage_changes_nothing_for_known_keys() {
    let (key, next) = (
        SigningKey::new("ES256", "k"),
        SigningKey::new("ES256", "next"),
    );
    let server = KeyServer::start(jwks(&[&key])).await;
    let validator = remote(&server);
    let token = key.token(&claims(&json!({"exp": NOW + 90_000})));
    server.publish(None);
    refused(
        validator.validate(&token, at(0)).await,
        503,
        "keys_unavailable",
    );
    let failures = validator.fetch_keys(at(60)).await.unwrap_err();
    assert!(failures[0].1.to_string().contains("502"), "{failures:?}");
    server.publish(Some(jwks(&[&key])));
    assert!(validator.validate(&token, at(120)).await.is_ok());
    let mut later = 120;
    for outage in [
        None,
        Some(json!({"keys": []})),
        Some(json!("x")),
        Some(json!("x".repeat(1 << 20))),
    ] {
        server.publish(outage);
        later += 10_000;
        assert!(validator.fetch_keys(at(later)).await.is_err());
        assert!(validator.validate(&token, at(later + 1)).await.is_ok());
        let unseen = claims(&json!({"exp": NOW + 90_000, "jti": later.to_string()}));
        let unseen = validator.validate(&key.token(&unseen), at(later + 1)).await;
        assert!(unseen.is_ok(), "new tokens of known keys go on too");
    }
    let status: Vec<_> = validator.key_status().collect();
    assert!(status[0].unreachable && status[0].keys == 1);
    let unknown = next.token(&claims(&json!({"exp": NOW + 90_000})));
    refused(
        validator.validate(&unknown, at(later + 2)).await,
        503,
        "keys_unavailable",
    );
}

#[tokio::test]
async fn metadata_leads_to_the_keys_of_its_own_issuer_only() {
    let key = SigningKey::new("ES256", "k");
    let server = KeyServer::start(jwks(&[&key])).await;
    let token = key.token(&claims(&json!({"iss": server.url("")})));
    let issuer = |pattern: &str, url: Option<String>| {
        let profile = IssuerProfile::generic(pattern);
        validator(AcceptedIssuer::new(profile, KeySource::Discovery(url), [AUDIENCE]).unwrap())
    };
    server.publish_metadata(json!({"issuer": server.url(""), "jwks_uri": server.url("/jwks")}));
    let discovered = issuer(&server.url(""), None);
    assert!(discovered.validate(&token, at(0)).await.is_ok());

    let elsewhere = issuer(ISSUER, Some(server.url("/metadata")));
    let failures = elsewhere.fetch_keys(at(0)).await.unwrap_err();
    assert!(
        failures[0]
            .1
            .to_string()
            .contains("not of `https://idp.example`"),
        "{failures:?}"
    );

    for (metadata, message) in [
        (
            json!({"issuer": ISSUER, "jwks_uri": "http://idp.example/keys"}),
            "not `https`",
        ),
        (json!({"issuer": ISSUER}), "jwks_uri"),
    ] {
        server.publish_metadata(metadata);
        let issuer = issuer(ISSUER, Some(server.url("/metadata")));
        let failures = issuer.fetch_keys(at(0)).await.unwrap_err();
        assert!(failures[0].1.to_string().contains(message), "{failures:?}");
    }
    // A pattern is written with `*` here and with `{tenantid}` there.
    server.publish_metadata(
        json!({"issuer": "https://idp.example/{tenantid}/v2", "jwks_uri": server.url("/jwks")}),
    );
    let pattern = issuer("https://idp.example/*/v2", Some(server.url("/metadata")));
    pattern.fetch_keys(at(0)).await.unwrap();
    assert_eq!(server.fetches(), 2);
}
