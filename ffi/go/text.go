package highwater

// #include <highwater.h>
// #include <stdlib.h>
import "C"

import (
	"encoding/json"
	"fmt"
	"runtime"
	"time"
	"unsafe"
)

// characters and bytes point to a text of Go for the time of one call; nothing in it is kept.
func characters(text []byte) (*C.char, C.size_t) {
	return (*C.char)(unsafe.Pointer(unsafe.SliceData(text))), C.size_t(len(text))
}

func octets(data []byte) (*C.uint8_t, C.size_t) {
	return (*C.uint8_t)(unsafe.Pointer(unsafe.SliceData(data))), C.size_t(len(data))
}

// encode makes JSON text of an argument: nothing of nil, the text itself of string, []byte and
// [json.RawMessage], and what [json.Marshal] makes of everything else.
func encode(value any) ([]byte, error) {
	switch value := value.(type) {
	case nil:
		return nil, nil
	case string:
		return []byte(value), nil
	case []byte:
		return value, nil
	case json.RawMessage:
		return value, nil
	default:
		text, err := json.Marshal(value)
		if err != nil {
			return nil, fmt.Errorf("highwater: the argument is no JSON: %w", err)
		}
		return text, nil
	}
}

// take copies a text of the library and frees it.
func take(text *C.highwater_text) []byte {
	defer C.highwater_text_free(text)
	if text.length == 0 {
		return nil
	}
	return C.GoBytes(unsafe.Pointer(text.data), C.int(text.length))
}

// milliseconds is a time as the library takes it: the zero time is the present.
func milliseconds(now time.Time) C.int64_t {
	if now.IsZero() {
		now = time.Now()
	}
	return C.int64_t(now.UnixMilli())
}

// call makes a call of the library and asks on the same thread what was wrong with it.
func call(status func() C.highwater_status) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return failure(status())
}

// report is call for functions that also report: the report is that of the error if it fails.
func report(status func(*C.highwater_text) C.highwater_status) (json.RawMessage, error) {
	var text C.highwater_text
	err := call(func() C.highwater_status { return status(&text) })
	taken := take(&text)
	if err != nil {
		err.(*Error).Report = taken
		return nil, err
	}
	return taken, nil
}
