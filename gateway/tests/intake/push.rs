//! Push delivery over real connections: 202 only after durable, 400 only where nothing can help.

use highwater_signals::subject::Name;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::gateway::{Deployment, Pushed};
use crate::transmitter::{
    AUDIENCE, ISSUER, Transmitter, emitter, emitter_of, now, session_revoked, user,
};

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_the_death_of_the_process() {
    let key = emitter("k");
    let transmitter = Transmitter::start(key.jwks().unwrap()).await;
    let deployment = Deployment::with(&transmitter.section("push = {}"));
    let gateway = deployment.start();
    for number in 0..20 {
        let token = key
            .sign(&session_revoked(
                &format!("jti-{number}"),
                user(&format!("ada-{number}")),
            ))
            .unwrap();
        assert_eq!(gateway.push("idp", token).await.status, 202);
    }
    gateway.kill();
    // The transmitter is away: what is in force does not depend on it.
    transmitter.state().keys_are_down = true;
    let gateway = deployment.start();
    for number in 0..20 {
        assert!(gateway.has(&format!("ada-{number}"), "revoke").await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whenever_the_process_dies_what_was_acknowledged_is_in_force() {
    let key = emitter("k");
    let transmitter = Transmitter::start(key.jwks().unwrap()).await;
    let deployment = Deployment::with(&transmitter.section("push = {}"));
    let mut acknowledged = Vec::new();
    for round in 0..4 {
        let gateway = deployment.start();
        // Several writers share a transaction; the process ends in the middle of one.
        let pushes = (0..8).map(|writer| {
            let (gateway, key) = (&gateway, &key);
            async move {
                let mut taken = Vec::new();
                for number in 0..50 {
                    let id = format!("{round}-{writer}-{number}");
                    let token = key.sign(&session_revoked(&id, user(&id))).unwrap();
                    match gateway.try_push("idp", token).await {
                        Some(202) => taken.push(id),
                        Some(status) => panic!("{status}"),
                        None => break,
                    }
                    if writer == 0 && number == 10 + 5 * round {
                        gateway.kill_now();
                    }
                }
                taken
            }
        });
        let taken = futures_util::future::join_all(pushes).await.concat();
        assert!(
            !taken.is_empty() && taken.len() < 8 * 50,
            "it died in the middle"
        );
        acknowledged.extend(taken);
        drop(gateway);
    }
    let gateway = deployment.start();
    let registers = gateway.registers().await;
    let in_force: std::collections::BTreeSet<&str> = registers
        .iter()
        .filter_map(|register| register["subject"]["user"].as_str())
        .collect();
    let lost: Vec<&String> = acknowledged
        .iter()
        .filter(|id| !in_force.contains(id.as_str()))
        .collect();
    assert!(
        lost.is_empty(),
        "{} acknowledged, lost {lost:?}",
        acknowledged.len()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_made_durable_is_not_acknowledged_and_in_force() {
    let key = emitter("k");
    let transmitter = Transmitter::start(key.jwks().unwrap()).await;
    let deployment = Deployment::with(&transmitter.section("push = {}"));
    deployment.start().stop().await;
    let length = std::fs::metadata(deployment.path("highwater.ledger"))
        .unwrap()
        .len();
    let gateway = deployment.start_with_small_files(length / 1024 + 64);
    // A token that waits for a name is kept whole, so few of them fill a file.
    let mut is_full = false;
    for number in 0..400 {
        let address = Name::email(&format!("ada-{number}@example.com"));
        let mut draft = session_revoked(&format!("{number}"), address);
        draft.reason_admin = vec![("en".to_owned(), "x".repeat(30_000))];
        if gateway.push("idp", key.sign(&draft).unwrap()).await.status != 202 {
            is_full = true;
            break;
        }
    }
    assert!(is_full, "the file is full at some time");
    let token = key.sign(&session_revoked("last", user("ada"))).unwrap();
    let pushed = gateway.push("idp", token).await;
    assert_eq!(
        pushed.status, 503,
        "never 400: the transmitter would drop it"
    );
    assert!(pushed.retry_after.is_some());
    // It is in force all the same, and everything else goes on.
    assert!(gateway.has("ada", "revoke").await);
    let readiness = gateway.readiness().await;
    assert_eq!(readiness["ready"], false, "{readiness}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_told_exactly_what_is_wrong_with_it() {
    let key = emitter("k");
    let transmitter = Transmitter::start(key.jwks().unwrap()).await;
    let other = emitter_of("https://other.example", "k");
    let sections =
        transmitter.section("push = { authorization = { env = \"HIGHWATER_TEST_SECRET\" } }");
    let deployment = Deployment::with(&sections);
    let gateway = deployment.start();
    let secret = Some("Bearer from the environment");
    let token = key.sign(&session_revoked("good", user("ada"))).unwrap();
    let strange = session_revoked(
        "strange",
        Name::IssSub {
            iss: "https://other.example".to_owned(),
            sub: "ada".to_owned(),
        },
    );
    let mut misdirected = session_revoked("misdirected", user("ada"));
    misdirected.audience = vec!["https://elsewhere.example".to_owned()];
    let mut early = session_revoked("early", user("ada"));
    early.issued_at = now().plus_seconds(600);
    let forged = emitter("k")
        .sign(&session_revoked("forged", user("ada")))
        .unwrap();
    for (what, token, authorization, status, code) in [
        (
            "no secret",
            token.clone(),
            None,
            401,
            Some("authentication_failed"),
        ),
        (
            "wrong secret",
            token.clone(),
            Some("Bearer x"),
            401,
            Some("authentication_failed"),
        ),
        (
            "no token",
            "nothing".to_owned(),
            secret,
            400,
            Some("invalid_request"),
        ),
        (
            "another key",
            forged,
            secret,
            400,
            Some("authentication_failed"),
        ),
        (
            "another issuer",
            other.sign(&strange).unwrap(),
            secret,
            400,
            Some("invalid_issuer"),
        ),
        (
            "another's subject",
            key.sign(&strange).unwrap(),
            secret,
            400,
            Some("access_denied"),
        ),
        (
            "for others",
            key.sign(&misdirected).unwrap(),
            secret,
            400,
            Some("invalid_audience"),
        ),
        (
            "from the future",
            key.sign(&early).unwrap(),
            secret,
            400,
            Some("invalid_request"),
        ),
        (
            "too long",
            "a".repeat(70_000),
            secret,
            413,
            Some("invalid_request"),
        ),
        ("good", token.clone(), secret, 202, None),
        ("again", token, secret, 202, None),
    ] {
        let pushed = gateway.push_with("idp", token, authorization).await;
        assert_eq!(pushed.status, status, "{what}: {pushed:?}");
        assert_eq!(pushed.code().as_deref(), code, "{what}");
    }
    assert_eq!(gateway.push("nobody", "x").await.status, 404);
    let got = gateway
        .client
        .get(format!("{}/signals/idp", gateway.intake));
    assert_eq!(Pushed::of(got.send().await.unwrap()).await.status, 405);
    let plain = gateway
        .client
        .post(format!("{}/signals/idp", gateway.intake))
        .header("authorization", "Bearer from the environment")
        .body("x");
    let plain = Pushed::of(plain.send().await.unwrap()).await;
    assert_eq!(
        (plain.status, plain.code().as_deref()),
        (400, Some("invalid_request"))
    );
    for (outcome, number) in [("accepted", 1.0), ("repeated", 1.0), ("refused", 11.0)] {
        let parts = ["highwater_sets_total", "via=\"push\"", outcome];
        assert_eq!(gateway.metric(&parts).await, number, "{outcome}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn transmitters_do_not_speak_through_one_anothers_doors() {
    let (one, two) = (emitter("k"), emitter_of("https://two.example", "k"));
    let first = Transmitter::start(one.jwks().unwrap()).await;
    let second = Transmitter::start(two.jwks().unwrap()).await;
    let sections = format!(
        "{}\n[[transmitter]]\nname = \"two\"\nissuer = \"https://two.example\"\n\
         audience = \"{AUDIENCE}\"\ntenant = \"contoso\"\njwks_uri = \"{}/jwks\"\npush = {{}}\n\
         authority = {{ may_unblock = true }}",
        first.section("push = {}"),
        second.url,
    );
    let gateway_folder = Deployment::with(&sections);
    let gateway = gateway_folder.start();
    let token = one.sign(&session_revoked("1", user("ada"))).unwrap();
    let through = gateway.push("two", token.clone()).await;
    assert_eq!(through.code().as_deref(), Some("invalid_issuer"));
    assert_eq!(gateway.push("idp", token).await.status, 202);
    // What one may say, the other may not.
    let enabled = |issuer: &str, id: &str| {
        json!({
            "iss": issuer, "aud": AUDIENCE, "jti": id, "iat": now().seconds(),
            "sub_id": { "format": "iss_sub", "iss": issuer, "sub": "ada" },
            "events": { "https://schemas.openid.net/secevent/risc/event-type/account-enabled": {} },
        })
    };
    let token = two
        .sign_claims(&enabled("https://two.example", "2"))
        .unwrap();
    assert_eq!(gateway.push("two", token).await.status, 202);
    let token = one.sign_claims(&enabled(ISSUER, "3")).unwrap();
    assert_eq!(
        gateway.push("idp", token).await.code().as_deref(),
        Some("access_denied")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_whose_subject_nobody_knows_yet_is_kept_across_restarts() {
    let key = emitter("k");
    let transmitter = Transmitter::start(key.jwks().unwrap()).await;
    let deployment = Deployment::with(&transmitter.section("push = {}"));
    let gateway = deployment.start();
    let about = Name::email("ada@example.com");
    let token = key.sign(&session_revoked("mail", about)).unwrap();
    assert_eq!(gateway.push("idp", token).await.status, 202);
    assert_eq!(gateway.metric(&["highwater_waiting_sets "]).await, 1.0);
    assert!(gateway.registers().await.is_empty());
    gateway.kill();
    let gateway = deployment.start();
    gateway
        .eventually("the token is remembered", || async {
            gateway.metric(&["highwater_waiting_sets "]).await == 1.0
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_never_comes_does_not_hold_the_endpoint() {
    let key = emitter("k");
    let transmitter = Transmitter::start(key.jwks().unwrap()).await;
    let deployment = Deployment::with(&transmitter.section("push = {}"));
    let gateway = deployment.start();
    let address = gateway.intake.strip_prefix("http://").unwrap();
    let mut slow = tokio::net::TcpStream::connect(address).await.unwrap();
    slow.write_all(
        b"POST /signals/idp HTTP/1.1\r\nhost: x\r\ncontent-type: application/secevent+jwt\r\n\
          content-length: 100\r\n\r\nabc",
    )
    .await
    .unwrap();
    // Meanwhile others are served.
    let token = key.sign(&session_revoked("1", user("ada"))).unwrap();
    assert_eq!(gateway.push("idp", token).await.status, 202);
    let mut answer = Vec::new();
    slow.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verification_event_is_a_sign_of_life() {
    let key = emitter("k");
    let transmitter = Transmitter::start(key.jwks().unwrap()).await;
    let section = transmitter.section("push = {}\nfreshness = { stale_after = \"1h\" }");
    let deployment = Deployment::with(&section);
    let gateway = deployment.start();
    let claims = json!({
        "iss": ISSUER, "aud": AUDIENCE, "jti": "v", "iat": now().seconds(),
        "sub_id": { "format": "opaque", "id": "stream" },
        "events": { "https://schemas.openid.net/secevent/ssf/event-type/verification": {} },
    });
    let token = key.sign_claims(&claims).unwrap();
    assert_eq!(gateway.push("idp", token).await.status, 202);
    let (ready, condition) = gateway.part("stream", "idp").await;
    assert!(ready && condition.starts_with("enabled"), "{condition}");
    let paused = json!({
        "iss": ISSUER, "aud": AUDIENCE, "jti": "p", "iat": now().seconds() + 1,
        "sub_id": { "format": "opaque", "id": "stream" },
        "events": {
            "https://schemas.openid.net/secevent/ssf/event-type/stream-updated": { "status": "paused" },
        },
    });
    let token = key.sign_claims(&paused).unwrap();
    assert_eq!(gateway.push("idp", token).await.status, 202);
    let (ready, condition) = gateway.part("stream", "idp").await;
    assert!(!ready && condition.starts_with("paused"), "{condition}");
}
