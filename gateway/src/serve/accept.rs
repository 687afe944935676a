//! Connections, as many as allowed, each in a task of its own.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;

use super::connection::{self, Peer};
use super::listener::{Listener, Socket};

/// How many clients may be told at the same time that there are too many. Beyond that nobody is
/// accepted: the operating system holds them back.
const REFUSALS: usize = 256;

/// Accepts connections until the gateway is told to stop.
pub(super) fn spawn(listener: Listener, socket: Socket) {
    let listener = Arc::new(listener);
    let tasks = listener.service.tasks.clone();
    tasks.spawn(async move {
        let slots = Slots {
            serving: Arc::new(Semaphore::new(listener.limits().connections)),
            refusing: Arc::new(Semaphore::new(REFUSALS)),
        };
        let shutdown = listener.service.shutdown.clone();
        // Ends when told to, wherever it waits.
        shutdown
            .run_until_cancelled(accept_all(&listener, &socket, &slots))
            .await;
    });
}

struct Slots {
    serving: Arc<Semaphore>,
    refusing: Arc<Semaphore>,
}

async fn accept_all(listener: &Arc<Listener>, socket: &Socket, slots: &Slots) {
    loop {
        let accepted = match socket {
            Socket::Tcp(socket) => match socket.accept().await {
                Ok((stream, address)) => {
                    // Answers are small: waiting to fill a packet only makes them late.
                    let _ = stream.set_nodelay(true);
                    take(
                        listener,
                        slots,
                        stream,
                        Peer(Some(address.ip().to_canonical())),
                    )
                    .await;
                    Ok(())
                }
                Err(error) => Err(error),
            },
            #[cfg(unix)]
            Socket::Unix(socket, _) => match socket.accept().await {
                Ok((stream, _)) => {
                    take(listener, slots, stream, Peer(None)).await;
                    Ok(())
                }
                Err(error) => Err(error),
            },
        };
        if let Err(error) = accepted {
            // Out of file descriptors, mostly: wait until some are given back.
            tracing::warn!(%error, "cannot accept a connection");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

async fn take<S>(listener: &Arc<Listener>, slots: &Slots, stream: S, peer: Peer)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let tasks = &listener.service.tasks;
    if let Ok(slot) = Arc::clone(&slots.serving).try_acquire_owned() {
        let listener = Arc::clone(listener);
        tasks.spawn(async move {
            connection::serve(listener, stream, peer).await;
            drop(slot);
        });
    } else if let Ok(slot) = Arc::clone(&slots.refusing).acquire_owned().await {
        tasks.spawn(async move {
            connection::too_many(stream).await;
            drop(slot);
        });
    }
}
