//! `[[issuer]]`: how tokens of one issuer are read.

use std::path::{Path, PathBuf};

use highwater::token::{Anchor, ClaimNames, IssuerKind, IssuerProfile};
use serde::Deserialize;

use super::seconds::Seconds;
use crate::failure::Failure;

/// How tokens of an issuer are verified.
pub(crate) struct Keys<'a> {
    /// Where its keys are.
    pub(crate) place: KeyPlace<'a>,
    /// For whom its tokens must be, if not as `[token]` says.
    pub(crate) audiences: Option<&'a [String]>,
}

/// Where keys are.
pub(crate) enum KeyPlace<'a> {
    /// A JWK Set in a file.
    File(&'a Path),
    /// A JWK Set at a URL.
    Jwks(&'a str),
    /// A discovery document; without a URL at the issuer's own.
    Discovery(Option<&'a str>),
}

/// One `[[issuer]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IssuerSection {
    issuer: String,
    #[serde(default)]
    profile: IssuerKind,
    backdate: Option<Seconds>,
    #[serde(default)]
    anchor: Anchor,
    answers_challenges: Option<bool>,
    authorization_uri: Option<String>,
    #[serde(default)]
    claims: ClaimNames,
    jwks_file: Option<PathBuf>,
    jwks: Option<String>,
    discovery: Option<String>,
    audiences: Option<Vec<String>>,
}

impl IssuerSection {
    /// By which keys its tokens are verified, and for whom they must be; `[token]`'s audiences
    /// where it says nothing.
    ///
    /// # Errors
    /// More than one place for its keys.
    pub(crate) fn keys(&self) -> Result<Keys<'_>, Failure> {
        let place = match (&self.jwks_file, &self.jwks, &self.discovery) {
            (Some(file), None, None) => KeyPlace::File(file),
            (None, Some(url), None) => KeyPlace::Jwks(url),
            (None, None, url) => KeyPlace::Discovery(url.as_deref()),
            _ => {
                return Err(Failure::Input(format!(
                    "issuer `{}`: say one of `jwks_file`, `jwks` and `discovery`",
                    self.issuer
                )));
            }
        };
        Ok(Keys {
            place,
            audiences: self.audiences.as_deref(),
        })
    }

    /// The engine's form.
    pub(crate) fn profile(&self) -> IssuerProfile {
        IssuerProfile {
            issuer: self.issuer.clone(),
            kind: self.profile,
            backdate: self.backdate.map(|seconds| seconds.0),
            anchor: self.anchor,
            answers_challenges: self.answers_challenges,
            authorization_uri: self.authorization_uri.clone(),
            claims: self.claims.clone(),
        }
    }
}
