//! What a call came to. A number, once published, keeps its meaning for ever.

use std::ffi::{CStr, c_char};

/// What a call came to. `HIGHWATER_STATUS_OK` is zero; everything else is a refusal, and
/// `highwater_error_message` says more.
///
/// Numbers are never reused. None is retired so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum highwater_status {
    /// Done.
    Ok = 0,
    /// A pointer that is needed is null.
    NullPointer = 1,
    /// A handle is none: of another type, freed, or not made by this library.
    InvalidHandle = 2,
    /// An earlier call panicked inside the library; this handle takes no more work. Free it.
    Poisoned = 3,
    /// This call panicked inside the library: a defect, please report it. The handle is
    /// poisoned, nothing else is.
    Panicked = 4,
    /// The handle is exclusive, and another thread is using it.
    Busy = 5,
    /// The process was forked after the engine was made; make another engine.
    Forked = 6,
    /// The `size` of a struct is none of this version, or what this version does not know in it
    /// is not zero.
    WrongSize = 7,
    /// A number or a pointer is outside its range.
    InvalidArgument = 8,
    /// A length is beyond 2 147 483 647.
    TooLong = 9,
    /// A text is not UTF-8.
    InvalidUtf8 = 10,
    /// The caller's buffer is too small; the length that it needs was written.
    BufferTooSmall = 11,
    /// A text is not JSON, or not the JSON that is wanted; the path says where.
    InvalidJson = 12,
    /// A text is no identifier.
    InvalidIdentifier = 13,
    /// The options of an engine or the settings of a tenant cannot be used.
    InvalidSettings = 20,
    /// A claim is missing or malformed; the path names it.
    InvalidClaims = 21,
    /// No profile is configured for the issuer of the token.
    UnknownIssuer = 22,
    /// A request as JSON cannot be read; the path says where.
    InvalidRequest = 23,
    /// An event cannot be read; the path says where. Nothing of the call was applied.
    InvalidEvent = 24,
    /// Documents were refused and nothing was published; the report says which and why.
    DocumentsRefused = 30,
    /// The documents are more than a snapshot can number.
    SnapshotTooLarge = 31,
    /// A file cannot be read; the path names it.
    UnreadableFile = 32,
    /// A security event token or a page was refused; the report says why, with the code of
    /// RFC 8935 for its transmitter.
    SignalRefused = 40,
    /// The key that signed a security event token is not known; the path names the transmitter.
    /// Fetch its keys, hand them over, and call again.
    UnknownKey = 41,
    /// No transmitter has this name.
    UnknownTransmitter = 42,
    /// The store's file does not exist, and was not to be made.
    StoreMissing = 50,
    /// The store's file exists, and was to be made.
    StoreExists = 51,
    /// The file is no store.
    StoreForeign = 52,
    /// The store was written by another version.
    StoreVersion = 53,
    /// The store is damaged.
    StoreDamaged = 54,
    /// Another process has the store open.
    StoreInUse = 55,
    /// The disk is full. What was applied is in force and not durable: do not acknowledge it.
    StoreFull = 56,
    /// Writing failed. What was applied is in force and not durable: do not acknowledge it.
    StoreFailed = 57,
}

use highwater_status::*;

/// The name of a status without its prefix, such as `NULL_POINTER`; `UNKNOWN` for a number that
/// is no status of this version. Static, NUL-terminated, never null.
///
/// # Safety
/// - Nothing is asked of the caller.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn highwater_status_name(status: i32) -> *const c_char {
    ALL.iter()
        .find(|(known, _)| *known as i32 == status)
        .map_or(c"UNKNOWN", |(_, name)| name)
        .as_ptr()
}

const ALL: &[(highwater_status, &CStr)] = &[
    (Ok, c"OK"),
    (NullPointer, c"NULL_POINTER"),
    (InvalidHandle, c"INVALID_HANDLE"),
    (Poisoned, c"POISONED"),
    (Panicked, c"PANICKED"),
    (Busy, c"BUSY"),
    (Forked, c"FORKED"),
    (WrongSize, c"WRONG_SIZE"),
    (InvalidArgument, c"INVALID_ARGUMENT"),
    (TooLong, c"TOO_LONG"),
    (InvalidUtf8, c"INVALID_UTF8"),
    (BufferTooSmall, c"BUFFER_TOO_SMALL"),
    (InvalidJson, c"INVALID_JSON"),
    (InvalidIdentifier, c"INVALID_IDENTIFIER"),
    (InvalidSettings, c"INVALID_SETTINGS"),
    (InvalidClaims, c"INVALID_CLAIMS"),
    (UnknownIssuer, c"UNKNOWN_ISSUER"),
    (InvalidRequest, c"INVALID_REQUEST"),
    (InvalidEvent, c"INVALID_EVENT"),
    (DocumentsRefused, c"DOCUMENTS_REFUSED"),
    (SnapshotTooLarge, c"SNAPSHOT_TOO_LARGE"),
    (UnreadableFile, c"UNREADABLE_FILE"),
    (SignalRefused, c"SIGNAL_REFUSED"),
    (UnknownKey, c"UNKNOWN_KEY"),
    (UnknownTransmitter, c"UNKNOWN_TRANSMITTER"),
    (StoreMissing, c"STORE_MISSING"),
    (StoreExists, c"STORE_EXISTS"),
    (StoreForeign, c"STORE_FOREIGN"),
    (StoreVersion, c"STORE_VERSION"),
    (StoreDamaged, c"STORE_DAMAGED"),
    (StoreInUse, c"STORE_IN_USE"),
    (StoreFull, c"STORE_FULL"),
    (StoreFailed, c"STORE_FAILED"),
];

// Published numbers. A line here is never changed and never removed.
const _: () = {
    assert!(Ok as i32 == 0);
    assert!(NullPointer as i32 == 1);
    assert!(InvalidHandle as i32 == 2);
    assert!(Poisoned as i32 == 3);
    assert!(Panicked as i32 == 4);
    assert!(Busy as i32 == 5);
    assert!(Forked as i32 == 6);
    assert!(WrongSize as i32 == 7);
    assert!(InvalidArgument as i32 == 8);
    assert!(TooLong as i32 == 9);
    assert!(InvalidUtf8 as i32 == 10);
    assert!(BufferTooSmall as i32 == 11);
    assert!(InvalidJson as i32 == 12);
    assert!(InvalidIdentifier as i32 == 13);
    assert!(InvalidSettings as i32 == 20);
    assert!(InvalidClaims as i32 == 21);
    assert!(UnknownIssuer as i32 == 22);
    assert!(InvalidRequest as i32 == 23);
    assert!(InvalidEvent as i32 == 24);
    assert!(DocumentsRefused as i32 == 30);
    assert!(SnapshotTooLarge as i32 == 31);
    assert!(UnreadableFile as i32 == 32);
    assert!(SignalRefused as i32 == 40);
    assert!(UnknownKey as i32 == 41);
    assert!(UnknownTransmitter as i32 == 42);
    assert!(StoreMissing as i32 == 50);
    assert!(StoreExists as i32 == 51);
    assert!(StoreForeign as i32 == 52);
    assert!(StoreVersion as i32 == 53);
    assert!(StoreDamaged as i32 == 54);
    assert!(StoreInUse as i32 == 55);
    assert!(StoreFull as i32 == 56);
    assert!(StoreFailed as i32 == 57);
};
