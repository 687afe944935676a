package highwater

// #include <highwater.h>
import "C"

import (
	"encoding/json"
	"errors"
)

// ErrClosed is returned by every call on an engine or feed that was closed.
var ErrClosed = errors.New("highwater: used after Close")

// ErrLength is returned by [Engine.DecideBatch] if there are not as many decisions as requests.
var ErrLength = errors.New("highwater: as many decisions as requests are needed")

// Error is a refusal by the library. Nothing of the call took effect, unless its status says
// otherwise. errors.Is(err, highwater.StatusUnknownKey) asks for a status.
type Error struct {
	// Status says what kind of refusal it is.
	Status Status
	// Message is for people and logs.
	Message string
	// Path is where: a JSON Pointer into the input, a file, a claim, a parameter; for
	// [StatusUnknownKey] the transmitter whose keys to fetch.
	Path string
	// Report is what the library reported, JSON; nil where it reports nothing.
	Report json.RawMessage
}

// Error is the message, with its path.
func (e *Error) Error() string {
	if e.Path == "" {
		return "highwater: " + e.Message
	}
	return "highwater: " + e.Message + " (at `" + e.Path + "`)"
}

// Is says whether target is the status of the error.
func (e *Error) Is(target error) bool {
	status, ok := target.(Status)
	return ok && status == e.Status
}

// Status is a status code of the library; numbers are never reused. It is an error only so that
// errors.Is can be asked for one.
type Status int32

// Error is the name of the status.
func (s Status) Error() string { return C.GoString(C.highwater_status_name(C.int32_t(s))) }

// The status codes.
const (
	StatusNullPointer        Status = C.HIGHWATER_STATUS_NULL_POINTER
	StatusInvalidHandle      Status = C.HIGHWATER_STATUS_INVALID_HANDLE
	StatusPoisoned           Status = C.HIGHWATER_STATUS_POISONED
	StatusPanicked           Status = C.HIGHWATER_STATUS_PANICKED
	StatusBusy               Status = C.HIGHWATER_STATUS_BUSY
	StatusForked             Status = C.HIGHWATER_STATUS_FORKED
	StatusWrongSize          Status = C.HIGHWATER_STATUS_WRONG_SIZE
	StatusInvalidArgument    Status = C.HIGHWATER_STATUS_INVALID_ARGUMENT
	StatusTooLong            Status = C.HIGHWATER_STATUS_TOO_LONG
	StatusInvalidUTF8        Status = C.HIGHWATER_STATUS_INVALID_UTF8
	StatusBufferTooSmall     Status = C.HIGHWATER_STATUS_BUFFER_TOO_SMALL
	StatusInvalidJSON        Status = C.HIGHWATER_STATUS_INVALID_JSON
	StatusInvalidIdentifier  Status = C.HIGHWATER_STATUS_INVALID_IDENTIFIER
	StatusInvalidSettings    Status = C.HIGHWATER_STATUS_INVALID_SETTINGS
	StatusInvalidClaims      Status = C.HIGHWATER_STATUS_INVALID_CLAIMS
	StatusUnknownIssuer      Status = C.HIGHWATER_STATUS_UNKNOWN_ISSUER
	StatusInvalidRequest     Status = C.HIGHWATER_STATUS_INVALID_REQUEST
	StatusInvalidEvent       Status = C.HIGHWATER_STATUS_INVALID_EVENT
	StatusDocumentsRefused   Status = C.HIGHWATER_STATUS_DOCUMENTS_REFUSED
	StatusSnapshotTooLarge   Status = C.HIGHWATER_STATUS_SNAPSHOT_TOO_LARGE
	StatusUnreadableFile     Status = C.HIGHWATER_STATUS_UNREADABLE_FILE
	StatusSignalRefused      Status = C.HIGHWATER_STATUS_SIGNAL_REFUSED
	StatusUnknownKey         Status = C.HIGHWATER_STATUS_UNKNOWN_KEY
	StatusUnknownTransmitter Status = C.HIGHWATER_STATUS_UNKNOWN_TRANSMITTER
	StatusStoreMissing       Status = C.HIGHWATER_STATUS_STORE_MISSING
	StatusStoreExists        Status = C.HIGHWATER_STATUS_STORE_EXISTS
	StatusStoreForeign       Status = C.HIGHWATER_STATUS_STORE_FOREIGN
	StatusStoreVersion       Status = C.HIGHWATER_STATUS_STORE_VERSION
	StatusStoreDamaged       Status = C.HIGHWATER_STATUS_STORE_DAMAGED
	StatusStoreInUse         Status = C.HIGHWATER_STATUS_STORE_IN_USE
	// The facts of a call that failed with one of these are in force, and not durable: do not
	// acknowledge them.
	StatusStoreFull   Status = C.HIGHWATER_STATUS_STORE_FULL
	StatusStoreFailed Status = C.HIGHWATER_STATUS_STORE_FAILED
)

// failure is the error for a status, on the thread that got it; nil for OK.
func failure(status C.highwater_status) error {
	if status == C.HIGHWATER_STATUS_OK {
		return nil
	}
	return &Error{
		Status:  Status(status),
		Message: C.GoString(C.highwater_error_message()),
		Path:    C.GoString(C.highwater_error_path()),
	}
}
