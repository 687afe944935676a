//! The mapping table itself: event type and payload → effects, before anybody is hit.

use highwater::event::{Dimension, DimensionSet, Effect, RiskLevel, Subject};
use highwater::timestamp::Timestamp;
use serde_json::{Map, Value};

use super::aim::{Bare, Located};
use super::payload::{self, Sloppy, required};
use super::{Context, Notice};
use crate::directory::DirectoryChange;
use crate::event_type::EventType;
use crate::refusal::Refusal;
use crate::subject::{Name, SubjectId};
use crate::transmitter::Rule;

/// Under whose name a register is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SourceKind {
    /// The transmitter.
    Transmitter,
    /// The transmitter's word about compromised credentials: apart from its assessed risk, so
    /// that a new password lifts the one and not the other.
    Compromise,
}

/// One effect, before it meets a subject.
pub(crate) struct Planned {
    pub(crate) effect: PlannedEffect,
    /// The dimensions that the effect is about, if the subject has one of them.
    pub(crate) keep: Option<DimensionSet>,
    pub(crate) source: SourceKind,
}

pub(crate) enum PlannedEffect {
    Plain(Effect),
    /// A session or token ends: for good where it is named, by time where only its owner is.
    End,
    /// The exact identifier is gone for ever; one that may be given to somebody else is blocked.
    Gone,
    /// The identifier has a new owner, who must not inherit what was said about the old one.
    Inherited,
}

/// What an event type does.
pub(crate) struct Plan {
    pub(crate) bare: Bare,
    pub(crate) effects: Vec<Planned>,
    pub(crate) directory: Option<PlannedChange>,
    pub(crate) coverage: Option<bool>,
    pub(crate) why_nothing: &'static str,
}

pub(crate) enum PlannedChange {
    Alias { new: String },
    Recycle,
}

const USER: DimensionSet = DimensionSet::EMPTY
    .with(Dimension::User)
    .with(Dimension::Workload);
const DEVICE: DimensionSet = DimensionSet::EMPTY.with(Dimension::Device);

impl Plan {
    fn nothing(why: &'static str) -> Plan {
        Plan {
            bare: Bare::User,
            effects: Vec::new(),
            directory: None,
            coverage: None,
            why_nothing: why,
        }
    }

    fn on(bare: Bare) -> Plan {
        Plan {
            bare,
            ..Plan::nothing("")
        }
    }

    fn then(self, effect: Effect, keep: Option<DimensionSet>) -> Plan {
        self.planned(PlannedEffect::Plain(effect), keep, SourceKind::Transmitter)
    }

    fn planned(
        mut self,
        effect: PlannedEffect,
        keep: Option<DimensionSet>,
        source: SourceKind,
    ) -> Plan {
        self.effects.push(Planned {
            effect,
            keep,
            source,
        });
        self
    }
}

/// Plans the effects of an event.
pub(crate) fn plan(
    context: &Context<'_>,
    known: Option<EventType>,
    rule: Option<&Rule>,
    payload: &Map<String, Value>,
    notices: &mut Vec<Notice>,
) -> Result<Plan, Refusal> {
    let config = context.set.transmitter();
    let mut sloppy = Sloppy {
        strict: config.strict_payloads,
        notices,
    };
    let usual = match known {
        Some(known) => usual(known, payload, &mut sloppy, config)?,
        None => Plan::on(Bare::User),
    };
    let Some(rule) = rule else {
        return Ok(usual);
    };
    let mut plan = Plan {
        effects: Vec::new(),
        why_nothing: "a rule of the transmitter's configuration ignores it",
        ..usual
    };
    for effect in rule.effect.iter().filter_map(|effect| effect.effect()) {
        plan = plan.then(effect, None);
    }
    Ok(plan)
}

