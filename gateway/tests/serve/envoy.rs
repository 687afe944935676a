//! Envoy over gRPC: the same decisions, with Envoy's own word about the client.

use std::collections::HashMap;

use envoy_types::ext_authz::v3::pb::{
    Address, CheckRequest, CheckResponse, HeaderValueOption, HttpResponse,
};
use envoy_types::pb::envoy::config::core::v3 as core;
use envoy_types::pb::envoy::service::auth::v3::authorization_client::AuthorizationClient;
use envoy_types::pb::envoy::service::auth::v3::{AttributeContext, attribute_context};
use serde_json::json;

use crate::gateway::Gateway;
use crate::issuer::Issuer;

const OFFICE: &str = "203.0.113.7";
const ELSEWHERE: &str = "198.51.100.9";

/// What Envoy sends about a request from `source` with these headers.
fn check(source: &str, path: &str, headers: &[(&str, &str)]) -> CheckRequest {
    let socket = core::SocketAddress {
        address: source.to_owned(),
        ..core::SocketAddress::default()
    };
    let address = core::Address {
        address: Some(Address::SocketAddress(socket)),
    };
    let headers: HashMap<String, String> = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    CheckRequest {
        attributes: Some(AttributeContext {
            source: Some(attribute_context::Peer {
                address: Some(address),
                ..attribute_context::Peer::default()
            }),
            request: Some(attribute_context::Request {
                http: Some(attribute_context::HttpRequest {
                    method: "GET".to_owned(),
                    path: path.to_owned(),
                    headers,
                    ..attribute_context::HttpRequest::default()
                }),
                ..attribute_context::Request::default()
            }),
            ..AttributeContext::default()
        }),
    }
}

async fn ask(gateway: &Gateway, request: CheckRequest) -> CheckResponse {
    let mut client = AuthorizationClient::connect(gateway.url("decisions", ""))
        .await
        .unwrap();
    client.check(request).await.unwrap().into_inner()
}

/// Status, headers, and headers that are taken out.
fn read(response: CheckResponse) -> (i32, HashMap<String, String>, Vec<String>) {
    let map = |headers: Vec<HeaderValueOption>| {
        headers
            .into_iter()
            .filter_map(|option| option.header)
            .map(|header| (header.key, header.value))
            .collect()
    };
    match response.http_response.unwrap() {
        HttpResponse::OkResponse(ok) => (200, map(ok.headers), ok.headers_to_remove),
        HttpResponse::DeniedResponse(denied) => {
            assert!(denied.body.contains("\"reason\":"), "{}", denied.body);
            (denied.status.unwrap().code, map(denied.headers), Vec::new())
        }
        HttpResponse::ErrorResponse(error) => panic!("{error:?}"),
    }
}

#[tokio::test]
async fn decisions_over_grpc_are_those_over_http() {
    let issuer = Issuer::new();
    let gateway = issuer.gateway("");
    let bearer = format!("Bearer {}", issuer.token(json!({"xms_cc": ["cp1"]})));
    let authorization = ("authorization", bearer.as_str());
    let forged = ("x-highwater-reasons", "forged");

    let asked = check(OFFICE, "/x", &[authorization, forged]);
    let (status, headers, removed) = read(ask(&gateway, asked).await);
    assert_eq!(status, 200);
    assert_eq!(headers["x-highwater-subject"], "ada");
    assert!(
        removed.contains(&"x-highwater-reasons".to_owned()),
        "{removed:?}"
    );
    assert!(!removed.contains(&"x-highwater-subject".to_owned()));

    // What Envoy saw stands rightmost, whatever the client wrote and whether Envoy appended it.
    for written in [OFFICE, "203.0.113.7, 198.51.100.9"] {
        let asked = check(
            ELSEWHERE,
            "/x",
            &[authorization, ("x-forwarded-for", written)],
        );
        let (status, headers, _) = read(ask(&gateway, asked).await);
        assert_eq!(status, 401, "{written}");
        assert!(headers["www-authenticate"].contains("insufficient_claims"));
        assert_eq!(headers["x-highwater-decision"], "challenge");
    }

    let (status, headers, _) = read(ask(&gateway, check(OFFICE, "/x", &[])).await);
    assert_eq!(status, 401);
    assert!(headers["www-authenticate"].starts_with("Bearer"));
    assert!(!headers["www-authenticate"].contains("error="));
}

#[tokio::test]
async fn a_route_of_envoy_asks_for_a_context() {
    let issuer = Issuer::new();
    let gateway = issuer.gateway("");
    let bearer = format!("Bearer {}", issuer.token(json!({"xms_cc": ["cp1"]})));
    let mut asked = check(OFFICE, "/x", &[("authorization", &bearer)]);
    let attributes = asked.attributes.as_mut().unwrap();
    attributes
        .context_extensions
        .insert("authentication_context".to_owned(), "c1".to_owned());
    let (status, headers, _) = read(ask(&gateway, asked).await);
    assert_eq!(status, 401);
    assert_eq!(headers["x-highwater-reasons"], "auth_context_required");
}

#[tokio::test]
async fn a_check_without_a_request_is_an_error_and_no_verdict() {
    let gateway = Issuer::new().gateway("");
    let mut client = AuthorizationClient::connect(gateway.url("decisions", ""))
        .await
        .unwrap();
    let error = client.check(CheckRequest::default()).await.unwrap_err();
    assert_eq!(error.code(), tonic::Code::InvalidArgument);
}
