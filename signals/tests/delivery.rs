//! Push, poll and stream management, to the last answer.

#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use common::{ISSUER, NOW, draft, emitter, knowing, receiver, request};
use highwater::event::StreamState;
use highwater::timestamp::Timestamp;
use highwater_signals::Notice;
use highwater_signals::Receiver;
use highwater_signals::delivery::metadata::{Metadata, POLL, PUSH, is_poll, is_push};
use highwater_signals::delivery::poll::{PollAction, PollClient, PollConfig, PollOutcome};
use highwater_signals::delivery::push::{PushEndpoint, PushRequest, PushStep};
use highwater_signals::delivery::stream::{StreamClient, StreamConfig, StreamError, Wanted};
use highwater_signals::delivery::{HttpRequest, HttpResponse};
use highwater_signals::directory::NoDirectory;
use highwater_signals::emit::OutgoingEvent;
use highwater_signals::set::Algorithm;
use highwater_signals::subject::Name;
use serde_json::{Value, json};

#[test]
fn a_push_is_answered_only_when_it_is_durable() {
    let emitter = emitter(Algorithm::ES256, "k");
    let mut receiver = knowing(&json!({}), &emitter.jwks().unwrap());
    let token = emitter.sign(&draft("1")).unwrap();
    let endpoint = PushEndpoint::default();
    let step = endpoint.receive(&mut receiver, &request(token.as_bytes()), &NoDirectory, NOW);
    let PushStep::Persist(delivery) = step else {
        panic!("{step:?}");
    };
    let lost = delivery.answer(false);
    assert_eq!(lost.status, 503, "never 400: the transmitter would drop it");
    let kept = delivery.answer(true);
    assert_eq!((kept.status, kept.body.len()), (202, 0));
}

#[test]
fn a_push_without_the_agreed_credentials_is_not_even_read() {
    let endpoint = PushEndpoint {
        authorization: Some("Bearer secret".to_owned()),
        unauthenticated_status: None,
    };
    let status = |request: &PushRequest<'_>| match endpoint.receive(
        &mut receiver(&json!({})),
        request,
        &NoDirectory,
        NOW,
    ) {
        PushStep::Respond(response) => response,
        step => panic!("{step:?}"),
    };
    for authorization in [
        None,
        Some("Bearer secre"),
        Some("Bearer secreT"),
        Some("Bearer escret"), // differences that cancel one another
    ] {
        let response = status(&PushRequest {
            authorization,
            ..request(b"x")
        });
        assert_eq!(response.status, 401);
        let body: Value = serde_json::from_slice(&response.body).unwrap();
        assert_eq!(body["err"], "authentication_failed");
    }
    let right = PushRequest {
        authorization: Some("Bearer secret"),
        ..request(b"x")
    };
    assert_eq!(status(&right).status, 400, "now the body is what is wrong");
    for content_type in [None, Some("application/json"), Some("text/plain")] {
        assert_eq!(
            status(&PushRequest {
                content_type,
                ..right
            })
            .status,
            400
        );
    }
    assert_eq!(
        status(&PushRequest {
            method: "GET",
            ..right
        })
        .status,
        405
    );
}

fn client(long_poll: bool) -> PollClient {
    PollClient::new(PollConfig {
        endpoint_url: "https://idp.example/poll".to_owned(),
        max_events: 10,
        long_poll,
        interval_seconds: 5,
    })
}

#[track_caller]
fn sent(client: &mut PollClient, now: Timestamp) -> Value {
    match client.next(now) {
        PollAction::Send(HttpRequest { body, .. }) => {
            serde_json::from_slice(&body.unwrap()).unwrap()
        }
        PollAction::Wait(until) => panic!("waits until {until}"),
    }
}

fn answer(
    client: &mut PollClient,
    receiver: &mut Receiver,
    status: u16,
    body: &Value,
    now: Timestamp,
) -> PollOutcome {
    let body = body.to_string();
    let response = HttpResponse {
        status,
        retry_after_seconds: None,
        body: body.as_bytes(),
    };
    client.respond(response, receiver, &NoDirectory, now)
}

