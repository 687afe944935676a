//! The marks table against a plain map, with keys made to collide, and under readers.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::event::RiskLevel;

fn marks() -> Marks {
    Marks::new(Keyring::from_seed([5, 6]))
}

fn revoked(second: i64) -> Mark {
    Mark {
        revoked_before: Some(second),
        ..Mark::NOTHING
    }
}

/// Keys spread as hashes are.
fn spread(index: u128) -> MarkKey {
    MarkKey::from_bits((index + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))
}

/// Keys of few lines and few prints, so that lines spill and prints are equal by chance.
fn keys() -> impl Strategy<Value = MarkKey> {
    (0..3_u128, 0..2_u128, 0..40_u128)
        .prop_map(|(line, print, rest)| MarkKey::from_bits(line << 127 | print << 40 | rest))
}

fn states() -> impl Strategy<Value = Mark> {
    prop_oneof![
        1 => Just(Mark::NOTHING),
        4 => (-1..6_i64).prop_map(revoked),
        1 => Just(revoked(i64::from(u32::MAX))),
        1 => Just(revoked(i64::MIN)),
        2 => (0..6_i64).prop_map(|since| Mark {
            risk: RiskLevel::High,
            risk_since: since,
            ..revoked(since)
        }),
    ]
}

/// Subjects of one line and one print: what is asked for may be behind one that no longer matters.
#[test]
fn a_mark_behind_an_older_one_of_the_same_print_is_found() {
    let marks = marks();
    let alike = |rest: u128| MarkKey::from_bits(5 << 40 | rest);
    for rest in 0..4 {
        marks.write(alike(rest), revoked(rest as i64 * 100 + 1));
    }
    for rest in 0..4 {
        let second = rest as i64 * 100 + 1;
        for issued in [second - 50, second] {
            assert_eq!(marks.read_key(alike(rest), issued), revoked(second));
            assert!(marks.any_revoked(&[alike(rest)], issued));
            assert_eq!(marks.revoked_before(alike(rest), issued), Some(second));
        }
        assert!(!marks.any_revoked(&[alike(rest)], second + 1));
    }
    assert_eq!(marks.read_key(alike(9), i64::MIN), Mark::NOTHING);
}

/// A thread that has read a table looks into the one that took its place.
#[test]
fn what_was_written_after_a_table_grew_is_read_at_once() {
    let marks = marks();
    for index in 0..5000 {
        let key = spread(index);
        assert_eq!(marks.read_key(key, i64::MIN), Mark::NOTHING);
        assert!(!marks.any_revoked(&[key], 0));
        marks.write(key, revoked(7));
        assert_eq!(marks.read_key(key, i64::MIN), revoked(7), "{index}");
        assert!(marks.any_revoked(&[key], 0), "{index}");
        for (issued, expected) in [(0, Some(7)), (7, Some(7)), (8, None)] {
            let mut found = [Some(1)];
            marks.revoked_before_batch(&[key], issued, &mut found);
            assert_eq!(found, [expected], "{index} {issued}");
        }
    }
}

/// What no longer needs details does not keep any.
#[test]
fn details_go_with_what_they_are_about() {
    let marks = marks();
    let detailed = Mark {
        risk: RiskLevel::High,
        risk_since: 1,
        ..Mark::NOTHING
    };
    let details = |expected: usize| {
        let shown = format!("{marks:?}");
        assert!(shown.contains(&format!("details: {expected}")), "{shown}");
    };
    details(0);
    marks.write(spread(1), detailed);
    marks.write(spread(2), detailed);
    details(2);
    marks.write(spread(1), Mark::NOTHING);
    details(1);
    marks.write(spread(2), revoked(5));
    details(0);
    assert_eq!(marks.read_key(spread(1), i64::MIN), Mark::NOTHING);
    assert_eq!(marks.read_key(spread(2), i64::MIN), revoked(5));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn the_table_is_a_map(writes in vec((keys(), states()), 0..200), reserve in 0..40_usize) {
        let marks = marks();
        let mut model = HashMap::new();
        for (index, &(key, mark)) in writes.iter().enumerate() {
            marks.write(key, mark);
            model.insert(key, mark);
            if index == reserve {
                marks.reserve(reserve);
            }
        }
        for (&key, &mark) in &model {
            prop_assert_eq!(marks.read_key(key, i64::MIN), mark);
            // Leaving out what lies before the token's issue changes no decision.
            for issued in -2..8 {
                let found = marks.read_key(key, issued);
                let stopped = |mark: Mark| mark.revoked_before.is_some_and(|at| issued <= at);
                prop_assert_eq!(stopped(found), stopped(mark));
                prop_assert_eq!(marks.any_revoked(&[key], issued), stopped(mark));
                prop_assert_eq!(
                    Mark { revoked_before: None, ..found },
                    Mark { revoked_before: None, ..mark }
                );
            }
        }
        let keys: Vec<MarkKey> = model.keys().copied().collect();
        let tokens: Vec<[MarkKey; 3]> = (0..keys.len())
            .map(|first| std::array::from_fn(|next| keys[(first + next) % keys.len()]))
            .collect();
        let mut revoked = vec![false; tokens.len()];
        for issued in -2..8 {
            marks.any_revoked_batch(&tokens, issued, &mut revoked);
            for (token, &revoked) in tokens.iter().zip(&revoked) {
                let reaches = |key: &MarkKey| model[key].revoked_before.is_some_and(|at| issued <= at);
                prop_assert_eq!(revoked, token.iter().any(reaches));
                prop_assert_eq!(revoked, marks.any_revoked(token, issued));
            }
        }
        let mut batch = vec![None; keys.len()];
        marks.revoked_before_batch(&keys, i64::MIN, &mut batch);
        for (key, found) in keys.iter().zip(batch) {
            prop_assert_eq!(found, model[key].revoked_before);
            prop_assert_eq!(found, marks.revoked_before(*key, i64::MIN));
        }
    }
}

