//! Stream management (SSF 1.0 section 8.1): requests to a transmitter, and what its answers mean.
//!
//! Every answer that names an issuer is compared with the one that was configured: a transmitter
//! must not be able to hand out a stream whose events another issuer signs.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use highwater::event::StreamState;

use super::metadata::{Metadata, POLL, PUSH, is_poll, is_push};
use super::{HttpRequest, HttpResponse};
use crate::subject::SubjectId;

/// A stream, as its transmitter describes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StreamConfig {
    /// The stream's id; transmitters before `1_0-ID1` have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_id: Option<String>,
    /// The issuer of its tokens.
    pub iss: String,
    /// Their audience.
    #[serde(default)]
    pub aud: Value,
    /// How they are delivered.
    pub delivery: StreamDelivery,
    /// What may come. Only this counts, not what is supported or was asked for.
    #[serde(default)]
    pub events_delivered: Option<Vec<String>>,
    /// What was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events_requested: Option<Vec<String>>,
    /// What the transmitter could send.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events_supported: Option<Vec<String>>,
    /// The shortest time between two verification requests, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_verification_interval: Option<i64>,
    /// After how many seconds without a sign of life the stream is paused, disabled or deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inactivity_timeout: Option<i64>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// How a stream delivers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamDelivery {
    /// The method's URI.
    pub method: String,
    /// Where to push to, or to poll.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint_url: Option<String>,
    /// What to send as `Authorization` with each push.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization_header: Option<String>,
}

/// The status of a stream, as its transmitter describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamStatus {
    /// The stream's id.
    pub stream_id: Option<String>,
    /// The status.
    pub status: StreamState,
    /// Why.
    pub reason: Option<String>,
}

/// Why an answer to a management request cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// The metadata has no address for this.
    #[error("the transmitter's metadata has no `{0}`; the request cannot be made")]
    NoEndpoint(&'static str),
    /// The transmitter is not ready; ask again.
    #[error("the transmitter is not ready ({status}); try again in {retry_after_seconds} s")]
    Later {
        /// The status code.
        status: u16,
        /// How long to wait.
        retry_after_seconds: i64,
    },
    /// There is such a stream already.
    #[error(
        "the transmitter allows no further stream for this receiver; read or delete the existing one"
    )]
    Conflict,
    /// No such stream, or none that we may see.
    #[error("the transmitter does not know the stream")]
    NotFound,
    /// Our credentials are not enough.
    #[error("the transmitter refuses our credentials ({0})")]
    Unauthorized(u16),
    /// Any other refusal.
    #[error("the transmitter answered with {0}")]
    Status(u16),
    /// The body is not what the specification says.
    #[error("the transmitter's answer cannot be read: {0}")]
    Body(String),
    /// The stream belongs to another issuer.
    #[error("the stream is that of `{found}`, not of `{expected}`; it is not used")]
    Issuer {
        /// The configured issuer.
        expected: String,
        /// The issuer in the answer.
        found: String,
    },
}

/// How a receiver wants to be delivered to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Push to this address, with this `Authorization` if any.
    Push {
        /// The address.
        endpoint_url: String,
        /// What to send with each push.
        authorization_header: Option<String>,
    },
    /// Poll where the transmitter says.
    Poll,
}

/// Makes the requests to one transmitter.
#[derive(Clone, Debug)]
pub struct StreamClient {
    metadata: Metadata,
}

impl StreamClient {
    /// A client for the transmitter of this metadata.
    #[must_use]
    pub fn new(metadata: Metadata) -> StreamClient {
        StreamClient { metadata }
    }

