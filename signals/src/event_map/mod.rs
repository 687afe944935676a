//! The mapping table: what a verified token changes.
//!
//! A token is taken whole or not at all. Each event in it goes through the same steps: its
//! payload is read, its instant found, its subject resolved, the effects of its type planned
//! (or those of the transmitter's rule), its authority checked, and only then are engine events
//! made. What has no effect leaves a notice, so that nothing disappears without being counted.

mod aim;
mod payload;
pub(crate) use payload::stream_state;
mod plan;

use highwater::event::{DimensionSet, Effect, Event, Provenance, StreamState, Subject};
use highwater::identifier::{Identifier, TenantId};
use highwater::timestamp::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::directory::{Directory, DirectoryChange};
use crate::event_type::EventType;
use crate::refusal::{ErrorCode, Refusal};
use crate::set::VerifiedSet;
use crate::subject::{Name, SubjectId, matches};
use crate::time::event_time;
use crate::transmitter::{MissingMember, Scope};

use aim::{Aim, Located};
use payload::Common;
use plan::{Planned, SourceKind};

/// What a token changes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Interpretation {
    /// Facts for the ledger.
    pub events: Vec<Event>,
    /// Facts for the directory.
    pub directory: Vec<DirectoryChange>,
    /// What an operator may want to count or read.
    pub notices: Vec<Notice>,
}

impl Interpretation {
    /// Whether some subject could not be resolved, so that the token is to be kept and
    /// interpreted again when the directory knows more. That is harmless: effects only join.
    #[must_use]
    pub fn is_incomplete(&self) -> bool {
        self.notices
            .iter()
            .any(|notice| matches!(notice, Notice::Unresolved { .. }))
    }

    /// Whether the token changes or confirms anything.
    #[must_use]
    pub fn has_effect(&self) -> bool {
        !self.events.is_empty() || !self.directory.is_empty() || self.is_incomplete()
    }
}

/// What happened besides effects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "notice", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Notice {
    /// The type is not known; the event is acknowledged.
    UnknownEventType {
        /// The event URI.
        uri: String,
    },
    /// The type is known and has no effect here.
    NoEffect {
        /// The event URI.
        uri: String,
        /// Why.
        reason: String,
    },
    /// The event claimed to lie in the future and was moved.
    TimeClamped {
        /// What it claimed.
        claimed: Timestamp,
        /// What is used.
        used: Timestamp,
    },
    /// A name could not be resolved; the token is to be kept.
    Unresolved {
        /// The name, as JSON.
        name: String,
    },
    /// A name is in a format that was not agreed on, so it matches nothing.
    UnknownFormat {
        /// The format.
        format: String,
    },
    /// A member of a complex subject cannot be processed and was left out.
    UnsupportedMember {
        /// The member.
        member: String,
    },
    /// The payload breaks its definition and was acted on all the same.
    NonConformant {
        /// What is wrong.
        what: String,
    },
    /// The stream works.
    StreamVerified {
        /// The stream, if it was named.
        stream: Option<String>,
        /// Whether the event answers our own request.
        solicited: bool,
    },
    /// The stream's status, as its transmitter says.
    StreamStatus {
        /// The stream, if it was named.
        stream: Option<String>,
        /// The status.
        status: StreamState,
        /// Why.
        reason: Option<String>,
    },
    /// Whether anything will be heard about the subject from now on. Where it will not, a long
    /// token life is not justified.
    Coverage {
        /// The subject, as JSON.
        subject: String,
        /// Whether its events flow.
        monitored: bool,
    },
}

impl Notice {
    /// The name under which notices of this kind are counted.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Notice::UnknownEventType { .. } => "unknown_event_type",
            Notice::NoEffect { .. } => "no_effect",
            Notice::TimeClamped { .. } => "time_clamped",
            Notice::Unresolved { .. } => "unresolved",
            Notice::UnknownFormat { .. } => "unknown_format",
            Notice::UnsupportedMember { .. } => "unsupported_member",
            Notice::NonConformant { .. } => "non_conformant",
            Notice::StreamVerified { .. } => "stream_verified",
            Notice::StreamStatus { .. } => "stream_status",
            Notice::Coverage { .. } => "coverage",
        }
    }
}

/// Finds out what a token changes. `expected_state` is the state of the last verification
/// request, if there was one.
///
/// # Errors
/// A payload or subject on which acting would be unsafe (`invalid_request`), something that the
/// transmitter may not say (`access_denied`), another state than the requested (`invalid_state`).
pub fn interpret(
    set: &VerifiedSet,
    directory: &dyn Directory,
    expected_state: Option<&str>,
) -> Result<Interpretation, Refusal> {
    let mut interpretation = Interpretation::default();
    // Read even where no event needs it: a subject that cannot be read is no SET of SSF.
    if let Some(object) = &set.claims().subject {
        read_subject(set, object)?;
    }
    for (uri, payload) in &set.claims().events {
        if !set.transmitter().authority.allows_event(uri) {
            return Err(Refusal::access_denied(
                "this transmitter may not send events of this type",
            )
            .with_detail(uri.clone()));
        }
        one_event(
            set,
            uri,
            payload,
            directory,
            expected_state,
            &mut interpretation,
        )?;
    }
    Ok(interpretation)
}

