package highwater

// #include <highwater.h>
import "C"

import (
	"encoding/json"
	"errors"
	"runtime"
)

// DocumentKind is what a document is.
type DocumentKind uint32

// The kinds of documents.
const (
	// DocumentGraph is policies, named locations or memberships in Graph's JSON.
	DocumentGraph DocumentKind = C.HIGHWATER_DOCUMENT_KIND_GRAPH
	// DocumentSynced is policies as the issuer pushes them to a resource provider, one per line.
	DocumentSynced DocumentKind = C.HIGHWATER_DOCUMENT_KIND_SYNCED
	// DocumentTrustedIPs is the ranges configured as MFA trusted IPs, one prefix per line.
	DocumentTrustedIPs DocumentKind = C.HIGHWATER_DOCUMENT_KIND_TRUSTED_IPS
	// DocumentCountryList is a country table as lines of CC, tab, prefix.
	DocumentCountryList DocumentKind = C.HIGHWATER_DOCUMENT_KIND_COUNTRY_LIST
	// DocumentCountryDatabase is a country table in MaxMind DB format.
	DocumentCountryDatabase DocumentKind = C.HIGHWATER_DOCUMENT_KIND_COUNTRY_DATABASE
)

// DocumentsFlag says how documents are read.
type DocumentsFlag uint32

// The flags.
const (
	// Strict refuses what is otherwise corrected with a warning.
	Strict DocumentsFlag = C.HIGHWATER_DOCUMENTS_FLAG_STRICT
	// UpdatesInOrder lets a later document replace an earlier one with the same id.
	UpdatesInOrder DocumentsFlag = C.HIGHWATER_DOCUMENTS_FLAG_UPDATES_IN_ORDER
)

// Documents are those of one tenant: policies, named locations, memberships, tables of countries.
// One goroutine at a time while something is added.
type Documents struct{ pointer *C.highwater_documents }

// NewDocuments makes an empty collection.
func NewDocuments(flags ...DocumentsFlag) *Documents {
	var all DocumentsFlag
	for _, flag := range flags {
		all |= flag & (Strict | UpdatesInOrder)
	}
	documents := new(Documents)
	// With the flags that there are, it cannot fail but for want of memory, which ends the process.
	C.highwater_documents_new(C.uint32_t(all), &documents.pointer)
	runtime.AddCleanup(documents, func(pointer *C.highwater_documents) {
		C.highwater_documents_free(pointer)
	}, documents.pointer)
	return documents
}

// Add adds a document from memory; name stands in reports. What is wrong with it is said by Check
// and [Engine.Publish].
func (d *Documents) Add(name string, data []byte, kind DocumentKind) error {
	defer runtime.KeepAlive(d)
	text, textLength := characters([]byte(name))
	content, contentLength := octets(data)
	return call(func() C.highwater_status {
		return C.highwater_documents_add(
			d.pointer, C.uint32_t(kind), text, textLength, content, contentLength)
	})
}

// AddPath adds a file, or for [DocumentGraph] a folder with all *.json below it. Nothing is added
// unless everything can be read.
func (d *Documents) AddPath(path string, kind DocumentKind) error {
	defer runtime.KeepAlive(d)
	text, length := characters([]byte(path))
	return call(func() C.highwater_status {
		return C.highwater_documents_add_path(d.pointer, C.uint32_t(kind), text, length)
	})
}

// Check compiles what was added and publishes nothing: the report of `highwater check`, whether
// or not something would be refused.
func (d *Documents) Check() (json.RawMessage, error) {
	defer runtime.KeepAlive(d)
	checked, err := report(func(text *C.highwater_text) C.highwater_status {
		return C.highwater_documents_check(d.pointer, text)
	})
	if errors.Is(err, StatusDocumentsRefused) {
		return err.(*Error).Report, nil
	}
	return checked, err
}

// Publication is what became of documents that were published.
type Publication struct {
	// Version is that of the tenant's snapshot.
	Version uint64
	// Report is that of `highwater check`, JSON.
	Report json.RawMessage
}

// Publish publishes documents as the new snapshot of tenant ("*": of every tenant without one).
// settings are those of the tenant, JSON, or nil. If anything is refused the error has
// [StatusDocumentsRefused] and the report, and the former snapshot stays.
func (e *Engine) Publish(tenant string, documents *Documents, settings any) (Publication, error) {
	return e.publish(false, tenant, documents, settings)
}

// DangerPublishWithoutRefused publishes what compiled and leaves out what was refused.
//
// DANGER: what the refused policies forbid is allowed from now on.
func (e *Engine) DangerPublishWithoutRefused(
	tenant string, documents *Documents, settings any,
) (Publication, error) {
	return e.publish(true, tenant, documents, settings)
}

func (e *Engine) publish(
	withoutRefused bool, tenant string, documents *Documents, settings any,
) (Publication, error) {
	encoded, err := encode(settings)
	if err != nil {
		return Publication{}, err
	}
	defer runtime.KeepAlive(documents)
	name, nameLength := characters([]byte(tenant))
	chosen, chosenLength := characters(encoded)
	var version C.uint64_t
	publish := func(engine *C.highwater_engine, text *C.highwater_text) C.highwater_status {
		if withoutRefused {
			return C.highwater_danger_publish_without_refused(engine, name, nameLength,
				documents.pointer, chosen, chosenLength, text, &version)
		}
		return C.highwater_engine_publish(engine, name, nameLength,
			documents.pointer, chosen, chosenLength, text, &version)
	}
	written, err := e.read(publish)
	return Publication{Version: uint64(version), Report: written}, err
}
