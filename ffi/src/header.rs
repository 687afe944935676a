//! The header that goes with a decision, rendered into the caller's buffer.

use std::ffi::c_char;

use highwater::challenge::{Challenge, InvalidToken};
use highwater::decision::Decision;
use highwater::request::Request;
use highwater::token::TokenFacts;
use serde_json::{Map, Value};

use crate::decision::{self, highwater_decision};
use crate::error::{Failure, Outcome};
use crate::handle::with;
use crate::options::read_json;
use crate::request::{self, highwater_request};
use crate::status::highwater_status;
use crate::text::{required, text};
use crate::token::highwater_token;

/// Writes the value of the `WWW-Authenticate` header that goes with a decision: the claims
/// challenge, or the plain `invalid_token` of a denial with status 401. Every other decision has
/// none: `length` is zero then.
///
/// As `snprintf`: `length` receives the length of the value in bytes, without the NUL that is
/// written behind it. With a `capacity` of zero nothing is written; with one that is too small
/// nothing but `length`, and `HIGHWATER_STATUS_BUFFER_TOO_SMALL` is returned. 2048 bytes are
/// enough unless the authentication context has more than 64 characters. Allocates nothing.
///
/// # Safety
/// - `token` and `request` are those that were decided, and `decision` is as it was written.
/// - `buffer` is valid for writing `capacity` bytes; it may be null if that is zero.
/// - `length` is valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn highwater_decision_header(
    decision: *const highwater_decision,
    token: *const highwater_token,
    request: *const highwater_request,
    buffer: *mut c_char,
    capacity: usize,
    length: *mut usize,
) -> highwater_status {
    let body = |token: &highwater_token| {
        // SAFETY: the caller's promise.
        let (decision, request) = unsafe { (decision::read(decision)?, request::read(request)?) };
        // SAFETY: the caller's promise.
        let target = unsafe { Buffer::new(buffer, capacity, length) }?;
        let facts = token.token.facts();
        let challenge = Challenge::for_decision(&decision, facts, &request);
        write(target, challenge, &decision, facts, &request)
    };
    // SAFETY: the caller's promise.
    unsafe { with(token, body) }
}

/// As `highwater_decision_header`, and asks for further claims of the host: `claims` is a JSON
/// object whose members stand under `access_token`. They are added to challenges only. A value
/// of more than 3072 bytes is refused with `HIGHWATER_STATUS_TOO_LONG`. Allocates.
///
/// # Safety
/// - As `highwater_decision_header`.
/// - `claims` is valid for reading `claims_length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn highwater_decision_header_with_claims(
    decision: *const highwater_decision,
    token: *const highwater_token,
    request: *const highwater_request,
    claims: *const c_char,
    claims_length: usize,
    buffer: *mut c_char,
    capacity: usize,
    length: *mut usize,
) -> highwater_status {
    let body = |token: &highwater_token| {
        // SAFETY: the caller's promise.
        let (decision, request) = unsafe { (decision::read(decision)?, request::read(request)?) };
        // SAFETY: the caller's promise.
        let claims = unsafe { text("claims", claims, claims_length) }?;
        // SAFETY: the caller's promise.
        let target = unsafe { Buffer::new(buffer, capacity, length) }?;
        let claims: Map<String, Value> =
            read_json("claims", claims, highwater_status::InvalidArgument)?;
        let facts = token.token.facts();
        let challenge = Challenge::for_decision(&decision, facts, &request)
            .map(|challenge| challenge.with_additional_claims(&claims))
            .transpose()
            .map_err(|error| Failure::at(highwater_status::TooLong, error.to_string(), "claims"))?;
        write(target, challenge, &decision, facts, &request)
    };
    // SAFETY: the caller's promise.
    unsafe { with(token, body) }
}

fn write(
    target: Buffer,
    challenge: Option<Challenge<'_>>,
    decision: &Decision,
    facts: &TokenFacts,
    request: &Request<'_>,
) -> Outcome {
    if let Some(challenge) = challenge {
        return target.fill(|room| challenge.write_into(room).map_err(|error| error.needed));
    }
    match InvalidToken::for_decision(decision, facts, request) {
        Some(denial) => target.fill(|room| denial.write_into(room).map_err(|error| error.needed)),
        None => target.fill(|_| Ok(0)),
    }
}

/// The caller's buffer, checked.
struct Buffer {
    data: *mut u8,
    capacity: usize,
    length: *mut usize,
}

impl Buffer {
    /// # Safety
    /// - `data` is null or valid for writing `capacity` bytes, `length` for a number.
    unsafe fn new(data: *mut c_char, capacity: usize, length: *mut usize) -> Outcome<Buffer> {
        let length = required("length", length)?;
        if data.is_null() && capacity > 0 {
            return Err(Failure::null("buffer"));
        }
        Ok(Buffer {
            data: data.cast(),
            capacity: capacity.min(isize::MAX as usize),
            length,
        })
    }

    /// Writes a value and the NUL behind it. `write` fills a slice and says how much, or says
    /// how much it needs and has written nothing.
    fn fill(self, write: impl FnOnce(&mut [u8]) -> Result<usize, usize>) -> Outcome {
        let room: &mut [u8] = match self.capacity {
            0 => &mut [],
            // The last byte is for the NUL.
            // SAFETY: not null, and writable by the promise to `new`; the bytes are written
            // before they are read.
            capacity => unsafe { std::slice::from_raw_parts_mut(self.data, capacity - 1) },
        };
        let written = write(room);
        let (Ok(length) | Err(length)) = written;
        // SAFETY: checked and promised in `new`.
        unsafe { self.length.write(length) };
        match written {
            Ok(length) if self.capacity > 0 => {
                // SAFETY: `length` is at most the capacity less one.
                unsafe { self.data.add(length).write(0) };
                Ok(())
            }
            Err(_) if self.capacity > 0 => Err(Failure::at(
                highwater_status::BufferTooSmall,
                format!("`buffer` needs {} bytes", length + 1),
                "buffer",
            )),
            _ => Ok(()),
        }
    }
}
