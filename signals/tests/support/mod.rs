//! Runs one case of a vector against the receiver that it describes.

mod effects;

use highwater::timestamp::Timestamp;
use highwater_signals::delivery::HttpResponse;
use highwater_signals::delivery::metadata::{Metadata, meets_interop};
use highwater_signals::delivery::poll::{PollAction, PollClient, PollConfig, PollRequest};
use highwater_signals::delivery::push::{PushEndpoint, PushRequest, PushResponse, PushStep};
use highwater_signals::delivery::stream::{StreamConfig, StreamError, StreamStatus};
use highwater_signals::directory::NoDirectory;
use highwater_signals::set::{Claims, Header, KeySet};
use highwater_signals::subject::{Spelling, SubjectId, matches};
use highwater_signals::{
    ErrorBody, EventType, Interpretation, Notice, Receiver, Refusal, TransmitterConfig, Voucher,
};
use serde_json::{Map, Value, json};

type Outcome = Result<(), String>;

const ISSUER: &str = "https://idp.example/";
const AUDIENCE: &str = "https://rs.example/signals";

/// Runs one case.
pub(crate) fn run(kind: &str, name: &str, data: &Value, vector: &Value, case: &Value) -> Outcome {
    match kind {
        "claims" => claims(data, case),
        "claims_fragment" => claims(&completed(data), case),
        "event_payload" => claims(&payload_claims(data), case),
        "raw_text" => raw_text(data.as_str().unwrap(), case),
        "jws" => jws(data, case),
        "subject" => subject(data, case),
        "subject_match" => subject_match(data, case),
        "poll_request" => same(
            serde_json::to_value(
                serde_json::from_value::<PollRequest>(data.clone()).map_err(text)?,
            )
            .map_err(text)?,
            data,
        ),
        "poll_response" => poll_response(data, case),
        "error_response" => error_response(data, case),
        "stream_config" => stream_config(data, case),
        "stream_status" => {
            let status = StreamStatus::parse(data.to_string().as_bytes()).map_err(text)?;
            same(json!(status.status.as_str()), &case["effect"][0]["status"])
        }
        "transmitter_metadata" => metadata(data, case),
        "table" => table(name, data),
        other => Err(format!("the kind `{other}` is not run; {vector}")),
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn same(found: Value, expected: &Value) -> Outcome {
    if found == *expected {
        Ok(())
    } else {
        Err(format!("found {found}, expected {expected}"))
    }
}

/// The receiver that a case describes.
fn receiver(case: &Value, now: Timestamp) -> Receiver {
    let wanted = &case["receiver"];
    let understood = wanted["understood_members"].as_array();
    let unsupported: Vec<&str> = [
        "user",
        "device",
        "session",
        "application",
        "tenant",
        "org_unit",
        "group",
    ]
    .into_iter()
    .filter(|member| understood.is_some_and(|known| !known.contains(&json!(member))))
    .collect();
    let mut config = json!({
        "name": "transmitter",
        "issuer": wanted["issuer"].as_str().unwrap_or(ISSUER),
        "audience": wanted["audience"].as_str().unwrap_or(AUDIENCE),
        "profile": wanted["profile"].as_str().unwrap_or("ssf-1.0"),
        "authority": {
            "subject_issuers": ["*"],
            "tenants": ["*"],
            "scope": "tenant",
            "may_unblock": true,
            "may_change_identifiers": true,
        },
        // The cases name users by whatever the token says, without a directory.
        "subjects": {
            "email": "itself", "phone_number": "itself", "account": "itself", "scim": "itself",
        },
        "unsupported_members": unsupported,
        "critical_subject_members": wanted["critical_subject_members"].as_array().cloned().unwrap_or_default(),
        // A case taken from a source's own test of payloads asks for that source's strictness.
        "strict_payloads": case["basis"] == "source-test",
        "clock_skew_seconds": wanted["skew"].as_i64().unwrap_or(60),
    });
    if let Some(algorithms) = wanted["algs"].as_array() {
        config["algorithms"] = json!(algorithms);
    }
    if let Some(stream) = wanted["stream_id"].as_str() {
        config["streams"] = json!([stream]);
    }
    let config: TransmitterConfig = serde_json::from_value(config).unwrap();
    let mut receiver = Receiver::new([config]).unwrap();
    let transmitter = receiver.transmitter_mut("transmitter").unwrap();
    transmitter.expected_state = wanted["expected_state"].as_str().map(str::to_owned);
    assert!(transmitter.keys.begin(now));
    receiver
}

fn with_keys(mut receiver: Receiver, keys: &Value, now: Timestamp) -> Receiver {
    let keys = if keys.is_object() {
        KeySet::from_value(keys)
    } else {
        Ok(KeySet::default())
    };
    receiver
        .transmitter_mut("transmitter")
        .unwrap()
        .finish_keys(keys, now);
    receiver
}

fn now(case: &Value, claims: Option<&Value>) -> Timestamp {
    let given = case["now"]
        .as_f64()
        .or_else(|| case["receiver"]["now"].as_f64());
    let issued = claims.and_then(|claims| claims["iat"].as_f64());
    given
        .or(issued)
        .and_then(Timestamp::from_number)
        .unwrap_or(Timestamp::from_seconds(1_800_000_000))
}

/// A claims set, after the signature has been checked.
fn claims(data: &Value, case: &Value) -> Outcome {
    if case["expect"] == "parse" {
        if case["as"] == "generic JWT" {
            return subject(&data["sub_id"], case);
        }
        return Claims::parse(data.to_string().as_bytes())
            .map(|_| ())
            .map_err(text);
    }
    let now = now(case, Some(data));
    let receiver = receiver(case, now);
    judge(
        vouched(&receiver, data.to_string().as_bytes(), now),
        data,
        case,
    )
}

fn vouched(receiver: &Receiver, json: &[u8], now: Timestamp) -> Result<Interpretation, Refusal> {
    let set = receiver.vouch(json, now, Voucher::host("vectors are not signed"))?;
    receiver.interpret(&set, &NoDirectory)
}

fn judge(found: Result<Interpretation, Refusal>, data: &Value, case: &Value) -> Outcome {
    match (case["expect"].as_str().unwrap(), found) {
        ("accept" | "payload_ok" | "claims_ok", Ok(found)) => match case.get("effect") {
            Some(effect) => effects::check(&found, effect, data),
            None => Ok(()),
        },
        ("accept_ignore", Ok(found)) if !found.has_effect() => Ok(()),
        ("accept_ignore", Ok(found)) => Err(format!("has effects: {found:?}")),
        ("warn", Ok(found)) => {
            if found
                .notices
                .iter()
                .any(|notice| matches!(notice, Notice::TimeClamped { .. }))
            {
                Ok(())
            } else {
                Err(format!("no warning: {found:?}"))
            }
        }
        ("discard", Err(_)) => Ok(()),
        ("reject", Err(refusal)) => refused(&ErrorBody::from(&refusal), case),
        (_, found) => Err(format!("{found:?}")),
    }
}

fn refused(body: &ErrorBody, case: &Value) -> Outcome {
    let listed = case["err"].as_array();
    if listed.is_none_or(|codes| codes.contains(&json!(body.err))) {
        Ok(())
    } else {
        Err(format!("refused with {body:?}, expected {}", case["err"]))
    }
}

/// A fragment with whatever it lacks, so that only what it says decides.
fn completed(fragment: &Value) -> Value {
    let mut claims = json!({
        "iss": ISSUER, "iat": 1_700_000_000, "jti": "vector", "aud": AUDIENCE,
        "sub_id": { "format": "opaque", "id": "valid" },
        "events": { EventType::SessionRevoked.uri(): {} },
    });
    for (name, value) in fragment.as_object().unwrap() {
        claims[name] = value.clone();
    }
    // The fragments of RFC 9493 have issuers of their own.
    claims["iss"] = json!(ISSUER);
    claims
}

fn payload_claims(data: &Value) -> Value {
    let mut fragment = json!({ "events": { data["event"].as_str().unwrap(): data["payload"] } });
    if data["sub_id"].is_object() {
        fragment["sub_id"] = data["sub_id"].clone();
    }
    completed(&fragment)
}

fn raw_text(data: &str, case: &Value) -> Outcome {
    let now = now(case, None);
    if data.starts_with(|first: char| first.is_ascii_alphabetic()) {
        return answered(&push(receiver(case, now), data.as_bytes(), now).0, case);
    }
    // The texts name no receiver: this one is theirs, so that only their own fault decides.
    let mut described = case.clone();
    let mut text = data.to_owned();
    if let Ok(Value::Object(mut claims)) = serde_json::from_str::<Value>(data) {
        described["receiver"]["issuer"] = claims.get("iss").cloned().unwrap_or_default();
        claims.entry("aud").or_insert(json!(AUDIENCE));
        text = Value::Object(claims).to_string();
    }
    judge(
        vouched(&receiver(&described, now), text.as_bytes(), now),
        &Value::Null,
        case,
    )
}

fn push(
    mut receiver: Receiver,
    body: &[u8],
    now: Timestamp,
) -> (PushResponse, Option<Interpretation>) {
    let request = PushRequest {
        method: "POST",
        content_type: Some("application/secevent+jwt"),
        authorization: None,
        body,
    };
    let endpoint = PushEndpoint::default();
    let mut answers = Vec::new();
    // Twice: a repetition is answered as the first time.
    for _ in 0..2 {
        answers.push(
            match endpoint.receive(&mut receiver, &request, &NoDirectory, now) {
                PushStep::Respond(response) => (response, None),
                PushStep::FetchKeys { transmitter } | PushStep::AwaitKeys { transmitter, .. } => {
                    panic!("keys of {transmitter} wanted")
                }
                PushStep::Persist(delivery) => {
                    (delivery.answer(true), Some(delivery.interpretation))
                }
            },
        );
    }
    assert_eq!(answers[0], answers[1]);
    answers.swap_remove(0)
}

fn answered(response: &PushResponse, case: &Value) -> Outcome {
    if response.status != 400 {
        return Err(format!("answered with {}", response.status));
    }
    let body: ErrorBody = serde_json::from_slice(&response.body).map_err(text)?;
    refused(&body, case)
}

fn jws(data: &Value, case: &Value) -> Outcome {
    let token = data
        .as_str()
        .or_else(|| data["jws"].as_str())
        .ok_or("no token")?;
    let now = now(case, data.get("claims"));
    let keys = if case["receiver"]["jwks"] == "data.jwks" {
        &data["jwks"]
    } else {
        &case["receiver"]["jwks"]
    };
    let receiver = with_keys(receiver(case, now), keys, now);
    match case["expect"].as_str().unwrap() {
        "signature_ok" => {
            let mut lenient = case.clone();
            lenient["receiver"]["profile"] = json!("legacy");
            let receiver = with_keys(self::receiver(&lenient, now), keys, now);
            receiver
                .verify(token.as_bytes(), now)
                .map(|_| ())
                .map_err(text)
        }
        "claims_ok" => {
            let payload = token.split('.').nth(1).unwrap();
            let json =
                base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, payload)
                    .map_err(text)?;
            let decoded: Value = serde_json::from_slice(&json).map_err(text)?;
            let mut described = case.clone();
            described["receiver"] = json!({ "issuer": decoded["iss"], "audience": decoded["aud"] });
            claims(&decoded, &described)
        }
        "reject" => answered(&push(receiver, token.as_bytes(), now).0, case),
        "accept_or_reject" => {
            push(receiver, token.as_bytes(), now);
            Ok(())
        }
        "accept" => {
            let (response, interpretation) = push(receiver, token.as_bytes(), now);
            if response.status != 202 || !response.body.is_empty() {
                return Err(format!("answered with {response:?}"));
            }
            judge(
                Ok(interpretation.ok_or("nothing to persist")?),
                &data["claims"],
                case,
            )
        }
        other => Err(format!("`{other}` is not run")),
    }
}

fn subject(data: &Value, case: &Value) -> Outcome {
    let subject = SubjectId::parse(data.as_object().unwrap(), Spelling::Final).map_err(text)?;
    match (&subject, case["as"].as_str()) {
        (SubjectId::Simple(name), Some(format)) if format != "generic JWT" => {
            same(json!(name.format()), &json!(format))
        }
        (SubjectId::Simple(highwater_signals::subject::Name::Unknown { format }), _) => {
            Err(format!("`{format}` is not known"))
        }
        _ => Ok(()),
    }
}

fn subject_match(data: &Value, case: &Value) -> Outcome {
    let parse = |name: &str| {
        let object: &Map<String, Value> = data[name].as_object().unwrap();
        SubjectId::parse(object, Spelling::Final).map_err(text)
    };
    let found = matches(&parse("subject_1")?, &parse("subject_2")?);
    same(json!(found), &json!(case["expect"] == "match"))
}

fn poll_response(data: &Value, case: &Value) -> Outcome {
    let now = now(case, None);
    let mut described = case.clone();
    described["receiver"] = json!({ "issuer": "https://scim.example.com" });
    let mut receiver = with_keys(receiver(&described, now), &Value::Null, now);
    let mut client = PollClient::new(PollConfig {
        endpoint_url: "https://transmitter.example/poll".to_owned(),
        max_events: 10,
        long_poll: true,
        interval_seconds: 5,
    });
    let PollAction::Send(_) = client.next(now) else {
        return Err("the first poll waits".to_owned());
    };
    let body = data.to_string();
    let outcome = client.respond(
        HttpResponse {
            status: 200,
            retry_after_seconds: None,
            body: body.as_bytes(),
        },
        &mut receiver,
        &NoDirectory,
        now,
    );
    if outcome.failure.is_some() || !outcome.deliveries.is_empty() {
        return Err(format!("{outcome:?}"));
    }
    if !client.ready().ack.is_empty() {
        return Err(format!("acknowledged {:?}", client.ready().ack));
    }
    let empty = Map::new();
    let expected = case["jtis"].as_object().unwrap_or(&empty);
    if client.ready().errors.len() != expected.len() {
        return Err(format!("{:?}", client.ready().errors));
    }
    for (id, codes) in expected {
        let error = client
            .ready()
            .errors
            .get(id)
            .ok_or("no error for a token")?;
        refused(error, &json!({ "err": codes }))?;
    }
    if data["moreAvailable"] == true && matches!(client.next(now), PollAction::Wait(_)) {
        return Err("does not poll again at once".to_owned());
    }
    Ok(())
}

fn error_response(data: &Value, case: &Value) -> Outcome {
    let body: ErrorBody = serde_json::from_value(data.clone()).map_err(text)?;
    let response = PushResponse::refused(&Refusal::new(body.err, body.description));
    same(json!(response.status), &case["http"])?;
    same(serde_json::from_slice(&response.body).map_err(text)?, data)?;
    for (name, value) in case["headers"].as_object().unwrap() {
        let found = response
            .headers
            .iter()
            .find(|(known, _)| name.eq_ignore_ascii_case(known));
        same(json!(found.map(|(_, value)| value)), value)?;
    }
    Ok(())
}

fn stream_config(data: &Value, case: &Value) -> Outcome {
    let issuer = case["receiver"]["issuer"]
        .as_str()
        .or_else(|| data["iss"].as_str())
        .unwrap();
    let found = StreamConfig::parse(data.to_string().as_bytes(), issuer);
    match (case["expect"].as_str().unwrap(), found) {
        ("accept", Ok(_)) => Ok(()),
        ("reject", Err(StreamError::Issuer { .. })) => Ok(()),
        ("warn", Ok(stream)) if !stream.warnings().is_empty() => Ok(()),
        (_, found) => Err(format!("{found:?}")),
    }
}

fn metadata(data: &Value, case: &Value) -> Outcome {
    let issuer = case["receiver"]["issuer"]
        .as_str()
        .or_else(|| data["issuer"].as_str())
        .unwrap();
    let found = Metadata::parse(data.to_string().as_bytes(), issuer);
    match (case["expect"].as_str().unwrap(), found) {
        ("accept", Ok(found)) if found.warnings().is_empty() => same(
            json!(found.critical_subject_members),
            &case["critical_subject_members"],
        ),
        ("reject", Err(_)) => Ok(()),
        ("warn", Ok(found)) if found.warnings().len() >= 2 => Ok(()),
        (_, found) => Err(format!("{found:?}")),
    }
}

fn table(name: &str, data: &Value) -> Outcome {
    let list = |member: &str| data[member].as_array().unwrap();
    match name {
        "authkestra-alg-values.json" => {
            for value in list("bad") {
                let header = json!({ "alg": value, "typ": "secevent+jwt" }).to_string();
                if Header::parse(header.as_bytes()).is_ok() {
                    return Err(format!("{value} is accepted"));
                }
            }
        }
        "conf-spec-version.json" => {
            for value in list("valid") {
                same(json!(meets_interop(value.as_str())), &json!(true))?;
            }
            for value in list("invalid") {
                same(json!(meets_interop(value.as_str())), &json!(false))?;
            }
        }
        "gosecevent-numericdate.json" => {
            for (member, claim, good) in [
                ("iat_ok", "iat", true),
                ("iat_bad", "iat", false),
                ("aud_ok", "aud", true),
                ("aud_bad", "aud", false),
            ] {
                for value in list(member) {
                    let mut claims = completed(&json!({}));
                    claims[claim] = serde_json::from_str(value.as_str().unwrap()).unwrap();
                    let found = Claims::parse(claims.to_string().as_bytes());
                    if found.is_ok() != good {
                        return Err(format!("{claim} {value}: {found:?}"));
                    }
                }
            }
        }
        other => return Err(format!("the table `{other}` is not run")),
    }
    Ok(())
}
