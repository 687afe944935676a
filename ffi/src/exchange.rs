//! Requests in and answers out as JSON: the same lines as those of the `highwater` command.

use std::ffi::c_char;

use highwater::exchange::{Answer, ExplainedAnswer, RequestDocument};
use highwater::explain::Explanation;
use highwater::request::Request;
use highwater::token::VerifiedToken;

use crate::engine::highwater_engine;
use crate::error::{Failure, Outcome};
use crate::handle::{borrow, with};
use crate::request::{self, highwater_request};
use crate::status::highwater_status;
use crate::text::{highwater_text, json, required, text, write_text};
use crate::token::highwater_token;

/// Decides a request in JSON and writes the answer in JSON: the lines of `highwater decide`
/// (`docs/cli.md`), with policies by name and the header to send. The host asserts that it has
/// verified the token whose claims are in it. The token is read anew each time; keep
/// `highwater_token` handles where that matters.
///
/// # Safety
/// - `engine` is an engine.
/// - `request` is valid for reading `request_length` bytes.
/// - `answer` is valid for writing; free the text with `highwater_text_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn highwater_engine_answer(
    engine: *const highwater_engine,
    request: *const c_char,
    request_length: usize,
    answer: *mut highwater_text,
) -> highwater_status {
    let body = |engine: &highwater_engine| {
        let place = required("answer", answer)?;
        // SAFETY: the caller's promise.
        let document = read(engine, unsafe { text("request", request, request_length) }?)?;
        let token = engine.engine.token(document.token.clone());
        let id = document.id.clone();
        let made = engine.engine.answer(id, &token, &document.request());
        // SAFETY: checked above, and valid by the caller's promise.
        unsafe { write_text(place, json(&made)?) };
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { with(engine, body) }
}

/// Decides a request in JSON and says why, in JSON: the lines of `highwater explain`
/// (`docs/cli.md`). As `highwater_engine_answer`, it remembers a challenge.
///
/// Takes time in the number of policies and registers; not for every request.
///
/// # Safety
/// - `engine` is an engine.
/// - `request` is valid for reading `request_length` bytes.
/// - `explanation` is valid for writing; free the text with `highwater_text_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn highwater_engine_answer_and_explain(
    engine: *const highwater_engine,
    request: *const c_char,
    request_length: usize,
    explanation: *mut highwater_text,
) -> highwater_status {
    let body = |engine: &highwater_engine| {
        let place = required("explanation", explanation)?;
        // SAFETY: the caller's promise.
        let document = read(engine, unsafe { text("request", request, request_length) }?)?;
        let token = engine.engine.token(document.token.clone());
        let request = document.request();
        let explained = engine.engine.decide_and_explain(&token, &request);
        let written = explain(&explained, document.id.clone(), &token, &request)?;
        // SAFETY: checked above, and valid by the caller's promise.
        unsafe { write_text(place, written) };
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { with(engine, body) }
}

/// Says what `highwater_engine_decide` would decide now and why, in JSON (the form of
/// `highwater explain`), without remembering a challenge.
///
/// Takes time in the number of policies and registers; not for every request.
///
/// # Safety
/// - As `highwater_engine_decide`.
/// - `explanation` is valid for writing; free the text with `highwater_text_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn highwater_engine_explain(
    engine: *const highwater_engine,
    token: *const highwater_token,
    request: *const highwater_request,
    explanation: *mut highwater_text,
) -> highwater_status {
    let body = |engine: &highwater_engine| {
        let place = required("explanation", explanation)?;
        // SAFETY: the caller's promise.
        let (token, request) = unsafe { (borrow(token)?, request::read(request)?) };
        let explained = engine.engine.explain(&token.token, &request);
        let written = explain(&explained, None, &token.token, &request)?;
        // SAFETY: checked above, and valid by the caller's promise.
        unsafe { write_text(place, written) };
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { with(engine, body) }
}

fn read(engine: &highwater_engine, text: &str) -> Outcome<RequestDocument> {
    RequestDocument::from_json(text, |issuer| engine.issuers.find(issuer)).map_err(|error| {
        Failure::at(
            highwater_status::InvalidRequest,
            error.to_string(),
            error.path,
        )
    })
}

fn explain(
    explanation: &Explanation,
    id: Option<String>,
    token: &VerifiedToken,
    request: &Request<'_>,
) -> Outcome<String> {
    let answer: Answer = explanation.answer(id, token, request);
    json(&ExplainedAnswer::new(&answer, explanation))
}
