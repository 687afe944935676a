//! `check`: counts, refusals, exit codes.

use serde_json::json;

use crate::run::{BLOCK, BROKEN, Folder, OFFICE, contoso};

#[test]
fn counts_what_compiles_in_folders_and_files() {
    let folder = contoso();
    let ended = folder.run("check documents --format json", "");
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{ended:?}");
    assert_eq!(
        ended.json(),
        json!({"files": 2, "policies": {"enabled": 1, "report_only": 0, "disabled": 0},
            "locations": 1, "ranges": {"ipv4": 1, "ipv6": 1},
            "refused": [], "warnings": [], "not_judged": []})
    );
    let ended = folder.run("check documents", "");
    assert!(ended.stdout.contains("everything compiles"), "{ended:?}");
    assert!(
        !ended.stdout.contains('\u{1b}'),
        "colours without a terminal"
    );
}

#[test]
fn refusals_name_file_place_reason_and_remedy() {
    let folder = Folder::with(&[("block.json", BLOCK), ("broken.json", BROKEN)]);
    let ended = folder.run("check block.json broken.json --format json", "");
    assert_eq!(ended.code, 1, "{ended:?}");
    let report = ended.json();
    assert_eq!(report["refused"][0]["file"], "broken.json");
    assert_eq!(report["refused"][0]["path"], "/state");
    assert!(report["refused"][0]["remedy"].is_string());
    let ended = folder.run("check .", "");
    assert_eq!(ended.code, 1);
    assert!(ended.stdout.contains("broken.json /state"), "{ended:?}");
}

#[test]
fn strict_refuses_what_is_otherwise_corrected() {
    let loose = OFFICE.replace("192.0.2.0/24", "192.0.2.9/24");
    let folder = Folder::with(&[("office.json", &loose)]);
    let ended = folder.run("check office.json --format json", "");
    assert_eq!(ended.code, 0);
    assert_eq!(ended.json()["warnings"][0]["code"], "host_bits");
    assert_eq!(folder.run("check --strict office.json", "").code, 1);
}

#[test]
fn a_configuration_is_checked_with_its_tenants() {
    let folder = Folder::with(&[
        ("deep/office.json", OFFICE),
        ("deep/other.json", BLOCK),
        (
            "deep/highwater.toml",
            "[[tenant]]\nid = \"a\"\ndocuments = [\"office.json\"]\n\
             [[tenant]]\nid = \"b\"\ndocuments = [\"other.json\"]\n",
        ),
    ]);
    let report = folder
        .run("check deep/highwater.toml --format json", "")
        .json();
    assert_eq!(
        (&report["files"], &report["locations"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(report["policies"]["enabled"], 1);
}

#[test]
fn what_is_not_there_is_bad_input() {
    let folder = Folder::with(&[("empty/readme.txt", "")]);
    for arguments in [
        "check missing.json",
        "check empty",
        "check",
        "chek x",
        "check x --odd",
    ] {
        let ended = folder.run(arguments, "");
        assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{arguments}");
        assert!(!ended.stderr.is_empty());
    }
}
