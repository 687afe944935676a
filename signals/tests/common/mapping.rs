//! One event about one subject, and what it comes to.

use highwater::event::Event;
use highwater::identifier::Identifier;
use highwater_signals::directory::DirectoryMap;
use highwater_signals::{EventType, Interpretation, Receiver, Refusal, Voucher};
use serde_json::{Value, json};

use super::{AUDIENCE, ISSUER, NOW, config};

pub(crate) fn id(text: &str) -> Identifier {
    Identifier::new(text).unwrap()
}

pub(crate) fn claims(subject: &Value, event: EventType, payload: &Value) -> Value {
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "jti": "j", "iat": NOW.seconds(),
        "sub_id": subject, "events": { event.uri(): payload },
    })
}

pub(crate) fn interpret_in(
    directory: &DirectoryMap,
    changes: &Value,
    claims: &Value,
) -> Result<Interpretation, Refusal> {
    let receiver = Receiver::new([config(changes)]).unwrap();
    let set = receiver.vouch(claims.to_string().as_bytes(), NOW, Voucher::host("a test"))?;
    receiver.interpret(&set, directory)
}

pub(crate) fn interpret(changes: &Value, claims: &Value) -> Result<Interpretation, Refusal> {
    interpret_in(&DirectoryMap::new(), changes, claims)
}

pub(crate) fn summary(events: &[Event]) -> Vec<(String, Value)> {
    events
        .iter()
        .map(|event| {
            (
                serde_json::to_value(&event.effect)
                    .unwrap()
                    .to_string()
                    .replace('"', ""),
                serde_json::to_value(&event.subject).unwrap(),
            )
        })
        .collect()
}

#[track_caller]
pub(crate) fn events(
    changes: &Value,
    subject: &Value,
    event: EventType,
    payload: &Value,
) -> Vec<(String, Value)> {
    summary(
        &interpret(changes, &claims(subject, event, payload))
            .unwrap()
            .events,
    )
}

pub(crate) fn opaque(id: &str) -> Value {
    json!({ "format": "opaque", "id": id })
}

pub(crate) fn complex(members: &[(&str, &str)]) -> Value {
    let mut subject = json!({ "format": "complex" });
    for (name, id) in members {
        subject[*name] = opaque(id);
    }
    subject
}

pub(crate) fn expected(list: &[(&str, Value)]) -> Vec<(String, Value)> {
    list.iter()
        .map(|(effect, subject)| ((*effect).to_owned(), subject.clone()))
        .collect()
}
