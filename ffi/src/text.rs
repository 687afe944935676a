//! Text and bytes: pointer and length on the way in, owned and NUL-terminated on the way out.

use std::ffi::{OsStr, c_char};
use std::path::Path;

use highwater::identifier::Identifier;
use serde::Serialize;

use crate::error::{Failure, Outcome};
use crate::status::highwater_status;

/// The longest input, in bytes: a negative number that became a length is not mistaken for one.
const MAXIMUM_LENGTH: usize = i32::MAX as usize;

/// A text that the library made: UTF-8, `length` bytes, and a NUL behind them that is not
/// counted. Free it with `highwater_text_free`; zeroed memory is an empty one.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct highwater_text {
    /// The text; null in an empty one.
    pub data: *const c_char,
    /// Its length in bytes.
    pub length: usize,
}

/// Frees a text and empties the struct, so that a second call does nothing. Null is fine.
///
/// # Safety
/// - `text` is null, or points to a struct that is zeroed or as the library wrote it.
/// - No copy of the struct is used afterwards.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn highwater_text_free(text: *mut highwater_text) {
    if text.is_null() {
        return;
    }
    // SAFETY: not null, and a text by the caller's promise.
    let text = unsafe { &mut *text };
    if !text.data.is_null() {
        let bytes = std::ptr::slice_from_raw_parts_mut(
            text.data.cast_mut().cast::<u8>(),
            text.length.saturating_add(1),
        );
        // SAFETY: `write_text` made it of a box of so many bytes, and nobody has changed it.
        drop(unsafe { Box::from_raw(bytes) });
    }
    *text = highwater_text {
        data: std::ptr::null(),
        length: 0,
    };
}

/// Hands a text to C, which may not want it.
///
/// # Safety
/// - `place` is null or valid for writing.
pub(crate) unsafe fn write_text(place: *mut highwater_text, text: String) {
    if place.is_null() {
        return;
    }
    let mut bytes = text.into_bytes();
    let length = bytes.len();
    bytes.push(0);
    let data = Box::into_raw(bytes.into_boxed_slice());
    // SAFETY: not null, and valid for writing by the caller's promise.
    unsafe {
        place.write(highwater_text {
            data: data.cast::<c_char>(),
            length,
        });
    }
}

/// As JSON.
pub(crate) fn json(value: &impl Serialize) -> Outcome<String> {
    serde_json::to_string(value)
        .map_err(|error| Failure::new(highwater_status::InvalidJson, error.to_string()))
}

/// Writes to an out-parameter that C may not want.
///
/// # Safety
/// - `place` is null or valid for writing.
pub(crate) unsafe fn write_optional<T>(place: *mut T, value: T) {
    if !place.is_null() {
        // SAFETY: not null, and valid for writing by the caller's promise.
        unsafe { place.write(value) }
    }
}

/// An out-parameter that has to be there.
#[inline]
pub(crate) fn required<T>(name: &str, place: *mut T) -> Outcome<*mut T> {
    if place.is_null() {
        return Err(Failure::null(name));
    }
    if !place.is_aligned() {
        return Err(misaligned(name));
    }
    Ok(place)
}

#[cold]
#[inline(never)]
fn misaligned(name: &str) -> Failure {
    Failure::at(
        highwater_status::InvalidArgument,
        format!("`{name}` is not aligned"),
        name,
    )
}

/// Bytes from C; none if the length is zero.
///
/// # Safety
/// - `data` is null or valid for reading `length` bytes while the result is used.
pub(crate) unsafe fn bytes<'a>(name: &str, data: *const u8, length: usize) -> Outcome<&'a [u8]> {
    if length == 0 {
        return Ok(&[]);
    }
    if data.is_null() {
        return Err(Failure::null(name));
    }
    if length > MAXIMUM_LENGTH {
        return Err(Failure::at(
            highwater_status::TooLong,
            format!("`{name}` has {length} bytes, and may have {MAXIMUM_LENGTH}"),
            name,
        ));
    }
    // SAFETY: not null, and readable by the caller's promise.
    Ok(unsafe { std::slice::from_raw_parts(data, length) })
}

/// Text from C; empty if the length is zero.
///
/// # Safety
/// - As [`bytes`].
pub(crate) unsafe fn text<'a>(name: &str, data: *const c_char, length: usize) -> Outcome<&'a str> {
    // SAFETY: the caller's promise.
    let bytes = unsafe { bytes(name, data.cast::<u8>(), length) }?;
    std::str::from_utf8(bytes).map_err(|error| {
        Failure::at(
            highwater_status::InvalidUtf8,
            format!("`{name}` is not UTF-8 at byte {}", error.valid_up_to()),
            name,
        )
    })
}

/// An identifier from C.
///
/// # Safety
/// - As [`bytes`].
pub(crate) unsafe fn identifier(
    name: &str,
    data: *const c_char,
    length: usize,
) -> Outcome<Identifier> {
    // SAFETY: the caller's promise.
    let text = unsafe { text(name, data, length) }?;
    Identifier::new(text).map_err(|error| {
        Failure::at(
            highwater_status::InvalidIdentifier,
            format!("`{name}`: {error}"),
            name,
        )
    })
}

/// A path from C: any bytes on Unix, UTF-8 elsewhere.
///
/// # Safety
/// - As [`bytes`].
pub(crate) unsafe fn path<'a>(name: &str, data: *const c_char, length: usize) -> Outcome<&'a Path> {
    #[cfg(unix)]
    let path = {
        use std::os::unix::ffi::OsStrExt;
        // SAFETY: the caller's promise.
        OsStr::from_bytes(unsafe { bytes(name, data.cast::<u8>(), length) }?)
    };
    #[cfg(not(unix))]
    // SAFETY: the caller's promise.
    let path = OsStr::new(unsafe { text(name, data, length) }?);
    if path.is_empty() {
        return Err(Failure::at(
            highwater_status::InvalidArgument,
            format!("`{name}` is empty"),
            name,
        ));
    }
    Ok(Path::new(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_terminated_and_freed_once() {
        let mut place = highwater_text {
            data: std::ptr::null(),
            length: 0,
        };
        // SAFETY: the place is a local that only these calls write.
        unsafe {
            write_text(&mut place, "héllo".to_owned());
            assert_eq!(place.length, 6);
            assert_eq!(
                std::ffi::CStr::from_ptr(place.data).to_bytes(),
                "héllo".as_bytes()
            );
            highwater_text_free(&mut place);
            assert!(place.data.is_null());
            highwater_text_free(&mut place);
            highwater_text_free(std::ptr::null_mut());
        }
    }

    #[test]
    fn input_is_checked_before_it_is_read() {
        fn status(outcome: Outcome<&str>) -> Result<&str, highwater_status> {
            outcome.map_err(|failure| failure.status())
        }
        let wrong = [b'a', 0xff];
        // SAFETY: the pointers are null, dangling with a length that is refused, or to a local.
        unsafe {
            assert_eq!(status(text("t", std::ptr::null(), 0)), Ok(""));
            assert_eq!(
                status(text("t", std::ptr::null(), 1)),
                Err(highwater_status::NullPointer)
            );
            assert_eq!(
                status(text("t", wrong.as_ptr().cast(), usize::MAX)),
                Err(highwater_status::TooLong)
            );
            assert_eq!(
                status(text("t", wrong.as_ptr().cast(), 2)),
                Err(highwater_status::InvalidUtf8)
            );
            assert_eq!(status(text("t", wrong.as_ptr().cast(), 1)), Ok("a"));
        }
    }
}
