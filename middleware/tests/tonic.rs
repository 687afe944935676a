//! The layer around a tonic server, asked by a tonic client over a connection. The service is
//! what a compiler of protocol buffers would generate for one method, written by hand.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use highwater::engine::Engine;
use highwater::event::Event;
use highwater::model::TenantModel;
use highwater::settings::{EngineSettings, TenantSettings};
use highwater::timestamp::Timestamp;
use highwater::token::IssuerProfile;
use highwater_signals::set::KeySet;
use highwater_tower::token::{AcceptedIssuer, KeySource, TokenValidator};
use highwater_tower::{Access, HighwaterLayer};
use serde_json::json;
use support::{AUDIENCE, ISSUER, NOW, SigningKey, claims, jwks};
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::transport::server::{TcpConnectInfo, TcpIncoming};
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Code, Request, Response, Status};
use tonic_prost::ProstCodec;
use tower_service::Service;

/// The only message: text.
#[derive(Clone, PartialEq, prost::Message)]
struct Text {
    #[prost(string, tag = "1")]
    text: String,
}

const WHO_AM_I: &str = "/tests.WhoAmI/Ask";

/// Says who asks, and from where.
#[derive(Clone)]
struct WhoAmI;

impl NamedService for WhoAmI {
    const NAME: &'static str = "tests.WhoAmI";
}

impl Service<http::Request<Body>> for WhoAmI {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        assert_eq!(request.uri().path(), WHO_AM_I);
        let answer = tower::service_fn(|request: Request<Text>| std::future::ready(who(&request)));
        let mut grpc = tonic::server::Grpc::new(ProstCodec::default());
        Box::pin(async move { Ok(grpc.unary(answer, request).await) })
    }
}

fn who(request: &Request<Text>) -> Result<Response<Text>, Status> {
    let access = request
        .extensions()
        .get::<Access>()
        .ok_or_else(|| Status::internal("nobody"))?;
    let address = access.client_address.unwrap();
    let text = format!("{} at {address}", access.token.facts().subject);
    Ok(Response::new(Text { text }))
}

async fn ask(
    client: &mut tonic::client::Grpc<Channel>,
    token: Option<&str>,
) -> Result<String, Status> {
    let mut request = Request::new(Text::default());
    if let Some(token) = token {
        let value = format!("Bearer {token}").parse().unwrap();
        request.metadata_mut().insert("authorization", value);
    }
    client.ready().await.unwrap();
    let path = http::uri::PathAndQuery::from_static(WHO_AM_I);
    let answer: Response<Text> = client.unary(request, path, ProstCodec::default()).await?;
    Ok(answer.into_inner().text)
}

#[tokio::test]
async fn calls_are_let_through_challenged_and_denied() {
    let engine = Arc::new(Engine::new(EngineSettings::default()));
    let model = TenantModel::default();
    engine
        .publish(ISSUER.parse().unwrap(), &model, TenantSettings::default())
        .unwrap();
    let key = SigningKey::new("ES256", "k");
    let mut profile = IssuerProfile::generic(ISSUER);
    profile.answers_challenges = Some(true);
    let keys = KeySource::Fixed(KeySet::from_value(&jwks(&[&key])).unwrap());
    let validator = TokenValidator::builder(Arc::clone(&engine))
        .issuer(AcceptedIssuer::new(profile, keys, [AUDIENCE]).unwrap())
        .build()
        .unwrap();
    let layer = HighwaterLayer::builder(validator)
        .peer(|extensions| Some(extensions.get::<TcpConnectInfo>()?.remote_addr()?.ip()))
        .clock(|| Timestamp::from_seconds(NOW))
        .build();

    let listener = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let served = tokio::spawn(
        Server::builder()
            .layer(layer)
            .add_service(WhoAmI)
            .serve_with_incoming(listener),
    );
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    let mut client = tonic::client::Grpc::new(endpoint.connect().await.unwrap());

    let plain = key.token(&claims(&json!({})));
    let capable = key.token(&claims(&json!({"jti": "t2", "xms_cc": ["cp1"]})));
    assert_eq!(
        ask(&mut client, Some(&plain)).await.unwrap(),
        "ada at 127.0.0.1"
    );

    let status = ask(&mut client, None).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    assert_eq!(status.message(), "An access token is required");

    let revocation = json!({"time": NOW, "tenant": ISSUER, "subject": {"user": "ada"},
        "effect": "revoke", "source": "idp"});
    let _ = engine.apply(&Event::from_json(&revocation.to_string()).unwrap());
    for (token, error) in [(&plain, "invalid_token"), (&capable, "insufficient_claims")] {
        let status = ask(&mut client, Some(token)).await.unwrap_err();
        assert_eq!(status.code(), Code::Unauthenticated);
        let challenge = status.metadata().get("www-authenticate").unwrap();
        let challenge = challenge.to_str().unwrap();
        assert!(
            challenge.contains(&format!(r#"error="{error}""#)),
            "{challenge}"
        );
    }

    let purge = json!({"time": NOW, "tenant": ISSUER, "subject": {"user": "ada"},
        "effect": "purge", "source": "idp"});
    let _ = engine.apply(&Event::from_json(&purge.to_string()).unwrap());
    let status = ask(&mut client, Some(&capable)).await.unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
    served.abort();
}
