//! Transmitters: whom we listen to, how they spell, and what they may say.
//!
//! The configuration is plain data, read from whatever file the host keeps it in. It is checked
//! once, when a [`Transmitter`] is made of it; afterwards nothing about it can be wrong.

mod authority;
mod profile;
mod rules;

pub use authority::{Authority, Scope};
pub use profile::{Profile, ProfileName, ProfilePatch};
pub use rules::{Rule, RuleEffect};

use std::collections::BTreeMap;
use std::sync::Arc;

use highwater::event::Dimension;
use highwater::identifier::{Identifier, TenantId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::event_type::EventType;
use crate::set::Algorithm;
use crate::set::keys::{KeyError, KeySet, Keys, RefreshPolicy};

/// One transmitter, as the operator describes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransmitterConfig {
    /// The name under which its facts are kept: the `source` of every event. Renaming a
    /// transmitter orphans what it said under the old name.
    pub name: Identifier,
    /// The `iss` of its tokens, compared byte for byte.
    pub issuer: String,
    /// What its tokens may name as `aud`. Unique to this receiver: it is what stops another
    /// receiver of the same transmitter from passing its tokens on to us.
    #[serde(deserialize_with = "one_or_several")]
    pub audience: Vec<String>,
    /// How it spells: a named profile, or one built from a named one.
    #[serde(default)]
    pub profile: ProfileName,
    /// Changes to the profile's own settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spelling: Option<ProfilePatch>,
    /// Where its keys are. Without it and without `jwks`: as its metadata says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
    /// Its keys, if they are not to be fetched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks: Option<Value>,
    /// When its keys are fetched again.
    #[serde(default)]
    pub keys: RefreshPolicy,
    /// The algorithms that it may sign with. Default: all of [`Algorithm::ALL`]; the CAEP Interop
    /// profile allows `RS256` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub algorithms: Option<Vec<Algorithm>>,
    /// The tenant in which its subjects live. Default: the issuer of the subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantId>,
    /// The tenant of each subject issuer, where it is not `tenant`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub issuer_tenants: BTreeMap<String, TenantId>,
    /// What the `tenant` member of a complex subject is called here.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tenants: BTreeMap<String, TenantId>,
    /// What it may say.
    #[serde(default)]
    pub authority: Authority,
    /// How its names are turned into identifiers that tokens carry.
    #[serde(default)]
    pub subjects: SubjectPolicy,
    /// What happens to a token that lacks a member of a complex subject. Default: `widen`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub missing_member: BTreeMap<Dimension, MissingMember>,
    /// Members of complex subjects that no token here carries, so they cannot be processed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unsupported_members: Vec<String>,
    /// `critical_subject_members` of its metadata: an event that names one of these in a way
    /// that cannot be processed is refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub critical_subject_members: Vec<String>,
    /// The ids of its streams. Empty: not checked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub streams: Vec<String>,
    /// Departures from the mapping table; the first that fits wins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
    /// Whether payloads that break their definition are refused even where they can be acted on
    /// safely. Hazard: most transmitters drop what is refused, so a revocation may be lost.
    #[serde(default)]
    pub strict_payloads: bool,
    /// How far its clock may be ahead of ours, in seconds.
    #[serde(default = "default_skew")]
    pub clock_skew_seconds: i64,
}

impl TransmitterConfig {
    /// The shortest configuration: SSF 1.0, keys fetched, authority over its own users.
    #[must_use]
    pub fn new(name: Identifier, issuer: String, audience: Vec<String>) -> TransmitterConfig {
        TransmitterConfig {
            name,
            issuer,
            audience,
            profile: ProfileName::default(),
            spelling: None,
            jwks_uri: None,
            jwks: None,
            keys: RefreshPolicy::default(),
            algorithms: None,
            tenant: None,
            issuer_tenants: BTreeMap::new(),
            tenants: BTreeMap::new(),
            authority: Authority::default(),
            subjects: SubjectPolicy::default(),
            missing_member: BTreeMap::new(),
            unsupported_members: Vec::new(),
            critical_subject_members: Vec::new(),
            streams: Vec::new(),
            rules: Vec::new(),
            strict_payloads: false,
            clock_skew_seconds: default_skew(),
        }
    }
}

