// Package middleware serves an HTTP request only if Highwater says that its token is still good.
//
// How a token is verified is the host's choice: it brings a [Verifier]. What the middleware adds
// is the rest: each token is verified and parsed once, every request is decided, and a refusal is
// answered with the header that clients understand.
package middleware

import (
	"container/list"
	"crypto/sha256"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"sync"

	"highwater.example/highwater"
)

// A Verifier checks signature, algorithm, issuer and audience of a token and returns its claims,
// JSON. An error means that the token is not good; it is not shown to the client.
type Verifier func(request *http.Request, raw string) (claims []byte, err error)

// Options of a [Handler]; only Engine and Verify are needed.
type Options struct {
	Engine *highwater.Engine
	Verify Verifier
	// Address gives the client's address; by default that of the connection. Behind a proxy, take
	// it from what the proxy says, never from what a client can write.
	Address func(*http.Request) netip.Addr
	// Capacity is how many verified tokens are kept; by default 100,000.
	Capacity int
}

// New wraps a handler.
func New(options Options, next http.Handler) http.Handler {
	if options.Address == nil {
		options.Address = connection
	}
	if options.Capacity <= 0 {
		options.Capacity = 100_000
	}
	return &handler{
		Options: options,
		next:    next,
		kept:    make(map[[sha256.Size]byte]*list.Element),
		recent:  list.New(),
	}
}

type handler struct {
	Options
	next http.Handler

	// Verified tokens by the digest of the raw one, the most recently used first. The engine
	// judges lifetimes anew with every request, so an expired one may lie here.
	mutex  sync.Mutex
	kept   map[[sha256.Size]byte]*list.Element
	recent *list.List
}

type entry struct {
	digest [sha256.Size]byte
	token  *highwater.Token
}

func (h *handler) ServeHTTP(response http.ResponseWriter, request *http.Request) {
	raw, ok := bearer(request)
	if !ok {
		refuse(response, http.StatusUnauthorized, "Bearer")
		return
	}
	token, err := h.token(request, raw)
	if errors.Is(err, highwater.ErrClosed) {
		refuse(response, http.StatusInternalServerError, "")
		return
	}
	if err != nil {
		refuse(response, http.StatusUnauthorized, `Bearer error="invalid_token"`)
		return
	}
	circumstances := highwater.Request{Address: h.Address(request)}
	decision, err := h.Engine.Decide(token, &circumstances)
	if err != nil {
		refuse(response, http.StatusInternalServerError, "")
		return
	}
	if !decision.Allowed() {
		header, err := decision.Header(token, &circumstances)
		if err != nil {
			refuse(response, http.StatusInternalServerError, "")
			return
		}
		refuse(response, decision.Status(), header)
		return
	}
	h.next.ServeHTTP(response, request)
}

func (h *handler) token(request *http.Request, raw string) (*highwater.Token, error) {
	digest := sha256.Sum256([]byte(raw))
	h.mutex.Lock()
	element, ok := h.kept[digest]
	if ok {
		h.recent.MoveToFront(element)
	}
	h.mutex.Unlock()
	if ok {
		return element.Value.(entry).token, nil
	}
	claims, err := h.Verify(request, raw)
	if err != nil {
		return nil, err
	}
	token, err := h.Engine.Token(claims)
	if err != nil {
		return nil, err
	}
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if _, ok := h.kept[digest]; !ok {
		h.kept[digest] = h.recent.PushFront(entry{digest, token})
		if h.recent.Len() > h.Capacity {
			delete(h.kept, h.recent.Remove(h.recent.Back()).(entry).digest)
		}
	}
	return token, nil
}

// bearer is the bearer token of a request, if it has exactly one.
func bearer(request *http.Request) (string, bool) {
	values := request.Header.Values("Authorization")
	if len(values) != 1 {
		return "", false
	}
	scheme, raw, _ := strings.Cut(values[0], " ")
	raw = strings.TrimSpace(raw)
	return raw, strings.EqualFold(scheme, "bearer") && raw != ""
}

func connection(request *http.Request) netip.Addr {
	address, err := netip.ParseAddrPort(request.RemoteAddr)
	if err != nil {
		return netip.Addr{} // unknown: no location condition is taken for fulfilled
	}
	return address.Addr().WithZone("")
}

func refuse(response http.ResponseWriter, status int, header string) {
	if header != "" {
		response.Header().Set("WWW-Authenticate", header)
	}
	response.Header().Set("Cache-Control", "no-store")
	response.WriteHeader(status)
}
