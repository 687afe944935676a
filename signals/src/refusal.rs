//! Why a Security Event Token is refused, in the vocabulary of RFC 8935 and SSF.
//!
//! A refusal is read by two people: the transmitter, who may not even be authenticated, and our
//! operator. The description goes to the first and never repeats configuration; the detail goes
//! to the second only.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The error codes of RFC 8935 section 2.4, and `invalid_state` of SSF 1.0 section 8.1.4.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorCode {
    /// Not a Security Event Token, or a payload on which acting would be unsafe.
    InvalidRequest,
    /// No usable key, or a key that may not have signed this.
    InvalidKey,
    /// The issuer is none that this receiver takes events from.
    InvalidIssuer,
    /// The audience does not name this receiver.
    InvalidAudience,
    /// The transmitter, or the token's signature, is not authentic.
    AuthenticationFailed,
    /// Authentic, but this transmitter may not say this.
    AccessDenied,
    /// The state of a verification event is not the one that was asked for.
    InvalidState,
}

impl ErrorCode {
    /// The code as it goes over the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            ErrorCode::InvalidRequest => "invalid_request",
            ErrorCode::InvalidKey => "invalid_key",
            ErrorCode::InvalidIssuer => "invalid_issuer",
            ErrorCode::InvalidAudience => "invalid_audience",
            ErrorCode::AuthenticationFailed => "authentication_failed",
            ErrorCode::AccessDenied => "access_denied",
            ErrorCode::InvalidState => "invalid_state",
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A Security Event Token that is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {description}{}", self.detail.as_deref().map(|text| format!(" ({text})")).unwrap_or_default())]
pub struct Refusal {
    /// The code for the transmitter.
    pub code: ErrorCode,
    /// The text for the transmitter.
    pub description: Cow<'static, str>,
    /// The text for our own log; may name configuration, so it never leaves the host.
    pub detail: Option<String>,
}

impl Refusal {
    /// A refusal with nothing to add for the operator.
    #[must_use]
    #[cold]
    pub fn new(code: ErrorCode, description: impl Into<Cow<'static, str>>) -> Refusal {
        Refusal {
            code,
            description: description.into(),
            detail: None,
        }
    }

    /// Not a Security Event Token, or a payload on which acting would be unsafe.
    #[must_use]
    #[cold]
    pub fn invalid_request(description: impl Into<Cow<'static, str>>) -> Refusal {
        Refusal::new(ErrorCode::InvalidRequest, description)
    }

    /// Authentic, but not this transmitter's to say.
    #[must_use]
    #[cold]
    pub fn access_denied(description: impl Into<Cow<'static, str>>) -> Refusal {
        Refusal::new(ErrorCode::AccessDenied, description)
    }

    /// Adds what only the operator may read.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Refusal {
        self.detail = Some(detail.into());
        self
    }
}

/// The body of an RFC 8935 error response, and of a `setErrs` member of RFC 8936.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// The error code.
    pub err: ErrorCode,
    /// What is wrong, for people.
    pub description: String,
}

impl From<&Refusal> for ErrorBody {
    fn from(refusal: &Refusal) -> ErrorBody {
        ErrorBody {
            err: refusal.code,
            description: refusal.description.clone().into_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operator_reads_the_detail_and_the_transmitter_does_not() {
        let refusal = Refusal::access_denied("not yours to say").with_detail("tenant `t`");
        assert_eq!(
            refusal.to_string(),
            "access_denied: not yours to say (tenant `t`)"
        );
        let told = serde_json::to_value(ErrorBody::from(&refusal)).unwrap();
        let expected =
            serde_json::json!({ "err": "access_denied", "description": "not yours to say" });
        assert_eq!(told, expected);
    }

    #[test]
    fn a_code_is_shown_as_it_goes_over_the_wire() {
        for code in [
            ErrorCode::InvalidRequest,
            ErrorCode::InvalidKey,
            ErrorCode::InvalidIssuer,
            ErrorCode::InvalidAudience,
            ErrorCode::AuthenticationFailed,
            ErrorCode::AccessDenied,
            ErrorCode::InvalidState,
        ] {
            assert_eq!(serde_json::json!(code), code.to_string());
        }
    }
}
