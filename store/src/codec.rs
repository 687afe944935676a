//! Registers as bytes: the same on disk and on the bus.
//!
//! ```text
//! key    tenant | register | members | skip | one identifier per member | [namespace] | [source]
//! value  format | time | effect | [level] | [source] | which texts | texts…
//! ```
//!
//! The key holds what makes the register this one, so that last value per key is last value per
//! register; the tenant comes first, so that a tenant is one range. Nothing is written twice: a
//! source that is part of the key is not in the value. Identifiers that are GUIDs take 16 bytes
//! and event types of the two common families lose their prefix: a typical register is half as
//! large as its JSON.
//!
//! The format is fixed for ever by the fixture in `tests/fixtures`; a change needs a new value
//! of `FORMAT`.

mod read;
mod text;

use highwater::event::{
    Compliance, Dimension, DimensionSet, Effect, Event, Provenance, RegisterKind, RiskLevel,
    StreamState, Subject,
};
use highwater::ledger::Entry;
use highwater::timestamp::Timestamp;

pub use read::CodecError;
use read::Reader;

/// First byte of every value.
const FORMAT: u8 = 1;

/// A register as it is stored: two byte strings.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Encoded {
    /// Which register.
    pub key: Vec<u8>,
    /// Its state.
    pub value: Vec<u8>,
}

/// Writes a register.
#[must_use]
pub fn encode(entry: &Entry) -> Encoded {
    let mut encoded = Encoded {
        key: Vec::with_capacity(64),
        value: Vec::with_capacity(96),
    };
    write_key(&mut encoded.key, entry);
    write_value(&mut encoded.value, entry);
    encoded
}

fn write_key(out: &mut Vec<u8>, entry: &Entry) {
    let subject = entry.subject();
    text::write_identifier(out, entry.tenant());
    out.push(register_code(entry.register()));
    out.push(subject.dimensions().bits());
    out.push(subject.skip().bits());
    for (_, identifier) in subject.iter() {
        text::write_identifier(out, identifier);
    }
    if let Some(namespace) = entry.namespace() {
        text::write_text(out, namespace);
    }
    if entry.register().is_last_writer() {
        text::write_identifier(out, &entry.provenance().source);
    }
}

fn write_value(out: &mut Vec<u8>, entry: &Entry) {
    let provenance = entry.provenance();
    out.push(FORMAT);
    out.extend_from_slice(&entry.time().milliseconds().to_le_bytes());
    out.push(effect_code(entry.effect()));
    if let Effect::Assurance { level, .. } = entry.effect() {
        text::write_text(out, level);
    }
    if !entry.register().is_last_writer() {
        text::write_identifier(out, &provenance.source);
    }
    let texts = texts(provenance);
    let present = texts.iter().enumerate().fold(0_u8, |bits, (index, text)| {
        bits | u8::from(text.is_some()) << index
    });
    out.push(present);
    for text in texts.into_iter().flatten() {
        text::write_text(out, text);
    }
}

/// Reads a register.
///
/// # Errors
/// Bytes that [`encode`] did not write.
pub fn decode(key: &[u8], value: &[u8]) -> Result<Entry, CodecError> {
    Decoder::default().decode(key, value)
}

/// Reads many registers, with memory that serves again.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    key: Vec<u8>,
    value: Vec<u8>,
}

impl Decoder {
    /// As [`decode`].
    pub(crate) fn decode(&mut self, key: &[u8], value: &[u8]) -> Result<Entry, CodecError> {
        let entry = read(key, value)?;
        // One register, one form: two nodes compare bytes, so what reads alike must be alike.
        self.key.clear();
        self.value.clear();
        write_key(&mut self.key, &entry);
        write_value(&mut self.value, &entry);
        for (part, given, canonical) in [("key", key, &self.key), ("value", value, &self.value)] {
            if given != canonical {
                let position = given
                    .iter()
                    .zip(canonical)
                    .take_while(|(a, b)| a == b)
                    .count();
                return Err(CodecError::new(
                    part,
                    position,
                    "not the form that is written".to_owned(),
                ));
            }
        }
        Ok(entry)
    }
}

