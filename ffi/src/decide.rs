//! Deciding: one request, or many at once. Nothing here allocates unless the call is refused.

use std::mem::MaybeUninit;

use highwater::request::Request;
use highwater::token::VerifiedToken;

use crate::decision::{Places, highwater_decision};
use crate::engine::highwater_engine;
use crate::error::{Failure, Outcome};
use crate::handle::{borrow, fault_point, with};
use crate::request::{self, highwater_request};
use crate::size::check_size;
use crate::status::highwater_status;
use crate::token::highwater_token;

/// Decides a request, and remembers a challenge so that it is not repeated without end.
///
/// `decision` denies before anything else happens and unless this returns
/// `HIGHWATER_STATUS_OK`: a host that looks at nothing but
/// `decision.outcome == HIGHWATER_OUTCOME_ALLOW` is safe. Neither allocates nor waits.
///
/// # Safety
/// - `engine` is an engine, `token` a token.
/// - `request` points to a request of the size that it says, and what it points to is alive.
/// - `decision` points to a decision of the size that it says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn highwater_engine_decide(
    engine: *const highwater_engine,
    token: *const highwater_token,
    request: *const highwater_request,
    decision: *mut highwater_decision,
) -> highwater_status {
    // SAFETY: the caller's promise.
    let places = match unsafe { Places::deny(decision, 1) } {
        Ok(places) => places,
        Err(failure) => return failure.report(),
    };
    let body = |engine: &highwater_engine| {
        // SAFETY: the caller's promise.
        let token = unsafe { borrow(token) }?;
        let mut place = MaybeUninit::uninit();
        // SAFETY: the caller's promise.
        unsafe { request::read_into(request, &mut place) }?;
        // SAFETY: written just now.
        let request = unsafe { place.assume_init_ref() };
        engine
            .engine
            .decide_with(&token.token, request, |decision| {
                // SAFETY: there is one place.
                unsafe { places.decide(0, &decision) };
            });
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { with(engine, body) }
}

/// How many requests are read at once, onto the stack.
const CHUNK: usize = 64;

/// Decides `count` requests in their order: `decisions[i]` becomes what `highwater_engine_decide`
/// would say of `tokens[i]` and `requests[i]`, with the waiting for memory overlapped.
///
/// Either every request is decided or none is: if one cannot be read, the path of the error is
/// its index (`/17`), and every decision denies. The `size` of the first request and of the first
/// decision is that of all; the other decisions need not be initialised. Allocates nothing.
///
/// # Safety
/// - `engine` is an engine; `tokens` points to `count` tokens.
/// - `requests` points to `count` requests of the size that the first one says, `decisions` to
///   `count` decisions likewise. They may be null if `count` is zero.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn highwater_engine_decide_batch(
    engine: *const highwater_engine,
    tokens: *const *const highwater_token,
    requests: *const highwater_request,
    decisions: *mut highwater_decision,
    count: usize,
) -> highwater_status {
    if count == 0 {
        // SAFETY: the caller's promise.
        return unsafe { with(engine, |_| Ok(())) };
    }
    // SAFETY: the caller's promise.
    let places = match unsafe { Places::deny(decisions, count) } {
        Ok(places) => places,
        Err(failure) => return failure.report(),
    };
    let body = |engine: &highwater_engine| {
        // SAFETY: the caller's promise.
        let batch = unsafe { Batch::new(tokens, requests, count) }?;
        if count > CHUNK {
            // None is decided before all can be read.
            let mut scratch = MaybeUninit::uninit();
            for index in 0..count {
                // SAFETY: the index is below the count.
                unsafe { batch.read(index, &mut scratch) }?;
            }
        }
        for start in (0..count).step_by(CHUNK) {
            let length = CHUNK.min(count - start);
            // SAFETY: the chunk ends at the count at the latest.
            unsafe { decide_chunk(engine, &batch, &places, start, length) }?;
        }
        Ok(())
    };
    // SAFETY: the caller's promise.
    let status = unsafe { with(engine, body) };
    if status != highwater_status::Ok {
        // A panic, or a request that changed meanwhile, may have come after other decisions.
        // SAFETY: there are so many places.
        unsafe { places.deny_all(count) };
    }
    status
}

