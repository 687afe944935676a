//! Handles: what a pointer from C has to be before anything is done with it, and the net under
//! every call.
//!
//! A handle starts its life tagged with its type. The tag tells a pointer of another type, a
//! handle that panicked, and, as long as its memory was not given to somebody else, one that was
//! freed. It is one load per call. What is exclusive lies behind a lock that is only tried, so
//! that two threads on one such handle get a status and not a race.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};

use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::error::{Failure, Outcome};
use crate::log;
use crate::status::highwater_status;

/// The type and the state of a handle.
#[derive(Debug)]
pub(crate) struct Tag(AtomicU32);

/// The low bits; above them is the type.
const LIVE: u32 = 0x1;
const POISONED: u32 = 0x4;
const FREED: u32 = 0x8;
const STATE: u32 = 0xf;

impl Tag {
    pub(crate) const fn new(kind: Kind) -> Tag {
        Tag(AtomicU32::new(kind as u32 | LIVE))
    }

    #[inline]
    fn check(&self, kind: Kind) -> Result<(), highwater_status> {
        let tag = self.0.load(Ordering::Acquire);
        if tag == kind as u32 | LIVE {
            return Ok(());
        }
        Err(refusal(tag, kind))
    }

    fn poison(&self, kind: Kind) {
        self.0.store(kind as u32 | POISONED, Ordering::Release);
    }

    /// Marks the memory, so that a second `free` finds what the first one left.
    fn free(&self, kind: Kind) -> Result<(), highwater_status> {
        let mut tag = self.0.load(Ordering::Acquire);
        loop {
            if tag & !STATE != kind as u32 || tag & (LIVE | POISONED) == 0 {
                return Err(refusal(tag, kind));
            }
            let freed = kind as u32 | FREED;
            match self
                .0
                .compare_exchange_weak(tag, freed, Ordering::AcqRel, Ordering::Acquire)
            {
                Ok(_) => return Ok(()),
                Err(now) => tag = now,
            }
        }
    }
}

#[cold]
fn refusal(tag: u32, kind: Kind) -> highwater_status {
    match tag & STATE {
        _ if tag & !STATE != kind as u32 => highwater_status::InvalidHandle,
        POISONED => highwater_status::Poisoned,
        _ => highwater_status::InvalidHandle,
    }
}

/// The types of handles. Arbitrary numbers that memory seldom holds by chance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Kind {
    Engine = 0x4857_e6a0,
    Token = 0x4857_70b0,
    Documents = 0x4857_d0c0,
    Resource = 0x4857_4ed0,
    Device = 0x4857_de00,
    Feed = 0x4857_fe10,
}

impl Kind {
    /// The parameter's name in messages.
    const fn name(self) -> &'static str {
        match self {
            Kind::Engine => "engine",
            Kind::Token => "token",
            Kind::Documents => "documents",
            Kind::Resource => "resource",
            Kind::Device => "device",
            Kind::Feed => "feed",
        }
    }
}

/// A type that C holds by pointer: made by [`give`], ended by [`free`].
pub(crate) trait Handle: Sized {
    const KIND: Kind;
}

/// What such a pointer leads to. The tag comes first for every type, so that looking at it stays
/// inside the memory of the smallest handle; the type of the pointer only keeps handles apart.
#[repr(C)]
struct Held<T> {
    tag: Tag,
    value: T,
}

/// Hands a new handle to C.
///
/// # Safety
/// - `place` is valid for writing one pointer.
pub(crate) unsafe fn give<T: Handle>(place: *mut *mut T, handle: T) {
    let held = Box::new(Held {
        tag: Tag::new(T::KIND),
        value: handle,
    });
    // SAFETY: the caller's promise.
    unsafe { place.write(Box::into_raw(held).cast::<T>()) }
}

/// The handle behind a pointer, to be read.
///
/// # Safety
/// - `pointer` is null, or was made by [`give`] and is not freed while the result is used.
#[inline]
pub(crate) unsafe fn borrow<'a, T: Handle>(pointer: *const T) -> Outcome<&'a T> {
    // SAFETY: the caller's promise.
    unsafe { held(pointer) }.map(|held| &held.value)
}

