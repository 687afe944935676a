//! Why a call was refused: a status for programs, a message and a path for people.
//!
//! As with `errno`, the last failure of each thread is kept until the next one, and a call that
//! succeeds leaves it alone: deciding costs nothing for errors that did not happen.

use std::any::Any;
use std::cell::RefCell;
use std::ffi::{CString, c_char};

use highwater_signals::refusal::Refusal;
use highwater_store::StoreError;

use crate::status::highwater_status;

/// A refusal on its way out. Boxed, so that the way of success is narrow.
#[derive(Debug)]
pub(crate) struct Failure(Box<Details>);

#[derive(Debug)]
struct Details {
    status: highwater_status,
    message: String,
    path: String,
}

/// What the body of every entry returns.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

impl Failure {
    /// A refusal of a whole input.
    #[cold]
    #[inline(never)]
    pub(crate) fn new(status: highwater_status, message: impl Into<String>) -> Failure {
        Failure::at(status, message, "")
    }

    /// A refusal of the part of an input that `path` names.
    #[cold]
    #[inline(never)]
    pub(crate) fn at(
        status: highwater_status,
        message: impl Into<String>,
        path: impl Into<String>,
    ) -> Failure {
        Failure(Box::new(Details {
            status,
            message: message.into(),
            path: path.into(),
        }))
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn null(parameter: &str) -> Failure {
        Failure::at(
            highwater_status::NullPointer,
            format!("`{parameter}` is null"),
            parameter,
        )
    }

    /// What a panic carried.
    #[cold]
    pub(crate) fn panicked(payload: &(dyn Any + Send)) -> Failure {
        let what = payload
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("no message");
        Failure::new(
            highwater_status::Panicked,
            format!("the library panicked, which is a defect: {what}"),
        )
    }

    /// The same refusal, of the element of an array.
    #[cold]
    pub(crate) fn of_element(mut self, index: usize) -> Failure {
        self.0.message = format!("element {index}: {}", self.0.message);
        self.0.path = format!("/{index}");
        self
    }

    /// The status alone.
    #[cfg(test)]
    pub(crate) fn status(&self) -> highwater_status {
        self.0.status
    }

    /// What is wrong.
    pub(crate) fn message(&self) -> &str {
        &self.0.message
    }

    /// Keeps message and path for the thread, and says the status.
    #[cold]
    pub(crate) fn report(self) -> highwater_status {
        let Details {
            status,
            message,
            path,
        } = *self.0;
        let last = Last {
            message: text(message),
            path: text(path),
        };
        // A thread that is ending has nobody left to ask.
        let _ = LAST.try_with(|kept| kept.replace(last));
        status
    }
}

impl From<StoreError> for Failure {
    #[cold]
    fn from(error: StoreError) -> Failure {
        let status = match &error {
            StoreError::Missing { .. } => highwater_status::StoreMissing,
            StoreError::Exists { .. } => highwater_status::StoreExists,
            StoreError::Foreign { .. } => highwater_status::StoreForeign,
            StoreError::WrongVersion { .. } => highwater_status::StoreVersion,
            StoreError::Damaged { .. } => highwater_status::StoreDamaged,
            StoreError::InUse { .. } => highwater_status::StoreInUse,
            StoreError::Full { .. } => highwater_status::StoreFull,
            _ => highwater_status::StoreFailed,
        };
        Failure::new(status, error.to_string())
    }
}

impl From<Refusal> for Failure {
    #[cold]
    fn from(refusal: Refusal) -> Failure {
        Failure::at(
            highwater_status::SignalRefused,
            refusal.to_string(),
            refusal.code.as_str(),
        )
    }
}

struct Last {
    message: CString,
    path: CString,
}

thread_local! {
    static LAST: RefCell<Last> = RefCell::new(Last {
        message: CString::default(),
        path: CString::default(),
    });
}

/// C ends a text at a zero byte, so those inside are shown instead.
fn text(text: String) -> CString {
    CString::new(text).unwrap_or_else(|error| {
        let text = String::from_utf8_lossy(&error.into_vec()).replace('\0', "\u{fffd}");
        CString::new(text).unwrap_or_default()
    })
}

/// What was wrong with the last call of this thread that did not return `HIGHWATER_STATUS_OK`:
/// one sentence in English for people and logs, with the input in backticks. UTF-8,
/// NUL-terminated, never null; empty if nothing has failed yet. It belongs to the library and
/// stays until another call of this thread fails.
///
/// # Safety
/// - Nothing is asked of the caller.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn highwater_error_message() -> *const c_char {
    LAST.try_with(|last| last.borrow().message.as_ptr())
        .unwrap_or(c"".as_ptr())
}

/// Where it was wrong: the JSON Pointer (RFC 6901) inside the input, the file, the claim, or the
/// parameter; empty if the whole input is meant. Lives as `highwater_error_message`.
///
/// # Safety
/// - Nothing is asked of the caller.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn highwater_error_path() -> *const c_char {
    LAST.try_with(|last| last.borrow().path.as_ptr())
        .unwrap_or(c"".as_ptr())
}

#[cfg(test)]
mod tests {
    use std::ffi::CStr;

    use super::*;

    fn last() -> (String, String) {
        // SAFETY: both texts are NUL-terminated and stay until the next failure.
        unsafe {
            (
                CStr::from_ptr(highwater_error_message())
                    .to_string_lossy()
                    .into_owned(),
                CStr::from_ptr(highwater_error_path())
                    .to_string_lossy()
                    .into_owned(),
            )
        }
    }

    #[test]
    fn each_thread_keeps_its_own_last_failure() {
        let status = Failure::at(highwater_status::InvalidJson, "not\0JSON", "/a").report();
        assert_eq!(status, highwater_status::InvalidJson);
        assert_eq!(last(), ("not\u{fffd}JSON".to_owned(), "/a".to_owned()));
        std::thread::spawn(|| assert_eq!(last(), (String::new(), String::new())))
            .join()
            .unwrap();
        let _ = Failure::null("token").of_element(7).report();
        assert_eq!(
            last(),
            ("element 7: `token` is null".to_owned(), "/7".to_owned())
        );
    }
}
