//! The ledger: any order, repetition or split of any events ends in the same bytes, and the
//! marks say what the registers say.

use super::Input;
use crate::event::{
    Compliance, Dimension, Effect, Event, Provenance, RiskLevel, StreamState, Subject,
};
use crate::identifier::Identifier;
use crate::ledger::{Entry, Facts, Retention};
use crate::marks::{Keyring, Mark, SubjectKeys};
use crate::timestamp::Timestamp;

/// A list of events, and the token that is asked about afterwards.
pub fn ledger(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let tenant = tenant(&mut input);
    let carried = [(); 6].map(|()| name(&mut input));
    let order = input.byte();
    let mut events = Vec::new();
    while !input.is_empty() && events.len() < 64 {
        let event = event(&mut input);
        if event.check().is_ok() {
            events.push(event);
        }
    }

    let straight = facts(1);
    for event in &events {
        straight.apply(event);
    }
    // Two nodes under other secrets, backwards, some twice, then told of each other.
    let (left, right) = (facts(2), facts(3));
    for (index, event) in events.iter().enumerate().rev() {
        match (order >> ((index % 4) * 2)) & 3 {
            0 => drop(left.apply(event)),
            1 => drop(right.apply(event)),
            _ => {
                left.apply(event);
                right.apply(event);
            }
        }
    }
    for entry in right.entries(None) {
        left.merge(entry);
    }
    let registers = straight.entries(None);
    assert_eq!(left.entries(None), registers);
    assert_eq!(registers.len(), straight.len());

    let carried = |dimension: Dimension| carried[dimension as usize];
    let concerning = straight.concerning(&tenant, carried);
    let expected: Vec<Entry> = registers
        .into_iter()
        .filter(|entry| *entry.tenant() == tenant && entry.subject().concerns(carried))
        .collect();
    assert_eq!(concerning, expected);
    let joined = concerning
        .iter()
        .map(Entry::mark)
        .fold(Mark::NOTHING, Mark::join);
    for facts in [&straight, &left] {
        let keys = SubjectKeys::new(facts.marks().keyring(), &tenant, carried);
        assert_eq!(facts.marks().read(&keys), joined);
    }

    // Whatever is forgotten has expired, and the marks follow.
    let now = Timestamp::from_seconds(i64::from(order));
    left.forget_expired(now);
    let kept = left.concerning(&tenant, carried);
    for entry in &concerning {
        assert!(kept.contains(entry) || left.retention().has_expired(entry, now));
    }
    let joined = kept.iter().map(Entry::mark).fold(Mark::NOTHING, Mark::join);
    let keys = SubjectKeys::new(left.marks().keyring(), &tenant, carried);
    assert_eq!(left.marks().read(&keys), joined);
}

fn facts(secret: u64) -> Facts {
    let retention = Retention {
        token_lifetime_seconds: 20,
        session_lifetime_seconds: 60,
        skew_seconds: 2,
    };
    Facts::new(Keyring::from_seed([secret, 7]), retention)
}

fn identifier(text: &str) -> Identifier {
    Identifier::new(text).expect("a short name")
}

fn tenant(input: &mut Input<'_>) -> Identifier {
    identifier(input.choose(&["contoso", "fabrikam"]))
}

/// Few names, the same in every dimension, so that subjects and tokens meet.
fn name(input: &mut Input<'_>) -> Option<&'static str> {
    input.choose(&[None, Some("a"), Some("b"), None])
}

fn event(input: &mut Input<'_>) -> Event {
    let tenant = tenant(input);
    let mut subject = Subject::tenant();
    let members = input.byte();
    for dimension in Dimension::ALL {
        if members & 1 << dimension as u8 != 0 {
            subject = subject.with(dimension, identifier(input.choose(&["a", "b"])));
            if input.choose(&[false, false, true]) {
                subject = subject.skipping(dimension);
            }
        }
    }
    let effect = match input.below(10) {
        0 => Effect::Revoke,
        1 => Effect::Refresh,
        2 => Effect::Deny,
        3 => Effect::Block,
        4 => Effect::Unblock,
        5 => Effect::Purge,
        6 => Effect::Risk(input.choose(&RiskLevel::ALL)),
        7 => Effect::Compliance(input.choose(&[Compliance::NotCompliant, Compliance::Compliant])),
        8 => Effect::Assurance {
            namespace: input.choose(&["nist-aal", "own"]).to_owned(),
            level: input.choose(&["1", "aal2", "silver", "gold"]).to_owned(),
        },
        _ => Effect::Stream(input.choose(&[StreamState::Paused, StreamState::Enabled])),
    };
    Event {
        // Halves of seconds, few enough for ties.
        time: Timestamp::from_milliseconds(i64::from(input.byte()) * 500),
        tenant,
        subject,
        effect,
        provenance: Provenance {
            id: input.choose(&[None, Some("1".to_owned())]),
            ..Provenance::from_source(identifier(input.choose(&["idp", "mdm"])))
        },
    }
}
