//! Security events of others: tokens that transmitters signed, claims that the host vouches for,
//! and files with whatever a directory or transmitter wrote.
//!
//! Nothing here opens a socket: the host receives the bytes, and fetches keys when it is told to.

use std::ffi::c_char;

use highwater::identifier::{Identifier, TenantId};
use highwater::timestamp::Timestamp;
use highwater_signals::intake::{Expectation, Intake, Outcome as Taken};
use highwater_signals::refusal::{ErrorBody, Refusal};
use highwater_signals::set::verify::VerifyError;
use highwater_signals::set::{KeySet, VerifiedSet, Voucher};
use highwater_signals::transmitter::ProfileName;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::engine::highwater_engine;
use crate::error::{Failure, Outcome};
use crate::events::commit;
use crate::handle::with;
use crate::log::{highwater_log_level, say};
use crate::options::read_json;
use crate::status::highwater_status;
use crate::text::{bytes, highwater_text, required, text, write_text};

/// Takes a signed security event token (RFC 8417) of one of the engine's transmitters: verifies
/// it, applies what it says, and notes that its stream is alive. `token` is the compact form, as
/// it is posted (RFC 8935) or polled (RFC 8936); `now` is when it arrived, in milliseconds since
/// 1970. When this returns `HIGHWATER_STATUS_OK`, its events are in force and durable: answer 202.
///
/// `report` receives a JSON object and may be null: `outcome` (`accepted` or `ignored`),
/// `events`, `notices`, `changed` (registers), and `incomplete` (a subject is not known yet: keep
/// the token and hand it over again later). With `HIGHWATER_STATUS_SIGNAL_REFUSED` it is `{"err",
/// "description"}`, the body of the answer 400; the error message has more, for the operator
/// alone. With `HIGHWATER_STATUS_UNKNOWN_KEY` nothing is written: if the path of the error names
/// a transmitter, fetch its keys, hand them to `highwater_engine_set_keys` and call again
/// with the same `now`; else answer 503.
///
/// # Safety
/// - `engine` is an engine.
/// - `token` is valid for reading `token_length` bytes.
/// - `report` is null or valid for writing; free the text with `highwater_text_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn highwater_engine_receive(
    engine: *const highwater_engine,
    token: *const c_char,
    token_length: usize,
    now: i64,
    report: *mut highwater_text,
) -> highwater_status {
    let body = |engine: &highwater_engine| {
        // SAFETY: the caller's promise.
        let token = unsafe { bytes("token", token.cast(), token_length) }?;
        let now = Timestamp::from_milliseconds(now);
        engine.store()?;
        let verified = engine.receiver.read().verify(token, now);
        let set = match verified {
            Ok(set) => Ok(set),
            Err(VerifyError::Refused(refusal)) => Err(refusal),
            Err(VerifyError::UnknownKey { transmitter, .. }) => {
                Err(unknown_key(engine, &transmitter, now)?)
            }
        };
        // SAFETY: null or valid by the caller's promise.
        unsafe { take(engine, set, now, report) }
    };
    // SAFETY: the caller's promise.
    unsafe { with(engine, body) }
}

/// Takes the claims of a security event token without a signature, on the word of the host: it
/// asserts that they come from where they say, over a channel that it has authenticated. `claims`
/// is the JSON of the payload. Otherwise as `highwater_engine_receive`.
///
/// # Safety
/// - As `highwater_engine_receive`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn highwater_engine_receive_trusted(
    engine: *const highwater_engine,
    claims: *const c_char,
    claims_length: usize,
    now: i64,
    report: *mut highwater_text,
) -> highwater_status {
    let body = |engine: &highwater_engine| {
        // SAFETY: the caller's promise.
        let claims = unsafe { bytes("claims", claims.cast(), claims_length) }?;
        let now = Timestamp::from_milliseconds(now);
        engine.store()?;
        let voucher = Voucher::host("handed over without a signature by the host");
        let set = engine.receiver.read().vouch(claims, now, voucher);
        // SAFETY: null or valid by the caller's promise.
        unsafe { take(engine, set, now, report) }
    };
    // SAFETY: the caller's promise.
    unsafe { with(engine, body) }
}

