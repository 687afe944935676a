//! Keeping a stream: found, made, corrected, watched.

use serde_json::{Value, json};

use crate::gateway::Deployment;
use crate::transmitter::{AUDIENCE, ISSUER, Transmitter, emitter, session_revoked, user};

const REVOKED: &str = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";

/// Verified so rarely that an answer is settled before the next question.
fn kept(transmitter: &Transmitter, how: &str) -> String {
    transmitter.section(&format!(
        "freshness = {{ verify_every = \"10m\" }}\ncredentials = {{ bearer = {{ file = \"bearer\" }} }}\n{how}"
    ))
}

fn deployment(sections: &str) -> Deployment {
    let deployment = Deployment::with(sections);
    deployment.write("bearer", "management\n");
    deployment
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_made_polled_and_found_again_after_a_restart() {
    let key = emitter("k");
    let transmitter = Transmitter::start(key.jwks().unwrap()).await;
    let deployment = deployment(&kept(
        &transmitter,
        "poll = {}\n[transmitter.stream]\nevents = [\"session-revoked\"]\ndescription = \"ours\"\n\
         subjects = [{ format = \"email\", email = \"ada@example.com\" }]",
    ));
    let gateway = deployment.start();
    transmitter.offer(&key, &session_revoked("1", user("ada")));
    gateway
        .eventually("the stream delivers", || async {
            transmitter.state().acknowledged == ["1"]
        })
        .await;
    let verification = || {
        let state = transmitter.state();
        let asked = state
            .management
            .iter()
            .rfind(|(_, path, _)| path == "/verify");
        asked.map(|(_, _, body)| body.clone())
    };
    gateway
        .eventually("a verification event is asked for", || async {
            verification().is_some()
        })
        .await;
    {
        let state = transmitter.state();
        let stream = &state.streams["stream-1"];
        assert_eq!(stream["events_requested"], json!([REVOKED]));
        assert_eq!(stream["description"], "ours");
        let subject = state
            .management
            .iter()
            .find(|(_, path, _)| path == "/subjects");
        assert_eq!(subject.unwrap().2["subject"]["email"], "ada@example.com");
        assert!(
            state
                .authorizations
                .iter()
                .all(|value| value == "Bearer management")
        );
    }
    gateway.kill();
    // The answer to the last request comes after the restart: its state is still known.
    let state = verification().unwrap()["state"].clone();
    let answer = verified(&key, "answer", &state);
    let lie = verified(&key, "lie", &json!("another state"));
    transmitter
        .state()
        .waiting
        .insert("answer".to_owned(), answer);
    transmitter.state().waiting.insert("lie".to_owned(), lie);
    let gateway = deployment.start();
    gateway
        .eventually("the answers are settled", || async {
            let state = transmitter.state();
            let settled = |id: &str| {
                state.acknowledged.iter().any(|known| known == id) || state.refused.contains_key(id)
            };
            settled("answer") && settled("lie")
        })
        .await;
    let state = transmitter.state();
    assert_eq!(state.refused["lie"]["err"], "invalid_state");
    assert_eq!(state.streams.len(), 1, "the old stream is used");
}

fn verified(key: &highwater_signals::emit::Emitter, id: &str, state: &Value) -> String {
    key.sign_claims(&json!({
        "iss": ISSUER, "aud": AUDIENCE, "jti": id, "iat": crate::transmitter::now().seconds(),
        "sub_id": { "format": "opaque", "id": "stream-1" },
        "events": {
            "https://schemas.openid.net/secevent/ssf/event-type/verification": { "state": state },
        },
    }))
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_pushes_is_corrected_and_one_of_others_left_alone() {
    let key = emitter("k");
    let transmitter = Transmitter::start(key.jwks().unwrap()).await;
    let delivery = |url: &str| json!({ "method": "urn:ietf:rfc:8935", "endpoint_url": url });
    let others = json!({
        "stream_id": "others", "iss": ISSUER, "aud": "https://others.example",
        "delivery": delivery("https://others.example/"), "events_requested": [], "events_delivered": [],
    });
    let ours = json!({
        "stream_id": "ours", "iss": ISSUER, "aud": AUDIENCE,
        "delivery": delivery("https://rs.example/signals/idp"),
        "events_requested": [], "events_delivered": [],
    });
    for stream in [&others, &ours] {
        let id = stream["stream_id"].as_str().unwrap().to_owned();
        transmitter.state().streams.insert(id, stream.clone());
    }
    let deployment = deployment(&kept(
        &transmitter,
        "push = { authorization = { env = \"HIGHWATER_TEST_SECRET\" } }\n[transmitter.stream]\n\
         push_url = \"https://rs.example/signals/idp\"\nevents = [\"session-revoked\"]",
    ));
    let gateway = deployment.start();
    gateway
        .eventually("the stream is corrected", || async {
            transmitter.state().streams["ours"]["events_requested"] == json!([REVOKED])
        })
        .await;
    assert_eq!(transmitter.state().streams["others"], others);
    assert_eq!(transmitter.state().streams.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_stood_still_makes_tokens_be_exchanged() {
    let key = emitter("k");
    let transmitter = Transmitter::start(key.jwks().unwrap()).await;
    let section = transmitter.section(
        "credentials = { bearer = { file = \"bearer\" } }\n\
         freshness = { verify_every = \"1s\", on_gap = \"refresh\" }\npoll = {}\nstream = {}",
    );
    transmitter.state().stream_status = "disabled".to_owned();
    let deployment = deployment(&section);
    let gateway = deployment.start();
    let status = || async {
        let readiness = gateway.readiness().await;
        let parts = readiness["parts"].as_array().unwrap().clone();
        let stream = parts.into_iter().find(|part| part["part"] == "stream");
        stream.unwrap()["condition"].as_str().unwrap().to_owned()
    };
    gateway
        .eventually("the stream is known to stand still", || async {
            status().await.starts_with("disabled")
        })
        .await;
    transmitter.state().stream_status = "enabled".to_owned();
    gateway
        .eventually("the gap is closed", || async {
            let refresh = |register: &Value| {
                register["effect"] == "refresh" && register["subject"] == json!({})
            };
            status().await.starts_with("enabled") && gateway.registers().await.iter().any(refresh)
        })
        .await;
    // The stream is deleted at the transmitter: another one is made.
    transmitter.state().streams.clear();
    gateway
        .eventually("a new stream is made", || async {
            transmitter.state().streams.len() == 1
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_looks_after_streams_by_hand() {
    let transmitter = Transmitter::start(json!({ "keys": [] })).await;
    let deployment = deployment(&kept(&transmitter, "push = {}"));
    let run = |arguments: &str| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_highwater"));
        command
            .args(["stream", "--config"])
            .arg(deployment.path("highwater.toml"));
        // The last argument may be JSON with blanks.
        let (words, json) = arguments.split_at(arguments.find('{').unwrap_or(arguments.len()));
        command.args(words.split_whitespace());
        if !json.is_empty() {
            command.arg(json);
        }
        async move {
            let output = tokio::task::spawn_blocking(move || command.output().unwrap());
            let output = output.await.unwrap();
            (
                output.status.code().unwrap(),
                String::from_utf8(output.stdout).unwrap(),
                String::from_utf8(output.stderr).unwrap(),
            )
        }
    };
    let (code, _, words) = run("status").await;
    assert_eq!(code, 3, "{words}");
    assert!(words.contains("no stream"), "{words}");
    let stream = |id: &str| {
        json!({
            "stream_id": id, "iss": ISSUER, "aud": AUDIENCE, "events_delivered": [],
            "delivery": {
                "method": "urn:ietf:rfc:8935", "endpoint_url": "https://rs.example/",
                "authorization_header": "Bearer hunter2",
            },
        })
    };
    transmitter
        .state()
        .streams
        .insert("one".to_owned(), stream("one"));
    let (code, listed, _) = run("list").await;
    assert_eq!(code, 0);
    assert!(
        listed.contains("\"stream_id\":\"one\"") && !listed.contains("hunter2"),
        "{listed}"
    );
    let (_, status, _) = run("pause --reason night").await;
    assert!(status.contains("paused"), "{status}");
    assert_eq!(transmitter.state().stream_status, "paused");
    assert_eq!(run("enable").await.0, 0);
    assert_eq!(run("verify").await.0, 0);
    let subject = r#"{"format": "email", "email": "ada@example.com"}"#;
    assert_eq!(run(&format!("add-subject {subject}")).await.0, 0);
    assert_eq!(run(&format!("remove-subject {subject}")).await.0, 0);
    assert_eq!(run("add-subject {}").await.0, 2);
    transmitter
        .state()
        .streams
        .insert("two".to_owned(), stream("two"));
    let (code, _, words) = run("delete").await;
    assert_eq!(code, 2, "which one? {words}");
    assert_eq!(run("--stream two delete").await.0, 0);
    assert_eq!(transmitter.state().streams.len(), 1);
    let asked: Vec<String> = {
        let state = transmitter.state();
        state
            .management
            .iter()
            .map(|(_, path, _)| path.clone())
            .collect()
    };
    for path in ["/verify", "/subjects", "/subjects/remove"] {
        assert!(
            asked.iter().any(|known| known == path),
            "{path} in {asked:?}"
        );
    }
}
