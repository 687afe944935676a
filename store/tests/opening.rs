//! What a store does with files that are not what they should be, and with files of yesterday.

#![allow(clippy::unwrap_used)] // a test may

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use highwater::identifier::Identifier;
use highwater::timestamp::Timestamp;
use highwater_store::{
    Batch, Creation, DiskOptions, DiskStore, Document, Space, Store, StoreError, Value, operator,
};
use support::{event, export, facts, revoke};

fn options() -> DiskOptions {
    DiskOptions {
        threads: 2,
        ..DiskOptions::default()
    }
}

fn open(path: &Path) -> Result<DiskStore, StoreError> {
    DiskStore::open(path, facts(), &options())
}

/// One of everything.
fn fill(store: &DiskStore) {
    let mut batch = (0..40)
        .fold(Batch::new(), |batch, number| {
            batch.event(&revoke(number, 1_763_760_000))
        })
        .value(
            Space::Transmitter,
            "https://idp.example/",
            Value::new(*b"{\"poll\":true}"),
        )
        .value(Space::Stream, "stream-1", Value::new(*b"enabled"))
        .value(Space::DeltaLink, "users", Value::new([0xff, 0x00]))
        .value(
            Space::Replay,
            "jti-1",
            Value::new([]).expiring(Timestamp::from_seconds(1_763_800_000)),
        )
        .document(Document::new(
            Identifier::new("contoso").unwrap(),
            *b"{\"policies\":[]}",
            Timestamp::from_seconds(1_763_760_000),
        ));
    for (subject, effect) in [
        ("{}", "\"revoke\""),
        (
            r#"{"user": "ada", "session": "s", "skip": ["session"]}"#,
            "\"refresh\"",
        ),
        (r#"{"session": "S-1"}"#, "\"deny\""),
        (r#"{"token": "AbC_dEf-1"}"#, "\"deny\""),
        (r#"{"workload": "w"}"#, "\"purge\""),
        (r#"{"app": "a"}"#, "\"block\""),
        (r#"{"user": "u"}"#, "\"unblock\""),
        (r#"{"user": "u"}"#, r#"{"risk": "high"}"#),
        (r#"{"device": "d"}"#, r#"{"compliance": "not_compliant"}"#),
        (
            r#"{"user": "u"}"#,
            r#"{"assurance": {"namespace": "nist-aal", "level": "nist-aal2"}}"#,
        ),
        ("{}", r#"{"stream": "paused"}"#),
    ] {
        batch = batch.event(&event(subject, effect, 1_763_760_000));
    }
    store.commit(batch).wait().unwrap();
}

fn filled(directory: &tempfile::TempDir) -> PathBuf {
    let path = directory.path().join("ledger");
    let store = open(&path).unwrap();
    fill(&store);
    store.close().unwrap();
    path
}

#[test]
fn what_was_written_is_there_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger");
    let store = open(&path).unwrap();
    assert!(store.status().is_new);
    fill(&store);
    let before = export(store.facts());
    let (values, documents) = (store.values(Space::Replay), store.documents());
    store.close().unwrap();
    let store = open(&path).unwrap();
    assert!(!store.status().is_new);
    assert_eq!(store.restored(), 51);
    assert_eq!(export(store.facts()), before);
    assert_eq!(store.values(Space::Replay), values);
    assert_eq!(store.documents(), documents);
    assert!(
        !store
            .remember(Space::Replay, "jti-1", Timestamp::from_seconds(9))
            .is_new
    );
    let second = open(&path).err().unwrap();
    assert!(matches!(second, StoreError::InUse { .. }), "{second}");
}

#[test]
fn missing_and_existing_files_are_told_apart() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger");
    let with = |creation| {
        let options = DiskOptions {
            creation,
            ..options()
        };
        DiskStore::open(&path, facts(), &options)
    };
    assert!(matches!(
        with(Creation::Never).err().unwrap(),
        StoreError::Missing { .. }
    ));
    drop(with(Creation::Always).unwrap());
    assert!(matches!(
        with(Creation::Always).err().unwrap(),
        StoreError::Exists { .. }
    ));
    drop(with(Creation::Never).unwrap());
    let left: Vec<_> = fs::read_dir(directory.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "something is left of the creation: {left:?}");
}

#[test]
fn foreign_files_are_refused_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    for content in [&b"SQLite format 3\0"[..], b"{}", b"redb?", &[0; 8192]] {
        fs::write(&path, content).unwrap();
        let error = open(&path).err().unwrap();
        assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
        assert!(error.to_string().contains("file"), "{error}");
        assert_eq!(
            fs::read(&path).unwrap(),
            content,
            "a foreign file was changed"
        );
    }
    fs::remove_file(&path).unwrap();
    let table: redb::TableDefinition<'_, u8, u8> = redb::TableDefinition::new("other");
    let database = redb::Database::create(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(table).unwrap();
    transaction.commit().unwrap();
    drop(database);
    let error = open(&path).err().unwrap();
    assert!(error.to_string().contains("another program"), "{error}");
    let error = open(directory.path()).err().unwrap();
    assert!(
        matches!(error, StoreError::Foreign { .. } | StoreError::Io { .. }),
        "{error}"
    );
}

#[test]
fn another_version_is_refused_with_both_numbers() {
    let directory = tempfile::tempdir().unwrap();
    let path = filled(&directory);
    let table: redb::TableDefinition<'_, &str, u32> = redb::TableDefinition::new("highwater");
    let database = redb::Database::open(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction
        .open_table(table)
        .unwrap()
        .insert("schema", 7)
        .unwrap();
    transaction.commit().unwrap();
    drop(database);
    let error = open(&path).err().unwrap();
    assert!(
        matches!(
            error,
            StoreError::WrongVersion {
                found: 7,
                supported: 1,
                ..
            }
        ),
        "{error}"
    );
    assert!(error.to_string().contains("dump"), "{error}");
}

#[test]
fn a_file_cut_off_anywhere_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = filled(&directory);
    let whole = fs::read(&path).unwrap();
    let expected = export(open(&path).unwrap().facts());
    let cuts = (0..24).chain((1..48).map(|part| whole.len() * part / 48));
    let mut refused = 0;
    for length in cuts {
        fs::write(&path, &whole[..length]).unwrap();
        match open(&path) {
            Err(error) => {
                refused += 1;
                assert!(
                    matches!(error, StoreError::Damaged { .. }),
                    "{length}: {error}"
                );
            }
            // Only free pages were lost.
            Ok(store) => assert_eq!(export(store.facts()), expected, "{length}"),
        }
    }
    assert!(refused > 40, "only {refused} cuts were noticed");
}

#[test]
fn a_flipped_bit_anywhere_is_refused_or_harmless() {
    let directory = tempfile::tempdir().unwrap();
    let path = filled(&directory);
    let whole = fs::read(&path).unwrap();
    let expected = {
        let store = open(&path).unwrap();
        (
            export(store.facts()),
            store.documents(),
            store.values(Space::DeltaLink),
        )
    };
    // Every bit of the words that choose and describe the newest commit, and a prime step
    // through everything else.
    let header = (0..64 * 8).chain((64 * 8..512 * 8).step_by(13));
    let rest = (512 * 8..whole.len() * 8).step_by(60_013);
    let (mut refused, mut harmless) = (0, 0);
    for bit in header.chain(rest) {
        let mut damaged = whole.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, &damaged).unwrap();
        match open(&path) {
            Err(error) => {
                refused += 1;
                assert!(
                    matches!(
                        error,
                        StoreError::Damaged { .. } | StoreError::Foreign { .. }
                    ),
                    "bit {bit}: {error:?}"
                );
            }
            Ok(store) => {
                harmless += 1;
                let found = (
                    export(store.facts()),
                    store.documents(),
                    store.values(Space::DeltaLink),
                );
                assert_eq!(found, expected, "bit {bit} went unnoticed");
            }
        }
    }
    assert!(refused > 300, "{refused} refused, {harmless} harmless");
}

#[test]
fn a_dump_imports_into_the_same_store() {
    let directory = tempfile::tempdir().unwrap();
    let path = filled(&directory);
    let mut dump = Vec::new();
    let contents = operator::dump(&path, &mut dump).unwrap();
    assert_eq!(contents, operator::check(&path).unwrap());
    assert_eq!(
        (contents.registers, contents.values, contents.documents),
        (51, 4, 1)
    );
    let copy = directory.path().join("copy");
    for _ in 0..2 {
        assert_eq!(operator::import(&copy, &mut &dump[..]).unwrap(), contents);
    }
    let mut again = Vec::new();
    operator::dump(&copy, &mut again).unwrap();
    assert_eq!(
        String::from_utf8(again).unwrap(),
        String::from_utf8(dump).unwrap()
    );
}

#[test]
fn a_dump_that_is_cut_off_or_altered_is_refused_with_its_line() {
    let directory = tempfile::tempdir().unwrap();
    let path = filled(&directory);
    let mut dump = Vec::new();
    operator::dump(&path, &mut dump).unwrap();
    let dump = String::from_utf8(dump).unwrap();
    let refused = |text: &str| {
        let copy = tempfile::tempdir().unwrap();
        operator::import(&copy.path().join("copy"), &mut text.as_bytes())
            .unwrap_err()
            .to_string()
    };
    let lines: Vec<&str> = dump.lines().collect();
    assert!(refused(&lines[..lines.len() - 1].join("\n")).contains("cut off"));
    let without_one = [&lines[..5], &lines[6..]].concat().join("\n");
    assert!(refused(&without_one).contains("its end counts 51 registers"));
    assert!(refused(&dump.replacen("\"revoke\"", "\"forgive\"", 1)).starts_with("line 2 "));
    assert!(refused(&dump.replace("policies", "politics")).contains("digest"));
    assert!(refused(&dump.replacen("\"schema\":1", "\"schema\":2", 1)).contains("newer"));
    assert!(refused("").contains("cut off"));
}

#[test]
fn forgetting_and_compacting_give_the_space_back() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger");
    let store = open(&path).unwrap();
    for chunk in 0..10 {
        let batch = (0..2000).fold(Batch::new(), |batch, number| {
            batch.event(&revoke(chunk * 2000 + number, 1_000_000))
        });
        store.commit(batch).wait().unwrap();
    }
    let block = event(r#"{"user": "mallory"}"#, "\"block\"", 1_000_000);
    store.apply(&block).wait().unwrap();
    let full = fs::metadata(&path).unwrap().len();
    let forgotten = store.forget(Timestamp::from_seconds(2_000_000)).unwrap();
    assert_eq!(forgotten.registers, 20_000);
    store.compact().unwrap();
    let small = fs::metadata(&path).unwrap().len();
    assert!(small < full / 2, "{full} bytes became {small}");
    store.close().unwrap();
    assert_eq!(operator::check(&path).unwrap().registers, 1);
    let (before, after) = operator::compact(
        &path,
        highwater::ledger::Retention::default(),
        Timestamp::from_seconds(2_000_000),
    )
    .unwrap();
    assert!(after <= before);
}

#[test]
fn a_file_written_by_the_first_version_opens() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/schema-1");
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger");
    fs::copy(fixture.with_extension("redb"), &path).unwrap();
    let mut dump = Vec::new();
    operator::dump(&path, &mut dump).unwrap();
    let expected = fs::read_to_string(fixture.with_extension("jsonl")).unwrap();
    assert_eq!(String::from_utf8(dump).unwrap(), expected);
    let store = open(&path).unwrap();
    assert_eq!(store.restored(), 51);
}

/// How the fixture was made: `cargo test -p highwater-store --test opening -- --ignored`. A
/// released fixture is never made again.
#[test]
#[ignore = "writes the fixture of a new schema"]
fn write_the_fixture() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!(
        "tests/fixtures/schema-{}",
        highwater_store::disk::SCHEMA
    ));
    fs::create_dir_all(fixture.parent().unwrap()).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = filled(&directory);
    operator::compact(
        &path,
        highwater::ledger::Retention::default(),
        Timestamp::from_seconds(0),
    )
    .unwrap();
    let mut dump = Vec::new();
    operator::dump(&path, &mut dump).unwrap();
    fs::copy(&path, fixture.with_extension("redb")).unwrap();
    fs::write(fixture.with_extension("jsonl"), dump).unwrap();
}
