//! Forward authentication over HTTP: nginx `auth_request`, Envoy `ext_authz`, Traefik
//! `ForwardAuth`, Caddy `forward_auth`, Apache, HAProxy.
//!
//! Any method at `/decide`, with the original method and path in headers; or below `/decide/`,
//! with the gateway's own method and the original path behind it. 200 lets pass; 401 and 403 are
//! to be passed on with their headers.

use http::{Request, Response};
use http_body_util::{Either, Full};

use super::answer;
use super::judge::Question;
use super::target;
use crate::serve::connection::{AnswerBody, Peer};
use crate::serve::listener::Listener;

/// Answers a request for the endpoint; `None` if it is for something else. The body is not read:
/// a gateway that sends one along may, up to what the connection buffers.
pub(in crate::serve) async fn answer<B>(
    listener: &Listener,
    request: &Request<B>,
    peer: Peer,
) -> Option<Response<AnswerBody>> {
    let (uri, headers) = (request.uri(), request.headers());
    let target = target::of(uri, request.method().as_str(), headers)?;
    let question = Question {
        headers,
        address: listener.client_address(peer, headers),
        target,
        contexts: target::asked_for(uri).collect(),
    };
    let service = &listener.service;
    let verdict = service
        .judge
        .judge(service, question, listener.fail())
        .await;
    let answer = answer::of(&verdict, service.judge.authorization());
    let mut response = Response::new(Either::Left(Full::new(answer.body)));
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    Some(response)
}
