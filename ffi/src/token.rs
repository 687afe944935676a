//! A verified token: read once, decided as often as it is presented.

use std::ffi::c_char;

use highwater::token::{SubjectKind, TokenFacts, VerifiedToken};
use serde_json::{Map, Value, json};

use crate::engine::highwater_engine;
use crate::error::{Failure, Outcome};
use crate::handle::{Handle, Kind, borrow, free, give, with};
use crate::options::read_json;
use crate::status::highwater_status;
use crate::text::{highwater_text, required, text, write_text};

/// An access token whose signature, algorithm, issuer and audience the host has verified. Never
/// changes, so any number of threads may use it. Keep it for as long as the token is in use:
/// deciding needs no parsing, no hashing of identifiers and no allocation then.
pub struct highwater_token {
    pub(crate) token: VerifiedToken,
}

impl Handle for highwater_token {
    const KIND: Kind = Kind::Token;
}

/// Makes a token of decoded claims. By calling this the host asserts that it has verified the
/// token that they are from: signature, algorithm, issuer and audience. For `engine` alone;
/// another one refuses it.
///
/// `claims` is the JSON object of the token's payload. It is read by the profile of its issuer,
/// strictly: what is malformed is refused here, so that deciding cannot fail.
///
/// # Safety
/// - `engine` is an engine.
/// - `claims` is valid for reading `claims_length` bytes.
/// - `token` is valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn highwater_token_new(
    engine: *const highwater_engine,
    claims: *const c_char,
    claims_length: usize,
    token: *mut *mut highwater_token,
) -> highwater_status {
    let body = |engine: &highwater_engine| {
        let place = required("token", token)?;
        // SAFETY: the caller's promise.
        let claims = unsafe { text("claims", claims, claims_length) }?;
        let token = engine.engine.token(facts(engine, claims)?);
        // SAFETY: checked above, and valid by the caller's promise.
        unsafe { give(place, highwater_token { token }) };
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { with(engine, body) }
}

fn facts(engine: &highwater_engine, claims: &str) -> Outcome<TokenFacts> {
    let claims: Map<String, Value> = read_json("claims", claims, highwater_status::InvalidClaims)?;
    let Some(Value::String(issuer)) = claims.get("iss") else {
        return Err(Failure::at(
            highwater_status::InvalidClaims,
            "claim `iss`: must be text",
            "/iss",
        ));
    };
    let profile = engine.issuers.find(issuer).ok_or_else(|| {
        Failure::at(
            highwater_status::UnknownIssuer,
            format!("no issuer is configured for `{issuer}`; add it to the engine's `issuers`"),
            "/iss",
        )
    })?;
    TokenFacts::from_claims(&claims, profile).map_err(|error| {
        Failure::at(
            highwater_status::InvalidClaims,
            error.to_string(),
            highwater::exchange::member(&error.claim),
        )
    })
}

/// Makes a second handle of the same token that knows the present snapshot of its tenant. Only
/// for speed: after a publication a token is decided rightly all the same, but every policy is
/// asked until somebody renews it. `renewed` receives null if `token` is as good as new.
///
/// # Safety
/// - `token` is a token, `engine` the engine that it was made for.
/// - `renewed` is valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn highwater_token_renew(
    token: *const highwater_token,
    engine: *const highwater_engine,
    renewed: *mut *mut highwater_token,
) -> highwater_status {
    let body = |token: &highwater_token| {
        let place = required("renewed", renewed)?;
        // SAFETY: the caller's promise.
        let engine = unsafe { borrow(engine) }?;
        let mut copy = token.token.clone();
        if !engine.engine.refresh(&mut copy) {
            // SAFETY: checked above, and valid by the caller's promise.
            unsafe { place.write(std::ptr::null_mut()) };
            return Ok(());
        }
        let renewed = highwater_token { token: copy };
        // SAFETY: checked above, and valid by the caller's promise.
        unsafe { give(place, renewed) };
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { with(token, body) }
}

/// Says what was read from the claims, as a JSON object: `issuer`, `tenant`, `kind` (`user` or
/// `workload`), `subject`, `app`, `session`, `id`, `device`, `audience`, `issued_at`, `expires`
/// (seconds since 1970) and `capable` (whether its client can answer a challenge).
///
/// # Safety
/// - `token` is a token.
/// - `facts` is valid for writing; free the text with `highwater_text_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn highwater_token_facts(
    token: *const highwater_token,
    facts: *mut highwater_text,
) -> highwater_status {
    let body = |token: &highwater_token| {
        let place = required("facts", facts)?;
        let facts = token.token.facts();
        let written = json!({
            "issuer": facts.issuer,
            "tenant": facts.tenant,
            "kind": match facts.kind {
                SubjectKind::User => "user",
                SubjectKind::Workload => "workload",
            },
            "subject": facts.subject,
            "app": facts.app,
            "session": facts.session,
            "id": facts.id,
            "device": facts.device,
            "audience": facts.audience,
            "issued_at": facts.issued_at.seconds(),
            "expires": facts.expires.seconds(),
            "capable": facts.capable,
        });
        // SAFETY: checked above, and valid by the caller's promise.
        unsafe { write_text(place, written.to_string()) };
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { with(token, body) }
}

/// Ends a token. Null is fine.
///
/// # Safety
/// - `token` is null, or a token that no thread uses any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn highwater_token_free(token: *mut highwater_token) {
    // SAFETY: the caller's promise.
    unsafe { free(token) }
}
