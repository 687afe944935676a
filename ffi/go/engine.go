package highwater

// #include <highwater.h>
import "C"

import (
	"encoding/json"
	"time"
	"unsafe"
)

// Engine is a continuous access evaluation engine. Any number of goroutines may use it at once;
// deciding never waits for another one.
type Engine struct{ handle *handle }

// New makes an engine that keeps its facts in memory. options is JSON with settings, issuers,
// transmitters and store, all optional, as in docs/configuration.md with lengths of time in
// seconds; or nil.
func New(options any) (*Engine, error) {
	encoded, err := encode(options)
	if err != nil {
		return nil, err
	}
	text, length := characters(encoded)
	return newEngine(func(pointer **C.highwater_engine) C.highwater_status {
		return C.highwater_engine_new(text, length, pointer)
	})
}

// Open makes an engine whose facts are kept in the file at path. One process at a time has a file
// open; one that is damaged is refused, never taken for an empty one.
func Open(path string, options any) (*Engine, error) {
	encoded, err := encode(options)
	if err != nil {
		return nil, err
	}
	place, placeLength := characters([]byte(path))
	text, length := characters(encoded)
	return newEngine(func(pointer **C.highwater_engine) C.highwater_status {
		return C.highwater_engine_open(place, placeLength, text, length, pointer)
	})
}

func newEngine(make func(**C.highwater_engine) C.highwater_status) (*Engine, error) {
	var pointer *C.highwater_engine
	if err := call(func() C.highwater_status { return make(&pointer) }); err != nil {
		return nil, err
	}
	engine := new(Engine)
	engine.handle = newHandle(engine, unsafe.Pointer(pointer), func(pointer unsafe.Pointer) {
		C.highwater_engine_free((*C.highwater_engine)(pointer))
	})
	return engine, nil
}

// Close ends the engine, with the last of the calls that are under way; writes that wait are
// finished first. Further calls return [ErrClosed]. It always returns nil.
func (e *Engine) Close() error {
	e.handle.close()
	return nil
}

// pointer is only to be used between acquire and release.
func (e *Engine) pointer() *C.highwater_engine { return (*C.highwater_engine)(e.handle.pointer) }

// use makes a call on the engine.
func (e *Engine) use(status func(*C.highwater_engine) C.highwater_status) error {
	if !e.handle.acquire() {
		return ErrClosed
	}
	defer e.handle.release()
	return call(func() C.highwater_status { return status(e.pointer()) })
}

// read makes a call on the engine that writes a text.
func (e *Engine) read(
	status func(*C.highwater_engine, *C.highwater_text) C.highwater_status,
) (json.RawMessage, error) {
	if !e.handle.acquire() {
		return nil, ErrClosed
	}
	defer e.handle.release()
	return report(func(text *C.highwater_text) C.highwater_status {
		return status(e.pointer(), text)
	})
}

// Remove removes what was published for tenant, and says whether there was something.
func (e *Engine) Remove(tenant string) (bool, error) {
	name, length := characters([]byte(tenant))
	var removed C.uint8_t
	err := e.use(func(engine *C.highwater_engine) C.highwater_status {
		return C.highwater_engine_remove(engine, name, length, &removed)
	})
	return removed != 0, err
}

// Policies are those of the present snapshot of tenant, JSON: an array of id, name and state by
// the position that decisions name; null without a snapshot.
func (e *Engine) Policies(tenant string) (json.RawMessage, error) {
	name, length := characters([]byte(tenant))
	return e.read(func(engine *C.highwater_engine, text *C.highwater_text) C.highwater_status {
		return C.highwater_engine_policies(engine, name, length, text)
	})
}

// Status says how the engine is, a JSON object: version, semantics, facts, store, degraded,
// streams. The zero time is the present, here and in every other function.
func (e *Engine) Status(now time.Time) (json.RawMessage, error) {
	return e.read(func(engine *C.highwater_engine, text *C.highwater_text) C.highwater_status {
		return C.highwater_engine_status(engine, milliseconds(now), text)
	})
}

// ForgetExpired forgets the facts that no token alive can be refused by, and returns how many
// registers went. Call it every few minutes.
func (e *Engine) ForgetExpired(now time.Time) (int, error) {
	var forgotten C.size_t
	err := e.use(func(engine *C.highwater_engine) C.highwater_status {
		return C.highwater_engine_forget_expired(engine, milliseconds(now), &forgotten)
	})
	return int(forgotten), err
}

// WatchStream makes the event stream of source stale after a time of silence.
func (e *Engine) WatchStream(source string, staleAfter time.Duration, now time.Time) error {
	name, length := characters([]byte(source))
	seconds := C.int64_t(staleAfter / time.Second)
	return e.use(func(engine *C.highwater_engine) C.highwater_status {
		return C.highwater_engine_watch_stream(engine, name, length, seconds, milliseconds(now))
	})
}

// ObserveStream notes that source was heard of: an empty poll, a verification.
func (e *Engine) ObserveStream(source string, heard time.Time) error {
	name, length := characters([]byte(source))
	return e.use(func(engine *C.highwater_engine) C.highwater_status {
		return C.highwater_engine_observe_stream(engine, name, length, milliseconds(heard))
	})
}

// Reopen opens the store's file again after writing to it failed.
func (e *Engine) Reopen() error {
	return e.use(func(engine *C.highwater_engine) C.highwater_status {
		return C.highwater_engine_reopen(engine)
	})
}
