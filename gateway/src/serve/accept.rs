//! Connections, as many as allowed, each in a task of its own.

use std::sync::Arc;

use axum::Router;
use tokio::sync::Semaphore;

use super::Service;
use super::connection::{self, Peer};
use super::listener::{Bound, Socket};

/// Accepts connections on `listener` until the gateway is told to stop.
pub(crate) fn spawn(service: &Arc<Service>, listener: Bound, routes: Router) {
    announce(&listener);
    let service = Arc::clone(service);
    let tasks = service.tasks.clone();
    tasks.spawn(async move {
        let slots = Arc::new(Semaphore::new(service.limits.connections));
        loop {
            tokio::select! {
                () = service.shutdown.cancelled() => break,
                accepted = accept(&listener.socket) => match accepted {
                    Ok((stream, peer)) => {
                        let slot = Arc::clone(&slots).try_acquire_owned().ok();
                        let work = connection::serve(Arc::clone(&service), stream, peer, routes.clone());
                        service.tasks.spawn(async move {
                            work.await;
                            drop(slot);
                        });
                    }
                    Err(error) => {
                        // Out of file descriptors, mostly: wait until some are given back.
                        tracing::warn!(%error, "cannot accept a connection");
                        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                    }
                },
            }
        }
    });
}

/// The one thing that is said on stdout: where to ask.
fn announce(listener: &Bound) {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    // Whoever closed stdout does not want to know.
    let _ = writeln!(
        out,
        "listening on {listener} for {}",
        listener.kind().as_str()
    )
    .and_then(|()| out.flush());
}

/// A connection of either kind.
pub(crate) enum Stream {
    Tcp(tokio::net::TcpStream),
    #[cfg(unix)]
    Unix(tokio::net::UnixStream),
}

async fn accept(socket: &Socket) -> std::io::Result<(Stream, Peer)> {
    match socket {
        Socket::Tcp(listener) => {
            let (stream, address) = listener.accept().await?;
            stream.set_nodelay(true)?;
            Ok((Stream::Tcp(stream), Peer::Address(address)))
        }
        #[cfg(unix)]
        Socket::Unix(listener, _) => {
            let (stream, _) = listener.accept().await?;
            Ok((Stream::Unix(stream), Peer::Local))
        }
    }
}
