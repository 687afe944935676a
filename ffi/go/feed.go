package highwater

// #include <highwater.h>
import "C"

import (
	"encoding/json"
	"fmt"
	"math"
	"time"
	"unsafe"
)

// Feed is one feed of Microsoft Graph of one tenant, for one goroutine at a time. It says which
// request to send next and takes what comes; the host does the sending.
type Feed struct{ handle *handle }

// NewFeed makes a feed. options is JSON with kind, graph, endpoint, interval_seconds, and state
// from an earlier feed.
func NewFeed(options any) (*Feed, error) {
	encoded, err := encode(options)
	if err != nil {
		return nil, err
	}
	text, length := characters(encoded)
	var pointer *C.highwater_feed
	if err := call(func() C.highwater_status {
		return C.highwater_feed_new(text, length, &pointer)
	}); err != nil {
		return nil, err
	}
	feed := new(Feed)
	feed.handle = newHandle(feed, unsafe.Pointer(pointer), func(pointer unsafe.Pointer) {
		C.highwater_feed_free((*C.highwater_feed)(pointer))
	})
	return feed, nil
}

func (f *Feed) read(
	status func(*C.highwater_feed, *C.highwater_text) C.highwater_status,
) (json.RawMessage, error) {
	if !f.handle.acquire() {
		return nil, ErrClosed
	}
	defer f.handle.release()
	return report(func(text *C.highwater_text) C.highwater_status {
		return status((*C.highwater_feed)(f.handle.pointer), text)
	})
}

// Next says what to do, a JSON object: send (method, url, headers, body), or wait until a time in
// milliseconds since 1970.
func (f *Feed) Next(now time.Time) (json.RawMessage, error) {
	return f.read(func(feed *C.highwater_feed, text *C.highwater_text) C.highwater_status {
		return C.highwater_feed_next(feed, milliseconds(now), text)
	})
}

// Respond takes a response and applies to engine what has changed. retryAfter is its Retry-After,
// or negative without one.
func (f *Feed) Respond(
	engine *Engine, httpStatus int, retryAfter time.Duration, body []byte, now time.Time,
) (json.RawMessage, error) {
	if httpStatus < 0 || httpStatus > math.MaxUint16 {
		return nil, fmt.Errorf("highwater: `%d` is no status of HTTP", httpStatus)
	}
	if !engine.handle.acquire() {
		return nil, ErrClosed
	}
	defer engine.handle.release()
	seconds := C.int64_t(-1)
	if retryAfter >= 0 {
		seconds = C.int64_t(retryAfter / time.Second)
	}
	data, length := octets(body)
	return f.read(func(feed *C.highwater_feed, text *C.highwater_text) C.highwater_status {
		return C.highwater_feed_respond(feed, engine.pointer(), C.uint16_t(httpStatus), seconds,
			data, length, milliseconds(now), text)
	})
}

// Lost notes that no response came.
func (f *Feed) Lost(now time.Time) error {
	if !f.handle.acquire() {
		return ErrClosed
	}
	defer f.handle.release()
	return call(func() C.highwater_status {
		return C.highwater_feed_lost((*C.highwater_feed)(f.handle.pointer), milliseconds(now))
	})
}

// State is what the feed remembers, for the state of a later one.
func (f *Feed) State() (json.RawMessage, error) {
	return f.read(func(feed *C.highwater_feed, text *C.highwater_text) C.highwater_status {
		return C.highwater_feed_state(feed, text)
	})
}

// Close ends the feed. Further calls return [ErrClosed]. It always returns nil.
func (f *Feed) Close() error {
	f.handle.close()
	return nil
}
