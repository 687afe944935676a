//! One register and who wrote it last: the event that won.
//!
//! A register's state *is* the strongest event written to it, under a total order that knows the
//! register's rule. Taking the greater of two is commutative, associative and idempotent
//! whatever the order is, so the laws hold for the provenance too, not only for the value.

use std::cmp::Ordering;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::names::Names;
use crate::event::{Effect, Event, Provenance, RegisterKind, Subject};
use crate::identifier::{Identifier, TenantId};
use crate::marks::{Mark, assurance_rank};
use crate::timestamp::Timestamp;

/// The state of one register. As JSON it is the event that won the register, so an export can be
/// read by anything that reads events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    // INVARIANT: in normal form, so that equal registers are equal bytes: `skip` holds only
    // members and only where there are several, a reason that is JSON is minified.
    event: Event,
}

/// What makes two entries states of the same register.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RegisterKey {
    /// The tenant of the subject.
    pub tenant: TenantId,
    /// The subject, with all members and their `skip`.
    pub subject: Subject,
    /// Which register of the subject.
    pub register: RegisterKind,
    /// The scale of an assurance register.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The writer, for registers that exist once per source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Identifier>,
}

impl Entry {
    /// The state of the one register that an event writes, had nobody else written to it.
    #[must_use]
    pub fn from_event(event: &Event) -> Entry {
        Entry::from(event.clone())
    }

    /// The event that won the register. Applying it to an empty ledger gives this entry.
    #[must_use]
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// What makes this the same register as another.
    #[must_use]
    pub fn key(&self) -> RegisterKey {
        RegisterKey {
            tenant: self.event.tenant.clone(),
            subject: self.event.subject.clone(),
            register: self.register(),
            namespace: self.namespace().map(str::to_owned),
            source: self.key_source().cloned(),
        }
    }

    /// The tenant of the subject.
    #[must_use]
    pub fn tenant(&self) -> &TenantId {
        &self.event.tenant
    }

    /// Whom the register is about.
    #[must_use]
    pub fn subject(&self) -> &Subject {
        &self.event.subject
    }

    /// Which of the subject's registers this is.
    #[must_use]
    pub fn register(&self) -> RegisterKind {
        self.event.effect.register()
    }

    /// The scale of an assurance register.
    #[must_use]
    pub fn namespace(&self) -> Option<&str> {
        match &self.event.effect {
            Effect::Assurance { namespace, .. } => Some(namespace),
            _ => None,
        }
    }

    /// T: when the thing happened.
    #[must_use]
    pub fn time(&self) -> Timestamp {
        self.event.time
    }

    /// The register's value, as the effect that set it.
    #[must_use]
    pub fn effect(&self) -> &Effect {
        &self.event.effect
    }

    /// Who wrote the value, and why.
    #[must_use]
    pub fn provenance(&self) -> &Provenance {
        &self.event.provenance
    }

    /// What the register says about the tokens that its subject concerns.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark::of_effect(&self.event.subject, &self.event.effect, self.event.time)
    }

    /// Whether both are states of the same register.
    #[must_use]
    pub fn is_same_register(&self, other: &Entry) -> bool {
        self.same_slot(other)
            && self.event.tenant == other.event.tenant
            && self.event.subject == other.event.subject
    }

    /// Whether this state stands when `other` comes to the same register: later T first, at the
    /// same T the more restrictive value, then the provenance that sorts last.
    #[must_use]
    pub fn outranks(&self, other: &Entry) -> bool {
        self.rank(other) == Ordering::Greater
    }

    /// The state of a register that both are states of.
    ///
    /// Entries of different registers have no join: `self` is returned as it is.
    #[must_use]
    pub fn join(self, other: Entry) -> Entry {
        if self.is_same_register(&other) && other.outranks(&self) {
            other
        } else {
            self
        }
    }

    /// Takes its tenant and source from `names`, where they are shared with other registers.
    pub(super) fn share(&mut self, names: &mut Names) {
        names.share(&mut self.event.tenant);
        names.share(&mut self.event.provenance.source);
    }

    /// Whether both would be the same register, were their tenant and subject the same.
    pub(super) fn same_slot(&self, other: &Entry) -> bool {
        self.register() == other.register()
            && self.namespace() == other.namespace()
            && self.key_source() == other.key_source()
    }

    /// Order in an export: by register, not by time.
    pub(super) fn compare_keys(&self, other: &Entry) -> Ordering {
        let (left, right) = (&self.event, &other.event);
        (&left.tenant, &left.subject, self.register())
            .cmp(&(&right.tenant, &right.subject, other.register()))
            .then_with(|| self.namespace().cmp(&other.namespace()))
            .then_with(|| self.key_source().cmp(&other.key_source()))
    }

    fn key_source(&self) -> Option<&Identifier> {
        self.register()
            .is_last_writer()
            .then_some(&self.event.provenance.source)
    }

    fn rank(&self, other: &Entry) -> Ordering {
        let (left, right) = (&self.event, &other.event);
        left.time
            .cmp(&right.time)
            .then_with(|| severity(&left.effect).cmp(&severity(&right.effect)))
            // Two texts of the same severity: any order will do, as long as it is one.
            .then_with(|| left.effect.cmp(&right.effect))
            .then_with(|| left.provenance.cmp(&right.provenance))
    }
}

impl From<Event> for Entry {
    /// As [`Entry::from_event`], without a copy.
    fn from(mut event: Event) -> Entry {
        event.subject = event.subject.normal();
        event.provenance.reason = event.provenance.reason.map(normal_reason);
        Entry { event }
    }
}

/// How restrictive a value is among those of its register.
fn severity(effect: &Effect) -> u8 {
    match effect {
        Effect::Revoke | Effect::Refresh | Effect::Deny | Effect::Purge | Effect::Unblock => 0,
        Effect::Block => 1,
        Effect::Risk(level) => *level as u8,
        Effect::Compliance(state) => *state as u8,
        Effect::Stream(state) => *state as u8,
        // Lower levels restrict more; a level without rank restricts nothing.
        Effect::Assurance { level, .. } => assurance_rank(level).map_or(0, |rank| u8::MAX - rank),
    }
}

fn normal_reason(reason: String) -> String {
    match serde_json::from_str::<serde_json::Value>(&reason) {
        Ok(json @ (serde_json::Value::Object(_) | serde_json::Value::Array(_))) => json.to_string(),
        _ => reason,
    }
}

impl Serialize for Entry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.event.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        let event = Event::from_value(&value).map_err(serde::de::Error::custom)?;
        Ok(Entry::from_event(&event))
    }
}