/// # Safety
/// - As [`borrow`].
#[inline]
unsafe fn held<'a, T: Handle>(pointer: *const T) -> Outcome<&'a Held<T>> {
    let pointer = pointer.cast::<Held<T>>();
    if pointer.is_null() {
        return Err(Failure::null(T::KIND.name()));
    }
    if !pointer.is_aligned() {
        return Err(broken(T::KIND, highwater_status::InvalidHandle));
    }
    // SAFETY: not null, aligned, and alive by the caller's promise; every handle begins with a
    // tag, whatever its type.
    let tag = unsafe { &*pointer.cast::<Tag>() };
    match tag.check(T::KIND) {
        // SAFETY: as above, and the tag says that it is this type.
        Ok(()) => Ok(unsafe { &*pointer }),
        Err(status) => Err(broken(T::KIND, status)),
    }
}

#[cold]
#[inline(never)]
fn broken(kind: Kind, status: highwater_status) -> Failure {
    let name = kind.name();
    let why = match status {
        highwater_status::Busy => "is in use by another thread, and is exclusive",
        highwater_status::Poisoned => {
            "takes no more work since a call on it panicked; free it and make another"
        }
        _ => "is no such handle: of another type, or freed",
    };
    Failure::at(status, format!("`{name}` {why}"), name)
}

/// Runs a body that reads a handle.
///
/// # Safety
/// - As [`borrow`].
#[inline]
pub(crate) unsafe fn with<T: Handle>(
    pointer: *const T,
    body: impl FnOnce(&T) -> Outcome,
) -> highwater_status {
    // SAFETY: the caller's promise.
    let held = match unsafe { held(pointer) } {
        Ok(held) => held,
        Err(failure) => return failure.report(),
    };
    // A panic may leave the handle half changed, which is why it is poisoned.
    let guarded = || {
        fault_point();
        body(&held.value)
    };
    match catch_unwind(AssertUnwindSafe(guarded)) {
        Ok(Ok(())) => highwater_status::Ok,
        Ok(Err(failure)) => failure.report(),
        Err(payload) => {
            held.tag.poison(T::KIND);
            panicked(&*payload)
        }
    }
}

/// Where tests make the library panic; nothing at all in what is installed.
#[inline(always)]
pub(crate) fn fault_point() {
    #[cfg(feature = "caller")]
    crate::caller::point();
}

/// What an exclusive handle holds, to be changed.
pub(crate) fn exclusive<T>(kind: Kind, lock: &RwLock<T>) -> Outcome<RwLockWriteGuard<'_, T>> {
    lock.try_write()
        .ok_or_else(|| broken(kind, highwater_status::Busy))
}

/// What an exclusive handle holds, to be read.
pub(crate) fn shared<T>(kind: Kind, lock: &RwLock<T>) -> Outcome<RwLockReadGuard<'_, T>> {
    lock.try_read()
        .ok_or_else(|| broken(kind, highwater_status::Busy))
}

/// Runs a body that has no handle.
pub(crate) fn without(body: impl FnOnce() -> Outcome) -> highwater_status {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => highwater_status::Ok,
        Ok(Err(failure)) => failure.report(),
        Err(payload) => panicked(&*payload),
    }
}

#[cold]
fn panicked(payload: &(dyn Any + Send)) -> highwater_status {
    let failure = Failure::panicked(payload);
    log::say(log::highwater_log_level::Error, failure.message());
    failure.report()
}

