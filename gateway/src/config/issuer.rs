//! `[[issuer]]`: how tokens of one issuer are read.

use highwater::token::{Anchor, ClaimNames, IssuerKind, IssuerProfile};
use serde::Deserialize;

use super::seconds::Seconds;

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
}

impl IssuerSection {
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