#[expect(
    clippy::too_many_lines,
    reason = "one row per event type, as a table reads best"
)]
fn usual(
    known: EventType,
    payload: &Map<String, Value>,
    sloppy: &mut Sloppy<'_>,
    config: &crate::transmitter::TransmitterConfig,
) -> Result<Plan, Refusal> {
    let may_change = config.authority.may_change_identifiers;
    let disabled = || {
        Plan::on(Bare::User)
            .then(Effect::Block, Some(USER))
            .then(Effect::Revoke, Some(USER))
    };
    let gone = || {
        Plan::on(Bare::User)
            .planned(PlannedEffect::Gone, Some(USER), SourceKind::Transmitter)
            .then(Effect::Revoke, Some(USER))
    };
    Ok(match known {
        EventType::SessionRevoked => {
            Plan::on(Bare::SessionOrUser).planned(PlannedEffect::End, None, SourceKind::Transmitter)
        }
        EventType::TokenClaimsChange => {
            if !payload.get("claims").is_some_and(Value::is_object) {
                sloppy.note("the payload needs an object `claims`")?;
            }
            Plan::on(Bare::User).then(Effect::Refresh, None)
        }
        EventType::CredentialChange => {
            sloppy.text(payload, "credential_type")?;
            match sloppy.text(payload, "change_type")? {
                Some("create") => Plan::nothing("a new credential takes nothing away"),
                Some("update") => Plan::on(Bare::User)
                    .then(Effect::Revoke, Some(USER))
                    .planned(
                        PlannedEffect::Plain(Effect::Risk(RiskLevel::None)),
                        Some(USER),
                        SourceKind::Compromise,
                    ),
                // Also whatever else the parties agreed on: something about it changed.
                _ => Plan::on(Bare::User).then(Effect::Revoke, Some(USER)),
            }
        }
        EventType::AssuranceLevelChange => Plan::on(Bare::User).then(
            Effect::Assurance {
                namespace: required(payload, "namespace")?.to_owned(),
                level: required(payload, "current_level")?.to_owned(),
            },
            None,
        ),
        EventType::DeviceComplianceChange => {
            let state = payload::compliance(required(payload, "current_status")?)?;
            sloppy.text(payload, "previous_status")?;
            Plan::on(Bare::Device).then(Effect::Compliance(state), Some(DEVICE))
        }
        EventType::RiskLevelChange => {
            let level = Effect::Risk(payload::risk_level(required(payload, "current_level")?)?);
            match sloppy
                .text(payload, "principal")?
                .map(str::to_ascii_uppercase)
                .as_deref()
            {
                Some("USER") => Plan::on(Bare::User).then(level, Some(USER)),
                Some("DEVICE") => Plan::on(Bare::Device).then(level, Some(DEVICE)),
                Some("SESSION") => Plan::on(Bare::Session).then(level, None),
                Some("TENANT") => Plan::on(Bare::Tenant).then(level, Some(DimensionSet::EMPTY)),
                Some("GROUP" | "ORG_UNIT") => Plan::on(Bare::Group).then(level, Some(USER)),
                _ => Plan::on(Bare::User).then(level, None),
            }
        }
        EventType::SessionEstablished | EventType::SessionPresented => {
            Plan::nothing("the session was seen; nothing is taken away")
        }
        EventType::AccountDisabled | EventType::ScimDeactivate => disabled(),
        EventType::AccountEnabled | EventType::ScimActivate => {
            Plan::on(Bare::User).then(Effect::Unblock, Some(USER))
        }
        EventType::AccountPurged | EventType::ScimDelete => gone(),
        EventType::AccountCredentialChangeRequired
        | EventType::SessionsRevoked
        | EventType::TokensRevoked => Plan::on(Bare::User).then(Effect::Revoke, Some(USER)),
        EventType::CredentialCompromise => {
            sloppy.text(payload, "credential_type")?;
            Plan::on(Bare::User)
                .then(Effect::Revoke, Some(USER))
                .planned(
                    PlannedEffect::Plain(Effect::Risk(RiskLevel::High)),
                    Some(USER),
                    SourceKind::Compromise,
                )
        }
        EventType::IdentifierChanged => Plan {
            directory: payload
                .get("new-value")
                .and_then(Value::as_str)
                .filter(|_| may_change)
                .map(|new| PlannedChange::Alias {
                    new: new.to_owned(),
                }),
            ..Plan::on(Bare::User).then(Effect::Revoke, Some(USER))
        },
        EventType::IdentifierRecycled => {
            let plan = Plan {
                directory: may_change.then_some(PlannedChange::Recycle),
                ..Plan::on(Bare::User).then(Effect::Revoke, Some(USER))
            };
            if may_change && config.authority.may_unblock {
                plan.planned(
                    PlannedEffect::Inherited,
                    Some(USER),
                    SourceKind::Transmitter,
                )
            } else {
                plan
            }
        }
        EventType::OptIn | EventType::OptOutCancelled => Plan {
            coverage: Some(true),
            ..Plan::nothing("")
        },
        EventType::OptOutEffective => Plan {
            coverage: Some(false),
            ..Plan::nothing("")
        },
        EventType::OptOutInitiated => Plan::nothing("events still flow"),
        EventType::RecoveryActivated | EventType::RecoveryInformationChanged => {
            Plan::nothing("a recovery alone takes nothing away; a rule may raise the risk")
        }
        EventType::TokenRevoked => {
            Plan::on(Bare::Token).planned(PlannedEffect::End, None, SourceKind::Transmitter)
        }
        EventType::OktaUserRiskChange => Plan::on(Bare::User).then(
            Effect::Risk(payload::risk_level(required(payload, "current_level")?)?),
            Some(USER),
        ),
        EventType::OktaDeviceRiskChange => Plan::on(Bare::Device).then(
            Effect::Risk(payload::risk_level(required(payload, "current_level")?)?),
            Some(DEVICE),
        ),
        EventType::OktaIpChange => {
            Plan::nothing("the address of every request is judged when it comes")
        }
        EventType::Verification | EventType::StreamUpdated => Plan::nothing("about the stream"),
    })
}