/// Hands over the keys of a transmitter, a JWK Set as it was fetched; of length zero: the fetch
/// failed, and the keys that are known stay.
///
/// # Safety
/// - `engine` is an engine.
/// - `transmitter` is valid for reading `transmitter_length` bytes, `keys` for `keys_length`;
///   null if that is zero.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn highwater_engine_set_keys(
    engine: *const highwater_engine,
    transmitter: *const c_char,
    transmitter_length: usize,
    keys: *const c_char,
    keys_length: usize,
    now: i64,
) -> highwater_status {
    let body = |engine: &highwater_engine| {
        // SAFETY: the caller's promise.
        let name = unsafe { text("transmitter", transmitter, transmitter_length) }?;
        // SAFETY: the caller's promise.
        let keys = unsafe { bytes("keys", keys.cast(), keys_length) }?;
        engine.store()?;
        let mut receiver = engine.receiver.write();
        let transmitter = receiver.transmitter_mut(name).ok_or_else(|| {
            Failure::at(
                highwater_status::UnknownTransmitter,
                format!("no transmitter is called `{name}`"),
                "transmitter",
            )
        })?;
        let set = KeySet::parse(keys);
        let failure = set.as_ref().err().map(ToString::to_string);
        transmitter.finish_keys(set, Timestamp::from_milliseconds(now));
        match failure {
            Some(message) if !keys.is_empty() => Err(Failure::at(
                highwater_status::InvalidJson,
                format!("`keys`: {message}"),
                "keys",
            )),
            _ => Ok(()),
        }
    };
    // SAFETY: the caller's promise.
    unsafe { with(engine, body) }
}

/// Lists the names of the transmitters whose keys are due for a fetch, as a JSON array. Ask every
/// few minutes, so that a withdrawn key is not trusted for long.
///
/// # Safety
/// - `engine` is an engine.
/// - `transmitters` is valid for writing; free the text with `highwater_text_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn highwater_engine_due_keys(
    engine: *const highwater_engine,
    now: i64,
    transmitters: *mut highwater_text,
) -> highwater_status {
    let body = |engine: &highwater_engine| {
        let place = required("transmitters", transmitters)?;
        engine.store()?;
        let receiver = engine.receiver.read();
        let due: Vec<_> = receiver
            .due_keys(Timestamp::from_milliseconds(now))
            .collect();
        // SAFETY: checked above, and valid by the caller's promise.
        unsafe { write_text(place, json!(due).to_string()) };
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { with(engine, body) }
}

/// What is expected of an input that is read by hand.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    #[serde(default)]
    issuer: Option<String>,
    #[serde(default)]
    audience: Option<String>,
    #[serde(default)]
    profile: ProfileName,
    #[serde(default)]
    jwks: Option<Value>,
    #[serde(default)]
    trust_unsigned: bool,
    #[serde(default)]
    tenant: Option<TenantId>,
    source: Identifier,
}

