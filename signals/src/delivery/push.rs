//! Push delivery (RFC 8935): one POST, one token, one answer.
//!
//! `202` is a promise: the transmitter forgets the token. It is therefore only said after the
//! host has made the events durable. `400` makes most transmitters drop the token, so it is only
//! said where no repetition can help; everything transient is `503`. A repeated token is
//! answered as the first time, because joining the same facts again changes nothing.

use highwater::timestamp::Timestamp;
use serde::{Deserialize, Serialize};

use crate::directory::Directory;
use crate::event_map::Interpretation;
use crate::receiver::Receiver;
use crate::refusal::{ErrorBody, ErrorCode, Refusal};
use crate::set::VerifiedSet;
use crate::set::compact::is_security_event;
use crate::set::verify::VerifyError;

/// What a transmitter posted.
#[derive(Clone, Copy, Debug)]
pub struct PushRequest<'a> {
    /// The method.
    pub method: &'a str,
    /// The value of `Content-Type`.
    pub content_type: Option<&'a str>,
    /// The value of `Authorization`.
    pub authorization: Option<&'a str>,
    /// The body.
    pub body: &'a [u8],
}

/// What the transmitter is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushResponse {
    /// The status code.
    pub status: u16,
    /// Header fields, names in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// The body; empty for 202.
    pub body: Vec<u8>,
}

impl PushResponse {
    /// 202: the events are durable.
    #[must_use]
    pub fn accepted() -> PushResponse {
        PushResponse {
            status: 202,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// 400 with the code and description of RFC 8935 section 2.3.
    #[must_use]
    pub fn refused(refusal: &Refusal) -> PushResponse {
        PushResponse::error(400, refusal)
    }

    /// 503: the same token may succeed later.
    #[must_use]
    pub fn unavailable(retry_after_seconds: u32) -> PushResponse {
        PushResponse {
            status: 503,
            headers: vec![("retry-after", retry_after_seconds.to_string())],
            body: Vec::new(),
        }
    }

    fn error(status: u16, refusal: &Refusal) -> PushResponse {
        PushResponse {
            status,
            headers: vec![
                ("content-type", "application/json".to_owned()),
                ("content-language", "en-US".to_owned()),
            ],
            // Two members of text: there is no value that JSON could not hold.
            body: serde_json::to_vec(&ErrorBody::from(refusal)).unwrap_or_default(),
        }
    }
}

/// What the host has to do next.
#[derive(Debug)]
pub enum PushStep {
    /// Send this.
    Respond(PushResponse),
    /// Fetch the keys of this transmitter, hand the result to
    /// [`finish_keys`](crate::Transmitter::finish_keys), and call
    /// [`PushEndpoint::receive`] again with the same request.
    FetchKeys {
        /// The name of the transmitter.
        transmitter: String,
    },
    /// The key is not known, and the transmitter was asked too recently to be asked again. If a
    /// fetch is under way, wait for its end and call [`PushEndpoint::receive`] again with the
    /// same request and the same `now`; otherwise, or if this comes again, answer with
    /// [`PushResponse::unavailable`].
    AwaitKeys {
        /// The name of the transmitter.
        transmitter: String,
        /// When the transmitter may be asked again.
        retry_after_seconds: u32,
    },
    /// Make the events durable, then answer with what [`Delivery::answer`] says.
    Persist(Box<Delivery>),
}

/// A token that was taken, and what it changes.
#[derive(Debug)]
pub struct Delivery {
    /// The token.
    pub set: VerifiedSet,
    /// What it changes. If it is incomplete, the token is to be kept as well.
    pub interpretation: Interpretation,
}

impl Delivery {
    /// The answer, once it is known whether the events are durable.
    #[must_use]
    pub fn answer(&self, durable: bool) -> PushResponse {
        if durable {
            PushResponse::accepted()
        } else {
            PushResponse::unavailable(5)
        }
    }
}

/// An endpoint that transmitters post to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PushEndpoint {
    /// What `Authorization` must say, byte for byte: the `authorization_header` that was given to
    /// the transmitter when the stream was created. Default: not checked, the signature and the
    /// audience are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorization: Option<String>,
    /// The status for a wrong or missing `Authorization`. Default: 401, as most transmitters
    /// expect; RFC 8935 figure 4 has 400.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unauthenticated_status: Option<u16>,
}

impl PushEndpoint {
    /// Takes one request as far as it goes without the host. `now` is when it arrived, also when
    /// the same request is handed over again.
    pub fn receive(
        &self,
        receiver: &mut Receiver,
        request: &PushRequest<'_>,
        directory: &dyn Directory,
        now: Timestamp,
    ) -> PushStep {
        if request.method != "POST" {
            return PushStep::Respond(PushResponse {
                status: 405,
                headers: vec![("allow", "POST".to_owned())],
                body: Vec::new(),
            });
        }
        if let Some(expected) = &self.authorization
            && !same_secret(expected, request.authorization.unwrap_or_default())
        {
            let mut response = PushResponse::error(
                self.unauthenticated_status.unwrap_or(401),
                &Refusal::new(
                    ErrorCode::AuthenticationFailed,
                    "the transmitter is not authenticated",
                ),
            );
            if response.status == 401 {
                response
                    .headers
                    .push(("www-authenticate", "Bearer".to_owned()));
            }
            return PushStep::Respond(response);
        }
        let media_type = request
            .content_type
            .map(|value| value.split(';').next().unwrap_or_default());
        if !media_type.is_some_and(is_security_event) {
            return PushStep::Respond(PushResponse::refused(&Refusal::invalid_request(
                "the content type is not `application/secevent+jwt`",
            )));
        }
        let set = match receiver.verify(request.body, now) {
            Ok(set) => set,
            Err(VerifyError::Refused(refusal)) => {
                return PushStep::Respond(PushResponse::refused(&refusal));
            }
            Err(VerifyError::UnknownKey { transmitter, .. }) => {
                return unknown_key(receiver, transmitter, now);
            }
        };
        match receiver.interpret(&set, directory) {
            Ok(interpretation) => PushStep::Persist(Box::new(Delivery {
                set,
                interpretation,
            })),
            Err(refusal) => PushStep::Respond(PushResponse::refused(&refusal)),
        }
    }
}

fn unknown_key(receiver: &mut Receiver, transmitter: String, now: Timestamp) -> PushStep {
    let Some(known) = receiver.transmitter_mut(&transmitter) else {
        return PushStep::Respond(PushResponse::unavailable(60));
    };
    if known.keys.begin(now) {
        return PushStep::FetchKeys { transmitter };
    }
    match known.keys.unknown_key(now) {
        Some(refusal) => PushStep::Respond(PushResponse::refused(&refusal)),
        None => PushStep::AwaitKeys {
            retry_after_seconds: known.keys.next_attempt_seconds(now),
            transmitter,
        },
    }
}

/// Compares without telling by its duration where the texts differ.
fn same_secret(expected: &str, found: &str) -> bool {
    expected.len() == found.len()
        && expected
            .bytes()
            .zip(found.bytes())
            .fold(0, |difference, (one, other)| difference | (one ^ other))
            == 0
}