impl PlannedEffect {
    /// The engine effects on one subject. `skips`: whether tokens without this dimension are
    /// left out instead of the dimension.
    pub(crate) fn expand(
        &self,
        subject: &Subject,
        located: &Located,
        skips: impl Fn(Dimension) -> bool,
    ) -> Vec<(Subject, Effect)> {
        let several = subject.dimensions().len() > 1;
        let as_configured = subject
            .dimensions()
            .iter()
            .filter(|&dimension| several && skips(dimension))
            .fold(subject.clone(), Subject::skipping);
        match self {
            PlannedEffect::Plain(effect) => vec![(as_configured, effect.clone())],
            PlannedEffect::End => end(subject, as_configured),
            PlannedEffect::Gone if located.reusable => vec![(as_configured, Effect::Block)],
            PlannedEffect::Gone => vec![(as_configured, Effect::Purge)],
            PlannedEffect::Inherited if located.reusable => vec![
                (as_configured.clone(), Effect::Unblock),
                (as_configured, Effect::Risk(RiskLevel::None)),
            ],
            PlannedEffect::Inherited => Vec::new(),
        }
    }
}

/// The end of a session or token. Denying is for ever, so it must never be widened to tokens
/// that do not name the session: those are revoked by time, and a new sign-in is not concerned.
fn end(subject: &Subject, as_configured: Subject) -> Vec<(Subject, Effect)> {
    let named = [Dimension::Token, Dimension::Session]
        .into_iter()
        .find(|&dimension| subject.member(dimension).is_some());
    let Some(named) = named else {
        return vec![(as_configured, Effect::Revoke)];
    };
    if subject.dimensions().len() == 1 {
        return vec![(subject.clone(), Effect::Deny)];
    }
    let denied = as_configured.clone().skipping(named);
    let mut effects = vec![(denied, Effect::Deny)];
    if !as_configured.skip().contains(named) {
        effects.push((as_configured, Effect::Revoke));
    }
    effects
}

impl PlannedChange {
    /// The change of the directory, for each reusable name of the subject.
    pub(crate) fn of<'a>(
        &'a self,
        subject: &'a SubjectId,
        located: &'a Located,
        time: Timestamp,
    ) -> impl Iterator<Item = DirectoryChange> + 'a {
        let names: &[Name] = match subject {
            SubjectId::Simple(name) => std::slice::from_ref(name),
            SubjectId::Aliases(names) => names,
            SubjectId::Complex(members) => match members.get("user") {
                Some(SubjectId::Simple(name)) => std::slice::from_ref(name),
                Some(SubjectId::Aliases(names)) => names,
                _ => &[],
            },
        };
        names
            .iter()
            .filter(|name| name.is_reusable())
            .filter_map(move |name| {
                let tenant = located.tenant.clone();
                Some(match self {
                    PlannedChange::Recycle => DirectoryChange::Recycle {
                        tenant,
                        name: name.clone(),
                        time,
                    },
                    PlannedChange::Alias { new } => DirectoryChange::Alias {
                        tenant,
                        old: name.clone(),
                        new: match name {
                            Name::Email { .. } => Name::email(new),
                            Name::PhoneNumber { .. } => Name::phone_number(new),
                            Name::Account { .. } => Name::Account { uri: new.clone() },
                            _ => return None,
                        },
                        time,
                    },
                })
            })
    }
}