/// The inputs of a batch.
struct Batch {
    tokens: *const *const highwater_token,
    requests: *const u8,
    stride: usize,
}

impl Batch {
    /// # Safety
    /// - `tokens` and `requests` are null or point to `count` elements.
    unsafe fn new(
        tokens: *const *const highwater_token,
        requests: *const highwater_request,
        count: usize,
    ) -> Outcome<Batch> {
        if tokens.is_null() {
            return Err(Failure::null("tokens"));
        }
        if requests.is_null() {
            return Err(Failure::null("requests"));
        }
        if !tokens.is_aligned() || !requests.is_aligned() {
            return Err(Failure::new(
                highwater_status::InvalidArgument,
                "`tokens` or `requests` is not aligned",
            ));
        }
        if count > isize::MAX as usize / 4096 {
            return Err(Failure::at(
                highwater_status::TooLong,
                format!("`count` is {count}"),
                "count",
            ));
        }
        // SAFETY: not null, aligned, and there is at least one.
        let stride = unsafe { (*requests).size };
        if stride != size_of::<highwater_request>() {
            // SAFETY: the caller's promise.
            unsafe { check_size("request", requests, stride) }
                .map_err(|failure| failure.of_element(0))?;
        }
        Ok(Batch {
            tokens,
            requests: requests.cast(),
            stride,
        })
    }

    /// Reads one of them into a place, which is written unless this fails.
    ///
    /// # Safety
    /// - `index` is below the count.
    #[inline(always)]
    unsafe fn read<'a>(&self, index: usize, place: &mut MaybeUninit<Input<'a>>) -> Outcome {
        // SAFETY: the caller's promise.
        match unsafe { self.read_element(index, place) } {
            Ok(()) => Ok(()),
            Err(failure) => Err(failure.of_element(index)),
        }
    }

    /// # Safety
    /// - As [`Batch::read`].
    #[inline(always)]
    unsafe fn read_element<'a>(&self, index: usize, place: &mut MaybeUninit<Input<'a>>) -> Outcome {
        // SAFETY: inside the arrays, whose elements are what the host promised.
        let (token, request) = unsafe {
            let request = self.requests.add(index * self.stride);
            (
                borrow(*self.tokens.add(index))?,
                request.cast::<highwater_request>(),
            )
        };
        // SAFETY: inside the array, and not null as its first element is not.
        let size = unsafe { (*request).size };
        if size != self.stride {
            return Err(another_size(size, self.stride));
        }
        let place = place.as_mut_ptr();
        // SAFETY: both fields are inside the place, and nobody reads it before both are written.
        unsafe {
            (&raw mut (*place).0).write(&token.token);
            request::read_into(request, &mut *(&raw mut (*place).1).cast())
        }
    }
}

/// What the engine decides: a token and a request.
type Input<'a> = (&'a VerifiedToken, Request<'a>);

#[cold]
#[inline(never)]
fn another_size(size: usize, stride: usize) -> Failure {
    Failure::new(
        highwater_status::WrongSize,
        format!("`request.size` is {size}, that of the first is {stride}"),
    )
}

/// # Safety
/// - `start + length` is at most the count of the batch.
unsafe fn decide_chunk(
    engine: &highwater_engine,
    batch: &Batch,
    places: &Places,
    start: usize,
    length: usize,
) -> Outcome {
    fault_point();
    let mut inputs = [const { MaybeUninit::<Input<'_>>::uninit() }; CHUNK];
    for (offset, input) in inputs[..length].iter_mut().enumerate() {
        // SAFETY: below the count.
        unsafe { batch.read(start + offset, input) }?;
    }
    // SAFETY: so many were written just now, and none of them needs to be dropped.
    let inputs = unsafe { inputs[..length].assume_init_ref() };
    engine.engine.decide_batch_with(inputs, |offset, decision| {
        // SAFETY: below the count.
        unsafe { places.decide(start + offset, &decision) };
    });
    Ok(())
}
