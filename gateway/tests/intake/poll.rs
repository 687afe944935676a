//! Poll delivery: acknowledged after durable, refused with a reason, patient with failures.

use crate::gateway::Deployment;
use crate::transmitter::{AUDIENCE, Transmitter, emitter, session_revoked, user};

fn polled(transmitter: &Transmitter, more: &str) -> String {
    transmitter.section(&format!(
        "poll = {{ endpoint_url = \"{}/poll\", interval = \"1s\" }}\n{more}",
        transmitter.url
    ))
}

#[tokio::test(flavor = "multi_thread")]
async fn polled_tokens_are_acknowledged_when_they_are_durable() {
    let key = emitter("k");
    let transmitter = Transmitter::start(key.jwks().unwrap()).await;
    for number in 0..5 {
        let draft = session_revoked(&format!("j{number}"), user(&format!("ada-{number}")));
        transmitter.offer(&key, &draft);
    }
    let mut misdirected = session_revoked("bad", user("ada"));
    misdirected.audience = vec!["https://elsewhere.example".to_owned()];
    transmitter.offer(&key, &misdirected);
    let deployment = Deployment::with(&polled(&transmitter, ""));
    let gateway = deployment.start();
    gateway
        .eventually("everything is settled", || async {
            let state = transmitter.state();
            state.acknowledged.len() == 5 && state.refused.len() == 1
        })
        .await;
    assert_eq!(
        transmitter.state().refused["bad"]["err"],
        "invalid_audience"
    );
    gateway.kill();
    let gateway = deployment.start();
    for number in 0..5 {
        assert!(gateway.has(&format!("ada-{number}"), "revoke").await);
    }
    // The next one comes over the long poll that is open now.
    let draft = session_revoked("late", user("late"));
    gateway
        .eventually("a long poll is open", || async {
            transmitter
                .state()
                .polls
                .iter()
                .any(|poll| poll["returnImmediately"] == false)
        })
        .await;
    transmitter.offer(&key, &draft);
    gateway
        .eventually("it is in force", || async {
            gateway.has("late", "revoke").await
        })
        .await;
    let (ready, condition) = gateway.part("stream", "idp").await;
    assert!(ready, "{condition}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transmitter_that_fails_is_asked_again_when_it_wants_to_be() {
    let key = emitter("k");
    let transmitter = Transmitter::start(key.jwks().unwrap()).await;
    transmitter.offer(&key, &session_revoked("1", user("ada")));
    transmitter.state().poll_failures.extend([
        (500, None),
        (503, Some("1")),
        (429, Some("Thu, 01 Jan 1970 00:00:00 GMT")),
    ]);
    let deployment = Deployment::with(&polled(&transmitter, ""));
    let gateway = deployment.start();
    gateway
        .eventually("the token is acknowledged all the same", || async {
            transmitter.state().acknowledged == ["1"]
        })
        .await;
    assert_eq!(
        gateway.metric(&["highwater_polls_total", "failed"]).await,
        3.0
    );
    gateway.eventually_logged(&["the poll failed", "503"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_shows_as_a_stale_stream_and_nothing_else() {
    let deployment = Deployment::with(&format!(
        "[[transmitter]]\nname = \"idp\"\nissuer = \"https://idp.example\"\naudience = \"{AUDIENCE}\"\n\
         tenant = \"contoso\"\njwks_uri = \"http://127.0.0.1:9/jwks\"\n\
         poll = {{ endpoint_url = \"http://127.0.0.1:9/poll\" }}\nfreshness = {{ stale_after = \"1s\" }}"
    ));
    let gateway = deployment.start();
    gateway
        .eventually("the stream is stale", || async {
            !gateway.part("stream", "idp").await.0
        })
        .await;
    let (ready, condition) = gateway.part("documents", "contoso").await;
    assert!(ready, "{condition}");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_gets_its_own_access_token_and_another_when_it_is_refused() {
    let key = emitter("k");
    let transmitter = Transmitter::start(key.jwks().unwrap()).await;
    let credentials = format!(
        "credentials = {{ token_url = \"{}/token\", client_id = \"highwater\", \
         client_secret = {{ file = \"secret\" }}, scope = \"ssf.read\" }}",
        transmitter.url
    );
    let deployment = Deployment::with(&polled(&transmitter, &credentials));
    deployment.write("secret", "s3cret & more\n");
    transmitter.offer(&key, &session_revoked("1", user("ada")));
    let gateway = deployment.start();
    gateway
        .eventually("it is acknowledged", || async {
            transmitter.state().acknowledged == ["1"]
        })
        .await;
    assert_eq!(transmitter.state().token_requests.len(), 1);
    assert_eq!(
        transmitter.state().token_requests[0],
        " grant_type=client_credentials&scope=ssf.read&client_id=highwater&client_secret=s3cret+%26+more"
    );
    transmitter
        .state()
        .revoked
        .push("Bearer access-1".to_owned());
    transmitter.offer(&key, &session_revoked("2", user("bob")));
    gateway
        .eventually("the next one is acknowledged too", || async {
            transmitter.state().acknowledged.contains(&"2".to_owned())
        })
        .await;
    assert_eq!(transmitter.state().token_requests.len(), 2);
    assert!(!gateway.has_logged(&["s3cret"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledgements_go_out_before_the_gateway_stops() {
    let key = emitter("k");
    let transmitter = Transmitter::start(key.jwks().unwrap()).await;
    let deployment = Deployment::with(&polled(&transmitter, ""));
    let gateway = deployment.start();
    gateway
        .eventually("it polls", || async {
            !transmitter.state().polls.is_empty()
        })
        .await;
    transmitter.offer(&key, &session_revoked("1", user("ada")));
    gateway
        .eventually("it is in force", || async {
            gateway.has("ada", "revoke").await
        })
        .await;
    gateway.stop().await;
    let acknowledged = transmitter.state().acknowledged.clone();
    let gateway = deployment.start();
    if acknowledged.is_empty() {
        // Stopped between durable and acknowledged: it comes again and is acknowledged then.
        gateway
            .eventually("it is acknowledged", || async {
                transmitter.state().acknowledged == ["1"]
            })
            .await;
    }
    assert!(gateway.has("ada", "revoke").await);
}
