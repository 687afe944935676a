//! One connection, from its first byte to its last.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};

use super::Service;
use super::accept::Stream;

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// An address of the network.
    Address(SocketAddr),
    /// A process on this machine, over a Unix socket.
    Local,
}

/// Serves one connection to its end.
pub(crate) async fn serve(service: Arc<Service>, stream: Stream, peer: Peer, routes: Router) {
    let routes = routes.layer(axum::Extension(peer));
    match stream {
        Stream::Tcp(stream) => drive(&service, stream, routes).await,
        #[cfg(unix)]
        Stream::Unix(stream) => drive(&service, stream, routes).await,
    }
}

async fn drive<S>(service: &Service, stream: S, routes: Router)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let builder = auto::Builder::new(TokioExecutor::new());
    let connection =
        builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes));
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = service.shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection ended");
    }
}
