//! The first bytes of a connection: the word of a proxy, and which HTTP this is.

use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::timeout;

/// What an HTTP/2 connection begins with (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How long the first byte, and then the rest of the beginning, may take.
#[derive(Clone, Copy)]
pub(super) struct Patience {
    pub(super) first_byte: Duration,
    pub(super) rest: Duration,
}

/// Bytes read ahead from a stream.
#[derive(Default)]
pub(super) struct Ahead(BytesMut);

impl Ahead {
    /// Reads on until at least `length` bytes are there. Whether they are: the stream may end.
    pub(super) async fn fill<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        length: usize,
        patience: Patience,
    ) -> io::Result<bool> {
        let read = async {
            while self.0.len() < length {
                if stream.read_buf(&mut self.0).await? == 0 {
                    return Ok(false);
                }
            }
            Ok(true)
        };
        timeout(patience.rest, read).await?
    }

    /// Waits for the first byte. Whether there is one.
    pub(super) async fn begin<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        patience: Patience,
    ) -> io::Result<bool> {
        if !self.0.is_empty() {
            return Ok(true);
        }
        let read = timeout(patience.first_byte, stream.read_buf(&mut self.0)).await??;
        Ok(read > 0)
    }

    /// Whether the stream speaks HTTP/2 from its first byte on.
    pub(super) async fn is_http2<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        patience: Patience,
    ) -> io::Result<bool> {
        loop {
            let common = self.0.len().min(PREFACE.len());
            if self.0[..common] != PREFACE[..common] {
                return Ok(false);
            }
            if common == PREFACE.len() {
                return Ok(true);
            }
            if !self.fill(stream, common + 1, patience).await? {
                return Ok(false);
            }
        }
    }

    /// What was read so far.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Drops the first `length` bytes: they are understood.
    pub(super) fn drop_first(&mut self, length: usize) {
        let _ = self.0.split_to(length.min(self.0.len()));
    }

    /// What was read and not understood yet.
    pub(super) fn into_bytes(self) -> Bytes {
        self.0.freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience {
        first_byte: Duration::from_secs(600),
        rest: Duration::from_secs(600),
    };

    #[tokio::test]
    async fn http2_is_told_from_its_preface_alone() {
        for (bytes, expected) in [
            (&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nmore"[..], true),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", true),
            (b"PRI * HTTP/1.1\r\n\r\n", false),
            (b"PRI", false),
            (b"GET / HTTP/1.1\r\n", false),
        ] {
            let mut ahead = Ahead::default();
            let mut stream = bytes;
            assert!(ahead.begin(&mut stream, PATIENCE).await.unwrap());
            let found = ahead.is_http2(&mut stream, PATIENCE).await.unwrap();
            assert_eq!(found, expected, "{:?}", String::from_utf8_lossy(bytes));
            let mut all = ahead.into_bytes().to_vec();
            all.extend_from_slice(stream);
            assert_eq!(all, bytes, "nothing is lost");
        }
    }
}
