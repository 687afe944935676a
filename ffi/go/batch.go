package highwater

// #include <highwater.h>
// #include <stdlib.h>
import "C"

import (
	"runtime"
	"unsafe"
)

// Batch holds tokens and requests in the library's own form, for [Engine.DecideBatch]. One
// goroutine at a time. It may be used again after Clear.
//
// Its arrays lie in memory of C, so that a call has no pointers of Go to check.
type Batch struct {
	memory   *batchMemory
	tokens   []*C.highwater_token
	requests []C.highwater_request
	length   int
	// What the arrays point to.
	keptTokens    []*Token
	keptResources []*Resource
	keptDevices   []*Device
}

type batchMemory struct {
	tokens, requests unsafe.Pointer
	contexts         []unsafe.Pointer
}

// NewBatch makes an empty batch for up to capacity requests.
func NewBatch(capacity int) *Batch {
	capacity = max(capacity, 1)
	memory := &batchMemory{
		tokens:   C.calloc(C.size_t(capacity), C.size_t(unsafe.Sizeof(uintptr(0)))),
		requests: C.calloc(C.size_t(capacity), C.sizeof_highwater_request),
	}
	batch := &Batch{
		memory:        memory,
		tokens:        unsafe.Slice((**C.highwater_token)(memory.tokens), capacity),
		requests:      unsafe.Slice((*C.highwater_request)(memory.requests), capacity),
		keptTokens:    make([]*Token, capacity),
		keptResources: make([]*Resource, capacity),
		keptDevices:   make([]*Device, capacity),
	}
	runtime.AddCleanup(batch, (*batchMemory).free, memory)
	return batch
}

// Len is how many requests there are.
func (b *Batch) Len() int { return b.length }

// Cap is how many there is room for.
func (b *Batch) Cap() int { return len(b.requests) }

// Append adds a request; the batch does not look at it again. It returns [ErrLength] if there is
// no room.
func (b *Batch) Append(token *Token, request *Request) error {
	if b.length == len(b.requests) {
		return ErrLength
	}
	written, err := request.write()
	if err != nil {
		return err
	}
	if context := request.AuthenticationContext; context != "" {
		copied := C.CBytes([]byte(context))
		b.memory.contexts = append(b.memory.contexts, copied)
		written.authentication_context = (*C.char)(copied)
		written.authentication_context_length = C.size_t(len(context))
	}
	index := b.length
	b.tokens[index], b.requests[index] = token.pointer, written
	b.keptTokens[index], b.keptResources[index] = token, request.Resource
	b.keptDevices[index] = request.Device
	b.length++
	return nil
}

// Clear takes all requests out.
func (b *Batch) Clear() {
	b.memory.freeContexts()
	clear(b.keptTokens)
	clear(b.keptResources)
	clear(b.keptDevices)
	b.length = 0
}

func (m *batchMemory) freeContexts() {
	for _, context := range m.contexts {
		C.free(context)
	}
	m.contexts = nil
}

func (m *batchMemory) free() {
	m.freeContexts()
	C.free(m.tokens)
	C.free(m.requests)
}
