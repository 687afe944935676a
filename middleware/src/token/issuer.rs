//! An issuer whose tokens are accepted, and on which conditions.

use highwater::identifier::Identifier;
use highwater::token::IssuerProfile;
use highwater_signals::set::keys::RefreshPolicy;
use highwater_signals::set::{Algorithm, KeySet};
use serde::{Deserialize, Serialize};

/// An issuer whose tokens are accepted.
///
/// The issuer is trusted for every tenant that its tokens name in `tid`. Where its profile leaves
/// a place open (`*` or `{tenantid}`), only for the tenant that stands there.
#[derive(Clone, Debug)]
pub struct AcceptedIssuer {
    pub(super) profile: IssuerProfile,
    pub(super) keys: KeySource,
    pub(super) audiences: Vec<Identifier>,
    pub(super) algorithms: Vec<Algorithm>,
    pub(super) token_type: TokenType,
    pub(super) refresh: RefreshPolicy,
}

/// Where the keys of an issuer come from.
#[derive(Clone, Debug)]
pub enum KeySource {
    /// Given by the operator; never fetched.
    Fixed(KeySet),
    /// A JWK Set at this URL: `https`, or `http` on a loopback address.
    #[cfg(feature = "discovery")]
    Jwks(String),
    /// The `jwks_uri` of OpenID Connect discovery or of RFC 8414 metadata at this URL; without
    /// one, at the issuer's own `/.well-known/openid-configuration`.
    #[cfg(feature = "discovery")]
    Discovery(Option<String>),
}

/// Which media types (`typ`) an access token may have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TokenType {
    /// `JWT`, `at+jwt` or none: Entra and most providers.
    #[default]
    #[serde(rename = "jwt")]
    Jwt,
    /// `at+jwt` only (RFC 9068), so that nothing else that the issuer signs passes for an access
    /// token.
    #[serde(rename = "at+jwt")]
    AccessToken,
}

/// Where a client gets a token, as answers say it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authorization {
    /// `authorization_uri`.
    pub uri: String,
    /// `client_id`: the resource that the token must be for.
    pub client_id: String,
}

/// The algorithms that are accepted unless said otherwise.
const USUAL_ALGORITHMS: [Algorithm; 4] = [
    Algorithm::RS256,
    Algorithm::PS256,
    Algorithm::ES256,
    Algorithm::EdDSA,
];

impl AcceptedIssuer {
    /// Accepts tokens of the issuer of `profile` for one of `audiences`. RS256, PS256, ES256 and
    /// EdDSA, any usual `typ`.
    ///
    /// # Errors
    /// No audience, or one that is no identifier: a token for anybody is a token that anybody may
    /// pass on.
    pub fn new(
        profile: IssuerProfile,
        keys: KeySource,
        audiences: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<AcceptedIssuer, IssuerError> {
        let audiences = audiences
            .into_iter()
            .map(|audience| Identifier::new(audience.as_ref()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| IssuerError::new(&profile.issuer, format!("audience: {error}")))?;
        if audiences.is_empty() {
            return Err(IssuerError::new(
                &profile.issuer,
                "no audience is given; say for whom its tokens must be",
            ));
        }
        Ok(AcceptedIssuer {
            profile,
            keys,
            audiences,
            algorithms: USUAL_ALGORITHMS.to_vec(),
            token_type: TokenType::default(),
            refresh: RefreshPolicy::default(),
        })
    }

    /// Accepts exactly these algorithms.
    #[must_use]
    pub fn with_algorithms(mut self, algorithms: impl Into<Vec<Algorithm>>) -> Self {
        self.algorithms = algorithms.into();
        self
    }

    /// Accepts exactly these media types.
    #[must_use]
    pub const fn with_token_type(mut self, token_type: TokenType) -> Self {
        self.token_type = token_type;
        self
    }

    /// When keys are fetched again. Default: after 12 h unasked, and for an unknown key at most
    /// once a minute.
    #[must_use]
    pub const fn with_refresh(mut self, refresh: RefreshPolicy) -> Self {
        self.refresh = refresh;
        self
    }

    /// How its tokens are read.
    #[must_use]
    pub const fn profile(&self) -> &IssuerProfile {
        &self.profile
    }

    pub(super) fn authorization(&self) -> Authorization {
        Authorization {
            uri: self
                .profile
                .authorization_uri(&self.profile.issuer, "common"),
            client_id: self
                .audiences
                .first()
                .map_or_else(String::new, Identifier::to_string),
        }
    }
}

impl TokenType {
    /// Whether an access token may be of this media type. The `application/` prefix is optional,
    /// and media types do not care for case.
    pub(super) fn accepts(self, media_type: Option<&str>) -> bool {
        let Some(media_type) = media_type else {
            return self == TokenType::Jwt;
        };
        let bare = match media_type.get(..12) {
            Some(prefix) if prefix.eq_ignore_ascii_case("application/") => &media_type[12..],
            _ => media_type,
        };
        //= https://www.rfc-editor.org/rfc/rfc9068#section-2.1
        bare.eq_ignore_ascii_case("at+jwt")
            || self == TokenType::Jwt && bare.eq_ignore_ascii_case("jwt")
    }
}

/// An issuer that cannot be accepted as it is configured.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("issuer `{issuer}`: {message}")]
pub struct IssuerError {
    issuer: String,
    message: String,
}

impl IssuerError {
    pub(super) fn new(issuer: &str, message: impl Into<String>) -> IssuerError {
        IssuerError {
            issuer: issuer.to_owned(),
            message: message.into(),
        }
    }
}