#[test]
fn an_equal_print_is_not_an_equal_key() {
    let marks = marks();
    // Same line, same print: the two differ in bits that neither uses.
    let (known, other) = (MarkKey::from_bits(7 << 40), MarkKey::from_bits(7 << 40 | 1));
    marks.write(known, revoked(9));
    assert_eq!(marks.read_key(known, 0), revoked(9));
    assert!(marks.read_key(other, 0).is_nothing());
    marks.write(other, revoked(3));
    assert_eq!(marks.read_key(known, 0), revoked(9));
    assert_eq!(marks.read_key(other, 0), revoked(3));
}

#[test]
fn the_hot_part_stays_at_or_below_sixteen_bytes_a_subject() {
    let marks = marks();
    let key = spread;
    for index in 0..50_000 {
        marks.write(key(index), revoked(1));
        let (hot, _) = marks.bytes();
        assert!(
            index < 64 || hot <= 16 * (index as usize + 2) + 64,
            "{index}: {hot}"
        );
    }
    // Forgotten subjects leave their room to others.
    for index in 0..50_000 {
        marks.write(key(index), Mark::NOTHING);
    }
    for index in 50_000..60_000 {
        marks.write(key(index), revoked(1));
    }
    assert!(marks.bytes().0 <= 16 * 50_000 * 6 / 5);
    marks.reserve(0);
    assert_eq!(marks.read_key(key(59_999), 0), revoked(1));
    assert!(marks.read_key(key(1), 0).is_nothing());
}

#[test]
fn readers_miss_nothing_while_the_table_grows() {
    let marks = marks();
    let key = |index: u32| spread(u128::from(index));
    marks.write(key(1), revoked(10));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut last = 10;
                while !done.load(Ordering::Acquire) {
                    let seen = marks.read_key(key(1), 0);
                    let now = seen.revoked_before.expect("the subject stays revoked");
                    assert!(now >= last, "a watermark receded from {last} to {now}");
                    last = now;
                }
            });
        }
        for index in 2..20_000 {
            marks.write(key(index), revoked(1));
            let blocked = index % 64 < 32;
            marks.write(
                key(1),
                Mark {
                    blocked,
                    ..revoked(10 + i64::from(index))
                },
            );
        }
        done.store(true, Ordering::Release);
    });
}

#[test]
fn a_thread_that_used_another_engine_reads_its_own_marks() {
    let (left, right) = (marks(), marks());
    let key = MarkKey::from_bits(1);
    left.write(key, revoked(1));
    for _ in 0..3 {
        assert_eq!(left.read_key(key, 0), revoked(1));
        assert!(right.read_key(key, 0).is_nothing());
    }
}

#[test]
fn a_batch_of_tokens_reads_as_one_by_one() {
    let marks = marks();
    let tenant = crate::identifier::Identifier::new("contoso").unwrap();
    let names: Vec<String> = (0..100).map(|index| format!("user {index}")).collect();
    let keys: Vec<SubjectKeys> = names
        .iter()
        .map(|name| {
            SubjectKeys::new(marks.keyring(), &tenant, |dimension| {
                (dimension == crate::event::Dimension::User).then_some(name.as_str())
            })
        })
        .collect();
    for (index, keys) in keys.iter().enumerate().step_by(3) {
        let shape = keys.dimensions();
        marks.use_shape(shape);
        marks.write(
            keys.key(marks.keyring(), shape).unwrap(),
            revoked(index as i64),
        );
    }
    let issued: Vec<i64> = (0..100).map(|index| index % 50).collect();
    let mut batch = vec![Mark::NOTHING; 100];
    marks.read_batch(&keys, &issued, &mut batch);
    let mut found = [Latest::NOTHING; 32];
    for index in 0..100 {
        if index % 32 == 0 {
            found = [Latest::NOTHING; 32];
            let wanted = u64::MAX >> (64 - (100 - index).min(32));
            let key = |position| (&keys[index + position], issued[index + position]);
            marks.latest_since_batch(wanted, key, &mut found);
        }
        let one = marks.read_since(&keys[index], issued[index]);
        assert_eq!(batch[index], one);
        let latest = marks.latest_since(&keys[index], issued[index]);
        // A second that is no watermark of a slot takes a whole mark.
        let whole = (index != 0).then_some(one);
        assert_eq!(latest.mark(), whole);
        assert_eq!(latest.matters(), !one.is_nothing());
        assert_eq!(found[index % 32], latest);
    }
    assert_eq!(marks.read(&keys[99]), revoked(99));
}

