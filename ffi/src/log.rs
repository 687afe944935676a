//! What the library has to say to operators, handed to one function of the host.
//!
//! Nothing is said about single decisions: the host has each of them in its hands.

use std::cell::Cell;
use std::ffi::{c_char, c_void};

use parking_lot::RwLock;

/// How much a message matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum highwater_log_level {
    /// Something is wrong and stays wrong: a store that refuses writes, a panic, a handle freed
    /// twice.
    Error = 1,
    /// Something was refused, and the state before it stays: documents, signals, events.
    Warning = 2,
    /// Something changed: documents were published, a store was opened.
    Information = 3,
}

const _: () = {
    assert!(highwater_log_level::Error as u32 == 1);
    assert!(highwater_log_level::Warning as u32 == 2);
    assert!(highwater_log_level::Information as u32 == 3);
};

/// A function of the host that takes messages: a level of `highwater_log_level`, a text in UTF-8
/// with its length and a NUL behind it that is not counted, and the pointer that was registered
/// with it. The text is gone when the function returns.
///
/// It is called on the thread whose call has something to say, on several threads at once, and
/// must not call `highwater_log_set_callback`, `longjmp` or throw. Other functions of the library
/// may be called from it; what they have to say is dropped.
pub type highwater_log_callback = Option<
    unsafe extern "C" fn(
        level: u32,
        message: *const c_char,
        message_length: usize,
        context: *mut c_void,
    ),
>;

struct Sink {
    callback: highwater_log_callback,
    context: *mut c_void,
}

// SAFETY: the pointer is only handed back to the host, which promised in
// `highwater_log_set_callback` that any thread may use it.
unsafe impl Send for Sink {}
// SAFETY: as above; the sink is only read while it is shared.
unsafe impl Sync for Sink {}

static SINK: RwLock<Sink> = RwLock::new(Sink {
    callback: None,
    context: std::ptr::null_mut(),
});

/// Registers the function that takes the messages of the whole process, in the place of the one
/// before; null ends it. When this returns, the function before is not running any more and is
/// not called again.
///
/// # Safety
/// - `callback` is null or such a function, callable from any thread until it is replaced.
/// - `context` may be used by it on any thread until then.
/// - This is not called from inside a callback.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn highwater_log_set_callback(
    callback: highwater_log_callback,
    context: *mut c_void,
) {
    *SINK.write() = Sink { callback, context };
}

thread_local! {
    /// Whether this thread is inside the callback. What the callback's own calls have to say is
    /// dropped, or it would wait for itself.
    static SPEAKING: Cell<bool> = const { Cell::new(false) };
}

/// Says something to the host, if it listens.
#[cold]
pub(crate) fn say(level: highwater_log_level, message: &str) {
    if SPEAKING.replace(true) {
        return;
    }
    let sink = SINK.read();
    if let Some(callback) = sink.callback {
        let mut text = message.replace('\0', "\u{fffd}").into_bytes();
        let length = text.len();
        text.push(0);
        // SAFETY: the host promised that this may be called from any thread with its context;
        // the text lives until the call returns.
        unsafe { callback(level as u32, text.as_ptr().cast(), length, sink.context) }
    }
    SPEAKING.set(false);
}
