//! Delivery without sockets: requests and responses as values.
//!
//! Push (RFC 8935) and poll (RFC 8936) carry tokens in; stream management (SSF 1.0) sets up and
//! watches the streams. Each is a state machine whose steps the host carries out with whatever
//! HTTP it likes, so that each can be tested to the last answer.

pub mod liveness;
pub mod metadata;
pub mod poll;
pub mod push;
pub mod stream;

/// A request that the host is to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRequest {
    /// The method.
    pub method: &'static str,
    /// The URL.
    pub url: String,
    /// Header fields, names in lower case. The host adds its own credentials.
    pub headers: Vec<(&'static str, String)>,
    /// The body, JSON where there is one.
    pub body: Option<Vec<u8>>,
}

impl HttpRequest {
    /// A request without a body that wants JSON.
    #[must_use]
    pub fn bare(method: &'static str, url: impl Into<String>) -> HttpRequest {
        HttpRequest {
            method,
            url: url.into(),
            headers: vec![("accept", "application/json".to_owned())],
            body: None,
        }
    }

    /// A request with a JSON body.
    #[must_use]
    pub fn json(
        method: &'static str,
        url: impl Into<String>,
        body: &serde_json::Value,
    ) -> HttpRequest {
        HttpRequest {
            headers: vec![
                ("accept", "application/json".to_owned()),
                ("content-type", "application/json".to_owned()),
            ],
            body: Some(body.to_string().into_bytes()),
            ..HttpRequest::bare(method, url)
        }
    }
}

/// A response that the host received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpResponse<'a> {
    /// The status code.
    pub status: u16,
    /// `Retry-After` in seconds, if there is one.
    pub retry_after_seconds: Option<i64>,
    /// The body.
    pub body: &'a [u8],
}
