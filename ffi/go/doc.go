// Package highwater tells whether an access token is still good: allow, challenge or deny.
//
// An [Engine] holds policies and facts; a [Token] is one verified access token, read once; a
// [Request] is what the service knows about a call; a [Decision] says what to do with it.
//
//	engine, err := highwater.New(nil)
//	documents := highwater.NewDocuments()
//	err = documents.AddPath("policies", highwater.DocumentGraph)
//	_, err = engine.Publish("contoso", documents, nil)
//	token, err := engine.Token(claims) // you verified signature, issuer and audience
//	decision, err := engine.Decide(token, &highwater.Request{Address: address})
//	if err != nil || !decision.Allowed() {
//		// refuse
//	}
//
// The zero [Decision] denies, and so does every one that comes with an error.
//
// An engine, tokens, resources and devices may be used by any number of goroutines; a [Batch] and
// a [Feed] by one at a time. Memory of the library is given back by the garbage collector;
// [Engine.Close] is needed for engines with a file.
//
// The package is linked with libhighwater, which pkg-config finds (package highwater).
package highwater

// #cgo pkg-config: highwater
// #include <highwater.h>
import "C"

// Version is the version of the library.
func Version() string { return C.GoString(C.highwater_version()) }

// SemanticsVersion is the version of the decision semantics, which counts apart from the library.
func SemanticsVersion() uint32 { return uint32(C.highwater_semantics_version()) }
