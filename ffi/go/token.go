package highwater

// #include <highwater.h>
import "C"

import (
	"encoding/json"
	"runtime"
)

// Token is one verified access token of one engine: its claims are read once, and decided as
// often as it is presented. Keep it beside the raw token for as long as it is in use.
type Token struct{ pointer *C.highwater_token }

// Token makes a token of decoded claims, a JSON object. By calling this the host asserts that it
// has verified the token: signature, algorithm, issuer and audience. For this engine alone.
func (e *Engine) Token(claims any) (*Token, error) {
	encoded, err := encode(claims)
	if err != nil {
		return nil, err
	}
	text, length := characters(encoded)
	var pointer *C.highwater_token
	err = e.use(func(engine *C.highwater_engine) C.highwater_status {
		return C.highwater_token_new(engine, text, length, &pointer)
	})
	if err != nil {
		return nil, err
	}
	return newToken(pointer), nil
}

// Renew gives token, or one that knows the present snapshot of its tenant: only for speed, after
// a publication.
func (e *Engine) Renew(token *Token) (*Token, error) {
	var pointer *C.highwater_token
	err := e.use(func(engine *C.highwater_engine) C.highwater_status {
		return C.highwater_token_renew(token.pointer, engine, &pointer)
	})
	runtime.KeepAlive(token)
	if err != nil {
		return nil, err
	}
	if pointer == nil {
		return token, nil
	}
	return newToken(pointer), nil
}

// Facts says what was read from the claims, a JSON object.
func (t *Token) Facts() (json.RawMessage, error) {
	defer runtime.KeepAlive(t)
	return report(func(text *C.highwater_text) C.highwater_status {
		return C.highwater_token_facts(t.pointer, text)
	})
}

func newToken(pointer *C.highwater_token) *Token {
	token := &Token{pointer}
	runtime.AddCleanup(token, func(pointer *C.highwater_token) {
		C.highwater_token_free(pointer)
	}, pointer)
	return token
}