fn read(key: &[u8], value: &[u8]) -> Result<Entry, CodecError> {
    let mut key = Reader::new("key", key);
    let tenant = key.identifier()?;
    let register = key.byte()?;
    let members = dimensions(&mut key)?;
    let skip = dimensions(&mut key)?;
    let mut subject = Subject::tenant();
    for dimension in members.iter() {
        subject = subject.with(dimension, key.identifier()?);
    }
    for dimension in skip.iter() {
        subject = subject.skipping(dimension);
    }
    let namespace = match register == register_code(RegisterKind::Assurance) {
        true => Some(key.text()?),
        false => None,
    };

    let mut value = Reader::new("value", value);
    let format = value.byte()?;
    if format != FORMAT {
        return Err(value.error(format!("format {format} is not {FORMAT}")));
    }
    let time = Timestamp::from_milliseconds(value.integer()?);
    let code = value.byte()?;
    let effect = match (effect_of(code), namespace) {
        (Some(effect), None) => effect,
        (None, Some(namespace)) if code == ASSURANCE => Effect::Assurance {
            namespace,
            level: value.text()?,
        },
        _ => return Err(value.error(format!("effect {code} is unknown"))),
    };
    if register_code(effect.register()) != register {
        return Err(value.error(format!("effect {code} is not of register {register}")));
    }
    let source = match effect.register().is_last_writer() {
        true => key.identifier()?,
        false => value.identifier()?,
    };
    let present = value.byte()?;
    let mut text = |index: u8| match present & 1 << index {
        0 => Ok(None),
        _ => value.text().map(Some),
    };
    let provenance = Provenance {
        source,
        id: text(0)?,
        transaction: text(1)?,
        event_type: text(2)?,
        reason: text(3)?,
    };
    key.finish()?;
    value.finish()?;
    let event = Event {
        time,
        tenant,
        subject,
        effect,
        provenance,
    };
    event
        .check()
        .map_err(|error| CodecError::new("key", 0, error.to_string()))?;
    Ok(Entry::from(event))
}

fn texts(provenance: &Provenance) -> [Option<&str>; 4] {
    [
        provenance.id.as_deref(),
        provenance.transaction.as_deref(),
        provenance.event_type.as_deref(),
        provenance.reason.as_deref(),
    ]
}

fn dimensions(reader: &mut Reader<'_>) -> Result<DimensionSet, CodecError> {
    let bits = reader.byte()?;
    if usize::from(bits) >= 1 << Dimension::ALL.len() {
        return Err(reader.error(format!("no set of dimensions has the bits {bits:#04x}")));
    }
    Ok(DimensionSet::from_bits(bits))
}

/// The number of a register. Numbers are never used again for something else.
fn register_code(register: RegisterKind) -> u8 {
    match register {
        RegisterKind::RevokedBefore => 1,
        RegisterKind::RefreshBefore => 2,
        RegisterKind::Denied => 3,
        RegisterKind::Blocked => 4,
        RegisterKind::Purged => 5,
        RegisterKind::Risk => 6,
        RegisterKind::Compliance => 7,
        RegisterKind::Assurance => 8,
        RegisterKind::Stream => 9,
    }
}

const ASSURANCE: u8 = 30;

/// The number of an effect. Numbers are never used again for something else.
fn effect_code(effect: &Effect) -> u8 {
    match effect {
        Effect::Revoke => 1,
        Effect::Refresh => 2,
        Effect::Deny => 3,
        Effect::Block => 4,
        Effect::Unblock => 5,
        Effect::Purge => 6,
        Effect::Risk(RiskLevel::None) => 10,
        Effect::Risk(RiskLevel::Low) => 11,
        Effect::Risk(RiskLevel::Medium) => 12,
        Effect::Risk(RiskLevel::High) => 13,
        Effect::Compliance(Compliance::Compliant) => 20,
        Effect::Compliance(Compliance::NotCompliant) => 21,
        Effect::Assurance { .. } => ASSURANCE,
        Effect::Stream(StreamState::Enabled) => 40,
        Effect::Stream(StreamState::Paused) => 41,
        Effect::Stream(StreamState::Disabled) => 42,
    }
}

fn effect_of(code: u8) -> Option<Effect> {
    Some(match code {
        1 => Effect::Revoke,
        2 => Effect::Refresh,
        3 => Effect::Deny,
        4 => Effect::Block,
        5 => Effect::Unblock,
        6 => Effect::Purge,
        10 => Effect::Risk(RiskLevel::None),
        11 => Effect::Risk(RiskLevel::Low),
        12 => Effect::Risk(RiskLevel::Medium),
        13 => Effect::Risk(RiskLevel::High),
        20 => Effect::Compliance(Compliance::Compliant),
        21 => Effect::Compliance(Compliance::NotCompliant),
        40 => Effect::Stream(StreamState::Enabled),
        41 => Effect::Stream(StreamState::Paused),
        42 => Effect::Stream(StreamState::Disabled),
        _ => return None,
    })
}
