//! Profiles: how a transmitter departs from SSF 1.0.
//!
//! Every switch is off in the strict profile, so that a departure is always something that the
//! operator chose. A new dialect is a row of switches, not code.

use serde::{Deserialize, Serialize};

use crate::set::Algorithm;
use crate::subject::Spelling;

/// The profiles that have a name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ProfileName {
    /// SSF 1.0 final.
    #[default]
    #[serde(rename = "ssf-1.0")]
    Ssf10,
    /// CAEP Interop 1.0: SSF 1.0, RS256, one event per token.
    #[serde(rename = "caep-interop")]
    CaepInterop,
    /// Drafts and generic RFC 8417: the subject inside the event or as `sub`, old spellings.
    #[serde(rename = "legacy")]
    Legacy,
    /// Keycloak: SSF 1.0; a session named `ALL` means all of the user's sessions.
    #[serde(rename = "keycloak")]
    Keycloak,
    /// Okta: the subject inside the event, complex without `format`.
    #[serde(rename = "okta")]
    Okta,
    /// Google's RISC: `subject_type`, and a subject issuer with a trailing slash that its tokens
    /// do not have.
    #[serde(rename = "google")]
    Google,
    /// SailPoint: drafts with milliseconds and plain text reasons.
    #[serde(rename = "sailpoint")]
    Sailpoint,
    /// SCIM (RFC 9967): the subject as a SCIM resource, perhaps inside the event.
    #[serde(rename = "scim")]
    Scim,
}

/// The switches of a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    /// A token without `sub_id` is refused.
    pub requires_sub_id: bool,
    /// A token without `typ` is refused. One with another `typ` always is.
    pub requires_typ: bool,
    /// `sub` may be there; it is the subject if nothing better is.
    pub allows_sub: bool,
    /// `exp` may be there and is not looked at.
    pub allows_exp: bool,
    /// Exactly one event per token.
    pub single_event: bool,
    /// Old spellings of subject identifiers are understood.
    pub legacy_subjects: bool,
    /// Issuers of subjects are compared without their trailing slash.
    pub ignores_trailing_slash: bool,
    /// A session named `ALL` means all of the user's sessions.
    pub session_all: bool,
}

impl Profile {
    const STRICT: Profile = Profile {
        requires_sub_id: true,
        requires_typ: true,
        allows_sub: false,
        allows_exp: false,
        single_event: false,
        legacy_subjects: false,
        ignores_trailing_slash: false,
        session_all: false,
    };

    const LEGACY: Profile = Profile {
        requires_sub_id: false,
        requires_typ: false,
        allows_sub: true,
        legacy_subjects: true,
        ..Profile::STRICT
    };

    /// The spelling of subject identifiers.
    #[must_use]
    pub const fn spelling(&self) -> Spelling {
        if self.legacy_subjects {
            Spelling::Legacy
        } else {
            Spelling::Final
        }
    }
}

impl ProfileName {
    /// Every profile.
    pub const ALL: [ProfileName; 8] = [
        ProfileName::Ssf10,
        ProfileName::CaepInterop,
        ProfileName::Legacy,
        ProfileName::Keycloak,
        ProfileName::Okta,
        ProfileName::Google,
        ProfileName::Sailpoint,
        ProfileName::Scim,
    ];

    /// The name in configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            ProfileName::Ssf10 => "ssf-1.0",
            ProfileName::CaepInterop => "caep-interop",
            ProfileName::Legacy => "legacy",
            ProfileName::Keycloak => "keycloak",
            ProfileName::Okta => "okta",
            ProfileName::Google => "google",
            ProfileName::Sailpoint => "sailpoint",
            ProfileName::Scim => "scim",
        }
    }

    /// The switches of the profile.
    #[must_use]
    pub const fn profile(self) -> Profile {
        match self {
            ProfileName::Ssf10 => Profile::STRICT,
            ProfileName::CaepInterop => Profile {
                single_event: true,
                ..Profile::STRICT
            },
            ProfileName::Legacy | ProfileName::Sailpoint => Profile::LEGACY,
            ProfileName::Keycloak => Profile {
                session_all: true,
                ..Profile::STRICT
            },
            ProfileName::Okta => Profile {
                allows_sub: false,
                requires_typ: true,
                ..Profile::LEGACY
            },
            ProfileName::Google => Profile {
                ignores_trailing_slash: true,
                ..Profile::LEGACY
            },
            ProfileName::Scim => Profile {
                requires_sub_id: false,
                ..Profile::STRICT
            },
        }
    }

    /// The algorithms that the profile allows.
    #[must_use]
    pub const fn algorithms(self) -> &'static [Algorithm] {
        match self {
            ProfileName::CaepInterop => &[Algorithm::RS256],
            _ => &Algorithm::ALL,
        }
    }
}

impl std::str::FromStr for ProfileName {
    type Err = String;

    fn from_str(text: &str) -> Result<ProfileName, String> {
        ProfileName::ALL
            .into_iter()
            .find(|profile| profile.as_str() == text)
            .ok_or_else(|| {
                let names: Vec<_> = ProfileName::ALL
                    .iter()
                    .map(|profile| profile.as_str())
                    .collect();
                format!("`{text}` is no profile; use one of {}", names.join(", "))
            })
    }
}

/// Single switches that differ from the named profile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProfilePatch {
    /// See [`Profile::requires_sub_id`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requires_sub_id: Option<bool>,
    /// See [`Profile::requires_typ`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requires_typ: Option<bool>,
    /// See [`Profile::allows_sub`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allows_sub: Option<bool>,
    /// See [`Profile::allows_exp`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allows_exp: Option<bool>,
    /// See [`Profile::single_event`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub single_event: Option<bool>,
    /// See [`Profile::legacy_subjects`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub legacy_subjects: Option<bool>,
    /// See [`Profile::ignores_trailing_slash`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ignores_trailing_slash: Option<bool>,
    /// See [`Profile::session_all`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_all: Option<bool>,
}

impl ProfilePatch {
    pub(super) fn apply(self, profile: Profile) -> Profile {
        Profile {
            requires_sub_id: self.requires_sub_id.unwrap_or(profile.requires_sub_id),
            requires_typ: self.requires_typ.unwrap_or(profile.requires_typ),
            allows_sub: self.allows_sub.unwrap_or(profile.allows_sub),
            allows_exp: self.allows_exp.unwrap_or(profile.allows_exp),
            single_event: self.single_event.unwrap_or(profile.single_event),
            legacy_subjects: self.legacy_subjects.unwrap_or(profile.legacy_subjects),
            ignores_trailing_slash: self
                .ignores_trailing_slash
                .unwrap_or(profile.ignores_trailing_slash),
            session_all: self.session_all.unwrap_or(profile.session_all),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for profile in ProfileName::ALL {
            assert_eq!(profile.as_str().parse(), Ok(profile));
            assert_eq!(
                serde_json::to_string(&profile).unwrap(),
                format!("\"{}\"", profile.as_str())
            );
        }
        assert!("ssf".parse::<ProfileName>().is_err());
    }

    #[test]
    fn a_patch_changes_one_switch() {
        let patch = ProfilePatch {
            allows_exp: Some(true),
            ..ProfilePatch::default()
        };
        let profile = patch.apply(Profile::STRICT);
        assert!(profile.allows_exp && profile.requires_sub_id);
    }
}
