//! One connection, from its first byte to its last.
//!
//! Driven by hand, because every wait of a connection needs a bound of its own: for the first
//! byte, the word of a proxy, the TLS handshake, a head, an answer being read, the pause between
//! requests. Whatever is refused is told so where HTTP allows it.

mod beginning;
mod guarded;
mod pulse;
mod refusal;

use std::io;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{sleep, timeout};

use self::beginning::{Ahead, Patience};
use self::guarded::Guarded;
use self::pulse::Pulse;
pub(super) use self::refusal::too_many;
use super::listener::Listener;
use highwater_tower::client_address::proxy_protocol::{self, Progress, Source};

/// The body of an answer: bytes at hand, or whatever a route makes.
pub(crate) type AnswerBody = Either<Full<Bytes>, Body>;

/// Who is at the other end of a connection: its address; `None` for a process on this machine
/// over a Unix socket, and where a proxy says that it does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peer(pub(crate) Option<IpAddr>);

/// Serves one connection to its end.
pub(super) async fn serve<S>(listener: Arc<Listener>, stream: S, peer: Peer)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    if let Err(error) = begin(listener, stream, peer).await {
        tracing::debug!(%error, "connection ended");
    }
}

async fn begin<S>(listener: Arc<Listener>, mut stream: S, peer: Peer) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let limits = listener.limits();
    let patience = Patience {
        first_byte: limits.idle_timeout,
        rest: limits.header_timeout,
    };
    let mut ahead = Ahead::default();
    if !first_byte(&listener, &mut ahead, &mut stream, patience).await? {
        return Ok(());
    }
    let peer = match word_of_proxy(&listener, &mut ahead, &mut stream, peer, patience).await {
        Ok(peer) => peer,
        Err(error) => {
            refusal::bad_request(stream).await;
            return Err(error);
        }
    };
    let pulse = Arc::new(Pulse::default());
    let Some(acceptor) = listener.tls() else {
        return drive(listener, stream, ahead, patience, peer, pulse).await;
    };
    let ahead = ahead.into_bytes();
    let stream = Guarded::new(stream, ahead, Arc::clone(&pulse), limits.request_timeout);
    let stream = timeout(patience.rest, acceptor.accept(stream)).await??;
    drive(listener, stream, Ahead::default(), patience, peer, pulse).await
}

/// Waits for somebody to ask something, or for the gateway to end.
async fn first_byte<S: AsyncRead + Unpin>(
    listener: &Listener,
    ahead: &mut Ahead,
    stream: &mut S,
    patience: Patience,
) -> io::Result<bool> {
    tokio::select! {
        is_begun = ahead.begin(stream, patience) => is_begun,
        () = listener.service.shutdown.cancelled() => Ok(false),
    }
}

/// Reads the PROXY protocol header, where one is expected of this peer.
async fn word_of_proxy<S: AsyncRead + Unpin>(
    listener: &Listener,
    ahead: &mut Ahead,
    stream: &mut S,
    peer: Peer,
    patience: Patience,
) -> io::Result<Peer> {
    // Anybody can write such a header; only a proxy that is trusted is asked for one.
    if !listener.section.proxy_protocol || !listener.trusts(peer) {
        return Ok(peer);
    }
    loop {
        match proxy_protocol::parse(ahead.bytes()) {
            Ok(Progress::Complete { length, source }) => {
                ahead.drop_first(length);
                return Ok(match source {
                    Source::Local => peer,
                    Source::Unknown => Peer(None),
                    Source::Address(address) => Peer(Some(address.ip())),
                });
            }
            Ok(Progress::Incomplete(needed)) => {
                if !ahead.fill(stream, needed, patience).await? {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            Err(error) => return Err(io::Error::new(io::ErrorKind::InvalidData, error)),
        }
    }
}

/// Speaks HTTP on `stream`, in the version that the client chose.
async fn drive<S>(
    listener: Arc<Listener>,
    mut stream: S,
    mut ahead: Ahead,
    patience: Patience,
    peer: Peer,
    pulse: Arc<Pulse>,
) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    if !first_byte(&listener, &mut ahead, &mut stream, patience).await? {
        return Ok(());
    }
    let is_http2 = ahead.is_http2(&mut stream, patience).await?;
    let limits = listener.limits();
    let ahead = ahead.into_bytes();
    let stream = Guarded::new(stream, ahead, Arc::clone(&pulse), limits.request_timeout);
    let answer = {
        let (listener, pulse) = (Arc::clone(&listener), Arc::clone(&pulse));
        service_fn(move |request| answer(Arc::clone(&listener), request, peer, Arc::clone(&pulse)))
    };
    if is_http2 {
        let header_bytes = u32::try_from(limits.header_bytes).unwrap_or(u32::MAX);
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_concurrent_streams(limits.streams)
            .max_header_list_size(header_bytes)
            .serve_connection(TokioIo::new(stream), answer);
        run(
            &listener,
            &pulse,
            connection,
            http2::Connection::graceful_shutdown,
        )
        .await
    } else {
        let stream = stream.with_head_timeout(limits.header_timeout);
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            // `Guarded` has one that leaves pauses between requests alone.
            .header_read_timeout(None)
            .max_header_size(limits.header_bytes)
            .max_headers(limits.headers)
            .serve_connection(TokioIo::new(stream), answer);
        run(
            &listener,
            &pulse,
            connection,
            http1::Connection::graceful_shutdown,
        )
        .await
    }
}

/// Runs a connection until it ends, until it is idle for too long, or until the gateway ends.
async fn run<C: Future<Output = hyper::Result<()>>>(
    listener: &Listener,
    pulse: &Pulse,
    connection: C,
    finish: impl Fn(Pin<&mut C>),
) -> io::Result<()> {
    let mut connection = pin!(connection);
    let idle_timeout = listener.limits().idle_timeout;
    let mut begun = pulse.begun();
    loop {
        tokio::select! {
            ended = &mut connection => return ended.map_err(io::Error::other),
            () = sleep(idle_timeout) => {
                if pulse.is_idle() && pulse.begun() == begun {
                    break;
                }
                begun = pulse.begun();
            }
            () = listener.service.shutdown.cancelled() => break,
        }
    }
    // What is under way is finished; nothing new begins. The bound on a request bounds this.
    finish(connection.as_mut());
    let longest = listener.limits().request_timeout;
    timeout(longest, connection)
        .await?
        .map_err(io::Error::other)
}

/// Answers one request, in time.
async fn answer(
    listener: Arc<Listener>,
    request: Request<Incoming>,
    peer: Peer,
    pulse: Arc<Pulse>,
) -> Result<Response<AnswerBody>, std::convert::Infallible> {
    let _under_way = pulse.begin();
    let longest = listener.limits().request_timeout;
    let answer = timeout(longest, listener.answer(request, peer)).await;
    Ok(answer.unwrap_or_else(|_| refusal::too_late()))
}
