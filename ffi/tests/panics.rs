//! A defect inside the library, as C sees it: a status, a denial, and one handle that is finished.

use std::ffi::{c_char, c_void};

use highwater_ffi::caller::{Documents, Engine, Feed, Refused, Request, Token, panic_after};
use highwater_ffi::decide::{highwater_engine_decide, highwater_engine_decide_batch};
use highwater_ffi::decision::{highwater_decision, highwater_outcome};
use highwater_ffi::log::{highwater_log_level, highwater_log_set_callback};
use highwater_ffi::status::highwater_status;
use serde_json::json;

const NOW: i64 = 1_763_760_100_000;
const TOLERANT: &str = r#"{"settings": {"accept_any_tenant": true}}"#;
const ALLOW: u32 = highwater_outcome::Allow as u32;
const DENY: u32 = highwater_outcome::Deny as u32;

fn token(engine: &Engine) -> Token {
    let claims = json!({"iss": "https://idp.example", "tid": "contoso", "sub": "ada",
        "iat": 1_763_760_000, "exp": 1_763_763_600});
    engine.token(&claims.to_string()).expect("a token")
}

fn revocation(seconds: i64) -> String {
    json!([{"time": seconds, "tenant": "contoso", "subject": {"user": "ada"},
        "effect": "revoke", "source": "operator"}])
    .to_string()
}

/// A place whose last decision was to serve.
fn allowed(engine: &Engine, token: &Token) -> highwater_decision {
    let decision = engine
        .decide(token, &Request::new(NOW))
        .expect("a decision");
    assert_eq!(decision.raw().outcome, ALLOW);
    *decision.raw()
}

fn status<T>(outcome: Result<T, Refused>) -> Option<highwater_status> {
    outcome.err().map(|refused| refused.status)
}

#[test]
fn a_panic_denies_and_ends_one_handle_alone() {
    let (engine, other) = (
        Engine::new(TOLERANT).expect("an engine"),
        Engine::new(TOLERANT).expect("an engine"),
    );
    let (ours, others) = (token(&engine), token(&other));
    let request = Request::new(NOW);
    let mut decision = allowed(&engine, &ours);

    panic_after(0);
    let decide = |decision: *mut highwater_decision| {
        // SAFETY: everything is alive.
        unsafe { highwater_engine_decide(engine.raw(), ours.raw(), request.raw(), decision) }
    };
    assert_eq!(decide(&raw mut decision), highwater_status::Panicked);
    assert_eq!((decision.outcome, decision.status), (DENY, 403));

    decision.outcome = ALLOW;
    assert_eq!(decide(&raw mut decision), highwater_status::Poisoned);
    assert_eq!(decision.outcome, DENY);
    let refused = engine.decide(&ours, &request).expect_err("poisoned");
    assert_eq!(refused.path, "engine");
    assert!(refused.message.contains("free it"), "{refused:?}");

    // Nothing else is: neither the tokens nor the other engine.
    assert!(ours.facts().is_ok());
    allowed(&other, &others);
}

#[test]
fn every_function_of_a_poisoned_engine_says_so() {
    let engine = Engine::new(TOLERANT).expect("an engine");
    let (token, request) = (token(&engine), Request::new(NOW));
    let documents = Documents::new(0).expect("a collection");
    panic_after(0);
    let refused = engine.apply(&revocation(1)).expect_err("a panic");
    assert_eq!(refused.status, highwater_status::Panicked);
    assert!(refused.message.contains("defect"), "{refused:?}");
    assert!(
        refused.message.contains("a test asked for it"),
        "{refused:?}"
    );

    let (tenant, claims, body) = ("contoso", "{}", "{}".as_bytes());
    let said = [
        ("decide", status(engine.decide(&token, &request))),
        ("batch", status(engine.decide_batch(&[&token], &[request]))),
        ("answer", status(engine.answer("{}"))),
        ("and_explain", status(engine.answer_and_explain("{}"))),
        ("explain", status(engine.explain(&token, &request))),
        ("token", status(engine.token(claims))),
        ("publish", status(engine.publish(tenant, &documents, ""))),
        (
            "without_refused",
            status(engine.publish_without_refused(tenant, &documents)),
        ),
        ("remove", status(engine.remove(tenant))),
        ("policies", status(engine.policies(tenant))),
        ("apply", status(engine.apply(&revocation(2)))),
        ("receive", status(engine.receive("", NOW))),
        ("trusted", status(engine.receive_trusted(claims, NOW))),
        ("ingest", status(engine.ingest("{}", "page", body, NOW))),
        ("set_keys", status(engine.set_keys("idp", "{}", NOW))),
        ("due_keys", status(engine.due_keys(NOW))),
        ("watch", status(engine.watch_stream("idp", 60, NOW))),
        ("observe", status(engine.observe_stream("idp", NOW))),
        ("forget", status(engine.forget_expired(NOW))),
        ("status", status(engine.status(NOW))),
        ("reopen", status(engine.reopen())),
    ];
    for (function, status) in said {
        assert_eq!(status, Some(highwater_status::Poisoned), "{function}");
    }
}

