//! The two headers that the engine answers with: the claims challenge and the plain denial.

use std::fmt::{self, Write};

use serde_json::{Map, Value};

use super::claims::ClaimsDocument;
use super::encoding::{Counter, SliceWriter};
use super::text;
use crate::decision::{Decision, Outcome};
use crate::reason::Reason;
use crate::request::Request;
use crate::token::{SubjectKind, TokenFacts};

/// A claims challenge: the value of `WWW-Authenticate` beside status 401.
///
/// Unsafe characters in its values are left out or percent-encoded when it is written, so that
/// there is no text, from a token or elsewhere, that changes the structure of the header. The
/// value is shorter than [`Challenge::USUAL_LENGTH`] bytes unless the host adds claims or names
/// an authentication context of more than 64 ASCII characters.
#[derive(Clone, Copy, Debug, PartialEq)]
#[must_use]
pub struct Challenge<'a> {
    authorization_uri: &'a str,
    client_id: &'a str,
    error_description: &'a str,
    claims: ClaimsDocument<'a>,
}

impl<'a> Challenge<'a> {
    /// What proxies and clients take without being told to: 2 KiB.
    pub const USUAL_LENGTH: usize = 2048;

    /// The longest value with claims of the host: 3 KiB, so that the whole header block fits
    /// the 4 KiB that reverse proxies reserve for one.
    pub const MAXIMUM_LENGTH: usize = 3072;

    /// A challenge by the issuer at `authorization_uri`, about the resource `client_id`.
    pub fn new(authorization_uri: &'a str, client_id: &'a str, claims: ClaimsDocument<'a>) -> Self {
        Challenge {
            authorization_uri,
            client_id,
            error_description: "",
            claims,
        }
    }

    /// The challenge that goes with a decision; `None` unless the outcome is to challenge
    /// (semantics §7).
    #[must_use]
    pub fn for_decision(
        decision: &Decision,
        token: &'a TokenFacts,
        request: &Request<'a>,
    ) -> Option<Challenge<'a>> {
        if decision.outcome() != Outcome::Challenge {
            return None;
        }
        let reasons = decision.reasons();
        let location =
            reasons.contains(Reason::LocationBlocked) || reasons.contains(Reason::LocationChanged);
        let context = reasons.contains(Reason::AuthContextRequired);
        let claims = ClaimsDocument {
            not_before: Some(decision.challenge_not_before()),
            resource_seen_address: request.canonical_address().filter(|_| location),
            authentication_context: request.authentication_context.filter(|_| context),
            additional: None,
        };
        let client_id = client_id(token, request);
        Some(
            Challenge::new(&token.authorization_uri, client_id, claims)
                .with_description(description(decision, token)),
        )
    }

    /// Says in one sentence why.
    pub fn with_description(mut self, error_description: &'a str) -> Self {
        self.error_description = error_description;
        self
    }

    /// Asks for further claims under `access_token`, such as those of the host's own
    /// step-up.
    ///
    /// # Errors
    /// The header would be longer than [`Challenge::MAXIMUM_LENGTH`].
    pub fn with_additional_claims(
        mut self,
        additional: &'a Map<String, Value>,
    ) -> Result<Self, HeaderTooLong> {
        self.claims.additional = Some(additional);
        match self.length() {
            length if length <= Self::MAXIMUM_LENGTH => Ok(self),
            length => Err(HeaderTooLong { length }),
        }
    }

    /// What the new token must say.
    #[must_use]
    pub const fn claims(&self) -> &ClaimsDocument<'a> {
        &self.claims
    }

    /// The header value.
    #[must_use]
    pub fn header_value(&self) -> String {
        let mut value = String::with_capacity(self.length());
        // INVARIANT: writing to a `String` cannot fail, and nothing here fails by itself.
        let _ = self.write_to(&mut value);
        value
    }

    /// The length of the header value in bytes.
    #[must_use]
    pub fn length(&self) -> usize {
        let mut counter = Counter::default();
        // INVARIANT: the counter never fails.
        let _ = self.write_to(&mut counter);
        counter.0
    }

    /// Writes the header value. Allocates nothing.
    ///
    /// # Errors
    /// Those of `target`.
    pub fn write_to(&self, target: &mut impl Write) -> fmt::Result {
        write_common(
            target,
            self.authorization_uri,
            self.client_id,
            self.error_description,
        )?;
        target.write_str("error=\"insufficient_claims\", claims=\"")?;
        self.claims.write_base64(target)?;
        target.write_char('"')
    }

    /// Writes the header value into `target` and returns its length. Allocates nothing, adds
    /// no terminator.
    ///
    /// # Errors
    /// The slice is too small, and how many bytes it must have; nothing was written.
    pub fn write_into(&self, target: &mut [u8]) -> Result<usize, BufferTooSmall> {
        let needed = self.length();
        write_slice(target, needed, |target| self.write_to(target))
    }
}

/// A denial that a new token would answer: 401 `invalid_token`, without claims.
///
/// For clients that did not declare that they answer claims challenges, and for tokens outside
/// their window. Any OAuth client answers by getting a new token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct InvalidToken<'a> {
    authorization_uri: &'a str,
    client_id: &'a str,
    error_description: &'a str,
}

