//! Laws of registers, ledger and marks, on generated events and tokens.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::{Entry, Facts, Retention};
use crate::event::{
    Compliance, Dimension, Effect, Event, Provenance, RegisterKind, RiskLevel, StreamState, Subject,
};
use crate::identifier::Identifier;
use crate::marks::{Keyring, Mark, SubjectKeys, assurance_rank};
use crate::timestamp::Timestamp;

/// A token: its tenant and what it carries.
type Token = (Identifier, [Option<&'static str>; 6]);

fn id(text: &str) -> Identifier {
    Identifier::new(text).unwrap()
}

fn facts() -> Facts {
    Facts::new(Keyring::from_seed([1, 2]), Retention::default())
}

fn tenants() -> impl Strategy<Value = Identifier> {
    select(vec!["contoso", "fabrikam"]).prop_map(id)
}

fn members() -> impl Strategy<Value = [Option<&'static str>; 6]> {
    // Few names, so that subjects and tokens meet often; the same names in every dimension.
    let name = || prop_oneof![2 => Just(None), 1 => Just(Some("a")), 1 => Just(Some("b"))];
    [name(), name(), name(), name(), name(), name()]
}

fn tokens() -> impl Strategy<Value = Token> {
    (tenants(), members())
}

fn subjects() -> impl Strategy<Value = Subject> {
    (
        members(),
        subsequence(Dimension::ALL.to_vec(), 0..=6),
        0..4_usize,
    )
        .prop_map(|(members, skip, limit)| {
            let mut subject = Subject::tenant();
            for dimension in Dimension::ALL {
                if subject.dimensions().len() < limit
                    && let Some(name) = members[dimension as usize]
                {
                    subject = subject.with(dimension, id(name));
                }
            }
            skip.into_iter().fold(subject, Subject::skipping)
        })
}

fn effects() -> impl Strategy<Value = Effect> {
    let level = || select(vec!["aal1", "aal2", "2", "silver"]);
    prop_oneof![
        Just(Effect::Revoke),
        Just(Effect::Refresh),
        Just(Effect::Deny),
        Just(Effect::Block),
        Just(Effect::Unblock),
        Just(Effect::Purge),
        select(RiskLevel::ALL.to_vec()).prop_map(Effect::Risk),
        select(vec![Compliance::Compliant, Compliance::NotCompliant]).prop_map(Effect::Compliance),
        (select(vec!["nist", "loa"]), level()).prop_map(|(namespace, level)| Effect::Assurance {
            namespace: namespace.to_owned(),
            level: level.to_owned(),
        }),
        select(vec![StreamState::Enabled, StreamState::Paused]).prop_map(Effect::Stream),
    ]
}

fn provenances() -> impl Strategy<Value = Provenance> {
    (
        select(vec!["idp", "mdm"]),
        select(vec![None, Some("1"), Some("2")]),
        select(vec![None, Some("left"), Some(r#"{"b": 1, "a": 2}"#)]),
    )
        .prop_map(|(source, id_text, reason)| Provenance {
            id: id_text.map(str::to_owned),
            reason: reason.map(str::to_owned),
            ..Provenance::from_source(id(source))
        })
}

fn events() -> impl Strategy<Value = Event> {
    (
        0..4_000_i64,
        tenants(),
        subjects(),
        effects(),
        provenances(),
    )
        .prop_map(|(time, tenant, subject, effect, provenance)| Event {
            // Few instants, so that ties are common; also halves of seconds.
            time: Timestamp::from_milliseconds(time / 500 * 500),
            tenant,
            subject,
            effect,
            provenance,
        })
        .prop_filter("the combination makes sense", |event| event.check().is_ok())
}

fn carried(token: &Token) -> impl Fn(Dimension) -> Option<&'static str> + use<> {
    let members = token.1;
    move |dimension| members[dimension as usize]
}

fn read(facts: &Facts, token: &Token) -> Mark {
    let keys = SubjectKeys::new(facts.marks().keyring(), &token.0, carried(token));
    facts.marks().read(&keys)
}

/// The ledger as bytes, one event per line.
fn export(facts: &Facts) -> String {
    facts
        .entries(None)
        .iter()
        .map(|entry| serde_json::to_string(entry).unwrap() + "\n")
        .collect()
}

fn concerning(facts: &Facts, token: &Token) -> Vec<Entry> {
    let mut entries = facts.entries(Some(&token.0));
    entries.retain(|entry| entry.subject().concerns(carried(token)));
    entries
}

/// What a token is refused for, from the list of events alone and without any table.
fn naive(events: &[Event], token: &Token) -> Mark {
    let relevant: Vec<&Event> = events
        .iter()
        .filter(|event| event.tenant == token.0 && event.subject.concerns(carried(token)))
        .collect();
    let mut mark = Mark::NOTHING;
    for event in &relevant {
        let stands = !event.effect.register().is_last_writer()
            || !relevant.iter().any(|other| supersedes(other, event));
        if stands {
            mark = mark.join(Mark::of_effect(&event.subject, &event.effect, event.time));
        }
    }
    mark
}

/// Whether `other` is a later or more restrictive word of the same source on the same thing.
fn supersedes(other: &Event, event: &Event) -> bool {
    let namespace = |event: &Event| match &event.effect {
        Effect::Assurance { namespace, .. } => Some(namespace.clone()),
        _ => None,
    };
    let skip = |event: &Event| match event.subject.dimensions().len() {
        0 | 1 => Default::default(),
        _ => event.subject.skip(),
    };
    let same = other.effect.register() == event.effect.register()
        && other.provenance.source == event.provenance.source
        && other.subject.iter().eq(event.subject.iter())
        && skip(other) == skip(event)
        && namespace(other) == namespace(event);
    same && (other.time > event.time
        || other.time == event.time && restricts_more(&other.effect, &event.effect))
}

fn restricts_more(left: &Effect, right: &Effect) -> bool {
    match (left, right) {
        (Effect::Block, Effect::Unblock) => true,
        (Effect::Risk(left), Effect::Risk(right)) => left > right,
        (Effect::Compliance(left), Effect::Compliance(right)) => left > right,
        (Effect::Assurance { level: left, .. }, Effect::Assurance { level: right, .. }) => {
            match (assurance_rank(left), assurance_rank(right)) {
                (Some(left), Some(right)) => left < right,
                (left, right) => left.is_some() && right.is_none(),
            }
        }
        _ => false,
    }
}

/// Whether a token issued at a second is refused or has to be exchanged for a new one.
fn stopped(mark: &Mark, issued: i64) -> [bool; 4] {
    [
        mark.denied_session,
        mark.denied_token,
        mark.revoked_before.is_some_and(|before| issued <= before),
        mark.refresh_before.is_some_and(|before| issued <= before),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(160))]

    // Joining is commutative, associative and idempotent, provenance included.

    #[test]
    fn join_is_a_semilattice(mut three in vec(events(), 3)) {
        // One register, three states of it.
        for index in 1..3 {
            three[index].tenant = three[0].tenant.clone();
            three[index].subject = three[0].subject.clone();
            if three[0].effect.register().is_last_writer() {
                three[index].provenance.source = three[0].provenance.source.clone();
            }
            if three[index].effect.register() != three[0].effect.register() {
                three[index].effect = three[0].effect.clone();
            }
        }
        let [a, b, c] = [0, 1, 2].map(|index| Entry::from_event(&three[index]));
        prop_assert_eq!(a.clone().join(a.clone()), a.clone());
        if a.key() == b.key() && b.key() == c.key() {
            prop_assert_eq!(a.clone().join(b.clone()), b.clone().join(a.clone()));
            prop_assert_eq!(
                a.clone().join(b.clone()).join(c.clone()),
                a.join(b.join(c))
            );
        }
    }

    // Order, repetition and the node on which an event arrives do not matter.

    #[test]
    fn any_permutation_duplication_or_split_ends_in_the_same_bytes(
        events in vec(events(), 0..24),
        order in vec(any::<prop::sample::Index>(), 0..24),
        split in vec(any::<bool>(), 24),
    ) {
        let straight = facts();
        for event in &events {
            straight.apply(event);
        }
        let (left, right) = (facts(), facts());
        let repeats = order.iter().filter(|_| !events.is_empty()).map(|at| at.get(&events));
        for (event, to_left) in events.iter().rev().zip(&split).chain(repeats.zip(&split)) {
            if *to_left { &left } else { &right }.apply(event);
        }
        for entry in right.entries(None) {
            left.merge(entry);
        }
        prop_assert_eq!(export(&left), export(&straight));
        for entry in left.entries(None) {
            prop_assert!(!straight.merge(entry));
        }
    }

    #[test]
    fn an_export_read_as_events_is_the_same_ledger(events in vec(events(), 0..24)) {
        let original = facts();
        for event in &events {
            original.apply(event);
        }
        let copy = facts();
        for line in export(&original).lines() {
            copy.apply(&Event::from_json(line).unwrap());
        }
        prop_assert_eq!(export(&copy), export(&original));
    }

    // The marks say what the registers say, and the registers what the events said.

    #[test]
    fn marks_are_the_join_of_what_concerns_the_token(
        events in vec(events(), 0..32),
        tokens in vec(tokens(), 8),
    ) {
        let facts = facts();
        for event in &events {
            facts.apply(event);
        }
        for token in &tokens {
            let registers = concerning(&facts, token);
            let joined = registers.iter().map(Entry::mark).fold(Mark::NOTHING, Mark::join);
            prop_assert_eq!(read(&facts, token), joined);
            prop_assert_eq!(joined, naive(&events, token));
            prop_assert_eq!(facts.concerning(&token.0, carried(token)), registers);
        }
    }

    #[test]
    fn watermarks_and_denials_never_recede(events in vec(events(), 0..32), token in tokens()) {
        let facts = facts();
        let mut before = read(&facts, &token);
        for event in &events {
            facts.apply(event);
            let after = read(&facts, &token);
            prop_assert!(after.revoked_before >= before.revoked_before);
            prop_assert!(after.refresh_before >= before.refresh_before);
            prop_assert!(after.denied_session >= before.denied_session);
            prop_assert!(after.denied_token >= before.denied_token);
            prop_assert!(after.purged >= before.purged);
            before = after;
        }
    }

    // Forgetting changes nothing for tokens that are alive.

    #[test]
    fn forgetting_changes_no_decision_about_a_token_alive(
        events in vec(events(), 0..32),
        tokens in vec(tokens(), 4),
        now in 0..40_i64,
        age in 0..=12_i64,
    ) {
        let retention = Retention {
            token_lifetime_seconds: 10,
            session_lifetime_seconds: 20,
            skew_seconds: 2,
        };
        let all = Facts::new(Keyring::from_seed([1, 2]), retention);
        let kept = Facts::new(Keyring::from_seed([3, 4]), retention);
        for event in &events {
            all.apply(event);
            kept.apply(event);
        }
        let before = kept.len();
        let forgotten = kept.forget_expired(Timestamp::from_seconds(now));
        prop_assert_eq!(before - forgotten, kept.len());
        prop_assert_eq!(kept.counters().forgotten, forgotten as u64);
        // Issued no longer ago than a token lives, clocks being off by the skew.
        let issued = now - age;
        for token in &tokens {
            let (with, without) = (read(&all, token), read(&kept, token));
            // A token is denied after it was issued (no event is older than second 0), a session
            // while it lasts; watermarks hold for every token.
            let lasts = [issued <= retention.session_lifetime_seconds, issued <= 0, true, true];
            let pairs = stopped(&with, issued).into_iter().zip(stopped(&without, issued));
            for ((with, without), lasts) in pairs.zip(lasts) {
                prop_assert!(!lasts || with == without);
            }
            let unexpiring = |mark: Mark| Mark {
                denied_session: false,
                denied_token: false,
                revoked_before: None,
                refresh_before: None,
                ..mark
            };
            prop_assert_eq!(unexpiring(with), unexpiring(without));
            let registers = concerning(&kept, token);
            let joined = registers.iter().map(Entry::mark).fold(Mark::NOTHING, Mark::join);
            prop_assert_eq!(without, joined);
        }
    }
}

#[track_caller]
fn event(time: i64, subject: &str, effect: &str, source: &str) -> Event {
    Event::from_json(&format!(
        r#"{{"time": {time}, "tenant": "contoso", "subject": {subject}, "effect": {effect},
            "source": "{source}"}}"#
    ))
    .unwrap()
}

const ADA: [Option<&str>; 6] = [Some("ada"), None, Some("s1"), None, None, None];

#[test]
fn only_the_source_that_blocked_lifts_its_block() {
    let facts = facts();
    let token = (id("contoso"), ADA);
    let user = r#"{"user": "ada"}"#;
    facts.apply(&event(10, user, "\"block\"", "idp"));
    facts.apply(&event(20, user, "\"unblock\"", "mdm"));
    assert!(read(&facts, &token).blocked);
    facts.apply(&event(10, user, "\"unblock\"", "idp"));
    assert!(
        read(&facts, &token).blocked,
        "at the same time the block stands"
    );
    facts.apply(&event(11, user, "\"unblock\"", "idp"));
    assert!(read(&facts, &token).is_nothing());
    facts.apply(&event(5, user, "\"block\"", "idp"));
    assert!(read(&facts, &token).is_nothing(), "a late block is history");
}

#[test]
fn unblocking_leaves_the_watermark_where_it_is() {
    let facts = facts();
    let token = (id("contoso"), ADA);
    let user = r#"{"user": "ada"}"#;
    facts.apply(&event(10, user, "\"revoke\"", "idp"));
    facts.apply(&event(20, user, "\"unblock\"", "idp"));
    assert_eq!(read(&facts, &token).revoked_before, Some(10));
}

#[test]
fn conjunctions_behind_one_key_are_lifted_one_by_one() {
    let facts = facts();
    let both = |session, effect, time| {
        let subject = format!(r#"{{"user": "ada", "device": "{session}"}}"#);
        facts.apply(&event(time, &subject, effect, "idp"));
    };
    let wide = (id("contoso"), [Some("ada"), None, None, None, None, None]);
    both("d1", "\"block\"", 1);
    both("d2", "\"block\"", 1);
    both("d1", "\"unblock\"", 2);
    assert!(read(&facts, &wide).blocked);
    both("d2", "\"unblock\"", 2);
    assert!(!read(&facts, &wide).blocked);
}

#[test]
fn keys_of_another_engine_are_refused() {
    let keys = SubjectKeys::new(&Keyring::random(), &id("contoso"), |_| None);
    assert_eq!(facts().marks().read(&keys), Mark::REFUSED);
    assert_ne!(Keyring::random().id(), Keyring::random().id());
}

#[test]
fn applying_tells_what_changed_and_counts() {
    let facts = facts();
    let revoke = event(10, "{}", "\"revoke\"", "idp");
    let changed = facts.apply(&revoke).changed.unwrap();
    assert_eq!(changed.register(), RegisterKind::RevokedBefore);
    assert_eq!(changed.key().source, None);
    assert_eq!(facts.apply(&revoke).changed, None);
    assert_eq!(
        facts.apply(&event(9, "{}", "\"revoke\"", "mdm")).changed,
        None
    );
    facts.count_clamped();
    let counters = facts.counters();
    assert_eq!(
        (counters.changed, counters.unchanged, counters.clamped),
        (1, 2, 1)
    );
    assert_eq!(facts.len(), 1);
}

#[test]
fn a_paused_stream_degrades_until_it_is_enabled_again() {
    let facts = facts();
    let now = Timestamp::from_seconds(100);
    facts.apply(&event(10, "{}", r#"{"stream": "paused"}"#, "idp"));
    facts.apply(&event(9, "{}", r#"{"stream": "enabled"}"#, "idp"));
    assert!(facts.is_degraded(now));
    facts.apply(&event(11, "{}", r#"{"stream": "enabled"}"#, "idp"));
    assert!(!facts.is_degraded(now));
    assert_eq!(facts.streams().len(), 1);
}

#[test]
fn writers_on_many_threads_end_where_one_would() {
    use std::thread;
    let many: Vec<Event> = (0..600)
        .map(|index| {
            let subject = match index % 3 {
                0 => r#"{"user": "ada"}"#.to_owned(),
                1 => format!(r#"{{"user": "ada", "session": "s{}"}}"#, index % 5),
                _ => format!(r#"{{"device": "d{}"}}"#, index % 7),
            };
            let effect = if index % 4 == 0 {
                "\"revoke\""
            } else {
                r#"{"risk": "low"}"#
            };
            event(
                i64::from(index % 50),
                &subject,
                effect,
                ["idp", "mdm"][index as usize % 2],
            )
        })
        .collect();
    let (one, shared) = (facts(), facts());
    for event in &many {
        one.apply(event);
    }
    thread::scope(|scope| {
        for start in 0..4 {
            let (many, shared) = (&many, &shared);
            scope.spawn(move || {
                for event in many.iter().skip(start).step_by(3) {
                    shared.apply(event);
                }
            });
        }
    });
    assert_eq!(export(&shared), export(&one));
    let token = (id("contoso"), ADA);
    assert_eq!(read(&shared, &token), read(&one, &token));
}