const fn default_skew() -> i64 {
    60
}

fn one_or_several<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a text or an array of texts")]
    enum Form {
        One(String),
        Several(Vec<String>),
    }
    Ok(match Form::deserialize(deserializer)? {
        Form::One(name) => vec![name],
        Form::Several(names) => names,
    })
}

/// How a kind of name is turned into the identifier that tokens carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Naming {
    /// The directory must know it; until it does, the event waits.
    Directory,
    /// It is the identifier itself; the directory is not asked.
    Itself,
    /// What the directory says, else the identifier itself.
    Either,
}

/// How names are turned into identifiers that tokens carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SubjectPolicy {
    /// `email`. Default: `directory`.
    pub email: Naming,
    /// `phone_number`. Default: `directory`.
    pub phone_number: Naming,
    /// `account`. Default: `directory`.
    pub account: Naming,
    /// `iss_sub`. Default: `either`. Hazard: where tokens carry pairwise subjects or object
    /// ids, only `directory` is right; a public `sub` would match nothing.
    pub iss_sub: Naming,
    /// `opaque`. Default: `either`.
    pub opaque: Naming,
    /// `did` and `uri`. Default: `either`.
    pub uri: Naming,
    /// `scim`. Default: `directory`; `itself` takes the last segment of the resource's path.
    pub scim: Naming,
}

impl Default for SubjectPolicy {
    fn default() -> SubjectPolicy {
        SubjectPolicy {
            email: Naming::Directory,
            phone_number: Naming::Directory,
            account: Naming::Directory,
            iss_sub: Naming::Either,
            opaque: Naming::Either,
            uri: Naming::Either,
            scim: Naming::Directory,
        }
    }
}

/// What happens to a token that lacks a member of a complex subject.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MissingMember {
    /// The member is ignored: the event concerns more tokens than it names, once.
    #[default]
    Widen,
    /// The token is not concerned.
    Skip,
}

/// A transmitter whose configuration has been checked.
#[derive(Clone, Debug)]
pub struct Transmitter {
    config: Arc<Checked>,
    /// Its keys over time.
    pub keys: Keys,
    /// The state sent with the last verification request, kept so that a repeated delivery is
    /// answered as the first time.
    pub expected_state: Option<String>,
}

/// A configuration that has been checked, with what follows from it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Checked {
    pub(crate) config: TransmitterConfig,
    pub(crate) profile: Profile,
    pub(crate) algorithms: Vec<Algorithm>,
}

impl std::ops::Deref for Checked {
    type Target = TransmitterConfig;

    fn deref(&self) -> &TransmitterConfig {
        &self.config
    }
}

