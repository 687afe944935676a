//! What is said to connections and requests that are not served.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::{Either, Full};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::AnswerBody;

/// How long a refused client may take to hear it.
const PATIENCE: Duration = Duration::from_secs(2);

const TOO_MANY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\n\
    retry-after: 1\r\ncontent-type: application/problem+json\r\ncontent-length: 63\r\n\r\n\
    {\"title\":\"too many connections\",\"status\":503,\"reason\":\"limit\"}\n";

const BAD_REQUEST: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// Refuses a connection above the limit.
pub(in super::super) async fn too_many<S: AsyncRead + AsyncWrite + Unpin>(stream: S) {
    refuse(stream, TOO_MANY).await;
}

/// Refuses a connection that does not begin as it has to.
pub(super) async fn bad_request<S: AsyncRead + AsyncWrite + Unpin>(stream: S) {
    refuse(stream, BAD_REQUEST).await;
}

/// Writes `answer` and closes. What the client has sent meanwhile is read first: closing over
/// unread bytes would reset the connection, and the answer could be lost.
async fn refuse<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, answer: &'static [u8]) {
    let told = async {
        stream.write_all(answer).await?;
        stream.shutdown().await?;
        let mut sink = [0; 4096];
        // Bounded by the time; nobody looks at it.
        while stream.read(&mut sink).await? > 0 {}
        std::io::Result::Ok(())
    };
    if !matches!(timeout(PATIENCE, told).await, Ok(Ok(()))) {
        tracing::debug!("a refused client did not wait for its answer");
    }
}

/// The answer to a request that took too long here.
pub(super) fn too_late() -> Response<AnswerBody> {
    let body = Bytes::from_static(b"{\"title\":\"took too long\",\"status\":503}\n");
    let mut answer = Response::new(Either::Left(Full::new(body)));
    *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    let headers = answer.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/problem+json"),
    );
    headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stated_length_is_the_length() {
        let text = std::str::from_utf8(TOO_MANY).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.ends_with(&format!("content-length: {}", body.len())));
    }
}
