//! The service of gRPC: one method.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tonic::body::Body;
use tonic::server::{Grpc, NamedService};
use tonic::{Request, Status};
use tonic_prost::ProstCodec;
use tower::{Service, service_fn};

use super::Envoy;
use super::messages::{CHECK, CheckRequest, SERVICE};

/// Calls [`Envoy::check`] where its method is asked for.
#[derive(Clone)]
pub(super) struct AuthorizationServer {
    envoy: Arc<Envoy>,
    largest_message: usize,
}

impl AuthorizationServer {
    /// For messages of at most so many bytes.
    pub(super) fn new(envoy: Envoy, largest_message: usize) -> AuthorizationServer {
        AuthorizationServer {
            envoy: Arc::new(envoy),
            largest_message,
        }
    }
}

impl NamedService for AuthorizationServer {
    const NAME: &'static str = SERVICE;
}

impl Service<http::Request<Body>> for AuthorizationServer {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        if request.uri().path() != CHECK {
            let response = Status::unimplemented("").into_http();
            return Box::pin(std::future::ready(Ok(response)));
        }
        let envoy = Arc::clone(&self.envoy);
        let check = service_fn(move |request: Request<CheckRequest>| {
            let envoy = Arc::clone(&envoy);
            async move { envoy.check(request).await }
        });
        let mut grpc =
            Grpc::new(ProstCodec::default()).max_decoding_message_size(self.largest_message);
        Box::pin(async move { Ok(grpc.unary(check, request).await) })
    }
}
