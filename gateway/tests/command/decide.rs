//! `decide`: one answer per line, in order, whatever stands in it.

use std::io::Read;
use std::process::Stdio;

use serde_json::json;

use crate::run::{BROKEN, Folder, contoso, request};

#[test]
fn answers_come_in_the_order_of_the_requests() {
    let folder = contoso();
    let incapable = request("old", "198.51.100.1").replace("cp1", "cp0");
    let requests = request("in", "2001:db8::7") + &request("out", "198.51.100.1") + &incapable;
    let ended = folder.run("decide --documents documents", &requests);
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{ended:?}");
    let answers = ended.lines();
    assert_eq!(
        answers[0],
        json!({"id": "in", "decision": "allow", "status": 200, "reasons": [], "policies": []})
    );
    assert_eq!(answers[1]["id"], "out");
    assert_eq!(
        (&answers[1]["decision"], &answers[1]["status"]),
        (&json!("challenge"), &json!(401))
    );
    assert_eq!(answers[1]["reasons"], json!(["location_blocked"]));
    assert_eq!(
        answers[1]["policies"],
        json!([{"id": "block", "name": "Block outside", "result": "failure"}])
    );
    let header = answers[1]["www_authenticate"].as_str().unwrap();
    assert!(header.starts_with("Bearer ") && header.contains("insufficient_claims"));
    assert_eq!(
        answers[1]["claims"]["access_token"]["xms_rp_ipaddr"]["value"],
        "198.51.100.1"
    );
    assert_eq!(
        (&answers[2]["decision"], &answers[2]["status"]),
        (&json!("deny"), &json!(403))
    );
}

#[test]
fn a_malformed_line_is_answered_in_its_place() {
    let folder = contoso();
    let requests = request("a", "192.0.2.1")
        + "{\"id\": \"b\", \"now\": \"noon\"}\n\nnonsense\n"
        + &request("c", "192.0.2.1");
    let ended = folder.run("decide --documents documents", &requests);
    assert_eq!(ended.code, 2);
    let answers = ended.lines();
    assert_eq!(answers.len(), 4, "{ended:?}");
    assert_eq!(answers[1]["id"], "b");
    assert_eq!(answers[1]["error"]["path"], "/now");
    assert_eq!(answers[2]["id"], json!(null));
    assert!(answers[2]["error"]["message"].is_string());
    assert_eq!(answers[3]["decision"], "allow");
    assert!(ended.stderr.contains("2 of 4 requests"), "{ended:?}");
}

#[test]
fn a_single_request_speaks_through_the_exit_code() {
    let folder = contoso();
    let decide = |request: &str| folder.run("decide --documents documents --format human", request);
    assert_eq!(decide(&request("a", "192.0.2.1")).code, 0);
    let ended = decide(&request("a", "198.51.100.1"));
    assert_eq!(ended.code, 1);
    assert!(
        ended
            .stdout
            .starts_with("challenge 401  a  location_blocked  by Block outside"),
        "{ended:?}"
    );
    assert_eq!(decide("").code, 0);
}

#[test]
fn events_are_in_force_before_the_first_request() {
    let folder = contoso();
    let event = r#"{"time": 1763759900, "tenant": "contoso", "subject": {"user": "ada"}, "effect": "revoke", "source": "idp"}"#;
    std::fs::write(folder.path("events.jsonl"), event).unwrap();
    std::fs::write(folder.path("requests.jsonl"), request("a", "192.0.2.1")).unwrap();
    let decide = "decide --documents documents --requests requests.jsonl --events events.jsonl";
    let ended = folder.run(decide, "");
    assert_eq!(ended.code, 1);
    assert_eq!(ended.lines()[0]["reasons"], json!(["token_revoked"]));

    std::fs::write(
        folder.path("events.jsonl"),
        event.replace("revoke", "revok"),
    )
    .unwrap();
    let ended = folder.run(decide, "");
    assert_eq!((ended.code, ended.stdout.as_str()), (2, ""));
    assert!(
        ended.stderr.contains("events.jsonl: not an event"),
        "{ended:?}"
    );
}

#[test]
fn refused_documents_stop_everything_unless_accepted() {
    let folder = Folder::with(&[("broken.json", BROKEN)]);
    let ended = folder.run("decide --documents broken.json", &request("a", "192.0.2.1"));
    assert_eq!((ended.code, ended.stdout.as_str()), (2, ""));
    assert!(ended.stderr.contains("broken.json /state"), "{ended:?}");
    assert!(ended.stderr.contains("--accept-refused"), "{ended:?}");
    let ended = folder.run(
        "decide --documents broken.json --accept-refused",
        &request("a", "192.0.2.1"),
    );
    assert_eq!(ended.code, 0);
    assert!(ended.stderr.contains("NOT enforced"), "{ended:?}");
}

#[test]
fn answers_do_not_wait_for_the_end_of_the_input() {
    use std::io::{BufRead, BufReader, Write};
    let folder = contoso();
    let mut child = folder
        .command()
        .args(["decide", "--documents", "documents"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    for id in ["a", "b"] {
        stdin
            .write_all(request(id, "192.0.2.1").as_bytes())
            .unwrap();
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        assert!(line.contains(&format!("\"id\":\"{id}\"")), "{line}");
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_closed_pipe_is_not_an_error() {
    let folder = contoso();
    let many: String = (0..3000).map(|_| request("a", "192.0.2.1")).collect();
    std::fs::write(folder.path("requests.jsonl"), many).unwrap();
    let mut child = folder
        .command()
        .args("decide --documents documents --requests requests.jsonl".split(' '))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut words = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut words)
        .unwrap();
    assert_eq!(
        (child.wait().unwrap().code(), words.as_str()),
        (Some(0), "")
    );
}
