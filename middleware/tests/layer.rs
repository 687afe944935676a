//! The layer around real axum and tower services: who is let through, what the others are told.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::routing::get;
use highwater::challenge;
use highwater::compile::Documents;
use highwater::engine::Engine;
use highwater::event::Event;
use highwater::settings::{EngineSettings, TenantSettings};
use highwater::timestamp::Timestamp;
use highwater::token::IssuerProfile;
use highwater_signals::set::KeySet;
use highwater_tower::token::{AcceptedIssuer, KeySource, TokenValidator};
use highwater_tower::{Access, HighwaterLayer, HighwaterLayerBuilder, PeerAddress};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use support::{AUDIENCE, KeyServer, NOW, SigningKey, claims, jwks};
use tower::ServiceExt as _;

const TENANT: &str = "8a0c1f0e-53cb-4d3c-9a6f-0a39c7d8c001";
const POLICY: &str = "77c1f1a2-50a4-4a55-9d8a-3c2a1f0b0d02";
const OFFICE: &str = "203.0.113.7";
const ELSEWHERE: &str = "198.51.100.9";

struct World {
    engine: Arc<Engine>,
    key: SigningKey,
}

impl World {
    /// A tenant that blocks everybody outside the office.
    fn new() -> World {
        let mut documents = Documents::new();
        documents.add(
            "tenant.json",
            json!([
                {"@odata.type": "#microsoft.graph.ipNamedLocation", "displayName": "Office",
                 "id": "3f0d6c6e-9a1b-4a57-8f6e-5d2f6a1b0c01", "isTrusted": true,
                 "ipRanges": [{"@odata.type": "#microsoft.graph.iPv4CidrRange", "cidrAddress": "203.0.113.0/24"}]},
                {"id": POLICY, "displayName": "Outside", "state": "enabled",
                 "conditions": {"users": {"includeUsers": ["All"]}, "clientAppTypes": ["all"],
                    "applications": {"includeApplications": ["All"]},
                    "locations": {"includeLocations": ["All"], "excludeLocations": ["AllTrusted"]}},
                 "grantControls": {"operator": "OR", "builtInControls": ["block"]}},
            ])
            .to_string()
            .as_bytes(),
        );
        let (model, report) = documents.finish();
        assert!(report.is_ok(), "{report:?}");
        let engine = Arc::new(Engine::new(EngineSettings::default()));
        engine
            .publish(TENANT.parse().unwrap(), &model, TenantSettings::default())
            .unwrap();
        World {
            engine,
            key: SigningKey::new("ES256", "k"),
        }
    }

    fn builder(&self, keys: KeySource) -> HighwaterLayerBuilder {
        let profile = IssuerProfile::entra("https://sts.windows.net/*/");
        let validator = TokenValidator::builder(Arc::clone(&self.engine))
            .issuer(AcceptedIssuer::new(profile, keys, [AUDIENCE]).unwrap())
            .build()
            .unwrap();
        HighwaterLayer::builder(validator).clock(|| Timestamp::from_seconds(NOW))
    }

    fn layer(&self) -> HighwaterLayerBuilder {
        let keys = KeySet::from_value(&jwks(&[&self.key])).unwrap();
        self.builder(KeySource::Fixed(keys))
    }

    fn token(&self, changes: &Value) -> String {
        let mut claims = claims(&json!({
            "iss": format!("https://sts.windows.net/{TENANT}/"), "tid": TENANT, "oid": "ada",
            "azp": "app-1", "xms_cc": ["cp1"],
        }));
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        self.key.token(&claims)
    }

    fn apply(&self, text: &Value) {
        let _ = self
            .engine
            .apply(&Event::from_json(&text.to_string()).unwrap());
    }
}

async fn echo(request: Request<Body>) -> String {
    let Some(access) = request.extensions().get::<Access>() else {
        return "nobody".to_owned();
    };
    let told: Vec<String> = request
        .headers()
        .iter()
        .filter(|(name, _)| name.as_str().starts_with("x-highwater"))
        .map(|(name, value)| format!("{name}={}", value.to_str().unwrap()))
        .collect();
    let address = access.client_address.map(|address| address.to_string());
    format!(
        "{} at {} {}",
        access.token.facts().subject,
        address.as_deref().unwrap_or("unknown"),
        told.join(" ")
    )
}

fn router(layer: &HighwaterLayer) -> Router {
    let strong = layer.clone().with_authentication_context("c1");
    Router::new()
        .route("/strong", get(echo).route_layer(strong))
        .merge(
            Router::new()
                .route("/orders", get(echo))
                .route("/healthz", get(echo))
                .layer(layer.clone()),
        )
}

fn request(path: &str, token: Option<&str>, peer: &str) -> Request<Body> {
    let mut request = Request::get(path).body(Body::empty()).unwrap();
    if let Some(token) = token {
        let value = format!("Bearer {token}").parse().unwrap();
        request.headers_mut().insert("authorization", value);
    }
    request
        .extensions_mut()
        .insert(PeerAddress(peer.parse().unwrap()));
    request
}