#[test]
fn a_poll_acknowledges_what_is_durable_and_nothing_else() {
    let emitter = emitter(Algorithm::ES256, "k");
    let mut receiver = knowing(&json!({}), &emitter.jwks().unwrap());
    let mut client = client(true);
    assert_eq!(
        sent(&mut client, NOW),
        json!({ "maxEvents": 10, "returnImmediately": false })
    );
    let sets = json!({
        "sets": {
            "a": emitter.sign(&draft("a")).unwrap(),
            "b": emitter.sign(&draft("b")).unwrap(),
            "c": emitter.sign(&draft("not c")).unwrap(),
            "d": "garbage",
        },
        "moreAvailable": true,
    });
    let outcome = answer(&mut client, &mut receiver, 200, &sets, NOW);
    let taken: Vec<&str> = outcome
        .deliveries
        .iter()
        .map(|delivery| delivery.set.claims().id.as_str())
        .collect();
    assert_eq!(taken, ["a", "b"]);
    client.durable("a");
    // `b` could not be made durable: neither acknowledged nor refused, so it comes again.
    let next = sent(&mut client, NOW);
    assert_eq!(next["ack"], json!(["a"]));
    assert_eq!(next["returnImmediately"], true);
    assert_eq!(next["setErrs"]["c"]["err"], "invalid_request");
    assert_eq!(next["setErrs"]["d"]["err"], "invalid_request");
    // The request is lost: everything is said again.
    client.lost(NOW);
    assert!(matches!(client.next(NOW), PollAction::Wait(_)));
    let again = sent(&mut client, NOW.plus_seconds(1));
    assert_eq!(again["ack"], next["ack"]);
    assert_eq!(again["setErrs"], next["setErrs"]);
    let empty = json!({ "sets": {} });
    answer(&mut client, &mut receiver, 200, &empty, NOW);
    assert!(client.acknowledge_only().is_none(), "it was said and heard");
}

#[test]
fn a_failing_poll_backs_off_and_recovers() {
    let mut client = client(false);
    let mut receiver = receiver(&json!({}));
    let mut now = NOW;
    let mut pauses = Vec::new();
    for _ in 0..12 {
        assert_eq!(sent(&mut client, now)["returnImmediately"], true);
        let outcome = answer(&mut client, &mut receiver, 503, &Value::Null, now);
        assert!(outcome.failure.is_some());
        let PollAction::Wait(until) = client.next(now) else {
            panic!("does not wait");
        };
        pauses.push(until.seconds() - now.seconds());
        now = until;
    }
    assert_eq!(pauses[..4], [1, 2, 4, 8]);
    assert_eq!(pauses[11], 300);
    sent(&mut client, now);
    answer(&mut client, &mut receiver, 200, &json!({ "sets": {} }), now);
    let PollAction::Wait(until) = client.next(now) else {
        panic!("does not wait");
    };
    assert_eq!(until.seconds() - now.seconds(), 5);
}

#[test]
fn polled_tokens_with_unknown_keys_wait_for_the_keys() {
    let emitter = emitter(Algorithm::ES256, "k");
    let mut receiver = receiver(&json!({}));
    let mut client = client(true);
    sent(&mut client, NOW);
    let sets = json!({ "sets": {
        "a": emitter.sign(&draft("a")).unwrap(),
        "b": emitter.sign(&draft("b")).unwrap(),
    }});
    let outcome = answer(&mut client, &mut receiver, 200, &sets, NOW);
    assert_eq!(outcome.fetch_keys.len(), 1);
    assert!(client.ready().ack.is_empty() && client.ready().errors.is_empty());
    let keys = highwater_signals::set::KeySet::from_value(&emitter.jwks().unwrap());
    receiver
        .transmitter_mut("idp")
        .unwrap()
        .finish_keys(keys, NOW);
    let later = NOW.plus_seconds(5);
    sent(&mut client, later);
    let outcome = answer(&mut client, &mut receiver, 200, &sets, later);
    assert_eq!(outcome.deliveries.len(), 2);
}

