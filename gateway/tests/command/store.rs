//! `store`: check, dump, import, compact.

use crate::run::Folder;

const DUMP: &str = concat!(
    r#"{"highwater_dump":{"schema":1}}"#,
    "\n",
    r#"{"end":{"registers":0,"values":0,"documents":0}}"#,
    "\n",
);

#[test]
fn a_dump_goes_in_and_comes_out() {
    let folder = Folder::with(&[("garbage.redb", "this is no store at all")]);
    let missing = folder.run("store check store.redb", "");
    assert_eq!(
        (missing.code, missing.stdout.as_str()),
        (2, ""),
        "{missing:?}"
    );
    let imported = folder.run("store import store.redb", DUMP);
    assert_eq!(imported.code, 0, "{imported:?}");
    let checked = folder.run("store check store.redb", "");
    assert_eq!(checked.code, 0, "{checked:?}");
    assert!(checked.stdout.contains("0 registers"), "{checked:?}");
    let dumped = folder.run("store dump store.redb", "");
    assert_eq!(
        (dumped.code, dumped.stdout.as_str()),
        (0, DUMP),
        "{dumped:?}"
    );
    assert_eq!(folder.run("store compact store.redb", "").code, 0);

    let cut = folder.run("store import other.redb", DUMP.lines().next().unwrap());
    assert_eq!(cut.code, 2, "{cut:?}");
    let foreign = folder.run("store check garbage.redb", "");
    assert_eq!(foreign.code, 2, "{foreign:?}");
}