/// Ends a handle. Null is fine; what is no handle of this type, or is freed already, is left
/// alone and told to the log.
///
/// # Safety
/// - `pointer` is null, or was made by [`give`], and nobody uses it any more.
pub(crate) unsafe fn free<T: Handle>(pointer: *mut T) {
    let pointer = pointer.cast::<Held<T>>();
    if pointer.is_null() {
        return;
    }
    let freed = if pointer.is_aligned() {
        // SAFETY: not null, aligned, and alive by the caller's promise; only the tag is looked
        // at.
        unsafe { &*pointer.cast::<Tag>() }.free(T::KIND)
    } else {
        Err(highwater_status::InvalidHandle)
    };
    if let Err(status) = freed {
        let failure = broken(T::KIND, status);
        log::say(log::highwater_log_level::Error, failure.message());
        let _ = failure.report();
        return;
    }
    // SAFETY: made by `give`, and the tag was changed by this call alone.
    let handle = unsafe { Box::from_raw(pointer) };
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(handle))) {
        let _ = panicked(&*payload);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Thing {
        value: RwLock<u32>,
    }

    impl Handle for Thing {
        const KIND: Kind = Kind::Feed;
    }

    struct Other;

    impl Handle for Other {
        const KIND: Kind = Kind::Token;
    }

    fn thing() -> *mut Thing {
        let mut place = std::ptr::null_mut();
        // SAFETY: the place is a local.
        unsafe {
            give(
                &mut place,
                Thing {
                    value: RwLock::new(7),
                },
            );
        }
        place
    }

    #[test]
    fn a_panic_poisons_its_handle_and_no_other() {
        let (one, other) = (thing(), thing());
        // SAFETY: both handles are alive until the end of the block.
        unsafe {
            assert_eq!(with(one, |_| panic!("oh")), highwater_status::Panicked);
            assert_eq!(with(one, |_| Ok(())), highwater_status::Poisoned);
            assert_eq!(with(other, |_| Ok(())), highwater_status::Ok);
            free(one);
            free(other);
        }
    }

    #[test]
    fn what_is_no_such_handle_is_refused() {
        let one = thing();
        // SAFETY: the pointers are null, misaligned, of another type with the same head, or
        // alive.
        unsafe {
            let null = std::ptr::null::<Thing>();
            assert_eq!(with(null, |_| Ok(())), highwater_status::NullPointer);
            let askew = one.cast::<u8>().add(1).cast::<Thing>();
            assert_eq!(with(askew, |_| Ok(())), highwater_status::InvalidHandle);
            // A smaller handle: nothing behind its tag is looked at.
            assert_eq!(
                with(one.cast::<Other>(), |_| Ok(())),
                highwater_status::InvalidHandle
            );
            free(one.cast::<Other>());
            assert_eq!(with(one, |_| Ok(())), highwater_status::Ok);
            free(std::ptr::null_mut::<Thing>());
            free(one);
        }
    }

    #[test]
    fn an_exclusive_handle_lets_one_thread_in() {
        let one = thing();
        // SAFETY: the handle is alive until the end of the block.
        unsafe {
            let write = || with(one, |thing| exclusive(Kind::Feed, &thing.value).map(|_| ()));
            let read = || with(one, |thing| shared(Kind::Feed, &thing.value).map(|_| ()));
            let status = with(one, |thing| {
                let mut value = exclusive(Kind::Feed, &thing.value)?;
                assert_eq!(write(), highwater_status::Busy);
                assert_eq!(read(), highwater_status::Busy);
                *value += 1;
                Ok(())
            });
            assert_eq!(status, highwater_status::Ok);
            assert_eq!(write(), highwater_status::Ok);
            assert_eq!(with(one, |_| Ok(())), highwater_status::Ok);
            free(one);
        }
    }

    #[test]
    fn the_mark_of_a_freed_handle_is_not_that_of_a_live_one() {
        let tag = Tag::new(Kind::Engine);
        assert_eq!(tag.free(Kind::Token), Err(highwater_status::InvalidHandle));
        assert_eq!(tag.free(Kind::Engine), Ok(()));
        assert_eq!(tag.free(Kind::Engine), Err(highwater_status::InvalidHandle));
        assert_eq!(
            tag.check(Kind::Engine),
            Err(highwater_status::InvalidHandle)
        );
    }
}
