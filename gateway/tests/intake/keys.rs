//! Keys of transmitters: rotated without losing a token, fetched at no stranger's pace.

use std::time::Duration;

use crate::gateway::Deployment;
use crate::transmitter::{Transmitter, emitter, session_revoked, user};

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_unknown_keys_causes_one_fetch_per_cooldown() {
    let key = emitter("known");
    let transmitter = Transmitter::start(key.jwks().unwrap()).await;
    // Longer than the test: there is one cooldown.
    let section = transmitter.section("push = {}\nkeys = { minimum_interval_seconds = 3600 }");
    let deployment = Deployment::with(&section);
    let gateway = deployment.start();
    gateway
        .eventually("the keys are fetched", || async {
            transmitter.state().key_fetches == 1
        })
        .await;
    let strangers: Vec<String> = (0..8)
        .map(|number| {
            let stranger = emitter(&format!("strange-{number}"));
            stranger
                .sign(&session_revoked(&format!("s{number}"), user("ada")))
                .unwrap()
        })
        .collect();
    let flood =
        (0..400).map(|number| gateway.push("idp", strangers[number % strangers.len()].clone()));
    for pushed in futures_util::future::join_all(flood).await {
        // Not refused for good: the key may have been published since it was last looked.
        assert_eq!(pushed.status, 503);
        let retry_after: u32 = pushed.retry_after.unwrap().parse().unwrap();
        assert!((1..=3600).contains(&retry_after), "{retry_after}");
    }
    assert_eq!(transmitter.state().key_fetches, 1);
    let token = key.sign(&session_revoked("good", user("ada"))).unwrap();
    assert_eq!(gateway.push("idp", token).await.status, 202);
    assert_eq!(
        gateway
            .metric(&["highwater_key_fetches_total", "fetched"])
            .await,
        1.0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_key_is_fetched_once_for_everybody_who_waits() {
    let (old, new) = (emitter("old"), emitter("new"));
    let transmitter = Transmitter::start(old.jwks().unwrap()).await;
    let section = transmitter.section("push = {}\nkeys = { minimum_interval_seconds = 2 }");
    let deployment = Deployment::with(&section);
    let gateway = deployment.start();
    gateway
        .eventually("the keys are fetched", || async {
            transmitter.state().key_fetches == 1
        })
        .await;
    transmitter.state().jwks = new.jwks().unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let tokens: Vec<String> = (0..40)
        .map(|number| {
            new.sign(&session_revoked(&format!("j{number}"), user("ada")))
                .unwrap()
        })
        .collect();
    let pushes = tokens
        .iter()
        .map(|token| gateway.push("idp", token.clone()));
    for pushed in futures_util::future::join_all(pushes).await {
        assert_eq!(pushed.status, 202, "{pushed:?}");
    }
    assert_eq!(transmitter.state().key_fetches, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn unreachable_keys_lose_no_token() {
    let key = emitter("k");
    let transmitter = Transmitter::start(key.jwks().unwrap()).await;
    transmitter.state().keys_are_down = true;
    let section = transmitter.section("push = {}\nkeys = { minimum_interval_seconds = 1 }");
    let deployment = Deployment::with(&section);
    let gateway = deployment.start();
    let token = key.sign(&session_revoked("1", user("ada"))).unwrap();
    assert_eq!(gateway.push("idp", token.clone()).await.status, 503);
    transmitter.state().keys_are_down = false;
    gateway
        .eventually("the token is taken", || async {
            gateway.push("idp", token.clone()).await.status == 202
        })
        .await;
    gateway
        .eventually_logged(&["keys cannot be fetched", "answered with 500"])
        .await;
}
