//! Envoy over gRPC: the same decisions, with Envoy's own word about the client.

use std::collections::HashMap;

use messages::{
    Address, AttributeContext, CHECK, CheckRequest, CheckResponse, HeaderMap, HeaderValue,
    HeaderValueOption, HttpRequest, OVERWRITE_IF_EXISTS_OR_ADD, Peer, Request, SERVICE,
    SocketAddress,
};
use serde_json::json;
use tonic::Status;
use tonic::transport::Endpoint;

// A real Envoy shows that they are Envoy's: `gateway/tests/peers/run`.
#[path = "../../src/serve/decide/envoy/messages.rs"]
mod messages;

use crate::gateway::Gateway;
use crate::issuer::Issuer;

const OFFICE: &str = "203.0.113.7";
const ELSEWHERE: &str = "198.51.100.9";

/// What Envoy sends about a request from `source` with these headers.
fn check(source: &str, path: &str, headers: &[(&str, &str)]) -> CheckRequest {
    let address = Address {
        socket_address: Some(SocketAddress {
            address: source.to_owned(),
        }),
    };
    let headers: HashMap<String, String> = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    CheckRequest {
        attributes: Some(AttributeContext {
            source: Some(Peer {
                address: Some(address),
            }),
            request: Some(Request {
                http: Some(HttpRequest {
                    method: "GET".to_owned(),
                    path: path.to_owned(),
                    headers,
                    ..HttpRequest::default()
                }),
            }),
            ..AttributeContext::default()
        }),
    }
}

async fn call(
    gateway: &Gateway,
    path: &str,
    request: CheckRequest,
) -> Result<CheckResponse, Status> {
    let endpoint = Endpoint::from_shared(gateway.url("decisions", "")).unwrap();
    let mut client = tonic::client::Grpc::new(endpoint.connect().await.unwrap());
    client.ready().await.unwrap();
    let codec = tonic_prost::ProstCodec::default();
    let path = path.parse().unwrap();
    let response = client
        .unary(tonic::Request::new(request), path, codec)
        .await;
    response.map(tonic::Response::into_inner)
}

async fn ask(gateway: &Gateway, request: CheckRequest) -> CheckResponse {
    call(gateway, CHECK, request).await.unwrap()
}

/// Status, headers, and headers that are taken out.
fn read(response: CheckResponse) -> (i32, HashMap<String, String>, Vec<String>) {
    let map = |headers: Vec<HeaderValueOption>| {
        headers
            .into_iter()
            .inspect(|option| assert_eq!(option.append_action, OVERWRITE_IF_EXISTS_OR_ADD))
            .filter_map(|option| option.header)
            .map(|header| (header.key, header.value))
            .collect()
    };
    let code = response.status.unwrap().code;
    match (response.ok, response.denied) {
        (Some(ok), None) => {
            assert_eq!(code, 0);
            (200, map(ok.headers), ok.headers_to_remove)
        }
        (None, Some(denied)) => {
            assert_ne!(code, 0);
            assert!(denied.body.contains("\"reason\":"), "{}", denied.body);
            (denied.status.unwrap().code, map(denied.headers), Vec::new())
        }
        other => panic!("{other:?}"),
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

/// Envoy sends bytes where it is configured to, and then no text.
#[tokio::test]
async fn headers_come_as_bytes_too() {
    let issuer = Issuer::new();
    let gateway = issuer.gateway("");
    let bearer = format!("Bearer {}", issuer.token(json!({"xms_cc": ["cp1"]})));
    let header = |raw: bool| HeaderValue {
        key: "authorization".to_owned(),
        value: if raw { String::new() } else { bearer.clone() },
        raw_value: if raw {
            bearer.clone().into()
        } else {
            Vec::new()
        },
    };
    for raw in [true, false] {
        let mut asked = check(OFFICE, "/x", &[]);
        let attributes = asked.attributes.as_mut().unwrap();
        let http = attributes.request.as_mut().unwrap().http.as_mut().unwrap();
        http.header_map = Some(HeaderMap {
            headers: vec![header(raw)],
        });
        let (status, headers, _) = read(ask(&gateway, asked).await);
        assert_eq!(status, 200, "{raw}");
        assert_eq!(headers["x-highwater-subject"], "ada");
    }
}

#[tokio::test]
async fn what_is_no_check_is_an_error_and_no_verdict() {
    let gateway = Issuer::new().gateway("");
    let unknown = format!("/{SERVICE}/Other");
    for (path, code) in [
        (CHECK, tonic::Code::InvalidArgument), // a check without a request
        (&unknown, tonic::Code::Unimplemented),
    ] {
        let error = call(&gateway, path, CheckRequest::default()).await;
        assert_eq!(error.unwrap_err().code(), code, "{path}");
    }
}