struct Answered {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Answered {
    fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    fn problem(&self) -> Value {
        assert_eq!(self.header("content-type"), "application/problem+json");
        serde_json::from_str(&self.body).unwrap()
    }
}

async fn send(router: &Router, request: Request<Body>) -> Answered {
    let response: Response<Body> = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answered {
        status: parts.status,
        headers: parts.headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    }
}

#[tokio::test]
async fn the_four_outcomes() {
    let world = World::new();
    let router = router(&world.layer().build());
    let token = world.token(&json!({}));

    let answer = send(&router, request("/orders", Some(&token), OFFICE)).await;
    assert_eq!(
        (answer.status.as_u16(), &*answer.body),
        (200, "ada at 203.0.113.7 ")
    );

    // Challenged, with the engine's own header and the address that it saw.
    let answer = send(&router, request("/orders", Some(&token), ELSEWHERE)).await;
    assert_eq!(answer.status, 401);
    let challenges = challenge::parse([answer.header("www-authenticate")]);
    let claims = challenges[0].claims().unwrap();
    assert_eq!(
        claims["access_token"]["xms_rp_ipaddr"]["value"],
        ELSEWHERE,
        "{}",
        answer.header("www-authenticate")
    );
    let problem = answer.problem();
    assert_eq!(
        (&problem["status"], &problem["reason"]),
        (&json!(401), &json!("location_blocked"))
    );
    assert_eq!(problem.get("policies"), None, "policies are not named");
    assert_eq!(answer.header("cache-control"), "no-store");

    // A client that cannot answer is told plainly.
    let plain = world.token(&json!({"xms_cc": null}));
    let answer = send(&router, request("/orders", Some(&plain), ELSEWHERE)).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("www-authenticate")),
        (403, "")
    );
    assert_eq!(answer.problem()["reason"], "location_blocked");

    // Revoked: refused at the next request.
    // Entra writes `iat` five minutes back, so the token counts as issued four minutes from here.
    world.apply(
        &json!({"time": NOW + 240, "tenant": TENANT, "subject": {"user": "ada"},
        "effect": "revoke", "source": "idp"}),
    );
    let answer = send(&router, request("/orders", Some(&plain), OFFICE)).await;
    assert_eq!(answer.status, 401);
    assert!(
        answer
            .header("www-authenticate")
            .contains(r#"error="invalid_token""#)
    );
    assert_eq!(answer.header("x-highwater-reasons"), "token_revoked");
}