    /// The metadata.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    fn configuration(&self) -> Result<&str, StreamError> {
        self.metadata
            .configuration_endpoint
            .as_deref()
            .ok_or(StreamError::NoEndpoint("configuration_endpoint"))
    }

    /// Asks for a stream.
    ///
    /// # Errors
    /// The metadata has no address for it.
    pub fn create(
        &self,
        wanted: &Wanted,
        events: &[String],
        description: Option<&str>,
    ) -> Result<HttpRequest, StreamError> {
        let delivery = match wanted {
            Wanted::Poll => json!({ "method": POLL }),
            Wanted::Push {
                endpoint_url,
                authorization_header: None,
            } => json!({ "method": PUSH, "endpoint_url": endpoint_url }),
            Wanted::Push {
                endpoint_url,
                authorization_header: Some(header),
            } => json!({
                "method": PUSH,
                "endpoint_url": endpoint_url,
                "authorization_header": header,
            }),
        };
        let mut body = json!({ "delivery": delivery, "events_requested": events });
        if let Some(text) = description {
            body["description"] = json!(text);
        }
        Ok(HttpRequest::json("POST", self.configuration()?, &body))
    }

    /// Reads one stream, or all of this receiver's.
    ///
    /// # Errors
    /// The metadata has no address for it.
    pub fn read(&self, stream_id: Option<&str>) -> Result<HttpRequest, StreamError> {
        Ok(HttpRequest::bare(
            "GET",
            with_stream(self.configuration()?, stream_id),
        ))
    }

    /// Changes single members of a stream (PATCH), or all that a receiver may set (PUT).
    ///
    /// # Errors
    /// The metadata has no address for it.
    pub fn update(
        &self,
        stream_id: &str,
        members: Map<String, Value>,
        replace: bool,
    ) -> Result<HttpRequest, StreamError> {
        let mut body = Value::Object(members);
        body["stream_id"] = json!(stream_id);
        Ok(HttpRequest::json(
            if replace { "PUT" } else { "PATCH" },
            self.configuration()?,
            &body,
        ))
    }

    /// Deletes a stream.
    ///
    /// # Errors
    /// The metadata has no address for it.
    pub fn delete(&self, stream_id: &str) -> Result<HttpRequest, StreamError> {
        Ok(HttpRequest::bare(
            "DELETE",
            with_stream(self.configuration()?, Some(stream_id)),
        ))
    }

    /// Reads the status of a stream; also a sign of life for `inactivity_timeout`.
    ///
    /// # Errors
    /// The metadata has no address for it.
    pub fn read_status(&self, stream_id: &str) -> Result<HttpRequest, StreamError> {
        let endpoint = self.status_endpoint()?;
        Ok(HttpRequest::bare(
            "GET",
            with_stream(endpoint, Some(stream_id)),
        ))
    }

    /// Changes the status of a stream.
    ///
    /// # Errors
    /// The metadata has no address for it.
    pub fn set_status(
        &self,
        stream_id: &str,
        status: StreamState,
        reason: Option<&str>,
    ) -> Result<HttpRequest, StreamError> {
        let mut body = json!({ "stream_id": stream_id, "status": status.as_str() });
        if let Some(reason) = reason {
            body["reason"] = json!(reason);
        }
        Ok(HttpRequest::json("POST", self.status_endpoint()?, &body))
    }

    fn status_endpoint(&self) -> Result<&str, StreamError> {
        self.metadata
            .status_endpoint
            .as_deref()
            .ok_or(StreamError::NoEndpoint("status_endpoint"))
    }

    /// Asks for a verification event with this state; give the same to
    /// [`Transmitter::expected_state`](crate::Transmitter::expected_state).
    ///
    /// # Errors
    /// The metadata has no address for it.
    pub fn verify(&self, stream_id: &str, state: &str) -> Result<HttpRequest, StreamError> {
        let endpoint = self
            .metadata
            .verification_endpoint
            .as_deref()
            .ok_or(StreamError::NoEndpoint("verification_endpoint"))?;
        Ok(HttpRequest::json(
            "POST",
            endpoint,
            &json!({ "stream_id": stream_id, "state": state }),
        ))
    }

    /// Adds a subject to a stream.
    ///
    /// # Errors
    /// The metadata has no address for it.
    pub fn add_subject(
        &self,
        stream_id: &str,
        subject: &SubjectId,
        verified: bool,
    ) -> Result<HttpRequest, StreamError> {
        let endpoint = self
            .metadata
            .add_subject_endpoint
            .as_deref()
            .ok_or(StreamError::NoEndpoint("add_subject_endpoint"))?;
        Ok(HttpRequest::json(
            "POST",
            endpoint,
            &json!({ "stream_id": stream_id, "subject": subject.to_value(), "verified": verified }),
        ))
    }

    /// Removes a subject from a stream. Events about it may still come and are taken.
    ///
    /// # Errors
    /// The metadata has no address for it.
    pub fn remove_subject(
        &self,
        stream_id: &str,
        subject: &SubjectId,
    ) -> Result<HttpRequest, StreamError> {
        let endpoint = self
            .metadata
            .remove_subject_endpoint
            .as_deref()
            .ok_or(StreamError::NoEndpoint("remove_subject_endpoint"))?;
        Ok(HttpRequest::json(
            "POST",
            endpoint,
            &json!({ "stream_id": stream_id, "subject": subject.to_value() }),
        ))
    }

    /// Reads the answer to [`StreamClient::create`] or [`StreamClient::update`].
    ///
    /// # Errors
    /// Refusals, answers that cannot be read, streams of another issuer.
    pub fn stream(&self, response: HttpResponse<'_>) -> Result<StreamConfig, StreamError> {
        StreamConfig::parse(accepted(response)?, &self.metadata.issuer)
    }

    /// Reads the answer to [`StreamClient::read`] without a stream: every stream.
    ///
    /// # Errors
    /// As [`StreamClient::stream`], of the first stream that has an error.
    pub fn streams(&self, response: HttpResponse<'_>) -> Result<Vec<StreamConfig>, StreamError> {
        let body = accepted(response)?;
        let value: Value =
            serde_json::from_slice(body).map_err(|error| StreamError::Body(error.to_string()))?;
        let listed = match value {
            Value::Array(listed) => listed,
            one => vec![one],
        };
        listed
            .into_iter()
            .map(|value| StreamConfig::from_value(value, &self.metadata.issuer))
            .collect()
    }

    /// Reads the answer to a request that has no body to answer with: delete, verify, subjects.
    ///
    /// # Errors
    /// Refusals.
    pub fn done(&self, response: HttpResponse<'_>) -> Result<(), StreamError> {
        accepted(response).map(|_| ())
    }

    /// Reads the answer to [`StreamClient::read_status`] or [`StreamClient::set_status`].
    ///
    /// # Errors
    /// Refusals and answers that cannot be read.
    pub fn status(&self, response: HttpResponse<'_>) -> Result<StreamStatus, StreamError> {
        StreamStatus::parse(accepted(response)?)
    }
}

