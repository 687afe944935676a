//! `[[transmitter]]`: whose Security Event Tokens are taken, how they arrive, what they may say.
//!
//! What a transmitter may say is that of `docs/signals.md`, key by key; what is here besides says
//! how its tokens come in: they are pushed to us, or we poll for them, over a stream that
//! somebody else set up or that we keep ourselves.

use std::collections::BTreeMap;
use std::path::PathBuf;

use highwater::event::Dimension;
use highwater::identifier::{Identifier, TenantId};
use highwater_signals::delivery::liveness::{LivenessConfig, OnGap};
use highwater_signals::event_type::EventType;
use highwater_signals::set::Algorithm;
use highwater_signals::set::keys::RefreshPolicy;
use highwater_signals::subject::{Spelling, SubjectId};
use highwater_signals::transmitter::{
    Authority, MissingMember, ProfileName, ProfilePatch, Rule, SubjectPolicy, TransmitterConfig,
};
use serde::Deserialize;
use toml::Spanned;

use super::credentials::{CredentialsSection, is_protected};
use super::seconds::Seconds;
use super::secret::SecretSource;

/// One `[[transmitter]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TransmitterSection {
    name: Spanned<Identifier>,
    issuer: String,
    audience: OneOrSeveral,
    #[serde(default)]
    profile: ProfileName,
    spelling: Option<ProfilePatch>,
    pub(crate) jwks_uri: Option<String>,
    /// A file with its keys, if they are not to be fetched.
    pub(crate) jwks_file: Option<PathBuf>,
    /// Where its metadata is. Default: at the issuer's well-known address.
    pub(crate) metadata_url: Option<String>,
    #[serde(default)]
    keys: RefreshPolicy,
    algorithms: Option<Vec<Algorithm>>,
    tenant: Option<TenantId>,
    #[serde(default)]
    issuer_tenants: BTreeMap<String, TenantId>,
    #[serde(default)]
    tenants: BTreeMap<String, TenantId>,
    #[serde(default)]
    authority: Authority,
    #[serde(default)]
    subjects: SubjectPolicy,
    #[serde(default)]
    missing_member: BTreeMap<Dimension, MissingMember>,
    #[serde(default)]
    unsupported_members: Vec<String>,
    #[serde(default)]
    critical_subject_members: Vec<String>,
    #[serde(default)]
    streams: Vec<String>,
    #[serde(default)]
    rules: Vec<Rule>,
    #[serde(default)]
    strict_payloads: bool,
    clock_skew_seconds: Option<i64>,
    /// `[transmitter.push]`: it posts to us.
    pub(crate) push: Option<PushSection>,
    /// `[transmitter.poll]`: we ask it.
    pub(crate) poll: Option<PollSection>,
    /// `[transmitter.stream]`: we keep the stream.
    pub(crate) stream: Option<StreamSection>,
    /// `[transmitter.credentials]`: for what we ask.
    pub(crate) credentials: Option<CredentialsSection>,
    /// `[transmitter.freshness]`.
    #[serde(default)]
    freshness: FreshnessSection,
}

/// `[transmitter.push]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PushSection {
    /// What `Authorization` must say, word for word.
    pub(crate) authorization: Option<SecretSource>,
    /// The status for a wrong one. Default: 401.
    pub(crate) unauthenticated_status: Option<u16>,
}

/// `[transmitter.poll]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PollSection {
    /// Where. Default: as the stream says.
    pub(crate) endpoint_url: Option<String>,
    pub(crate) max_events: Option<u32>,
    pub(crate) long_poll: Option<bool>,
    pub(crate) interval: Option<Seconds>,
    /// How long the transmitter may hold a request.
    pub(crate) timeout: Option<Seconds>,
}

/// `[transmitter.stream]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct StreamSection {
    /// A stream that exists. Default: one is looked for, then made.
    pub(crate) id: Option<String>,
    /// What to ask for, by short name or URI. Default: everything that has an effect.
    pub(crate) events: Option<Vec<String>>,
    /// For the transmitter's operators.
    pub(crate) description: Option<String>,
    /// Where the transmitter reaches our push endpoint from outside.
    pub(crate) push_url: Option<String>,
    /// Subjects to add, as SSF writes them.
    pub(crate) subjects: Vec<serde_json::Value>,
}

/// `[transmitter.freshness]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct FreshnessSection {
    stale_after: Option<Seconds>,
    verify_every: Option<Seconds>,
    on_gap: Option<OnGap>,
}

/// A text or an array of texts.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "a text or an array of texts")]
enum OneOrSeveral {
    One(String),
    Several(Vec<String>),
}

impl TransmitterSection {
    /// Its name, and where it stands.
    pub(crate) fn name(&self) -> &Spanned<Identifier> {
        &self.name
    }

    /// Its issuer.
    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Its profile.
    pub(crate) fn profile(&self) -> ProfileName {
        self.profile
    }