impl Transmitter {
    /// Checks a configuration.
    ///
    /// # Errors
    /// Names the member and the remedy.
    pub fn new(config: TransmitterConfig) -> Result<Transmitter, TransmitterError> {
        let refuse = |member: &str, message: String| {
            Err(TransmitterError {
                transmitter: config.name.to_string(),
                member: member.to_owned(),
                message,
            })
        };
        if config.issuer.is_empty() {
            return refuse(
                "issuer",
                "give the `iss` of the transmitter's tokens".to_owned(),
            );
        }
        if config.audience.is_empty() || config.audience.iter().any(String::is_empty) {
            return refuse(
                "audience",
                "name what identifies this receiver; without it, tokens meant for others would be taken".to_owned(),
            );
        }
        if !(0..=86_400).contains(&config.clock_skew_seconds) {
            return refuse("clock_skew_seconds", "use 0 to 86400 seconds".to_owned());
        }
        if let Some(unknown) = config
            .authority
            .event_types
            .iter()
            .flatten()
            .find(|name| EventType::from_name(name).is_none() && !name.contains(':'))
        {
            return refuse(
                "authority.event_types",
                format!("`{unknown}` is neither a known event type nor a URI"),
            );
        }
        for rule in &config.rules {
            if let Err(message) = rule.check() {
                return refuse("rules", message);
            }
        }
        let mut profile = config.profile.profile();
        if let Some(patch) = config.spelling {
            profile = patch.apply(profile);
        }
        let algorithms = config
            .algorithms
            .clone()
            .unwrap_or_else(|| config.profile.algorithms().to_vec());
        if algorithms.is_empty() {
            return refuse("algorithms", "allow at least one algorithm".to_owned());
        }
        let keys = match &config.jwks {
            None => Keys::fetched(config.keys),
            Some(document) => match KeySet::from_value(document) {
                Ok(set) if set.is_empty() => {
                    return refuse(
                        "jwks",
                        format!("no key can verify an event: {}", set.skipped().join("; ")),
                    );
                }
                Ok(set) => Keys::fixed(set),
                Err(error) => return refuse("jwks", error.to_string()),
            },
        };
        Ok(Transmitter {
            config: Arc::new(Checked {
                config,
                profile,
                algorithms,
            }),
            keys,
            expected_state: None,
        })
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &TransmitterConfig {
        &self.config.config
    }

    /// The profile in force.
    #[must_use]
    pub fn profile(&self) -> &Profile {
        &self.config.profile
    }

    /// The algorithms in force.
    #[must_use]
    pub fn algorithms(&self) -> &[Algorithm] {
        &self.config.algorithms
    }

    pub(crate) fn checked(&self) -> &Arc<Checked> {
        &self.config
    }

    /// Whether any of these audiences names this receiver.
    #[must_use]
    pub fn is_audience(&self, audience: &[String]) -> bool {
        audience
            .iter()
            .any(|name| self.config.audience.contains(name))
    }

    /// Replaces the fetched keys; a failed fetch keeps those that are known.
    pub fn finish_keys(
        &mut self,
        result: Result<KeySet, KeyError>,
        now: highwater::timestamp::Timestamp,
    ) {
        self.keys.finish(result, now);
    }
}

/// Why a transmitter's configuration cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("transmitter `{transmitter}`: `{member}`: {message}")]
pub struct TransmitterError {
    /// The transmitter's name.
    pub transmitter: String,
    /// The member of its configuration.
    pub member: String,
    /// What is wrong and what to do.
    pub message: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str) -> Result<Transmitter, String> {
        let config: TransmitterConfig =
            serde_json::from_str(json).map_err(|error| error.to_string())?;
        Transmitter::new(config).map_err(|error| error.to_string())
    }

    #[test]
    fn the_shortest_configuration_is_safe() {
        let transmitter =
            check(r#"{"name":"idp","issuer":"https://idp.example","audience":"https://rs"}"#)
                .unwrap();
        let config = transmitter.config();
        assert_eq!(config.clock_skew_seconds, 60);
        assert!(!config.authority.may_unblock);
        assert_eq!(config.authority.scope, Scope::User);
        assert!(transmitter.profile().requires_sub_id);
        let text = serde_json::to_string(config).unwrap();
        assert_eq!(
            serde_json::from_str::<TransmitterConfig>(&text).unwrap(),
            *config
        );
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for json in [
            r#"{"name":"idp","issuer":"","audience":"a"}"#,
            r#"{"name":"idp","issuer":"i","audience":[]}"#,
            r#"{"name":"idp","issuer":"i","audience":"a","algorithms":["HS256"]}"#,
            r#"{"name":"idp","issuer":"i","audience":"a","algorithms":[]}"#,
            r#"{"name":"idp","issuer":"i","audience":"a","clock_skew_seconds":-1}"#,
            r#"{"name":"idp","issuer":"i","audience":"a","jwks":{"keys":[]}}"#,
            r#"{"name":"idp","issuer":"i","audience":"a","authority":{"event_types":["sesion-revoked"]}}"#,
            r#"{"name":"idp","issuer":"i","audience":"a","rules":[{"event":"sesion-revoked","effect":"ignore"}]}"#,
            r#"{"name":"idp","issuer":"i","audience":"a","rules":[{"event":"verification","effect":"revoke"}]}"#,
            r#"{"name":"idp","issuer":"i","audience":"a","rules":[{"event":"stream-updated","effect":"ignore"}]}"#,
            r#"{"name":"idp","issuer":"i","audience":"a","typo":1}"#,
        ] {
            assert!(check(json).is_err(), "{json}");
        }
    }
}
