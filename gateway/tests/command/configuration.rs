//! `highwater.toml`: tenants apart, issuers, settings, and mistakes that name their line.

use crate::run::{BLOCK, Folder, OFFICE, request};

#[test]
fn every_tenant_has_its_documents_and_unknown_tenants_are_denied() {
    let folder = Folder::with(&[
        ("documents/block.json", BLOCK),
        ("documents/office.json", OFFICE),
        (
            "etc/highwater.toml",
            "[[tenant]]\nid = \"contoso\"\ndocuments = [\"../documents\"]\n",
        ),
    ]);
    let requests = request("in", "192.0.2.1")
        + &request("out", "198.51.100.1")
        + &request("other", "192.0.2.1").replace("\"tid\": \"contoso\"", "\"tid\": \"fabrikam\"");
    let ended = folder.run("decide --config etc/highwater.toml", &requests);
    assert_eq!(ended.code, 0, "{ended:?}");
    let answers = ended.lines();
    assert_eq!(answers[0]["decision"], "allow");
    assert_eq!(answers[1]["reasons"][0], "location_blocked");
    assert_eq!(answers[2]["reasons"][0], "tenant_unknown");
}

#[test]
fn configured_issuers_are_the_only_ones() {
    let folder = Folder::with(&[
        ("office.json", OFFICE),
        (
            "highwater.toml",
            "[engine]\nskew = \"5m\"\n\
             [[issuer]]\nissuer = \"https://idp.example\"\nanchor = \"auth_time\"\n\
             [[tenant]]\nid = \"*\"\ndocuments = [\"office.json\"]\n\
             [tenant.settings]\npolicy_change = \"off\"\n",
        ),
    ]);
    let other = request("a", "192.0.2.1");
    let known = other.replace("https://sts.windows.net/contoso/", "https://idp.example");
    let ended = folder.run("decide --config highwater.toml", &(other + &known));
    assert_eq!(ended.code, 2, "{ended:?}");
    let answers = ended.lines();
    assert_eq!(answers[0]["error"]["path"], "/token/iss");
    assert_eq!(answers[1]["decision"], "allow");
}

#[test]
fn settings_change_decisions() {
    let folder = Folder::with(&[
        ("documents/block.json", BLOCK),
        ("documents/office.json", OFFICE),
        (
            "highwater.toml",
            "[engine]\npolicy_status = 401\n[[tenant]]\nid = \"*\"\ndocuments = [\"documents\"]\n",
        ),
    ]);
    let incapable = request("a", "198.51.100.1").replace("cp1", "cp0");
    let ended = folder.run("decide --config highwater.toml", &incapable);
    assert_eq!(ended.lines()[0]["status"], 401);
    let ended = folder.run("decide --documents documents", &incapable);
    assert_eq!(ended.lines()[0]["status"], 403);
}

#[test]
fn mistakes_name_line_and_suggestion() {
    let folder = Folder::with(&[("highwater.toml", "[engine]\nskew = 60\nloop_bugdet = {}\n")]);
    let ended = folder.run("check highwater.toml", "");
    assert_eq!((ended.code, ended.stdout.as_str()), (2, ""));
    assert!(
        ended
            .stderr
            .contains("highwater.toml:3:1: unknown key `loop_bugdet`, did you mean `loop_budget`?"),
        "{ended:?}"
    );
}