#[test]
fn a_polled_token_whose_key_is_nobodys_is_refused_once_the_transmitter_was_asked() {
    let known = emitter(Algorithm::ES256, "known");
    let stranger = emitter(Algorithm::ES256, "stranger");
    let published = known.jwks().unwrap();
    let mut receiver = receiver(&json!({}));
    let mut client = client(true);
    let mut polled = |sets: Value, at: Timestamp| {
        sent(&mut client, at);
        let outcome = answer(
            &mut client,
            &mut receiver,
            200,
            &json!({ "sets": sets }),
            at,
        );
        for name in &outcome.fetch_keys {
            let keys = highwater_signals::set::KeySet::from_value(&published);
            receiver
                .transmitter_mut(name)
                .unwrap()
                .finish_keys(keys, at);
        }
        (outcome.fetch_keys.len(), client.ready().errors.clone())
    };
    assert_eq!(
        polled(json!({ "a": known.sign(&draft("a")).unwrap() }), NOW).0,
        1
    );
    let strange = json!({ "x": stranger.sign(&draft("x")).unwrap() });
    // Too soon to ask again, so nothing can be said yet.
    let (fetches, errors) = polled(strange.clone(), NOW.plus_seconds(10));
    assert_eq!((fetches, errors.len()), (0, 0));
    let (fetches, errors) = polled(strange.clone(), NOW.plus_seconds(70));
    assert_eq!((fetches, errors.len()), (1, 0));
    let (fetches, errors) = polled(strange, NOW.plus_seconds(75));
    assert_eq!(fetches, 0);
    assert_eq!(errors["x"].err.as_str(), "invalid_key");
}

fn manager() -> StreamClient {
    let metadata = json!({
        "issuer": ISSUER,
        "configuration_endpoint": "https://idp.example/streams",
        "status_endpoint": "https://idp.example/status",
        "verification_endpoint": "https://idp.example/verify",
        "add_subject_endpoint": "https://idp.example/add",
        "remove_subject_endpoint": "https://idp.example/remove",
    });
    StreamClient::new(Metadata::parse(metadata.to_string().as_bytes(), ISSUER).unwrap())
}

#[test]
fn streams_are_created_read_changed_verified_and_deleted() {
    let manager = manager();
    let wanted = Wanted::Push {
        endpoint_url: "https://rs.example/signals".to_owned(),
        authorization_header: Some("Bearer s".to_owned()),
    };
    let create = manager
        .create(&wanted, &["urn:a".to_owned()], Some("ours"))
        .unwrap();
    assert_eq!(create.method, "POST");
    assert_eq!(
        serde_json::from_slice::<Value>(&create.body.unwrap()).unwrap(),
        json!({
            "delivery": {
                "method": "urn:ietf:rfc:8935",
                "endpoint_url": "https://rs.example/signals",
                "authorization_header": "Bearer s",
            },
            "events_requested": ["urn:a"],
            "description": "ours",
        })
    );
    let read = manager.read(Some("a b&c")).unwrap();
    assert_eq!(read.url, "https://idp.example/streams?stream_id=a%20b%26c");
    assert_eq!(manager.delete("s").unwrap().method, "DELETE");
    let update = manager.update("s", serde_json::Map::new(), false).unwrap();
    assert_eq!(update.method, "PATCH");
    let status = manager
        .set_status("s", StreamState::Paused, Some("night"))
        .unwrap();
    assert_eq!(
        serde_json::from_slice::<Value>(&status.body.unwrap()).unwrap(),
        json!({ "stream_id": "s", "status": "paused", "reason": "night" })
    );
    let subject = Name::email("ada@example.com").into();
    let add = manager.add_subject("s", &subject, true).unwrap();
    assert_eq!(
        serde_json::from_slice::<Value>(&add.body.unwrap()).unwrap()["subject"],
        json!({ "format": "email", "email": "ada@example.com" })
    );
    let verify = manager.verify("s", "state-1").unwrap();
    assert_eq!(verify.url, "https://idp.example/verify");
}

