package highwater

// #include <highwater.h>
//
// // By value, so that Go checks three pointers and no memory behind them. What is written, is
// // written before these return, and they call nothing of Go.
// #cgo noescape go_decide
// #cgo noescape highwater_engine_decide_batch
// static highwater_status go_decide(const highwater_engine *engine, const highwater_token *token,
//                                   highwater_request request, highwater_decision *decision) {
//     return highwater_engine_decide(engine, token, &request, decision);
// }
import "C"

import (
	"encoding/json"
	"runtime"
)

// Decide decides a request, and remembers a challenge so that it is not repeated without end.
// With an error the decision denies.
func (e *Engine) Decide(token *Token, request *Request) (decision Decision, err error) {
	if !e.handle.acquire() {
		return decision, ErrClosed
	}
	defer e.handle.release()
	written, err := request.write()
	if err != nil {
		return decision, err
	}
	if request.AuthenticationContext != "" {
		var pinner runtime.Pinner
		defer pinner.Unpin()
		request.pin(&written, &pinner)
	}
	decision.raw.size = C.sizeof_highwater_decision
	// What went wrong is known to the thread that made the call.
	runtime.LockOSThread()
	if status := C.go_decide(e.pointer(), token.pointer, written, &decision.raw); status != C.HIGHWATER_STATUS_OK {
		err, decision = failure(status), Decision{}
	}
	runtime.UnlockOSThread()
	runtime.KeepAlive(token)
	request.keep()
	return decision, err
}

// DecideBatch decides every request of batch in order; decisions must have its length. All are
// decided or none: with an error every decision denies, and its path is the position of the
// request that cannot be read.
func (e *Engine) DecideBatch(batch *Batch, decisions []Decision) error {
	if len(decisions) != batch.length {
		clear(decisions)
		return ErrLength
	}
	if !e.handle.acquire() {
		clear(decisions)
		return ErrClosed
	}
	defer e.handle.release()
	if batch.length == 0 {
		return nil
	}
	decisions[0].raw.size = C.sizeof_highwater_decision
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	status := C.highwater_engine_decide_batch(
		e.pointer(), &batch.tokens[0], &batch.requests[0], &decisions[0].raw, C.size_t(batch.length))
	runtime.KeepAlive(batch)
	if status != C.HIGHWATER_STATUS_OK {
		clear(decisions)
		return failure(status)
	}
	return nil
}

// Explain says what Decide would decide now and why, without remembering a challenge: JSON in the
// form of `highwater explain`.
func (e *Engine) Explain(token *Token, request *Request) (json.RawMessage, error) {
	written, err := request.write()
	if err != nil {
		return nil, err
	}
	var pinner runtime.Pinner
	defer pinner.Unpin()
	request.pin(&written, &pinner)
	defer runtime.KeepAlive(token)
	defer request.keep()
	return e.read(func(engine *C.highwater_engine, text *C.highwater_text) C.highwater_status {
		return C.highwater_engine_explain(engine, token.pointer, &written, text)
	})
}

// Answer decides a request in JSON and answers in JSON: the lines of `highwater decide`. The host
// asserts that it has verified the token whose claims are in it.
func (e *Engine) Answer(request any) (json.RawMessage, error) {
	encoded, err := encode(request)
	if err != nil {
		return nil, err
	}
	characters, length := characters(encoded)
	return e.read(func(engine *C.highwater_engine, text *C.highwater_text) C.highwater_status {
		return C.highwater_engine_answer(engine, characters, length, text)
	})
}

// AnswerAndExplain is Answer with why: the lines of `highwater explain`.
func (e *Engine) AnswerAndExplain(request any) (json.RawMessage, error) {
	encoded, err := encode(request)
	if err != nil {
		return nil, err
	}
	characters, length := characters(encoded)
	return e.read(func(engine *C.highwater_engine, text *C.highwater_text) C.highwater_status {
		return C.highwater_engine_answer_and_explain(engine, characters, length, text)
	})
}