#[test]
fn a_batch_that_panics_halfway_serves_nobody() {
    const COUNT: usize = 200;
    let engine = Engine::new(TOLERANT).expect("an engine");
    let (token, request) = (token(&engine), Request::new(NOW));
    let tokens = [token.raw().cast_const(); COUNT];
    let requests = [*request.raw(); COUNT];
    let served = allowed(&engine, &token);
    // One point at the beginning, then one before every 64 requests: the last one.
    for (points, expected) in [
        (5, highwater_status::Ok),
        (4, highwater_status::Panicked),
        (9, highwater_status::Poisoned),
    ] {
        let mut decisions = [served; COUNT];
        panic_after(points);
        // SAFETY: everything is alive, and there are so many of each.
        let status = unsafe {
            highwater_engine_decide_batch(
                engine.raw(),
                tokens.as_ptr(),
                requests.as_ptr(),
                decisions.as_mut_ptr(),
                COUNT,
            )
        };
        assert_eq!(status, expected);
        let outcome = match expected {
            highwater_status::Ok => ALLOW,
            _ => DENY,
        };
        assert!(decisions.iter().all(|one| one.outcome == outcome));
    }
}

#[test]
fn a_poisoned_engine_gives_its_file_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("facts.highwater");
    let path = path.to_str().expect("a path");
    let engine = Engine::open(path, TOLERANT).expect("a new store");
    assert_eq!(engine.apply(&revocation(1_763_760_050)), Ok(1));
    panic_after(0);
    assert_eq!(
        status(engine.forget_expired(NOW)),
        Some(highwater_status::Panicked)
    );
    drop(engine);
    let engine = Engine::open(path, TOLERANT).expect("nobody has it open");
    assert_eq!(
        engine.apply(&revocation(1_763_760_050)),
        Ok(0),
        "known already"
    );
}

#[test]
fn a_feed_is_poisoned_by_itself() {
    let engine = Engine::new(TOLERANT).expect("an engine");
    let options = json!({"kind": "users", "graph": {"tenant": "contoso"}, "state": {}});
    let feed = Feed::new(&options.to_string()).expect("a feed");
    panic_after(0);
    assert_eq!(status(feed.state()), Some(highwater_status::Panicked));
    assert_eq!(status(feed.state()), Some(highwater_status::Poisoned));
    allowed(&engine, &token(&engine));
}

/// What the log was told at the level of errors.
extern "C" fn hear(level: u32, message: *const c_char, length: usize, context: *mut c_void) {
    // SAFETY: the log hands over so many bytes.
    let text = unsafe { std::slice::from_raw_parts(message.cast::<u8>(), length) };
    // SAFETY: the context is the mutex below, which outlives the registration.
    let heard = unsafe { &*context.cast::<std::sync::Mutex<Vec<String>>>() };
    if level == highwater_log_level::Error as u32 {
        let text = String::from_utf8_lossy(text).into_owned();
        heard.lock().expect("no panic in here").push(text);
    }
}

#[test]
fn a_panic_is_told_to_the_log() {
    let heard = std::sync::Mutex::new(Vec::<String>::new());
    let engine = Engine::new(TOLERANT).expect("an engine");
    // SAFETY: the mutex may be used on any thread and is alive until the callback is taken back.
    unsafe { highwater_log_set_callback(Some(hear), (&raw const heard).cast_mut().cast()) };
    panic_after(0);
    let told = status(engine.status(NOW));
    // SAFETY: nothing is registered.
    unsafe { highwater_log_set_callback(None, std::ptr::null_mut()) };
    assert_eq!(told, Some(highwater_status::Panicked));
    let heard = heard.into_inner().expect("no panic in there");
    assert!(
        heard.iter().any(|text| text.contains("defect")),
        "{heard:?}"
    );
}