#[test]
fn an_answer_is_believed_only_if_it_is_of_the_right_issuer() {
    let manager = manager();
    let response = |status, body: &'static str| HttpResponse {
        status,
        retry_after_seconds: Some(7),
        body: body.as_bytes(),
    };
    let ours = r#"{"stream_id":"s","iss":"https://idp.example","aud":"a","delivery":{"method":"urn:ietf:rfc:8936"},"events_delivered":[],"events_requested":["urn:a"]}"#;
    let theirs = r#"{"stream_id":"s","iss":"https://evil.example","aud":"a","delivery":{"method":"urn:ietf:rfc:8936"}}"#;
    let stream = manager.stream(response(201, ours)).unwrap();
    assert_eq!(stream.missing_events().collect::<Vec<_>>(), ["urn:a"]);
    assert!(matches!(
        manager.stream(response(200, theirs)),
        Err(StreamError::Issuer { .. })
    ));
    assert!(matches!(
        manager.stream(response(202, "")),
        Err(StreamError::Later {
            retry_after_seconds: 7,
            ..
        })
    ));
    assert_eq!(
        manager.stream(response(409, "")),
        Err(StreamError::Conflict)
    );
    assert_eq!(manager.done(response(404, "")), Err(StreamError::NotFound));
    assert_eq!(manager.done(response(204, "")), Ok(()));
    assert_eq!(manager.streams(response(200, "[]")), Ok(Vec::new()));
    assert_eq!(
        manager
            .status(response(200, r#"{"stream_id":"s","status":"disabled"}"#))
            .unwrap()
            .status,
        StreamState::Disabled
    );
    let none = StreamClient::new(Metadata::default());
    assert!(matches!(none.read(None), Err(StreamError::NoEndpoint(_))));
}

#[test]
fn a_verification_event_confirms_the_stream_as_often_as_it_comes() {
    let emitter = emitter(Algorithm::ES256, "k");
    let mut receiver = knowing(&json!({ "streams": ["s"] }), &emitter.jwks().unwrap());
    receiver.transmitter_mut("idp").unwrap().expected_state = Some("x".to_owned());
    let verification = |state: Option<&str>, stream: &str| {
        let mut draft = draft("v");
        draft.subject = Name::Opaque {
            id: stream.to_owned(),
        }
        .into();
        draft.event = OutgoingEvent::Verification {
            state: state.map(str::to_owned),
        };
        emitter.sign(&draft).unwrap()
    };
    for (token, solicited) in [
        (verification(Some("x"), "s"), true),
        (verification(Some("x"), "s"), true),
        (verification(None, "s"), false),
    ] {
        let (response, found) = common::push(&mut receiver, &token, None, NOW);
        assert_eq!(response.status, 202);
        let found = found.unwrap();
        assert_eq!(
            found.notices,
            [Notice::StreamVerified {
                stream: Some("s".to_owned()),
                solicited,
            }]
        );
        assert_eq!(found.events.len(), 1, "the register of the stream");
    }
    for (token, expected) in [
        (verification(Some("y"), "s"), "invalid_state"),
        (verification(Some("x"), "other"), "invalid_request"),
    ] {
        let (response, _) = common::push(&mut receiver, &token, None, NOW);
        assert_eq!(common::code(&response), expected);
    }
}

#[test]
fn delivery_methods_are_known_in_either_spelling() {
    let old = "https://schemas.openid.net/secevent/risc/delivery-method";
    for (method, push, poll) in [
        (PUSH, true, false),
        (POLL, false, true),
        (&*format!("{old}/push"), true, false),
        (&*format!("{old}/poll"), false, true),
        ("pigeon", false, false),
    ] {
        assert_eq!((is_push(method), is_poll(method)), (push, poll), "{method}");
        let config = json!({"iss": "https://idp.example", "aud": "us", "stream_id": "s",
            "events_delivered": ["urn:a"], "events_requested": ["urn:a"],
            "delivery": {"method": method, "endpoint_url": "https://rs.example/"}});
        let text = config.to_string();
        let config = StreamConfig::parse(text.as_bytes(), "https://idp.example").unwrap();
        let warned = config.warnings();
        if method == PUSH || method == POLL {
            assert!(warned.is_empty(), "{warned:?}");
        } else {
            let word = if push || poll { "drafts" } else { "not known" };
            assert!(
                matches!(&warned[..], [one] if one.contains(word)),
                "{warned:?}"
            );
        }
    }
}
