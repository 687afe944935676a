//! Laws: what is encoded comes back, bytes that nobody encoded are refused, and a key stands for
//! exactly one register.

#![allow(clippy::unwrap_used)] // a test may

mod support;

use highwater::event::{Dimension, Event};
use highwater::ledger::Entry;
use highwater_store::codec::{decode, encode};
use highwater_store::{DiskStore, MemoryStore, Pending, StoreError};
use proptest::prelude::*;

fn identifiers() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Z0-9_.~äß-]{1,12}",
        "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-fA-F]{12}",
        "https://schemas\\.openid\\.net/secevent/(caep|risc)/event-type/[a-z]{0,9}",
        "x{120,300}",
    ]
}

fn texts() -> impl Strategy<Value = Option<String>> {
    proptest::option::of(prop_oneof![
        identifiers(),
        Just(String::new()),
        Just("{\"en\":\"left\"}".to_owned()),
    ])
}

prop_compose! {
    fn events()(
        members in proptest::collection::btree_map(0_usize..6, identifiers(), 0..4),
        skip in proptest::bits::u8::between(0, 6),
        effect in 0_usize..13,
        seconds in -5_000_000_i64..5_000_000_000,
        tenant in identifiers(),
        source in identifiers(),
        texts in [texts(), texts(), texts(), texts()],
        level in identifiers(),
    ) -> Option<Event> {
        let effects = [
            "\"revoke\"", "\"refresh\"", "\"deny\"", "\"block\"", "\"unblock\"", "\"purge\"",
            r#"{"risk":"none"}"#, r#"{"risk":"high"}"#, r#"{"compliance":"compliant"}"#,
            r#"{"compliance":"not_compliant"}"#, r#"{"stream":"paused"}"#,
            r#"{"stream":"disabled"}"#,
        ];
        let subject: serde_json::Map<_, _> = members
            .iter()
            .map(|(&index, id)| (Dimension::ALL[index].as_str().to_owned(), id.clone().into()))
            .collect();
        let mut subject = serde_json::Value::Object(subject);
        let skip: Vec<_> = members
            .keys()
            .filter(|&&index| skip & 1 << index != 0)
            .map(|&index| Dimension::ALL[index].as_str())
            .collect();
        subject["skip"] = skip.into();
        let effect = effects.get(effect).map_or_else(
            || serde_json::json!({"assurance": {"namespace": "scale", "level": level}}),
            |effect| serde_json::from_str(effect).unwrap(),
        );
        let [id, transaction, event_type, reason] = texts;
        Event::from_value(&serde_json::json!({
            "time": seconds, "tenant": tenant, "subject": subject, "effect": effect,
            "source": source, "id": id, "transaction": transaction, "event_type": event_type,
            "reason": reason,
        })).ok()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn what_is_encoded_comes_back(event in events().prop_filter_map("legal", |event| event)) {
        let entry = Entry::from_event(&event);
        let encoded = encode(&entry);
        prop_assert_eq!(decode(&encoded.key, &encoded.value), Ok(entry));
    }

    #[test]
    fn equal_keys_are_equal_registers(
        left in events().prop_filter_map("legal", |event| event),
        right in events().prop_filter_map("legal", |event| event),
        same_subject in any::<bool>(),
    ) {
        let left = Entry::from_event(&left);
        let mut right = right;
        if same_subject {
            right.subject = left.subject().clone();
            right.tenant = left.tenant().clone();
            prop_assume!(right.check().is_ok());
        }
        let right = Entry::from_event(&right);
        prop_assert_eq!(encode(&left).key == encode(&right).key, left.key() == right.key());
    }

    #[test]
    fn damaged_bytes_never_panic_and_never_grow(
        event in events().prop_filter_map("legal", |event| event),
        in_key in any::<bool>(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<bool>(),
    ) {
        let mut encoded = encode(&Entry::from_event(&event));
        let part = if in_key { &mut encoded.key } else { &mut encoded.value };
        let index = at.index(part.len());
        if cut { part.truncate(index) } else { part[index] = byte }
        if let Ok(entry) = decode(&encoded.key, &encoded.value) {
            prop_assert_eq!(encode(&entry).key.len() <= encoded.key.len() + 20, true);
        }
    }
}

#[test]
fn the_types_can_be_shared_between_threads() {
    fn check<T: Send + Sync + 'static>() {}
    check::<DiskStore>();
    check::<MemoryStore>();
    check::<Pending>();
    check::<StoreError>();
}

#[test]
fn a_typical_register_is_small() {
    let event = support::revoke(1, 1_763_760_000);
    let entry = Entry::from_event(&event);
    let encoded = encode(&entry);
    let json = serde_json::to_string(&entry).unwrap();
    let size = encoded.key.len() + encoded.value.len();
    assert!(
        size * 2 < json.len(),
        "{size} bytes instead of {}",
        json.len()
    );
}
