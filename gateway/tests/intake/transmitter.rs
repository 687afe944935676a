//! A transmitter of our own: keys, metadata, streams, a poll endpoint, a token endpoint. It signs
//! what the tests want said, and remembers everything that it was asked.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use highwater::timestamp::Timestamp;
use highwater_signals::emit::{Emitter, OutgoingEvent, SetDraft};
use highwater_signals::set::Algorithm;
use highwater_signals::subject::Name;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

pub(crate) const ISSUER: &str = "https://idp.example";
pub(crate) const AUDIENCE: &str = "https://rs.example/signals";

/// A fresh key that signs for [`ISSUER`].
pub(crate) fn emitter(key_id: &str) -> Emitter {
    emitter_of(ISSUER, key_id)
}

/// A fresh key that signs for `issuer`.
pub(crate) fn emitter_of(issuer: &str, key_id: &str) -> Emitter {
    let random = aws_lc_rs::rand::SystemRandom::new();
    let key = aws_lc_rs::signature::EcdsaKeyPair::generate_pkcs8(
        &aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED_SIGNING,
        &random,
    )
    .unwrap();
    let text = base64::engine::general_purpose::STANDARD.encode(key.as_ref());
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n");
    Emitter::from_pem(issuer, Algorithm::ES256, key_id, pem.as_bytes()).unwrap()
}

pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_milliseconds(i64::try_from(since.as_millis()).unwrap())
}

pub(crate) fn user(sub: &str) -> Name {
    Name::IssSub {
        iss: ISSUER.to_owned(),
        sub: sub.to_owned(),
    }
}

/// All sessions of a user are over.
pub(crate) fn session_revoked(id: &str, about: Name) -> SetDraft {
    SetDraft::new(id, AUDIENCE, now(), about, OutgoingEvent::SessionRevoked)
}

