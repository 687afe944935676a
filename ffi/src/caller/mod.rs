//! The functions as a careful C program calls them, in safe Rust: for the vectors, the fuzz target
//! and the benchmark, which look at the library from outside. No part of what is installed.

mod engine;
mod fault;
mod feed;
mod request;

use std::ffi::{CStr, c_char};

pub use fault::panic_after;
pub(crate) use fault::point;
pub use request::{Decision, Request};

use crate::documents::{highwater_documents, highwater_documents_free};
use crate::engine::{highwater_engine, highwater_engine_free};
use crate::error::{highwater_error_message, highwater_error_path};
use crate::feed::{highwater_feed, highwater_feed_free};
use crate::prepared::{
    highwater_device, highwater_device_free, highwater_resource, highwater_resource_free,
};
use crate::status::highwater_status;
use crate::text::{highwater_text, highwater_text_free};
use crate::token::{highwater_token, highwater_token_free};

/// A call that did not return `HIGHWATER_STATUS_OK`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The status.
    pub status: highwater_status,
    /// `highwater_error_message`.
    pub message: String,
    /// `highwater_error_path`.
    pub path: String,
    /// The report, where the function writes one all the same.
    pub report: String,
}

fn done(status: highwater_status) -> Result<(), Refused> {
    if status == highwater_status::Ok {
        return Ok(());
    }
    let text = |data| {
        // SAFETY: both are NUL-terminated and stay until the next failure of this thread.
        let text = unsafe { CStr::from_ptr(data) };
        text.to_string_lossy().into_owned()
    };
    Err(Refused {
        status,
        // SAFETY: nothing is asked of the caller.
        message: text(unsafe { highwater_error_message() }),
        // SAFETY: nothing is asked of the caller.
        path: text(unsafe { highwater_error_path() }),
        report: String::new(),
    })
}

/// Calls a function that writes a text, and takes the text.
fn written(call: impl FnOnce(*mut highwater_text) -> highwater_status) -> Result<String, Refused> {
    let mut place = highwater_text {
        data: std::ptr::null(),
        length: 0,
    };
    let status = call(&raw mut place);
    let text = if place.data.is_null() {
        String::new()
    } else {
        // SAFETY: so many bytes and a NUL, as the library wrote it.
        let bytes =
            unsafe { std::slice::from_raw_parts(place.data.cast::<u8>(), place.length + 1) };
        assert_eq!(bytes.last(), Some(&0), "a text ends with a NUL");
        String::from_utf8(bytes[..place.length].to_owned()).expect("a text is UTF-8")
    };
    // SAFETY: as the library wrote it, or zeroed.
    unsafe { highwater_text_free(&raw mut place) };
    match done(status) {
        Ok(()) => Ok(text),
        Err(refused) => Err(Refused {
            report: text,
            ..refused
        }),
    }
}

fn made<T>(call: impl FnOnce(*mut *mut T) -> highwater_status) -> Result<*mut T, Refused> {
    let mut place = std::ptr::null_mut();
    let status = call(&raw mut place);
    assert_eq!(
        status == highwater_status::Ok,
        !place.is_null(),
        "untouched on failure"
    );
    done(status).map(|()| place)
}

macro_rules! handle {
    ($(#[$documentation:meta])* $name:ident, $raw:ty, $free:path) => {
        $(#[$documentation])*
        #[derive(Debug)]
        pub struct $name(*mut $raw);

        impl $name {
            /// The handle.
            #[must_use]
            pub const fn raw(&self) -> *mut $raw {
                self.0
            }
        }

        impl Drop for $name {
            fn drop(&mut self) {
                // SAFETY: made by the library, owned by this value, and not used any more.
                unsafe { $free(self.0) }
            }
        }
    };
}

handle!(
    /// An engine.
    Engine,
    highwater_engine,
    highwater_engine_free
);
handle!(
    /// A token.
    Token,
    highwater_token,
    highwater_token_free
);
handle!(
    /// A resource.
    Resource,
    highwater_resource,
    highwater_resource_free
);
handle!(
    /// A device.
    Device,
    highwater_device,
    highwater_device_free
);
handle!(
    /// A collection of documents.
    Documents,
    highwater_documents,
    highwater_documents_free
);
handle!(
    /// A feed.
    Feed,
    highwater_feed,
    highwater_feed_free
);

// SAFETY: the library lets any number of threads use an engine.
unsafe impl Send for Engine {}
// SAFETY: as above.
unsafe impl Sync for Engine {}
// SAFETY: a token never changes.
unsafe impl Send for Token {}
// SAFETY: as above.
unsafe impl Sync for Token {}

fn text(text: &str) -> (*const c_char, usize) {
    (text.as_ptr().cast(), text.len())
}
