//! `replay`: events and requests in the order of time, summed up.

use serde_json::json;

use crate::run::{Folder, contoso, request};

fn event(time: i64, effect: &str) -> String {
    format!(
        r#"{{"time": {time}, "tenant": "contoso", "subject": {{"user": "ada"}}, "effect": "{effect}", "source": "idp", "id": "{effect}-{time}"}}"#
    ) + "\n"
}

fn at(id: &str, now: i64, address: &str) -> String {
    request(id, address).replace("1763760000,", &format!("{now},"))
}

#[test]
fn time_decides_whatever_the_order_of_the_lines() {
    let folder = contoso();
    let events = event(1_763_760_020, "revoke") + &event(1_763_760_900, "refresh");
    let requests = at("after", 1_763_760_025, "192.0.2.1")
        + &at("before", 1_763_760_010, "192.0.2.1")
        + &at("far", 1_763_760_005, "3fff:ffff:1::1").replace("\"ada\"", "\"eve\"");
    std::fs::write(folder.path("events.jsonl"), events).unwrap();
    std::fs::write(folder.path("requests.jsonl"), requests).unwrap();
    let ended = folder.run(
        "replay --documents documents --events events.jsonl --requests requests.jsonl --format json",
        "",
    );
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{ended:?}");
    let summary = ended.json();
    assert_eq!(
        (&summary["events"], &summary["requests"]),
        (&json!(2), &json!(3))
    );
    assert_eq!(
        summary["decisions"],
        json!({"allow": 1, "challenge": 2, "deny": 0})
    );
    assert_eq!(
        summary["reasons"],
        json!({"challenge": {"location_blocked": 1, "token_revoked": 1}})
    );
    let first = &summary["first_refusals"];
    assert_eq!(first[0]["event"]["id"], "revoke-1763760020");
    assert_eq!(first[0]["refusal"]["id"], "after");
    assert_eq!(first[0]["refusal"]["after_seconds"], 5.0);
    assert_eq!(first[0]["refusal"]["reason"], "token_revoked");
    assert_eq!(first[1]["refusal"], json!(null));
    assert_eq!(summary["subjects"], 2);
    assert_eq!(summary["subjects_affected"].as_array().unwrap().len(), 2);
    let ranges = &summary["location_refusals"];
    assert_eq!(ranges[0]["range"], "3fff:ffff:1::/48");
    assert_eq!(
        (&ranges[0]["refusals"], &ranges[0]["addresses"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(ranges[0]["policies"], json!(["Block outside"]));
}

#[test]
fn malformed_requests_are_named_and_left_out() {
    let folder = contoso();
    let requests = request("a", "192.0.2.1") + "{\"now\": 1}\n";
    std::fs::write(folder.path("requests.jsonl"), requests).unwrap();
    let ended = folder.run(
        "replay --documents documents --requests requests.jsonl --format json",
        "",
    );
    assert_eq!(ended.code, 2);
    assert_eq!(ended.json()["malformed"], 1);
    assert_eq!(ended.json()["requests"], 1);
    assert!(ended.stderr.contains("requests.jsonl:2: "), "{ended:?}");
}

#[test]
fn a_long_log_is_told_by_the_first_of_every_kind() {
    let folder = contoso();
    let requests: String = (0..100)
        .map(|number| at(&format!("r{number}"), 1_763_760_000 + number, "192.0.2.1"))
        .chain([at("last", 1_763_760_200, "198.51.100.1")])
        .collect();
    std::fs::write(folder.path("requests.jsonl"), requests).unwrap();
    let ended = folder.run("replay --documents documents --requests requests.jsonl", "");
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.stdout.contains("  r0\n") && ended.stdout.contains("  last\n"));
    assert!(!ended.stdout.contains("  r1\n"), "{}", ended.stdout);
    assert!(ended.stdout.contains("198.51.100.0/24"));
}

#[test]
fn bad_usage_is_told() {
    let folder = Folder::with(&[("highwater.toml", "")]);
    for arguments in [
        "replay",
        "replay .",
        "replay . --speed 0",
        "replay --requests x",
    ] {
        let ended = folder.run(arguments, "");
        assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{arguments}");
    }
}

/// The example that a newcomer runs first tells its four stories.
#[test]
fn contoso_tells_its_story() {
    let folder = Folder::with(&[]);
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/contoso");
    let ended = folder.run(&format!("replay {example}"), "");
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{ended:?}");
    let told = |first: &str, then: &str| {
        let mut lines = ended.stdout.lines();
        let found = lines.any(|line| line.contains(first))
            && lines.next().is_some_and(|line| line.contains(then));
        assert!(found, "`{first}`, then `{then}`:\n{}", ended.stdout);
    };
    told(
        "thief uses grace's token",
        "“Block outside trusted networks” blocks it: 203.0.113.66",
    );
    told(
        "deploy robot after the leak",
        "the workload was blocked 3 s ago, says directory",
    );
    told("linus from a café", "203.0.113.201 is in no named location");
    told(
        "dorothy is never disturbed",
        "nothing objects: 192.0.2.11 is in “Office”",
    );
    assert!(ended.stdout.contains("(no cp1), so it is refused outright"));
    let summary = folder
        .run(&format!("replay {example} --format json"), "")
        .json();
    assert_eq!(
        summary["decisions"],
        json!({"allow": 9, "challenge": 4, "deny": 2})
    );
    let check = folder
        .run(&format!("check {example}/highwater.toml --format json"), "")
        .json();
    assert_eq!(
        (&check["refused"], &check["warnings"]),
        (&json!([]), &json!([]))
    );
}
