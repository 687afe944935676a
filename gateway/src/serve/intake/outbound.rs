//! What the gateway asks others for: one HTTP client with bounds on everything.
//!
//! Whoever answers is trusted with the answer only: redirects are not followed, because requests
//! carry credentials; bodies are read up to a limit; nothing unprotected is asked; and every
//! request ends.

use std::time::Duration;

use highwater::timestamp::Timestamp;
use highwater_signals::delivery::{HttpRequest, HttpResponse};

use crate::config::credentials::is_protected;
use crate::config::secret::Secret;

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(10);

/// A client for everything that the intake asks.
#[derive(Clone, Debug)]
pub(super) struct Outbound {
    client: reqwest::Client,
}

/// An answer, whole.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) retry_after_seconds: Option<i64>,
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// The answer as the protocols read it.
    pub(super) fn response(&self) -> HttpResponse<'_> {
        HttpResponse {
            status: self.status,
            retry_after_seconds: self.retry_after_seconds,
            body: &self.body,
        }
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum OutboundError {
    /// The address would carry credentials in the open.
    #[error("`{0}` is not asked: only `https` is used")]
    NotProtected(String),
    /// The answer does not end.
    #[error("the answer has more than {0} bytes")]
    TooLong(usize),
    /// Nothing came in time.
    #[error("no answer within {} s", .0.as_secs())]
    Timeout(Duration),
    /// Anything between us and the other side.
    #[error("{0}")]
    Connection(String),
}

impl Outbound {
    /// A client.
    ///
    /// # Errors
    /// The system's certificates cannot be used.
    pub(super) fn new() -> Result<Outbound, reqwest::Error> {
        let client = reqwest::Client::builder()
            .user_agent(concat!("highwater/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .pool_idle_timeout(Duration::from_secs(30))
            .build()?;
        Ok(Outbound { client })
    }

    /// Sends `request` and reads the whole answer.
    pub(super) async fn send(
        &self,
        request: &HttpRequest,
        token: Option<&Secret>,
        limit: usize,
        timeout: Duration,
    ) -> Result<Answer, OutboundError> {
        // Every method that the protocols use is a token.
        let method = reqwest::Method::from_bytes(request.method.as_bytes())
            .map_err(|error| OutboundError::Connection(error.to_string()))?;
        if !is_protected(&request.url) {
            return Err(OutboundError::NotProtected(request.url.clone()));
        }
        let mut builder = self.client.request(method, &request.url);
        for (name, value) in &request.headers {
            builder = builder.header(*name, value);
        }
        if let Some(token) = token {
            builder = builder.bearer_auth(token.expose());
        }
        if let Some(body) = &request.body {
            builder = builder.body(body.clone());
        }
        self.finish(builder, limit, timeout).await
    }

    /// Posts a form and reads the whole answer.
    pub(super) async fn form(
        &self,
        url: &str,
        basic: Option<(&str, &Secret)>,
        form: &[(&str, &str)],
        limit: usize,
        timeout: Duration,
    ) -> Result<Answer, OutboundError> {
        if !is_protected(url) {
            return Err(OutboundError::NotProtected(url.to_owned()));
        }
        let mut builder = self
            .client
            .post(url)
            .header("accept", "application/json")
            .form(form);
        if let Some((name, secret)) = basic {
            builder = builder.basic_auth(name, Some(secret.expose()));
        }
        self.finish(builder, limit, timeout).await
    }

    async fn finish(
        &self,
        builder: reqwest::RequestBuilder,
        limit: usize,
        timeout: Duration,
    ) -> Result<Answer, OutboundError> {
        let read = async {
            let mut response = builder.send().await.map_err(refused)?;
            let status = response.status().as_u16();
            let retry_after_seconds = response
                .headers()
                .get("retry-after")
                .and_then(|value| value.to_str().ok())
                .and_then(|value| retry_after(value, crate::input::events::wall_clock()));
            let mut body = Vec::new();
            while let Some(chunk) = response.chunk().await.map_err(refused)? {
                if body.len() + chunk.len() > limit {
                    return Err(OutboundError::TooLong(limit));
                }
                body.extend_from_slice(&chunk);
            }
            Ok(Answer {
                status,
                retry_after_seconds,
                body,
            })
        };
        tokio::time::timeout(timeout, read)
            .await
            .unwrap_or(Err(OutboundError::Timeout(timeout)))
    }
}

/// The whole chain of causes: the first alone says only that sending failed. The address is said
/// by whoever asked.
fn refused(error: reqwest::Error) -> OutboundError {
    let error = error.without_url();
    let mut text = String::new();
    let mut cause: Option<&dyn std::error::Error> = Some(&error);
    while let Some(error) = cause {
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&error.to_string());
        cause = error.source();
    }
    OutboundError::Connection(text)
}

/// `Retry-After`: seconds, or an instant (RFC 9110 section 10.2.3).
fn retry_after(value: &str, now: Timestamp) -> Option<i64> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<i64>() {
        return (seconds >= 0).then_some(seconds);
    }
    let instant = jiff::fmt::rfc2822::DateTimeParser::new()
        .parse_timestamp(value)
        .ok()?;
    Some((instant.as_second() - now.seconds()).max(0))
}

/// A pause of at least `whole` and at most a quarter more, at random: many clients that lost the
/// same server should not come back together.
pub(super) fn spread(whole: Duration) -> Duration {
    use std::hash::{BuildHasher, RandomState};

    // The hasher's keys are the only randomness of the standard library, and good enough here.
    #[expect(clippy::cast_precision_loss, reason = "three digits")]
    let random = (RandomState::new().hash_one(0_u8) % 1000) as f64;
    whole.mul_f64(1.0 + random / 4000.0)
}

/// 128 random bits as text, for a state that nobody else can know; `None` if the system has no
/// randomness to give.
pub(super) fn random_state() -> Option<String> {
    let mut bits = [0; 16];
    rustls::crypto::aws_lc_rs::default_provider()
        .secure_random
        .fill(&mut bits)
        .ok()?;
    Some(format!("{:032x}", u128::from_be_bytes(bits)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_an_instant() {
        let now = Timestamp::from_seconds(784_111_770); // 1994-11-06T08:49:30Z
        for (value, seconds) in [
            ("120", Some(120)),
            ("0", Some(0)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(7)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("-1", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(retry_after(value, now), seconds, "{value}");
        }
    }

    proptest::proptest! {
        #[test]
        fn whatever_a_server_writes_there_is_no_negative_pause(value in ".{0,40}") {
            let pause = retry_after(&value, Timestamp::from_seconds(1_800_000_000));
            proptest::prop_assert!(pause.is_none_or(|seconds| seconds >= 0));
        }
    }

    #[test]
    fn pauses_are_spread_but_never_shortened() {
        let whole = Duration::from_secs(4);
        for _ in 0..100 {
            let spread = spread(whole);
            assert!(spread >= whole && spread <= Duration::from_secs(5));
        }
        assert_ne!(random_state(), random_state());
    }
}
