//! Envoy's external authorization over gRPC.
//!
//! Envoy says itself from where a request came (`source.address`) and what was asked, so less
//! depends on headers than over HTTP. A route can ask for an authentication context by
//! `context_extensions: {authentication_context: c1}`.

mod messages;
mod server;

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use highwater_tower::client_address::ForwardingHeader;
use http::{HeaderMap, HeaderName, HeaderValue};
use tonic::{Code, Request, Response, Status};

use self::messages::{
    AttributeContext, CheckRequest, CheckResponse, DeniedHttpResponse, HeaderValueOption,
    HttpRequest, HttpStatus, OVERWRITE_IF_EXISTS_OR_ADD, OkHttpResponse,
};
use super::answer::{self, Answer};
use super::judge::Question;
use super::target::Target;
use crate::serve::Service;
use crate::serve::connection::Peer;
use crate::serve::listener::Callers;

/// The gRPC service, on the listener whose callers these are.
pub(in crate::serve) fn routes(service: &Arc<Service>, callers: Callers) -> Router {
    let envoy = Envoy {
        service: Arc::clone(service),
        callers,
    };
    let server = server::AuthorizationServer::new(envoy, service.limits.body_bytes);
    tonic::service::Routes::new(server).into_axum_router()
}

struct Envoy {
    service: Arc<Service>,
    callers: Callers,
}

impl Envoy {
    async fn check(
        &self,
        request: Request<CheckRequest>,
    ) -> Result<Response<CheckResponse>, Status> {
        let peer = request
            .extensions()
            .get::<Peer>()
            .copied()
            .unwrap_or(Peer(None));
        let attributes = request.into_inner().attributes.unwrap_or_default();
        let request = attributes
            .request
            .as_ref()
            .and_then(|request| request.http.as_ref())
            .ok_or_else(|| Status::invalid_argument("a check without an HTTP request"))?;
        let mut headers = headers(request)?;
        let address = self.address(peer, source(&attributes), &mut headers);
        let contexts = attributes
            .context_extensions
            .get("authentication_context")
            .map(String::as_str);
        let question = Question {
            headers: &headers,
            address,
            target: Target::Exact {
                method: &request.method,
                path: &request.path,
            },
            contexts: contexts.into_iter().collect(),
        };
        let judge = &self.service.judge;
        let verdict = judge
            .judge(&self.service, question, self.callers.fail)
            .await;
        Ok(Response::new(response(answer::of(
            &verdict,
            judge.authorization(),
        ))))
    }

    /// The address of the client. What Envoy saw stands behind what it was told, whether or not
    /// it is configured to append it.
    fn address(
        &self,
        peer: Peer,
        source: Option<IpAddr>,
        headers: &mut HeaderMap,
    ) -> Option<IpAddr> {
        if let (ForwardingHeader::XForwardedFor, Some(source)) =
            (self.callers.rule.header(), source)
        {
            let name = ForwardingHeader::XForwardedFor.name();
            let last = headers.get_all(name).iter().next_back();
            let is_there = last
                .and_then(|line| line.to_str().ok())
                .and_then(|line| line.rsplit(',').next())
                .and_then(|address| address.trim().parse::<IpAddr>().ok())
                .is_some_and(|last| last.to_canonical() == source.to_canonical());
            if !is_there && let Ok(value) = HeaderValue::from_str(&source.to_string()) {
                headers.append(name.clone(), value);
            }
        }
        self.callers.client_address(peer, headers)
    }
}

/// The other end of the connection that Envoy has.
fn source(attributes: &AttributeContext) -> Option<IpAddr> {
    let address = attributes.source.as_ref()?.address.as_ref()?;
    address.socket_address.as_ref()?.address.parse().ok()
}

/// The headers of the original request, in either form in which Envoy sends them. Several of one
/// name come as one, so two tokens are still not one token.
fn headers(request: &HttpRequest) -> Result<HeaderMap, Status> {
    let refuse = |_| Status::invalid_argument("a header that is none");
    let mut headers = HeaderMap::with_capacity(request.headers.len());
    let mut add = |name: &str, value: &[u8]| {
        // Pseudo-headers of HTTP/2 are in the map too.
        if !name.starts_with(':') {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| refuse(()))?;
            let value = HeaderValue::from_bytes(value).map_err(|_| refuse(()))?;
            headers.append(name, value);
        }
        Ok::<(), Status>(())
    };
    for (name, value) in &request.headers {
        add(name, value.as_bytes())?;
    }
    for header in request.header_map.iter().flat_map(|map| &map.headers) {
        if header.raw_value.is_empty() {
            add(&header.key, header.value.as_bytes())?;
        } else {
            add(&header.key, &header.raw_value)?;
        }
    }
    Ok(headers)
}

/// The answer in Envoy's words. A verdict header that the client sent does not reach the API.
fn response(answer: Answer) -> CheckResponse {
    let is_allowed = answer.status.is_success();
    let headers = answer.headers.iter().map(header).collect();
    let (ok, denied) = if is_allowed {
        let ok = OkHttpResponse {
            headers,
            headers_to_remove: answer::HEADERS
                .iter()
                .filter(|name| !answer.headers.contains_key(*name))
                .map(HeaderName::to_string)
                .collect(),
        };
        (Some(ok), None)
    } else {
        let denied = DeniedHttpResponse {
            status: Some(HttpStatus {
                code: i32::from(answer.status.as_u16()),
            }),
            headers,
            body: String::from_utf8_lossy(&answer.body).into_owned(),
        };
        (None, Some(denied))
    };
    let code = match answer.status.as_u16() {
        200 => Code::Ok,
        401 => Code::Unauthenticated,
        403 => Code::PermissionDenied,
        _ => Code::Unavailable,
    };
    CheckResponse {
        status: Some(messages::Status { code: code.into() }),
        denied,
        ok,
    }
}

fn header((name, value): (&HeaderName, &HeaderValue)) -> HeaderValueOption {
    HeaderValueOption {
        header: Some(messages::HeaderValue {
            key: name.to_string(),
            value: String::from_utf8_lossy(value.as_bytes()).into_owned(),
            raw_value: Vec::new(),
        }),
        append_action: OVERWRITE_IF_EXISTS_OR_ADD,
    }
}
