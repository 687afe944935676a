//! The shared-signals vectors, signed and pushed over real connections.
//!
//! Here it matters that the protocol survives the way through HTTP: status, code, effect. What a
//! case says about clocks of its own or about members of subjects is held against the library
//! elsewhere; a case that cannot be put into a running gateway is counted.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::gateway::Deployment;
use crate::transmitter::{Transmitter, emitter_of};

/// So many cases of the vectors can be pushed; a change has to be looked at.
const PUSHED: usize = 49;

fn folder() -> Option<PathBuf> {
    let root = std::env::var_os("HIGHWATER_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared")),
        PathBuf::from,
    );
    let found = root.join("vectors/shared-signals");
    if found.is_dir() {
        return Some(found);
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "no vectors at {}; set HIGHWATER_SHARED",
        found.display()
    );
    eprintln!("skipped: no vectors at {}", found.display());
    None
}

/// What is pushed.
enum Content {
    /// Claims, signed with the key that the transmitter publishes.
    Claims(Value),
    /// A body as it is.
    Body(String),
}

/// One case that can be pushed.
struct Case {
    name: String,
    content: Content,
    receiver: Value,
    expect: String,
    codes: Vec<Value>,
    has_effect: bool,
}

/// The cases with whole claims, whose receiver needs nothing that only a test can give it.
fn cases(folder: &PathBuf) -> Vec<Case> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .collect();
    files.sort();
    let mut cases = Vec::new();
    for path in files {
        let vector: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        for (index, case) in vector["cases"].as_array().unwrap().iter().enumerate() {
            let expect = case["expect"].as_str().unwrap();
            let receiver = &case["receiver"];
            let needs_more = [
                "expected_state",
                "understood_members",
                "critical_subject_members",
                "now",
                "skew",
                "iat_check",
            ];
            let is_plain = needs_more.iter().all(|name| receiver.get(name).is_none())
                && case.get("now").is_none()
                && matches!(expect, "accept" | "accept_ignore" | "reject");
            let data = &vector["data"];
            let content = match vector["kind"].as_str().unwrap() {
                "claims" if data["iss"].is_string() && !data["aud"].is_null() => {
                    Content::Claims(data.clone())
                }
                // Signed with keys that nobody publishes, or not at all.
                "jws" if expect == "reject" && data.is_string() => {
                    Content::Body(data.as_str().unwrap().to_owned())
                }
                _ => continue,
            };
            if is_plain {
                cases.push(Case {
                    name: format!("{} {index}", path.file_stem().unwrap().to_string_lossy()),
                    content,
                    receiver: receiver.clone(),
                    expect: expect.to_owned(),
                    has_effect: case["effect"]
                        .as_array()
                        .is_some_and(|effects| effects.iter().any(is_register)),
                    codes: case["err"].as_array().cloned().unwrap_or_default(),
                });
            }
        }
    }
    cases
}

/// Whether an effect is one that the ledger has a register for.
fn is_register(effect: &Value) -> bool {
    let without = ["alias", "coverage", "drop_identifier_state"];
    !without.contains(&effect["op"].as_str().unwrap())
}

/// What tells one receiver from another here: issuer, audience, profile.
fn receiver(case: &Case) -> (String, String, String) {
    let text =
        |member: &str, default: &str| case.receiver[member].as_str().unwrap_or(default).to_owned();
    (
        text("issuer", "https://idp.example/"),
        text("audience", "https://rs.example/signals"),
        text("profile", "ssf-1.0"),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn vectors_come_out_over_http_as_their_cases_say() {
    let Some(folder) = folder() else { return };
    let cases = cases(&folder);
    let key = emitter_of("https://any.example", "k");
    let transmitter = Transmitter::start(key.jwks().unwrap()).await;
    // A gateway tells receivers apart by issuer and audience, so each profile has its own.
    let mut profiles: BTreeMap<String, Vec<&Case>> = BTreeMap::new();
    for case in &cases {
        profiles.entry(receiver(case).2).or_default().push(case);
    }
    let mut problems = Vec::new();
    for (profile, cases) in &profiles {
        let mut names = BTreeMap::new();
        let mut sections = String::new();
        for case in cases {
            let (issuer, audience, _) = receiver(case);
            let name = format!("t{}", names.len());
            if names.contains_key(&(issuer.clone(), audience.clone())) {
                continue;
            }
            names.insert((issuer.clone(), audience.clone()), name.clone());
            sections.push_str(&format!(
                "[[transmitter]]\nname = \"{name}\"\nissuer = {issuer:?}\naudience = {audience:?}\n\
                 profile = \"{profile}\"\njwks_uri = \"{}/jwks\"\npush = {{}}\n\
                 authority = {{ subject_issuers = [\"*\"], tenants = [\"*\"], scope = \"tenant\", \
                 may_unblock = true, may_change_identifiers = true }}\n\
                 subjects = {{ email = \"itself\", phone_number = \"itself\", account = \"itself\", scim = \"itself\" }}\n",
                transmitter.url,
            ));
        }
        let deployment = Deployment::with(&sections);
        let gateway = deployment.start();
        for case in cases {
            let (issuer, audience, _) = receiver(case);
            let token = match &case.content {
                Content::Claims(claims) => key.sign_claims(claims).unwrap(),
                Content::Body(body) => body.clone(),
            };
            let before = gateway.registers().await;
            let pushed = gateway.push(&names[&(issuer, audience)], token).await;
            let code = pushed.code();
            let changed = gateway.registers().await != before;
            let is_right = match case.expect.as_str() {
                "reject" => {
                    pushed.status == 400
                        && !changed
                        && (case.codes.is_empty() || case.codes.contains(&json!(code)))
                }
                "accept_ignore" => pushed.status == 202 && !changed,
                _ => pushed.status == 202 && (changed || !case.has_effect),
            };
            if !is_right {
                problems.push(format!(
                    "{} ({profile}, {} {:?}): {pushed:?}, changed: {changed}",
                    case.name, case.expect, case.codes
                ));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert_eq!(cases.len(), PUSHED, "cases came or went");
}