#[tokio::test]
async fn requests_without_a_token_that_can_be_verified() {
    let world = World::new();
    let router = router(&world.layer().build());
    let forged = SigningKey::new("ES256", "k").token(&claims(&json!({
        "iss": format!("https://sts.windows.net/{TENANT}/"), "tid": TENANT,
    })));
    for (token, status, start, error) in [
        (
            None,
            401,
            r#"Bearer realm="", authorization_uri="https://login.microsoftonline.com/"#,
            None,
        ),
        (
            Some("x.y.z"),
            401,
            r#"Bearer realm="", authorization_uri="#,
            Some("invalid_token"),
        ),
        (
            Some(&*forged),
            401,
            r#"Bearer realm="", authorization_uri="#,
            Some("invalid_token"),
        ),
        (
            Some("x y"),
            400,
            r#"Bearer realm="", error="#,
            Some("invalid_request"),
        ),
    ] {
        let answer = send(&router, request("/orders", token, OFFICE)).await;
        let header = answer.header("www-authenticate");
        assert_eq!(answer.status, status);
        assert!(header.starts_with(start), "{header}");
        assert!(
            header.contains(r#"client_id="api://orders""#) == (status == 401),
            "{header}"
        );
        match error {
            Some(error) => assert!(header.contains(&format!(r#"error="{error}""#)), "{header}"),
            None => assert!(!header.contains("error"), "{header}"),
        }
        assert_eq!(answer.problem()["status"], json!(status));
    }
}

#[tokio::test]
async fn a_client_does_not_say_what_was_decided() {
    let world = World::new();
    let router = router(&world.layer().describe_in_headers(true).build());
    let mut spoofed = request("/orders", Some(&world.token(&json!({}))), OFFICE);
    for (name, value) in [
        ("x-highwater-subject", "root"),
        ("x-highwater-decision", "allow"),
        ("x-highwater-admin", "yes"),
    ] {
        spoofed.headers_mut().append(name, value.parse().unwrap());
    }
    let answer = send(&router, spoofed).await;
    assert_eq!(
        answer.body,
        format!(
            "ada at {OFFICE} x-highwater-decision=allow x-highwater-tenant={TENANT} \
             x-highwater-subject=ada x-highwater-subject-kind=user x-highwater-app=app-1"
        )
    );
}

#[tokio::test]
async fn only_trusted_proxies_speak_for_others() {
    let world = World::new();
    let rule = json!({"trusted_proxies": ["10.0.0.0/8"]});
    let router = router(
        &world
            .layer()
            .client_address(serde_json::from_value(rule).unwrap())
            .build(),
    );
    let token = world.token(&json!({"xms_cc": null}));
    for (peer, forwarded, status) in [
        ("10.0.0.1", Some(OFFICE), 200),
        ("10.0.0.1", Some("203.0.113.7, 198.51.100.9"), 403),
        (ELSEWHERE, Some(OFFICE), 403),
    ] {
        let mut request = request("/orders", Some(&token), peer);
        if let Some(forwarded) = forwarded {
            request
                .headers_mut()
                .insert("x-forwarded-for", forwarded.parse().unwrap());
        }
        assert_eq!(
            send(&router, request).await.status,
            status,
            "{peer} {forwarded:?}"
        );
    }
}

#[tokio::test]
async fn routes_ask_for_contexts_and_some_ask_for_nothing() {
    let world = World::new();
    let layer = world
        .layer()
        .pass_through(|request| request.uri.path() == "/healthz")
        .authentication_context(|request| request.uri.query().map(|query| query.to_owned().into()))
        .build();
    let router = router(&layer);
    assert_eq!(
        send(&router, request("/healthz", None, OFFICE)).await.body,
        "nobody"
    );
    let (weak, strong) = (
        world.token(&json!({})),
        world.token(&json!({"acrs": ["c1"]})),
    );
    for (path, token, status) in [
        ("/orders", &weak, 200),
        ("/strong", &weak, 401),
        ("/strong", &strong, 200),
        ("/orders?c1", &strong, 200),
        ("/orders?c2", &strong, 401),
    ] {
        let answer = send(&router, request(path, Some(token), OFFICE)).await;
        assert_eq!(answer.status, status, "{path}");
        if status == 401 {
            assert_eq!(answer.problem()["reason"], "auth_context_required");
        }
    }
}

#[tokio::test]
async fn a_refusal_can_be_adjusted_and_name_its_policies() {
    let world = World::new();
    let layer = world
        .layer()
        .name_policies(true)
        .adjust_refusal(|answer, parts| {
            let path = parts.uri.path().parse().unwrap();
            answer.headers.insert("x-path", path);
        })
        .build();
    let token = world.token(&json!({"xms_cc": null}));
    let answer = send(&router(&layer), request("/orders", Some(&token), ELSEWHERE)).await;
    assert_eq!(answer.problem()["policies"], json!([POLICY]));
    assert_eq!(answer.header("x-path"), "/orders");
}

#[tokio::test]
async fn grpc_calls_get_grpc_answers() {
    let world = World::new();
    let router = router(&world.layer().build());
    let call = |token: Option<String>, peer: &str| {
        let mut request = request("/orders", token.as_deref(), peer);
        let content_type = "application/grpc+proto".parse().unwrap();
        request.headers_mut().insert("content-type", content_type);
        request
    };
    let plain = world.token(&json!({"xms_cc": null}));
    for (token, peer, status, challenge) in [
        (None, OFFICE, "16", "Bearer realm"),
        (
            Some(world.token(&json!({}))),
            ELSEWHERE,
            "16",
            "insufficient_claims",
        ),
        (Some(plain), ELSEWHERE, "7", ""),
    ] {
        let answer = send(&router, call(token, peer)).await;
        assert_eq!((answer.status.as_u16(), &*answer.body), (200, ""));
        assert_eq!(answer.header("grpc-status"), status);
        assert_eq!(answer.header("content-type"), "application/grpc+proto");
        assert!(answer.header("www-authenticate").contains(challenge));
        assert!(!answer.header("grpc-message").is_empty());
    }
}

/// A key that is fetched while the first request waits, over a real connection.
#[tokio::test]
async fn the_first_request_waits_for_the_keys() {
    let world = World::new();
    let server = KeyServer::start(jwks(&[&world.key])).await;
    server.answer_after(Duration::from_millis(50));
    let layer = world
        .builder(KeySource::Jwks(server.url("/jwks")))
        .peer(|extensions| Some(extensions.get::<ConnectInfo<SocketAddr>>()?.0.ip()))
        .client_address(serde_json::from_value(json!({"hops": 1})).unwrap())
        .build();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = router(&layer).into_make_service_with_connect_info::<SocketAddr>();
    let served = tokio::spawn(async move { axum::serve(listener, service).await });
    let client = reqwest::Client::new();
    let ask = |token: String| {
        client
            .get(format!("http://{address}/orders"))
            .bearer_auth(token)
            .header("x-forwarded-for", OFFICE)
            .send()
    };
    let forged = SigningKey::new("ES256", "other").token(&claims(&json!({
        "iss": format!("https://sts.windows.net/{TENANT}/"), "tid": TENANT,
    })));
    let (good, bad) = tokio::join!(ask(world.token(&json!({}))), ask(forged));
    assert_eq!(
        (good.unwrap().status(), bad.unwrap().status()),
        (StatusCode::OK, StatusCode::UNAUTHORIZED)
    );
    assert_eq!(server.fetches(), 1);
    server.publish(None);
    let again = ask(world.token(&json!({"jti": "t2"}))).await.unwrap();
    assert_eq!(again.text().await.unwrap(), "ada at 203.0.113.7 ");
    served.abort();
}