fn with_stream(endpoint: &str, stream_id: Option<&str>) -> String {
    match stream_id {
        None => endpoint.to_owned(),
        Some(id) => {
            let separator = if endpoint.contains('?') { '&' } else { '?' };
            format!("{endpoint}{separator}stream_id={}", percent_encoded(id))
        }
    }
}

fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

fn accepted(response: HttpResponse<'_>) -> Result<&[u8], StreamError> {
    match response.status {
        // Accepted, but not yet done: the answer says nothing that could be relied on.
        202 | 429 | 500..=599 => Err(StreamError::Later {
            status: response.status,
            retry_after_seconds: response.retry_after_seconds.unwrap_or(30).clamp(1, 3600),
        }),
        200..=299 => Ok(response.body),
        401 | 403 => Err(StreamError::Unauthorized(response.status)),
        404 => Err(StreamError::NotFound),
        409 => Err(StreamError::Conflict),
        status => Err(StreamError::Status(status)),
    }
}

impl StreamConfig {
    /// Reads a stream's description.
    ///
    /// # Errors
    /// What cannot be read, and streams of another issuer.
    pub fn parse(json: &[u8], issuer: &str) -> Result<StreamConfig, StreamError> {
        let value: Value =
            serde_json::from_slice(json).map_err(|error| StreamError::Body(error.to_string()))?;
        StreamConfig::from_value(value, issuer)
    }

    fn from_value(value: Value, issuer: &str) -> Result<StreamConfig, StreamError> {
        let stream: StreamConfig =
            serde_json::from_value(value).map_err(|error| StreamError::Body(error.to_string()))?;
        if stream.iss != issuer {
            return Err(StreamError::Issuer {
                expected: issuer.to_owned(),
                found: stream.iss,
            });
        }
        Ok(stream)
    }

    /// What an operator should know: departures that do not keep the stream from being used.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.events_delivered.is_none() {
            warnings.push(
                "`events_delivered` is absent; it is not known which events will come".to_owned(),
            );
        }
        if self.stream_id.is_none() {
            warnings.push("`stream_id` is absent: the transmitter predates `1_0-ID1`".to_owned());
        }
        let method = self.delivery.method.as_str();
        if !is_push(method) && !is_poll(method) {
            warnings.push(format!("the delivery method `{method}` is not known"));
        } else if method != PUSH && method != POLL {
            warnings.push(format!(
                "the delivery method `{method}` is that of drafts before `1_0-ID2`"
            ));
        }
        for missing in self.missing_events() {
            warnings.push(format!(
                "`{missing}` was asked for and will not be delivered"
            ));
        }
        warnings
    }

    /// What was asked for and will not be delivered.
    pub fn missing_events(&self) -> impl Iterator<Item = &String> {
        self.events_requested.iter().flatten().filter(|requested| {
            self.events_delivered
                .as_ref()
                .is_some_and(|delivered| !delivered.contains(requested))
        })
    }
}

impl StreamStatus {
    /// Reads a stream's status.
    ///
    /// # Errors
    /// What cannot be read.
    pub fn parse(json: &[u8]) -> Result<StreamStatus, StreamError> {
        let value: Map<String, Value> =
            serde_json::from_slice(json).map_err(|error| StreamError::Body(error.to_string()))?;
        let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        let status = text("status")
            .and_then(|status| crate::event_map::stream_state(&status))
            .ok_or_else(|| {
                StreamError::Body("`status` is not enabled, paused or disabled".to_owned())
            })?;
        Ok(StreamStatus {
            stream_id: text("stream_id"),
            status,
            reason: text("reason"),
        })
    }
}