    /// What it may say, with keys from a file if there are any.
    pub(crate) fn config(&self, jwks: Option<serde_json::Value>) -> TransmitterConfig {
        TransmitterConfig {
            name: self.name.get_ref().clone(),
            issuer: self.issuer.clone(),
            audience: match &self.audience {
                OneOrSeveral::One(name) => vec![name.clone()],
                OneOrSeveral::Several(names) => names.clone(),
            },
            profile: self.profile,
            spelling: self.spelling,
            jwks_uri: self.jwks_uri.clone(),
            jwks,
            keys: self.keys,
            algorithms: self.algorithms.clone(),
            tenant: self.tenant.clone(),
            issuer_tenants: self.issuer_tenants.clone(),
            tenants: self.tenants.clone(),
            authority: self.authority.clone(),
            subjects: self.subjects,
            missing_member: self.missing_member.clone(),
            unsupported_members: self.unsupported_members.clone(),
            critical_subject_members: self.critical_subject_members.clone(),
            streams: self.streams.clone(),
            rules: self.rules.clone(),
            strict_payloads: self.strict_payloads,
            clock_skew_seconds: self.clock_skew_seconds.unwrap_or(60),
        }
    }

    /// How its stream is watched.
    pub(crate) fn liveness(&self) -> LivenessConfig {
        let default = LivenessConfig::default();
        let own = &self.freshness;
        LivenessConfig {
            stale_after_seconds: own
                .stale_after
                .map_or(default.stale_after_seconds, |own| own.0),
            verify_every_seconds: own
                .verify_every
                .map_or(default.verify_every_seconds, |own| own.0.max(1)),
            on_gap: own.on_gap.unwrap_or(default.on_gap),
        }
    }

    /// Whether its stream can be silent without being dead: nothing tells then.
    pub(crate) fn is_watched(&self) -> bool {
        self.freshness.stale_after.is_some() || self.poll.is_some() || self.stream.is_some()
    }

    /// What types alone cannot say.
    pub(super) fn mistake(&self) -> Option<String> {
        if self.push.is_none() && self.poll.is_none() {
            return Some(
                "say how its tokens arrive: an empty `[transmitter.push]` or `[transmitter.poll]` is enough"
                    .to_owned(),
            );
        }
        if self.jwks_uri.is_some() && self.jwks_file.is_some() {
            return Some("say `jwks_uri` or `jwks_file`, not both".to_owned());
        }
        let urls = [
            ("jwks_uri", self.jwks_uri.as_deref()),
            ("metadata_url", self.metadata_url.as_deref()),
            (
                "poll.endpoint_url",
                self.poll
                    .as_ref()
                    .and_then(|poll| poll.endpoint_url.as_deref()),
            ),
        ];
        for (key, url) in urls {
            if let Some(url) = url.filter(|url| !is_protected(url)) {
                return Some(format!("`{key}` is `{url}`; only `https` is used"));
            }
        }
        if let Some(section) = &self.credentials
            && let Err(message) = section.complete()
        {
            return Some(message);
        }
        match (&self.poll, &self.stream) {
            (Some(poll), None) if poll.endpoint_url.is_none() => {
                return Some(
                    "say where to poll with `poll.endpoint_url`, or let `[transmitter.stream]` find out"
                        .to_owned(),
                );
            }
            (_, Some(stream)) => {
                if let Some(message) = self.stream_mistake(stream) {
                    return Some(message);
                }
            }
            _ => {}
        }
        if let Some(push) = &self.push
            && let Some(status) = push.unauthenticated_status
            && !matches!(status, 400 | 401 | 403)
        {
            return Some(format!(
                "`push.unauthenticated_status` is {status}; use 400, 401 or 403"
            ));
        }
        None
    }

    fn stream_mistake(&self, stream: &StreamSection) -> Option<String> {
        if self.push.is_some() && self.poll.is_some() {
            return Some(
                "a stream either pushes or is polled; with `stream`, keep `push` or `poll`, not both"
                    .to_owned(),
            );
        }
        if self.push.is_some() && stream.push_url.is_none() && stream.id.is_none() {
            return Some(
                "to make a stream that pushes, say in `stream.push_url` where the transmitter reaches us"
                    .to_owned(),
            );
        }
        for name in stream.events.iter().flatten() {
            if EventType::from_name(name).is_none() && !name.contains(':') {
                return Some(format!(
                    "`stream.events`: `{name}` is neither a known event type nor a URI"
                ));
            }
        }
        for subject in &stream.subjects {
            let parsed = match subject.as_object() {
                Some(object) => {
                    SubjectId::parse(object, Spelling::Final).map_err(|error| error.to_string())
                }
                None => Err("a subject is a table with `format`".to_owned()),
            };
            if let Err(reason) = parsed {
                return Some(format!("`stream.subjects`: {reason}"));
            }
        }
        None
    }
}