#[test]
fn any_revoked_is_one_question_for_all_keys() {
    let marks = marks();
    let key = |number: u128| MarkKey::from_bits((number + 1) << 70 | number << 33);
    let blocked = Mark {
        blocked: true,
        ..Mark::NOTHING
    };
    marks.write(key(0), revoked(100));
    // More than a watermark: the second is among the details.
    marks.write(
        key(1),
        Mark {
            revoked_before: Some(100),
            ..blocked
        },
    );
    marks.write(key(2), blocked);
    let cases = [
        ([key(7), key(8), key(9)], 100, false),
        ([key(7), key(0), key(9)], 100, true),
        ([key(7), key(0), key(9)], 101, false),
        ([key(1), key(7), key(8)], 100, true),
        ([key(1), key(7), key(8)], 101, false),
        ([key(2), key(7), key(8)], 100, false),
        ([key(2), key(0), key(8)], 100, true),
        ([key(2), key(1), key(8)], 101, false),
    ];
    for (keys, issued, expected) in cases {
        assert_eq!(marks.any_revoked(&keys, issued), expected, "{keys:?}");
        let mut batch = [!expected];
        marks.any_revoked_batch(&[keys], issued, &mut batch);
        assert_eq!(batch, [expected], "{keys:?}");
    }
    // More tokens than go together, of all kinds.
    for issued in [100, 101] {
        let tokens: Vec<_> = cases.iter().map(|case| case.0).cycle().take(70).collect();
        let mut batch = vec![false; 70];
        marks.any_revoked_batch(&tokens, issued, &mut batch);
        for (keys, answer) in tokens.iter().zip(batch) {
            assert_eq!(answer, marks.any_revoked(keys, issued), "{keys:?}");
        }
    }
}

#[test]
fn a_watermark_is_found_among_the_details_too() {
    // All in one line and those after it, with one print and with one each.
    for print in [0, 1_u128 << 33] {
        let marks = marks();
        let keys: Vec<MarkKey> = (1..=40_u128)
            .map(|number| MarkKey::from_bits((number << 65) | (number * print)))
            .collect();
        for (number, &key) in keys.iter().enumerate().skip(1) {
            let second = 100 + number as i64;
            let mark = Mark {
                blocked: number % 2 == 0,
                ..revoked(second)
            };
            marks.write(key, mark);
            assert_eq!(marks.revoked_before(key, 0), Some(second));
            // A block stays whatever the token's age, and its second with it.
            let later = (number % 2 == 0).then_some(second);
            assert_eq!(marks.revoked_before(key, 1_000), later);
        }
        assert_eq!(marks.revoked_before(keys[0], 0), None);
        for issued in [0, 120, 1_000] {
            let mut found = vec![None; keys.len()];
            marks.revoked_before_batch(&keys, issued, &mut found);
            for (&key, found) in keys.iter().zip(found) {
                assert_eq!(found, marks.revoked_before(key, issued));
            }
        }
    }
}

#[test]
fn keyrings_are_told_apart_without_giving_the_secret_away() {
    let (one, other) = (
        Keyring::from_seed([0x1234_5678, 2]),
        Keyring::from_seed([3, 2]),
    );
    assert_eq!(one, Keyring::from_seed([0x1234_5678, 2]));
    assert_ne!(one, other);
    assert_eq!(format!("{one:?}"), format!("Keyring({:016x})", one.id()));
    assert!(!format!("{one:?}").contains("12345678"));
    assert_eq!(
        format!("{:?}", MarkKey::from_bits(0xab)),
        format!("MarkKey({:032x})", 0xab)
    );
    let tenant = crate::identifier::Identifier::new("contoso").unwrap();
    let keys = SubjectKeys::new(&one, &tenant, |dimension| {
        (dimension == crate::event::Dimension::User).then_some("ada")
    });
    let shown = format!("{keys:?}");
    assert!(
        shown.contains(&format!("{:016x}", one.id())) && !shown.contains("ada"),
        "{shown}"
    );
}
