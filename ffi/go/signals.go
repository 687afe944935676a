package highwater

// #include <highwater.h>
import "C"

import (
	"encoding/json"
	"fmt"
	"time"
)

// Apply applies one engine event or an array of them, JSON, all or none. When it returns they are
// in force for every decision that starts afterwards. It returns how many registers changed.
func (e *Engine) Apply(events any) (int, error) {
	encoded, err := encode(events)
	if err != nil {
		return 0, err
	}
	text, length := characters(encoded)
	var changed C.size_t
	err = e.use(func(engine *C.highwater_engine) C.highwater_status {
		return C.highwater_engine_apply(engine, text, length, &changed)
	})
	return int(changed), err
}

// Receive takes a signed security event token of one of the engine's transmitters: verifies it and
// applies what it says. When it returns without an error its events are in force and durable:
// answer 202. With [StatusSignalRefused] answer 400 with the error's report; with
// [StatusUnknownKey] fetch the keys of the transmitter that its path names, hand them to SetKeys
// and call again, or answer 503.
func (e *Engine) Receive(token []byte, now time.Time) (json.RawMessage, error) {
	characters, length := characters(token)
	return e.read(func(engine *C.highwater_engine, text *C.highwater_text) C.highwater_status {
		return C.highwater_engine_receive(engine, characters, length, milliseconds(now), text)
	})
}

// ReceiveTrusted takes the claims of a security event token without a signature, on the word of
// the host.
func (e *Engine) ReceiveTrusted(claims any, now time.Time) (json.RawMessage, error) {
	encoded, err := encode(claims)
	if err != nil {
		return nil, err
	}
	characters, length := characters(encoded)
	return e.read(func(engine *C.highwater_engine, text *C.highwater_text) C.highwater_status {
		return C.highwater_engine_receive_trusted(
			engine, characters, length, milliseconds(now), text)
	})
}

// SetKeys hands over the keys of a transmitter, a JWK Set; nil: they could not be fetched.
func (e *Engine) SetKeys(transmitter string, keys any, now time.Time) error {
	encoded, err := encode(keys)
	if err != nil {
		return err
	}
	name, nameLength := characters([]byte(transmitter))
	text, length := characters(encoded)
	return e.use(func(engine *C.highwater_engine) C.highwater_status {
		return C.highwater_engine_set_keys(
			engine, name, nameLength, text, length, milliseconds(now))
	})
}

// DueKeys names the transmitters whose keys are due for a fetch. Ask every few minutes.
func (e *Engine) DueKeys(now time.Time) (transmitters []string, err error) {
	due, err := e.read(func(engine *C.highwater_engine, text *C.highwater_text) C.highwater_status {
		return C.highwater_engine_due_keys(engine, milliseconds(now), text)
	})
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(due, &transmitters); err != nil {
		return nil, fmt.Errorf("highwater: names of transmitters: %w", err)
	}
	return transmitters, nil
}

// Ingest reads a file of events as `highwater events` does, and applies all of it or nothing.
// expectation has at least source, the name under which the facts are kept. The report is an array
// with what became of each input.
func (e *Engine) Ingest(
	name string, data []byte, expectation any, now time.Time,
) (json.RawMessage, error) {
	encoded, err := encode(expectation)
	if err != nil {
		return nil, err
	}
	expected, expectedLength := characters(encoded)
	title, titleLength := characters([]byte(name))
	content, contentLength := octets(data)
	return e.read(func(engine *C.highwater_engine, text *C.highwater_text) C.highwater_status {
		return C.highwater_engine_ingest(engine, expected, expectedLength, title, titleLength,
			content, contentLength, milliseconds(now), text)
	})
}