fn one_event(
    set: &VerifiedSet,
    uri: &str,
    payload: &Map<String, Value>,
    directory: &dyn Directory,
    expected_state: Option<&str>,
    out: &mut Interpretation,
) -> Result<(), Refusal> {
    let known = EventType::from_uri(uri);
    let rule = set
        .transmitter()
        .rules
        .iter()
        .find(|rule| rule.fits(uri, payload));
    if known.is_none() && rule.is_none() {
        out.notices.push(Notice::UnknownEventType {
            uri: uri.to_owned(),
        });
        return Ok(());
    }
    let common = Common::read(payload, set.transmitter().strict_payloads, &mut out.notices)?;
    let found = event_time(
        common.event_timestamp,
        set.claims().time_of_event,
        set.claims().issued_at,
        set.verified_at(),
        set.transmitter().clock_skew_seconds,
    );
    if let Some(claimed) = found.clamped_from {
        out.notices.push(Notice::TimeClamped {
            claimed,
            used: found.time,
        });
    }
    let context = Context {
        set,
        uri,
        time: found.time,
        reason: common.reason,
    };
    if let Some(known) = known.filter(|known| known.is_about_stream()) {
        return context.stream(known, payload, expected_state, out);
    }
    let subject = context.subject(payload, &mut out.notices)?;
    let plan = plan::plan(&context, known, rule, payload, &mut out.notices)?;
    if let Some(monitored) = plan.coverage {
        out.notices.push(Notice::Coverage {
            subject: subject.to_value().to_string(),
            monitored,
        });
    }
    if plan.effects.is_empty() && plan.directory.is_none() {
        if plan.coverage.is_none() {
            out.notices.push(Notice::NoEffect {
                uri: uri.to_owned(),
                reason: plan.why_nothing.to_owned(),
            });
        }
        return Ok(());
    }
    let aim = Aim::take(&context, &subject, plan.bare, directory)?;
    out.notices.extend(aim.notices);
    for located in &aim.located {
        for planned in &plan.effects {
            context.apply(planned, located, out)?;
        }
        if let Some(change) = &plan.directory {
            out.directory
                .extend(change.of(&subject, located, context.time));
        }
    }
    Ok(())
}

/// One event of one token, with its instant.
pub(crate) struct Context<'a> {
    pub(crate) set: &'a VerifiedSet,
    pub(crate) uri: &'a str,
    pub(crate) time: Timestamp,
    reason: Option<String>,
}

