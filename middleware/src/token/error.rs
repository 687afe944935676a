//! Why a token is not verified, and the answer of RFC 6750 to it.
//!
//! What a client is told is one sentence per kind. Details (which claim, which key) are for the
//! host's log: they would help whoever forges tokens more than whoever uses them.

use std::sync::Arc;

use highwater::reason::Reason;
use highwater::token::ClaimError;

use super::issuer::Authorization;

/// A request without a token that could be verified.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct TokenError {
    kind: TokenErrorKind,
    authorization: Option<Arc<Authorization>>,
}

/// Why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenErrorKind {
    /// There is none.
    #[error("the request has no bearer token")]
    Missing,
    /// There is more than one, or what stands in its place is none.
    #[error("the request has {0}")]
    InvalidRequest(&'static str),
    /// Not a signed JWT with an asymmetric algorithm, or longer than is read.
    #[error("the token cannot be read: {0}")]
    Malformed(String),
    /// A JWT of another kind, such as a security event or a logout token.
    #[error("the token is not an access token: {0}")]
    Type(String),
    /// Signed with an algorithm that is not accepted from its issuer.
    #[error("the token is signed with {0}, which is not accepted from its issuer")]
    Algorithm(highwater_signals::set::Algorithm),
    /// An issuer that is not accepted, or that speaks for another tenant.
    #[error("{0}")]
    Issuer(String),
    /// For another audience.
    #[error("the token is for another audience: {0}")]
    Audience(String),
    /// `exp` has passed.
    #[error("the token has expired")]
    Expired,
    /// `nbf` lies ahead.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// No published key of its issuer has its name.
    #[error("the key `{0}` is not among those of the token's issuer")]
    UnknownKey(String),
    /// The key is not for this algorithm, or for another issuer.
    #[error("the key `{0}` may not sign this token")]
    UnfitKey(String),
    /// The signature does not fit.
    #[error("the signature does not fit the token and its key")]
    Signature,
    /// A claim that decisions need is missing or malformed.
    #[error(transparent)]
    Claims(#[from] ClaimError),
    /// The keys of the issuer could not be fetched, and the token's is not among those known.
    #[error("the keys of the token's issuer cannot be fetched at present")]
    KeysUnavailable,
}

impl From<TokenErrorKind> for TokenError {
    fn from(kind: TokenErrorKind) -> TokenError {
        TokenError {
            kind,
            authorization: None,
        }
    }
}

impl TokenError {
    #[must_use]
    pub(super) fn of_issuer(kind: TokenErrorKind, authorization: &Arc<Authorization>) -> Self {
        TokenError {
            kind,
            authorization: Some(Arc::clone(authorization)),
        }
    }

    /// Why.
    #[must_use]
    pub const fn kind(&self) -> &TokenErrorKind {
        &self.kind
    }

    /// Where to get a token, if it is known whose token this claims to be.
    #[must_use]
    pub fn authorization(&self) -> Option<&Authorization> {
        self.authorization.as_deref()
    }

    /// Whether keys that were fetched now might change it.
    #[cfg(feature = "discovery")]
    pub(crate) const fn is_about_keys(&self) -> bool {
        matches!(
            self.kind,
            TokenErrorKind::UnknownKey(_) | TokenErrorKind::KeysUnavailable
        )
    }

    /// The HTTP status: 400, 401, or 503 where the host and not the token is at fault.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self.kind {
            TokenErrorKind::InvalidRequest(_) => 400,
            TokenErrorKind::KeysUnavailable => 503,
            _ => 401,
        }
    }

    //= https://www.rfc-editor.org/rfc/rfc6750#section-3.1
    /// The error code; none where no token was sent, or where the host is at fault.
    #[must_use]
    pub const fn code(&self) -> Option<&'static str> {
        match self.kind {
            TokenErrorKind::Missing | TokenErrorKind::KeysUnavailable => None,
            TokenErrorKind::InvalidRequest(_) => Some("invalid_request"),
            _ => Some("invalid_token"),
        }
    }

    /// One sentence for the client, fit to stand in a header.
    #[must_use]
    pub const fn description(&self) -> &'static str {
        match self.kind {
            TokenErrorKind::Missing => "An access token is required",
            TokenErrorKind::InvalidRequest(_) => {
                "The request must carry exactly one access token in the Authorization header"
            }
            TokenErrorKind::Malformed(_) => "The access token cannot be read",
            TokenErrorKind::Type(_) => "The token is not an access token",
            TokenErrorKind::Algorithm(_) => "The signature algorithm is not accepted",
            TokenErrorKind::Issuer(_) => "The issuer of the access token is not accepted",
            TokenErrorKind::Audience(_) => "The access token is for another audience",
            TokenErrorKind::Expired => Reason::TokenExpired.description(),
            TokenErrorKind::NotYetValid => Reason::TokenNotYetValid.description(),
            TokenErrorKind::UnknownKey(_)
            | TokenErrorKind::UnfitKey(_)
            | TokenErrorKind::Signature => "The signature of the access token cannot be verified",
            TokenErrorKind::Claims(_) => "A claim of the access token is missing or malformed",
            TokenErrorKind::KeysUnavailable => "The access token cannot be verified at present",
        }
    }

    /// A code for logs, metrics and problem documents; stable.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self.kind {
            TokenErrorKind::Missing => "token_missing",
            TokenErrorKind::InvalidRequest(_) => "request_invalid",
            TokenErrorKind::Malformed(_) => "token_malformed",
            TokenErrorKind::Type(_) => "token_type",
            TokenErrorKind::Algorithm(_) => "token_algorithm",
            TokenErrorKind::Issuer(_) => "token_issuer",
            TokenErrorKind::Audience(_) => "token_audience",
            TokenErrorKind::Expired => Reason::TokenExpired.as_str(),
            TokenErrorKind::NotYetValid => Reason::TokenNotYetValid.as_str(),
            TokenErrorKind::UnknownKey(_) | TokenErrorKind::UnfitKey(_) => "token_key",
            TokenErrorKind::Signature => "token_signature",
            TokenErrorKind::Claims(_) => "token_claims",
            TokenErrorKind::KeysUnavailable => "keys_unavailable",
        }
    }
}
