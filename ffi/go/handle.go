package highwater

import (
	"runtime"
	"sync/atomic"
	"unsafe"
)

// A handle is a pointer of the library that can be closed while others use it: the last one out
// frees it. Counting costs a few nanoseconds, beside a call of C that costs forty; without it an
// engine that is closed too early would be used after it was freed.
type handle struct {
	pointer unsafe.Pointer
	free    func(unsafe.Pointer)
	// How many calls are under way; less than zero as soon as it is closed.
	users  atomic.Int64
	closed atomic.Bool
	freed  atomic.Bool
}

const closing = -1 << 62

// newHandle makes a handle that is closed when owner is collected.
func newHandle[T any](owner *T, pointer unsafe.Pointer, free func(unsafe.Pointer)) *handle {
	h := &handle{pointer: pointer, free: free}
	runtime.AddCleanup(owner, (*handle).close, h)
	return h
}

// acquire says whether the pointer may be used; release must follow if it may.
func (h *handle) acquire() bool {
	if h.users.Add(1) > 0 {
		return true
	}
	h.release()
	return false
}

func (h *handle) release() {
	if h.users.Add(-1) == closing {
		h.end()
	}
}

func (h *handle) close() {
	if h.closed.CompareAndSwap(false, true) && h.users.Add(closing) == closing {
		h.end()
	}
}

func (h *handle) end() {
	if h.freed.CompareAndSwap(false, true) {
		h.free(h.pointer)
	}
}
