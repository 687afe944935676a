//! Push and stream management, to the last answer.

#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use common::{ISSUER, NOW, draft, emitter, knowing, receiver, request};
use highwater::event::StreamState;
use highwater_signals::Notice;
use highwater_signals::delivery::HttpResponse;
use highwater_signals::delivery::metadata::{Metadata, POLL, PUSH, is_poll, is_push};
use highwater_signals::delivery::push::{PushEndpoint, PushRequest, PushStep};
use highwater_signals::delivery::stream::{StreamClient, StreamConfig, StreamError, Wanted};
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

/// RFC 9110 section 15.5.2: whoever answers with 401 names a scheme.
#[test]
fn a_challenge_comes_with_the_status_that_asks_for_it() {
    for (unauthenticated_status, status, challenges) in [(None, 401, 1), (Some(400), 400, 0)] {
        let endpoint = PushEndpoint {
            authorization: Some("Bearer secret".to_owned()),
            unauthenticated_status,
        };
        let mut receiver = receiver(&json!({}));
        let step = endpoint.receive(&mut receiver, &request(b"x"), &NoDirectory, NOW);
        let PushStep::Respond(response) = step else {
            panic!("{step:?}");
        };
        assert_eq!(response.status, status);
        let named = response.headers.iter();
        let named = named.filter(|(name, _)| *name == "www-authenticate");
        assert_eq!(named.count(), challenges, "{status}");
    }
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
    for name in ["accept", "content-type"] {
        let field = (name, "application/json".to_owned());
        assert!(create.headers.contains(&field), "{name}");
    }
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
    assert_eq!(status.url, "https://idp.example/status");
    let status = manager.read_status("s").unwrap();
    assert_eq!(status.method, "GET");
    assert_eq!(status.url, "https://idp.example/status?stream_id=s");
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
    let listed = format!("[{ours}]");
    for body in [ours, &listed] {
        let streams = manager.streams(HttpResponse {
            body: body.as_bytes(),
            ..response(200, "")
        });
        assert_eq!(streams, Ok(vec![stream.clone()]), "{body}");
    }
    let mixed = format!("[{ours},{theirs}]");
    let streams = manager.streams(HttpResponse {
        body: mixed.as_bytes(),
        ..response(200, "")
    });
    assert!(matches!(streams, Err(StreamError::Issuer { .. })));
    assert_eq!(
        manager
            .status(response(200, r#"{"stream_id":"s","status":"disabled"}"#))
            .unwrap()
            .status,
        StreamState::Disabled
    );
    let none = StreamClient::new(Metadata::default());
    assert!(matches!(none.read(None), Err(StreamError::NoEndpoint(_))));
    assert!(matches!(
        none.read_status("s"),
        Err(StreamError::NoEndpoint("status_endpoint"))
    ));
    assert_eq!(manager.metadata().issuer, ISSUER);
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