/// What a transmitter knows and was asked.
#[derive(Default)]
pub(crate) struct State_ {
    pub(crate) jwks: Value,
    /// Whether its keys can be read.
    pub(crate) keys_are_down: bool,
    pub(crate) key_fetches: usize,
    /// Tokens that wait to be polled, by `jti`.
    pub(crate) waiting: BTreeMap<String, String>,
    pub(crate) acknowledged: Vec<String>,
    pub(crate) refused: BTreeMap<String, Value>,
    /// Bodies of every poll.
    pub(crate) polls: Vec<Value>,
    /// Answers to give to the next polls instead of tokens: a status and a `Retry-After`.
    pub(crate) poll_failures: VecDeque<(u16, Option<&'static str>)>,
    pub(crate) streams: BTreeMap<String, Value>,
    /// Management requests: method, path, body.
    pub(crate) management: Vec<(String, String, Value)>,
    pub(crate) stream_status: String,
    /// What `Authorization` was sent with whatever needs it.
    pub(crate) authorizations: Vec<String>,
    pub(crate) token_requests: Vec<String>,
    /// Access tokens that are refused.
    pub(crate) revoked: Vec<String>,
}

/// A transmitter that runs as long as the test.
#[derive(Clone)]
pub(crate) struct Transmitter {
    state: Arc<Mutex<State_>>,
    pub(crate) url: String,
}

impl Transmitter {
    /// Starts with these keys published.
    pub(crate) async fn start(jwks: Value) -> Transmitter {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let transmitter = Transmitter {
            state: Arc::new(Mutex::new(State_ {
                jwks,
                stream_status: "enabled".to_owned(),
                ..State_::default()
            })),
            url: format!("http://{}", listener.local_addr().unwrap()),
        };
        let routes = Router::new()
            .route("/jwks", get(keys))
            .route("/metadata", get(metadata))
            .route("/poll", post(poll))
            .route("/token", post(token))
            .route(
                "/streams",
                get(read_streams)
                    .post(create_stream)
                    .patch(update_stream)
                    .delete(delete_stream),
            )
            .route("/status", get(read_status).post(set_status))
            .route("/verify", post(managed))
            .route("/subjects", post(managed))
            .route("/subjects/remove", post(managed))
            .with_state(transmitter.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        transmitter
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State_> {
        self.state.lock().unwrap()
    }

    /// The usual section about it, with these sections of its own below.
    pub(crate) fn section(&self, below: &str) -> String {
        format!(
            "[[transmitter]]\nname = \"idp\"\nissuer = \"{ISSUER}\"\naudience = \"{AUDIENCE}\"\n\
             tenant = \"contoso\"\njwks_uri = \"{0}/jwks\"\nmetadata_url = \"{0}/metadata\"\n{below}",
            self.url
        )
    }

    /// Lets a token wait for the next poll.
    pub(crate) fn offer(&self, emitter: &Emitter, draft: &SetDraft) {
        let token = emitter.sign(draft).unwrap();
        self.state().waiting.insert(draft.id.clone(), token);
    }

    fn admit(&self, headers: &HeaderMap) -> Option<Response> {
        let value = headers.get("authorization");
        let value = value.map(|value| value.to_str().unwrap().to_owned());
        let value = value.unwrap_or_default();
        let mut state = self.state();
        state.authorizations.push(value.clone());
        let refused = state.revoked.contains(&value);
        refused.then(|| StatusCode::UNAUTHORIZED.into_response())
    }

    fn note(&self, method: &str, path: &str, body: &[u8]) -> Value {
        let body: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        let note = (method.to_owned(), path.to_owned(), body.clone());
        self.state().management.push(note);
        body
    }
}

async fn keys(State(transmitter): State<Transmitter>) -> Response {
    let mut state = transmitter.state();
    state.key_fetches += 1;
    if state.keys_are_down {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    Json(state.jwks.clone()).into_response()
}

async fn metadata(State(transmitter): State<Transmitter>) -> Json<Value> {
    let url = &transmitter.url;
    Json(json!({
        "spec_version": "1_0",
        "issuer": ISSUER,
        "jwks_uri": format!("{url}/jwks"),
        "configuration_endpoint": format!("{url}/streams"),
        "status_endpoint": format!("{url}/status"),
        "verification_endpoint": format!("{url}/verify"),
        "add_subject_endpoint": format!("{url}/subjects"),
        "remove_subject_endpoint": format!("{url}/subjects/remove"),
    }))
}

async fn poll(State(transmitter): State<Transmitter>, headers: HeaderMap, body: Bytes) -> Response {
    if let Some(refusal) = transmitter.admit(&headers) {
        return refusal;
    }
    let request: Value = serde_json::from_slice(&body).unwrap();
    {
        let mut state = transmitter.state();
        state.polls.push(request.clone());
        if let Some((status, retry_after)) = state.poll_failures.pop_front() {
            let status = StatusCode::from_u16(status).unwrap();
            return match retry_after {
                Some(value) => (status, [("retry-after", value)]).into_response(),
                None => status.into_response(),
            };
        }
        for id in request["ack"].as_array().into_iter().flatten() {
            let id = id.as_str().unwrap();
            state.waiting.remove(id);
            state.acknowledged.push(id.to_owned());
        }
        for (id, error) in request["setErrs"].as_object().into_iter().flatten() {
            state.waiting.remove(id);
            state.refused.insert(id.clone(), error.clone());
        }
    }
    // A long poll is held until there is something, but not for ever.
    let rounds = if request["returnImmediately"] == true {
        0
    } else {
        100
    };
    for _ in 0..rounds {
        if !transmitter.state().waiting.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let state = transmitter.state();
    let most = usize::try_from(request["maxEvents"].as_u64().unwrap()).unwrap();
    let sets: BTreeMap<_, _> = state.waiting.iter().take(most).collect();
    let more = state.waiting.len() > sets.len();
    Json(json!({ "sets": sets, "moreAvailable": more })).into_response()
}

async fn token(
    State(transmitter): State<Transmitter>,
    headers: HeaderMap,
    body: String,
) -> Json<Value> {
    let mut state = transmitter.state();
    let basic = headers
        .get("authorization")
        .map(|value| value.to_str().unwrap());
    state
        .token_requests
        .push(format!("{} {body}", basic.unwrap_or_default()));
    let number = state.token_requests.len();
    Json(json!({
        "access_token": format!("access-{number}"),
        "token_type": "Bearer",
        "expires_in": 3600,
    }))
}

async fn read_streams(
    State(transmitter): State<Transmitter>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    if let Some(refusal) = transmitter.admit(&headers) {
        return refusal;
    }
    transmitter.note("GET", "/streams", b"");
    let state = transmitter.state();
    match query.get("stream_id") {
        None => Json(state.streams.values().cloned().collect::<Vec<_>>()).into_response(),
        Some(id) => match state.streams.get(id) {
            Some(stream) => Json(stream.clone()).into_response(),
            None => StatusCode::NOT_FOUND.into_response(),
        },
    }
}

async fn create_stream(State(transmitter): State<Transmitter>, body: Bytes) -> Response {
    let mut stream = transmitter.note("POST", "/streams", &body);
    let mut state = transmitter.state();
    let id = format!("stream-{}", state.streams.len() + 1);
    stream["stream_id"] = json!(id);
    stream["iss"] = json!(ISSUER);
    stream["aud"] = json!(AUDIENCE);
    stream["events_delivered"] = stream["events_requested"].clone();
    if stream["delivery"]["method"] == "urn:ietf:rfc:8936" {
        stream["delivery"]["endpoint_url"] = json!(format!("{}/poll", transmitter.url));
    }
    state.streams.insert(id, stream.clone());
    (StatusCode::CREATED, Json(stream)).into_response()
}

async fn update_stream(State(transmitter): State<Transmitter>, body: Bytes) -> Response {
    let change = transmitter.note("PATCH", "/streams", &body);
    let mut state = transmitter.state();
    let Some(stream) = state.streams.get_mut(change["stream_id"].as_str().unwrap()) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    for (name, value) in change.as_object().unwrap() {
        stream[name] = value.clone();
    }
    stream["events_delivered"] = stream["events_requested"].clone();
    Json(stream.clone()).into_response()
}

async fn read_status(
    State(transmitter): State<Transmitter>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Response {
    transmitter.note("GET", "/status", b"");
    let state = transmitter.state();
    let id = &query["stream_id"];
    if !state.streams.contains_key(id) {
        return StatusCode::NOT_FOUND.into_response();
    }
    Json(json!({ "stream_id": id, "status": state.stream_status })).into_response()
}

async fn managed(State(transmitter): State<Transmitter>, uri: http::Uri, body: Bytes) -> Response {
    transmitter.note("POST", uri.path(), &body);
    StatusCode::NO_CONTENT.into_response()
}

async fn delete_stream(
    State(transmitter): State<Transmitter>,
    Query(query): Query<BTreeMap<String, String>>,
) -> StatusCode {
    match transmitter.state().streams.remove(&query["stream_id"]) {
        Some(_) => StatusCode::NO_CONTENT,
        None => StatusCode::NOT_FOUND,
    }
}

async fn set_status(State(transmitter): State<Transmitter>, body: Bytes) -> Json<Value> {
    let body = transmitter.note("POST", "/status", &body);
    transmitter.state().stream_status = body["status"].as_str().unwrap().to_owned();
    Json(body)
}
