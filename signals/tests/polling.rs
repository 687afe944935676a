//! Poll delivery: what is asked, what is acknowledged, and when.

#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use common::{NOW, draft, emitter, knowing, receiver};
use highwater::timestamp::Timestamp;
use highwater_signals::Receiver;
use highwater_signals::delivery::poll::{PollAction, PollClient, PollConfig, PollOutcome};
use highwater_signals::delivery::{HttpRequest, HttpResponse};
use highwater_signals::directory::NoDirectory;
use highwater_signals::set::Algorithm;
use serde_json::{Value, json};

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

fn body(request: HttpRequest) -> Value {
    serde_json::from_slice(&request.body.unwrap()).unwrap()
}

#[test]
fn acknowledgements_do_not_wait_for_the_next_event() {
    let mut client = client(true);
    for id in ["a", "b", "a"] {
        client.durable(id);
    }
    let said = sent(&mut client, NOW);
    assert_eq!(said["ack"], json!(["a", "b"]), "each once");
    assert_eq!(said["returnImmediately"], true);
}

#[test]
fn a_host_that_shuts_down_says_what_is_left_and_asks_for_nothing() {
    let with_acknowledgement = || {
        let mut client = client(true);
        client.durable("a");
        client
    };
    let with_refusal = || {
        let mut client = client(true);
        sent(&mut client, NOW);
        let sets = json!({ "sets": { "d": "garbage" } });
        answer(&mut client, &mut receiver(&json!({})), 200, &sets, NOW);
        client
    };
    for (mut client, member) in [(with_acknowledgement(), "ack"), (with_refusal(), "setErrs")] {
        let last = body(client.acknowledge_only().unwrap());
        assert_eq!(last["maxEvents"], 0);
        assert_eq!(last["returnImmediately"], true);
        assert!(last.get(member).is_some(), "{last}");
        // Nobody has answered, so it is still to be said.
        assert_eq!(body(client.acknowledge_only().unwrap()), last);
    }
    assert_eq!(client(true).acknowledge_only(), None);
}

/// RFC 8936 section 2.4: the descriptions of errors are in a language that the request names.
#[test]
fn a_request_names_its_language_where_it_has_texts() {
    let languages = |request: &HttpRequest| {
        let named = request.headers.iter();
        named
            .filter(|(name, _)| *name == "content-language")
            .count()
    };
    let mut client = client(true);
    let PollAction::Send(first) = client.next(NOW) else {
        panic!("waits");
    };
    assert_eq!(languages(&first), 0);
    let sets = json!({ "sets": { "d": "garbage" } });
    answer(&mut client, &mut receiver(&json!({})), 200, &sets, NOW);
    let PollAction::Send(second) = client.next(NOW) else {
        panic!("waits");
    };
    assert_eq!(languages(&second), 1);
}

#[test]
fn only_an_answer_with_nothing_behind_it_is_a_reason_to_wait() {
    for (sets, more, waits) in [
        (json!({}), false, true),
        (json!({}), true, false),
        (json!({ "d": "garbage" }), false, false),
        (json!({ "d": "garbage" }), true, false),
    ] {
        let mut client = client(false);
        sent(&mut client, NOW);
        let body = json!({ "sets": sets, "moreAvailable": more });
        answer(&mut client, &mut receiver(&json!({})), 200, &body, NOW);
        let found = matches!(client.next(NOW), PollAction::Wait(_));
        assert_eq!(found, waits, "{body}");
    }
}

#[test]
fn an_address_is_enough_to_poll() {
    let config: PollConfig =
        serde_json::from_value(json!({ "endpoint_url": "https://idp.example/poll" })).unwrap();
    let expected = PollConfig {
        endpoint_url: "https://idp.example/poll".to_owned(),
        max_events: 100,
        long_poll: true,
        interval_seconds: 5,
    };
    assert_eq!(config, expected);
}