impl Context<'_> {
    /// The subject: `sub_id`, else what the profile allows instead.
    fn subject(
        &self,
        payload: &Map<String, Value>,
        notices: &mut Vec<Notice>,
    ) -> Result<SubjectId, Refusal> {
        let claims = self.set.claims();
        let profile = self.set.profile();
        let read = |object: &Map<String, Value>| read_subject(self.set, object);
        let inside = payload.get("subject").and_then(Value::as_object);
        if let Some(object) = &claims.subject {
            let subject = read(object)?;
            // SSF lets the older types repeat the subject; `sub_id` is the one that counts.
            if let Some(Ok(repeated)) = inside.map(&read)
                && repeated != subject
                && !matches(&repeated, &subject)
            {
                notices.push(Notice::NonConformant {
                    what: "the subject inside the event is not that of `sub_id`".to_owned(),
                });
            }
            return Ok(subject);
        }
        if let Some(object) = inside.filter(|_| !profile.requires_sub_id) {
            return read(object);
        }
        // Where the profile forbids `sub`, a token with it was never verified.
        match &claims.sub {
            Some(sub) => Ok(Name::IssSub {
                iss: claims.issuer.clone(),
                sub: sub.clone(),
            }
            .into()),
            None => Err(Refusal::invalid_request("the event has no subject")),
        }
    }

    /// Events about the stream itself.
    fn stream(
        &self,
        known: EventType,
        payload: &Map<String, Value>,
        expected_state: Option<&str>,
        out: &mut Interpretation,
    ) -> Result<(), Refusal> {
        let claims = self.set.claims();
        let named = match &claims.subject {
            None => None,
            Some(object) => match SubjectId::parse(object, self.set.profile().spelling()) {
                Ok(SubjectId::Simple(Name::Opaque { id })) => Some(id),
                _ => {
                    return Err(Refusal::invalid_request(
                        "the subject of an event about a stream is the stream's id, `opaque`",
                    ));
                }
            },
        };
        let streams = &self.set.transmitter().streams;
        if let Some(stream) = &named
            && !streams.is_empty()
            && !streams.contains(stream)
        {
            return Err(Refusal::invalid_request(
                "the stream is none of this receiver's",
            ));
        }
        let status = if known == EventType::Verification {
            let solicited = verified_state(payload, expected_state)?;
            out.notices.push(Notice::StreamVerified {
                stream: named,
                solicited,
            });
            StreamState::Enabled
        } else {
            let (status, reason) = payload::stream_updated(payload)?;
            out.notices.push(Notice::StreamStatus {
                stream: named,
                status,
                reason,
            });
            status
        };
        out.events.push(Event {
            time: self.time,
            tenant: aim::default_tenant(self.set)?,
            subject: Subject::tenant(),
            effect: Effect::Stream(status),
            provenance: self.provenance(SourceKind::Transmitter)?,
        });
        Ok(())
    }

    fn provenance(&self, source: SourceKind) -> Result<Provenance, Refusal> {
        let claims = self.set.claims();
        let name = &self.set.transmitter().name;
        let source = match source {
            SourceKind::Transmitter => name.clone(),
            SourceKind::Compromise => identifier(&format!("{name}/credential-compromise"))?,
        };
        Ok(Provenance {
            source,
            id: Some(claims.id.clone()),
            transaction: claims.transaction.clone(),
            event_type: Some(self.uri.to_owned()),
            reason: self.reason.clone(),
        })
    }

    /// Makes the engine events of one planned effect on one subject.
    fn apply(
        &self,
        planned: &Planned,
        located: &Located,
        out: &mut Interpretation,
    ) -> Result<(), Refusal> {
        let authority = &self.set.transmitter().authority;
        let mut subject = located.subject.clone();
        if let Some(keep) = planned.keep {
            let kept = restricted(&subject, keep);
            if !kept.dimensions().is_empty() {
                subject = kept;
            }
        }
        if Scope::of(&subject) > authority.scope {
            return Err(Refusal::access_denied(
                "this transmitter may not speak about so wide a subject",
            )
            .with_detail(format!(
                "subject {:?}, widest scope {:?}",
                subject.dimensions(),
                authority.scope
            )));
        }
        let must_carry = authority.must_carry(&subject);
        for (subject, effect) in planned.effect.expand(&subject, located, |dimension| {
            let configured = self.set.transmitter().missing_member.get(&dimension);
            must_carry == Some(dimension) || configured == Some(&MissingMember::Skip)
        }) {
            if effect == Effect::Unblock && !authority.may_unblock {
                return Err(Refusal::access_denied(
                    "this transmitter may not lift blocks",
                ));
            }
            let event = Event {
                time: self.time,
                tenant: located.tenant.clone(),
                subject,
                effect,
                provenance: self.provenance(planned.source)?,
            };
            match event.check() {
                Ok(()) if out.events.contains(&event) => {}
                Ok(()) => out.events.push(event),
                Err(error) => out.notices.push(Notice::NoEffect {
                    uri: self.uri.to_owned(),
                    reason: error.to_string(),
                }),
            }
        }
        Ok(())
    }
}

fn verified_state(payload: &Map<String, Value>, expected: Option<&str>) -> Result<bool, Refusal> {
    //= https://openid.net/specs/openid-sharedsignals-framework-1_0-final.html#section-8.1.4.1
    // An event without state is always fine; one with another state than the requested is not.
    match (payload.get("state"), expected) {
        (None | Some(Value::Null), _) => Ok(false),
        (Some(Value::String(state)), Some(expected)) if state == expected => Ok(true),
        (Some(Value::String(_)), None) => Ok(false),
        (Some(Value::String(_)), Some(_)) => Err(Refusal::new(
            ErrorCode::InvalidState,
            "`state` is not that of the verification request",
        )),
        (Some(_), _) => Err(Refusal::invalid_request("`state` is not text")),
    }
}

fn read_subject(set: &VerifiedSet, object: &Map<String, Value>) -> Result<SubjectId, Refusal> {
    SubjectId::parse(object, set.profile().spelling())
        .map_err(|error| Refusal::invalid_request(format!("the subject cannot be read: {error}")))
}

fn restricted(subject: &Subject, keep: DimensionSet) -> Subject {
    subject
        .iter()
        .filter(|(dimension, _)| keep.contains(*dimension))
        .fold(Subject::tenant(), |kept, (dimension, id)| {
            kept.with(dimension, id.clone())
        })
}

pub(crate) fn identifier(text: &str) -> Result<Identifier, Refusal> {
    Identifier::new(text)
        .map_err(|error| Refusal::invalid_request(format!("a name cannot be used: {error}")))
}

pub(crate) type Tenant = TenantId;