impl<'a> InvalidToken<'a> {
    /// A denial of a token of the issuer at `authorization_uri`, for the resource `client_id`.
    pub const fn new(
        authorization_uri: &'a str,
        client_id: &'a str,
        error_description: &'a str,
    ) -> Self {
        InvalidToken {
            authorization_uri,
            client_id,
            error_description,
        }
    }

    /// The header that goes with a decision; `None` unless it is a denial with status 401.
    #[must_use]
    pub fn for_decision(
        decision: &Decision,
        token: &'a TokenFacts,
        request: &Request<'a>,
    ) -> Option<InvalidToken<'a>> {
        if decision.outcome() != Outcome::Deny || decision.status() != 401 {
            return None;
        }
        Some(InvalidToken::new(
            &token.authorization_uri,
            client_id(token, request),
            description(decision, token),
        ))
    }

    /// The header value.
    #[must_use]
    pub fn header_value(&self) -> String {
        let mut value = String::new();
        // INVARIANT: writing to a `String` cannot fail, and nothing here fails by itself.
        let _ = self.write_to(&mut value);
        value
    }

    /// Writes the header value. Allocates nothing.
    ///
    /// # Errors
    /// Those of `target`.
    pub fn write_to(&self, target: &mut impl Write) -> fmt::Result {
        write_common(
            target,
            self.authorization_uri,
            self.client_id,
            self.error_description,
        )?;
        target.write_str("error=\"invalid_token\"")
    }

    /// Writes the header value into `target` and returns its length. Allocates nothing, adds
    /// no terminator.
    ///
    /// # Errors
    /// The slice is too small, and how many bytes it must have; nothing was written.
    pub fn write_into(&self, target: &mut [u8]) -> Result<usize, BufferTooSmall> {
        let mut counter = Counter::default();
        // INVARIANT: the counter never fails.
        let _ = self.write_to(&mut counter);
        write_slice(target, counter.0, |target| self.write_to(target))
    }
}

/// A request without a token: 401 and where to get one, without an error (RFC 6750 section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct TokenRequired<'a> {
    authorization_uri: &'a str,
    client_id: &'a str,
}

impl<'a> TokenRequired<'a> {
    /// Asks for a token of the issuer at `authorization_uri`, for the resource `client_id`.
    pub const fn new(authorization_uri: &'a str, client_id: &'a str) -> Self {
        TokenRequired {
            authorization_uri,
            client_id,
        }
    }

    /// The header value.
    #[must_use]
    pub fn header_value(&self) -> String {
        let mut value = String::new();
        // INVARIANT: writing to a `String` cannot fail, and nothing here fails by itself.
        let _ = self.write_to(&mut value);
        value
    }

    /// Writes the header value. Allocates nothing.
    ///
    /// # Errors
    /// Those of `target`.
    pub fn write_to(&self, target: &mut impl Write) -> fmt::Result {
        write_issuer(target, self.authorization_uri, self.client_id)?;
        target.write_char('"')
    }
}

/// The header is longer than clients and proxies take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the challenge would have {length} bytes and must not have more than {}; ask for fewer claims",
    Challenge::MAXIMUM_LENGTH
)]
pub struct HeaderTooLong {
    /// The length it would have, in bytes.
    pub length: usize,
}

/// A slice cannot hold the header value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the header value needs {needed} bytes")]
pub struct BufferTooSmall {
    /// The length of the header value, in bytes.
    pub needed: usize,
}

fn write_common(
    target: &mut impl Write,
    authorization_uri: &str,
    client_id: &str,
    error_description: &str,
) -> fmt::Result {
    write_issuer(target, authorization_uri, client_id)?;
    target.write_str("\", error_description=\"")?;
    text::write_description(target, error_description)?;
    target.write_str("\", ")
}

/// Up to the client id, whose quote is left open.
fn write_issuer(target: &mut impl Write, authorization_uri: &str, client_id: &str) -> fmt::Result {
    target.write_str("Bearer realm=\"\", authorization_uri=\"")?;
    text::write_uri(target, authorization_uri)?;
    target.write_str("\", client_id=\"")?;
    text::write_client_id(target, client_id)
}

fn write_slice(
    target: &mut [u8],
    needed: usize,
    write: impl FnOnce(&mut SliceWriter<'_>) -> fmt::Result,
) -> Result<usize, BufferTooSmall> {
    let target = target.get_mut(..needed).ok_or(BufferTooSmall { needed })?;
    write(&mut SliceWriter::new(target)).map_err(|_| BufferTooSmall { needed })?;
    Ok(needed)
}

fn client_id<'a>(token: &'a TokenFacts, request: &Request<'a>) -> &'a str {
    request
        .resource
        .or(token.audience.as_ref())
        .map_or("", |identifier| identifier.as_str())
}

/// Why, in one sentence. A workload has nobody who could sign in, so it is not told to.
fn description(decision: &Decision, token: &TokenFacts) -> &'static str {
    match (decision.reason(), token.kind) {
        (None, _) => "",
        (Some(Reason::SignInTooOld), SubjectKind::Workload) => {
            "The last authentication is too long ago"
        }
        (Some(Reason::AuthContextRequired), SubjectKind::Workload) => {
            "This operation needs an authentication context that the token lacks"
        }
        (Some(reason), _) => reason.description(),
    }
}

#[cfg(test)]
mod tests;
