//! The issuers whose tokens a host reads, in the order in which they are asked.

use super::issuer::IssuerProfile;

/// Profiles by issuer.
#[derive(Clone, Debug)]
pub struct IssuerProfiles {
    profiles: Vec<IssuerProfile>,
    /// For every other issuer; `None` where the host lists those that it trusts.
    fallback: Option<IssuerProfile>,
}

impl IssuerProfiles {
    /// Exactly these; the first one that fits counts.
    ///
    /// Without any: Entra by its well-known issuers, and every other issuer as generic. Only
    /// verified tokens are decided, so whoever verified them has chosen the issuers already.
    #[must_use]
    pub fn new(profiles: Vec<IssuerProfile>) -> IssuerProfiles {
        if profiles.is_empty() {
            return IssuerProfiles {
                profiles: IssuerProfiles::entra().into(),
                fallback: Some(IssuerProfile::generic("")),
            };
        }
        IssuerProfiles {
            profiles,
            fallback: None,
        }
    }

    /// Entra by its well-known issuers: of tokens of version 1, and of version 2.
    #[must_use]
    pub fn entra() -> [IssuerProfile; 2] {
        [
            IssuerProfile::entra("https://sts.windows.net/*/"),
            IssuerProfile::entra("https://login.microsoftonline.com/*/v2.0"),
        ]
    }

    /// The profile for tokens of `issuer`.
    #[must_use]
    pub fn find(&self, issuer: &str) -> Option<&IssuerProfile> {
        self.profiles
            .iter()
            .find(|profile| profile.matches(issuer))
            .or(self.fallback.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::IssuerKind;

    #[test]
    fn listed_issuers_are_the_only_ones_and_without_a_list_every_issuer_has_a_profile() {
        let listed = IssuerProfiles::new(vec![IssuerProfile::generic("https://idp.example")]);
        assert!(listed.find("https://idp.example").is_some());
        assert!(listed.find("https://sts.windows.net/contoso/").is_none());
        let every = IssuerProfiles::new(Vec::new());
        let kind = |issuer| every.find(issuer).map(|profile| profile.kind);
        assert_eq!(
            kind("https://sts.windows.net/contoso/"),
            Some(IssuerKind::Entra)
        );
        assert_eq!(kind("https://idp.example"), Some(IssuerKind::Generic));
    }
}
