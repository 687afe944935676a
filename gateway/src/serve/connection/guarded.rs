//! A stream that does not wait for ever.
//!
//! A request that has begun has to end: from its first byte the head has a deadline, however
//! slowly bytes come (slowloris). hyper has such a timeout too, but it also counts the pause
//! between two requests, which is somebody's connection pool and no attack. A client that does
//! not read its answers has a deadline too.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

use super::pulse::Pulse;

/// What a client is told whose request does not come to its end.
const TOO_SLOW: &[u8] =
    b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// A stream with deadlines, and with bytes that were read ahead.
pub(super) struct Guarded<S> {
    stream: S,
    /// Read ahead to tell protocols apart.
    ahead: Bytes,
    pulse: Arc<Pulse>,
    head: Option<Head>,
    write_timeout: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
}

/// Deadlines of request heads: HTTP/1 only, where nothing but heads comes between requests.
struct Head {
    timeout: Duration,
    /// Running since the first byte of a head.
    timer: Option<Pin<Box<Sleep>>>,
    /// How many requests had begun when it was started.
    begun: u64,
}

impl<S> Guarded<S> {
    /// Bounds writing; `ahead` comes before what the stream still has.
    pub(super) fn new(stream: S, ahead: Bytes, pulse: Arc<Pulse>, write_timeout: Duration) -> Self {
        Guarded {
            stream,
            ahead,
            pulse,
            head: None,
            write_timeout,
            stalled: None,
        }
    }

    /// Bounds heads too.
    pub(super) fn with_head_timeout(mut self, timeout: Duration) -> Self {
        self.head = Some(Head {
            timeout,
            timer: (!self.ahead.is_empty()).then(|| Box::pin(sleep(timeout))),
            begun: self.pulse.begun(),
        });
        self
    }
}

impl Head {
    /// Bytes came: those of a head, if no request is under way.
    fn received(&mut self, pulse: &Pulse) {
        self.settle(pulse);
        if self.timer.is_none() && pulse.is_idle() {
            self.timer = Some(Box::pin(sleep(self.timeout)));
        }
    }

    /// Whether the head under way has taken too long.
    fn is_too_slow(&mut self, pulse: &Pulse, context: &mut Context<'_>) -> bool {
        self.settle(pulse);
        self.timer
            .as_mut()
            .is_some_and(|timer| timer.as_mut().poll(context).is_ready())
    }

    /// A head that became a request has no deadline any more.
    fn settle(&mut self, pulse: &Pulse) {
        let begun = pulse.begun();
        if begun != self.begun {
            self.begun = begun;
            self.timer = None;
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.ahead.has_remaining() {
            let length = this.ahead.remaining().min(buffer.remaining());
            buffer.put_slice(&this.ahead[..length]);
            this.ahead.advance(length);
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        match Pin::new(&mut this.stream).poll_read(context, buffer) {
            Poll::Ready(ended) => {
                if let (Some(head), true) = (&mut this.head, buffer.filled().len() > before) {
                    head.received(&this.pulse);
                    // Bytes that always come are no excuse.
                    if head.is_too_slow(&this.pulse, context) {
                        return this.refuse(context);
                    }
                }
                Poll::Ready(ended)
            }
            Poll::Pending => {
                if let Some(head) = &mut this.head
                    && head.is_too_slow(&this.pulse, context)
                {
                    return this.refuse(context);
                }
                Poll::Pending
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> Guarded<S> {
    /// Answers on behalf of a request that never came to be one.
    fn refuse(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // As much as goes at once: who sends slowly is not waited for.
        if let Poll::Ready(Ok(_)) = Pin::new(&mut self.stream).poll_write(context, TOO_SLOW) {
            let _ = Pin::new(&mut self.stream).poll_flush(context);
        }
        Poll::Ready(Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "the head of a request took too long",
        )))
    }

    /// Passes `polled` on, unless nothing could be written for too long.
    fn within<T>(
        &mut self,
        polled: Poll<io::Result<T>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.stalled = None;
            return polled;
        }
        let timeout = self.write_timeout;
        let timer = self
            .stalled
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(Instant::now() + timeout)));
        ready!(timer.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "the client does not read its answer",
        )))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_write(context, bytes);
        this.within(polled, context)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_write_vectored(context, slices);
        this.within(polled, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_flush(context);
        this.within(polled, context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_shutdown(context);
        this.within(polled, context)
    }
}
