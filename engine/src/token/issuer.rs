//! Issuer profiles: how an issuer's tokens are to be read, and what it can do about a challenge.

use serde::{Deserialize, Serialize};

/// How tokens of one issuer are read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssuerProfile {
    /// The issuer (`iss`), exactly; `*` or `{tenantid}` at one place stands for anything without
    /// a slash, such as `https://sts.windows.net/*/`.
    pub issuer: String,
    /// Which defaults apply. Default `generic`.
    #[serde(default, rename = "profile")]
    pub kind: IssuerKind,
    /// Seconds by which the issuer backdates `iat`. Default: the profile's (Entra 300,
    /// generic 0). Too small: fresh tokens are challenged once after a revocation. Too large:
    /// tokens issued that long before a revocation slip through.
    #[serde(default)]
    pub backdate: Option<i64>,
    /// What marks are compared with. Default `issued_at`.
    #[serde(default)]
    pub anchor: Anchor,
    /// Whether the issuer acts on claims challenges. Default: Entra yes, generic no.
    #[serde(default)]
    pub answers_challenges: Option<bool>,
    /// `authorization_uri` of challenges; `{tenant}` is replaced. Default: Entra's, or the
    /// issuer itself.
    #[serde(default)]
    pub authorization_uri: Option<String>,
    /// Names of claims that differ from the usual ones.
    #[serde(default)]
    pub claims: ClaimNames,
}

/// Which defaults an issuer profile starts from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IssuerKind {
    /// Microsoft Entra ID, v1 and v2 tokens.
    Entra,
    /// Any OpenID provider or RFC 9068 issuer.
    #[default]
    Generic,
}

/// What marks are compared with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Anchor {
    /// `iat` plus the backdate.
    #[default]
    IssuedAt,
    /// `auth_time` where the token has it, else as [`Anchor::IssuedAt`].
    AuthTime,
}

/// Names of claims; `None` is the usual name, or off where there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClaimNames {
    /// The session id. Usual: `sid`.
    pub session: Option<String>,
    /// The device id. Usual: `deviceid`.
    pub device: Option<String>,
    /// The address at which the issuer saw the client. Usual: `ipaddr`.
    pub issuer_seen_address: Option<String>,
    /// The list of policies in scope for this token. Usual: none.
    pub policy_ids: Option<String>,
}

impl IssuerProfile {
    /// The defaults of Microsoft Entra ID for `issuer`.
    #[must_use]
    pub fn entra(issuer: &str) -> IssuerProfile {
        IssuerProfile {
            kind: IssuerKind::Entra,
            ..IssuerProfile::generic(issuer)
        }
    }

    /// The defaults of any other issuer.
    #[must_use]
    pub fn generic(issuer: &str) -> IssuerProfile {
        IssuerProfile {
            issuer: issuer.to_owned(),
            kind: IssuerKind::Generic,
            backdate: None,
            anchor: Anchor::IssuedAt,
            answers_challenges: None,
            authorization_uri: None,
            claims: ClaimNames::default(),
        }
    }

    /// Whether this profile is for tokens of `issuer`.
    #[must_use]
    pub fn matches(&self, issuer: &str) -> bool {
        match self.place() {
            None => self.issuer == issuer,
            Some(_) => self.tenant_in(issuer).is_some(),
        }
    }

    /// What stands in `issuer` at the place that this profile leaves open; `None` if it leaves
    /// none, or is not for this issuer.
    #[must_use]
    pub fn tenant_in<'a>(&self, issuer: &'a str) -> Option<&'a str> {
        let (before, after) = self.place()?;
        let tenant = issuer.strip_prefix(before)?.strip_suffix(after)?;
        (!tenant.is_empty() && !tenant.contains('/')).then_some(tenant)
    }

    /// What stands before and after the place that the profile leaves open.
    fn place(&self) -> Option<(&str, &str)> {
        self.issuer
            .split_once("{tenantid}")
            .or_else(|| self.issuer.split_once('*'))
    }

    /// Seconds by which `iat` is corrected.
    #[must_use]
    pub fn backdate(&self) -> i64 {
        self.backdate.unwrap_or(match self.kind {
            IssuerKind::Entra => 300,
            IssuerKind::Generic => 0,
        })
    }

    /// Whether the issuer acts on claims challenges.
    #[must_use]
    pub fn answers_challenges(&self) -> bool {
        self.answers_challenges
            .unwrap_or(self.kind == IssuerKind::Entra)
    }

    /// The `authorization_uri` for challenges about tokens of `tenant`.
    #[must_use]
    pub fn authorization_uri(&self, issuer: &str, tenant: &str) -> String {
        match (&self.authorization_uri, self.kind) {
            (Some(template), _) => template.replace("{tenant}", tenant),
            (None, IssuerKind::Entra) => {
                "https://login.microsoftonline.com/common/oauth2/authorize".to_owned()
            }
            (None, IssuerKind::Generic) => issuer.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_one_path_segment() {
        let profile = IssuerProfile::entra("https://sts.windows.net/*/");
        assert!(profile.matches("https://sts.windows.net/8a0c1f0e/"));
        assert!(!profile.matches("https://sts.windows.net//"));
        assert!(!profile.matches("https://sts.windows.net/a/b/"));
        assert!(!profile.matches("https://evil.example/https://sts.windows.net/a/"));
        assert!(!IssuerProfile::generic("https://idp.example").matches("https://idp.example/"));
        let discovered = IssuerProfile::entra("https://login.microsoftonline.com/{tenantid}/v2.0");
        let issuer = "https://login.microsoftonline.com/8a0c1f0e/v2.0";
        assert!(discovered.matches(issuer));
        assert_eq!(discovered.tenant_in(issuer), Some("8a0c1f0e"));
        assert_eq!(IssuerProfile::generic(issuer).tenant_in(issuer), None);
    }
}