/// Reads a file of events, whatever it holds, as `highwater events` does: one JSON document, an
/// array, or one per line; security event tokens signed or not, poll responses, pages of Microsoft
/// Graph, engine events. Applies all of it, or nothing if some input is refused
/// (`HIGHWATER_STATUS_SIGNAL_REFUSED`).
///
/// `expectation` is a JSON object: `source` (required, the name under which the facts are kept),
/// `issuer`, `audience`, `profile`, `jwks`, `trust_unsigned` (DANGER: anyone could have written
/// claims without a signature), and `tenant` (of Graph pages). A token of one of the engine's
/// transmitters is judged by its configuration instead. `name` stands in the report: a JSON array
/// with what became of each input, written also when something was refused; it may be null. For
/// pages that follow one another use `highwater_feed`, which remembers.
///
/// # Safety
/// - `engine` is an engine.
/// - `expectation`, `name` and `data` are valid for reading as many bytes as is said.
/// - `report` is null or valid for writing; free the text with `highwater_text_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn highwater_engine_ingest(
    engine: *const highwater_engine,
    expectation: *const c_char,
    expectation_length: usize,
    name: *const c_char,
    name_length: usize,
    data: *const u8,
    data_length: usize,
    now: i64,
    report: *mut highwater_text,
) -> highwater_status {
    let body = |engine: &highwater_engine| {
        // SAFETY: the caller's promise.
        let expected = unsafe { text("expectation", expectation, expectation_length) }?;
        // SAFETY: the caller's promise.
        let name = unsafe { text("name", name, name_length) }?;
        // SAFETY: the caller's promise.
        let data = unsafe { bytes("data", data, data_length) }?;
        engine.store()?;
        let expected: Expected =
            read_json("expectation", expected, highwater_status::InvalidArgument)?;
        let expectation = Expectation {
            issuer: expected.issuer,
            audience: expected.audience,
            profile: expected.profile,
            jwks: expected.jwks,
            trust_unsigned: expected.trust_unsigned,
            tenant: expected.tenant,
            ..Expectation::new(expected.source, Timestamp::from_milliseconds(now))
        };
        let reports = {
            let (receiver, directory) = (engine.receiver.read(), engine.directory.read());
            Intake::new(expectation, &*directory)
                .with_receiver(&receiver)
                .file(name, data)
        };
        // SAFETY: null or valid by the caller's promise.
        unsafe { write_text(report, crate::text::json(&reports)?) };
        if let Some(first) = reports
            .iter()
            .find(|report| report.outcome == Taken::Refused)
        {
            let why = first.description.as_deref().unwrap_or_default();
            return Err(Failure::at(
                highwater_status::SignalRefused,
                format!("`{}`: {why}; nothing was applied", first.input),
                first.input.clone(),
            ));
        }
        let events: Vec<_> = reports
            .into_iter()
            .flat_map(|report| report.events)
            .collect();
        commit(engine, &events).map(|_| ())
    };
    // SAFETY: the caller's promise.
    unsafe { with(engine, body) }
}

/// The end of a token whose key is not known: a refusal, or keys to fetch first.
fn unknown_key(engine: &highwater_engine, name: &str, now: Timestamp) -> Outcome<Refusal> {
    let mut receiver = engine.receiver.write();
    let fetch = match receiver.transmitter_mut(name) {
        None => false,
        Some(transmitter) => {
            let fetch = transmitter.keys.begin(now);
            if let (false, Some(refusal)) = (fetch, transmitter.keys.unknown_key(now)) {
                return Ok(refusal);
            }
            fetch
        }
    };
    let path = if fetch { name } else { "" };
    let message = if fetch {
        format!("the key is not known; fetch the keys of `{name}`")
    } else {
        format!("the keys of `{name}` are not known yet; try again later")
    };
    Err(Failure::at(highwater_status::UnknownKey, message, path))
}

/// Applies what a token says.
///
/// # Safety
/// - `report` is null or valid for writing.
unsafe fn take(
    engine: &highwater_engine,
    set: Result<VerifiedSet, Refusal>,
    now: Timestamp,
    report: *mut highwater_text,
) -> Outcome {
    let interpreted = set.and_then(|set| {
        let (receiver, directory) = (engine.receiver.read(), engine.directory.read());
        let interpretation = receiver.interpret(&set, &*directory)?;
        Ok((set.transmitter().name.clone(), interpretation))
    });
    let (source, interpretation) = match interpreted {
        Ok(interpreted) => interpreted,
        Err(refusal) => {
            let body = crate::text::json(&ErrorBody::from(&refusal))?;
            // SAFETY: null or valid by the caller's promise.
            unsafe { write_text(report, body) };
            say(
                highwater_log_level::Warning,
                &format!("a security event token was refused: {refusal}"),
            );
            return Err(refusal.into());
        }
    };
    let changed = commit(engine, &interpretation.events)?;
    engine.store()?.facts().observe(&source, now);
    if !interpretation.directory.is_empty() {
        let mut directory = engine.directory.write();
        for change in &interpretation.directory {
            directory.apply(change);
        }
    }
    let written = json!({
        "outcome": match interpretation.has_effect() {
            true => Taken::Accepted,
            false => Taken::Ignored,
        },
        "events": interpretation.events,
        "notices": interpretation.notices,
        "changed": changed,
        "incomplete": interpretation.is_incomplete(),
    });
    // SAFETY: null or valid by the caller's promise.
    unsafe { write_text(report, written.to_string()) };
    Ok(())
}
