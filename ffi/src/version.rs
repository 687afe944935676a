//! Which library this is: a program compares it with the header that it was compiled with.

use std::ffi::c_char;
use std::time::SystemTime;

use highwater::timestamp::Timestamp;

/// The version of the library, such as `0.1.0`. Static, NUL-terminated, never null. The header
/// has the same text in `HIGHWATER_VERSION`.
///
/// # Safety
/// - Nothing is asked of the caller.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn highwater_version() -> *const c_char {
    const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    VERSION.as_ptr().cast()
}

/// The version of the library as one number, `major * 1000000 + minor * 1000 + patch`: what
/// `HIGHWATER_VERSION_NUMBER` is in the header.
///
/// # Safety
/// - Nothing is asked of the caller.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn highwater_version_number() -> u32 {
    const NUMBER: u32 = number(env!("CARGO_PKG_VERSION_MAJOR")) * 1_000_000
        + number(env!("CARGO_PKG_VERSION_MINOR")) * 1000
        + number(env!("CARGO_PKG_VERSION_PATCH"));
    NUMBER
}

/// The version of the decision semantics. It counts up when the same documents, facts, token and
/// request may be decided otherwise; the version of the library does not.
///
/// # Safety
/// - Nothing is asked of the caller.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn highwater_semantics_version() -> u32 {
    highwater::SEMANTICS_VERSION
}

/// The system's clock in milliseconds since 1970, for the `now` of requests. The library reads
/// no clock by itself.
///
/// # Safety
/// - Nothing is asked of the caller.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn highwater_clock_now() -> i64 {
    Timestamp::from(SystemTime::now()).milliseconds()
}

const fn number(text: &str) -> u32 {
    let digits = text.as_bytes();
    let (mut number, mut index) = (0, 0);
    while index < digits.len() {
        number = number * 10 + (digits[index] - b'0') as u32;
        index += 1;
    }
    number
}
