//! The layer around a tonic server, asked by a tonic client over a connection. The service is
//! Envoy's authorization, because its messages come without a compiler for them; that it is about
//! authorization too does not matter here.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use std::sync::Arc;

use envoy_types::ext_authz::v3::pb::{
    Authorization, AuthorizationServer, CheckRequest, CheckResponse,
};
use envoy_types::pb::envoy::service::auth::v3::authorization_client::AuthorizationClient;
use envoy_types::pb::google::rpc;
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
use tonic::transport::server::{TcpConnectInfo, TcpIncoming};
use tonic::transport::{Channel, Server};
use tonic::{Code, Request, Response, Status};

/// Says who asks, and from where.
struct WhoAmI;

#[tonic::async_trait]
impl Authorization for WhoAmI {
    async fn check(
        &self,
        request: Request<CheckRequest>,
    ) -> Result<Response<CheckResponse>, Status> {
        let access = request
            .extensions()
            .get::<Access>()
            .ok_or_else(|| Status::internal("nobody"))?;
        let message = format!(
            "{} at {}",
            access.token.facts().subject,
            access.client_address.unwrap()
        );
        let status = rpc::Status {
            message,
            ..rpc::Status::default()
        };
        Ok(Response::new(CheckResponse {
            status: Some(status),
            ..CheckResponse::default()
        }))
    }
}

async fn ask(
    client: &mut AuthorizationClient<Channel>,
    token: Option<&str>,
) -> Result<String, Status> {
    let mut request = Request::new(CheckRequest::default());
    if let Some(token) = token {
        let value = format!("Bearer {token}").parse().unwrap();
        request.metadata_mut().insert("authorization", value);
    }
    let answer = client.check(request).await?.into_inner();
    Ok(answer.status.unwrap_or_default().message)
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
            .add_service(AuthorizationServer::new(WhoAmI))
            .serve_with_incoming(listener),
    );
    let mut client = AuthorizationClient::connect(format!("http://{address}"))
        .await
        .unwrap();

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
