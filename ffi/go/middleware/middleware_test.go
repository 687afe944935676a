package middleware_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"highwater.example/highwater"
	"highwater.example/highwater/middleware"
)

const issuerURL = "https://idp.example"

// issuer signs tokens with ES256, and verifies them: a real host has a library for that.
type issuer struct{ key *ecdsa.PrivateKey }

func (i issuer) token(t *testing.T, changes map[string]any) string {
	now := time.Now().Unix()
	claims := map[string]any{
		"iss": issuerURL, "aud": "api://orders", "sub": "ada",
		"iat": now - 60, "exp": now + 3600, "xms_cc": []string{"cp1"},
	}
	for name, value := range changes {
		claims[name] = value
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	signed := encode([]byte(`{"alg":"ES256","typ":"at+jwt"}`)) + "." + encode(payload)
	digest := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, i.key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return signed + "." + encode(signature)
}

func (i issuer) verify(_ *http.Request, raw string) ([]byte, error) {
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		return nil, errors.New("no JWT")
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || len(signature) != 64 {
		return nil, errors.New("no signature")
	}
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if !verify(&i.key.PublicKey, digest[:], signature) {
		return nil, errors.New("a wrong signature")
	}
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, err
	}
	var checked struct{ Iss, Aud string }
	if err := json.Unmarshal(claims, &checked); err != nil {
		return nil, err
	}
	if checked.Iss != issuerURL || checked.Aud != "api://orders" {
		return nil, errors.New("a token for others")
	}
	return claims, nil
}

func TestARevokedClientIsChallengedAndComesBack(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	idp := issuer{key}
	engine, err := highwater.New(map[string]any{
		"settings": map[string]any{"accept_any_tenant": true},
		"issuers":  []any{map[string]any{"issuer": issuerURL, "answers_challenges": true}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	served := 0
	handler := middleware.New(
		middleware.Options{Engine: engine, Verify: idp.verify, Capacity: 2},
		http.HandlerFunc(func(response http.ResponseWriter, _ *http.Request) {
			served++
			_, _ = io.WriteString(response, "orders")
		}))
	server := httptest.NewServer(handler)
	defer server.Close()
	ask := func(authorization ...string) *http.Response {
		request, err := http.NewRequest(http.MethodGet, server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header["Authorization"] = authorization
		response, err := server.Client().Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		return response
	}
	expect := func(want int, response *http.Response) string {
		t.Helper()
		if response.StatusCode != want {
			t.Fatalf("status %d, expected %d", response.StatusCode, want)
		}
		return response.Header.Get("WWW-Authenticate")
	}

	first := idp.token(t, nil)
	expect(200, ask("Bearer "+first))
	expect(200, ask("bearer "+first))

	now := time.Now().Unix()
	if _, err := engine.Apply(map[string]any{
		"time": now - 5, "tenant": issuerURL, "source": "directory",
		"subject": map[string]any{"user": "ada"}, "effect": "revoke",
	}); err != nil {
		t.Fatal(err)
	}
	header := expect(401, ask("Bearer "+first))
	found := regexp.MustCompile(`claims="([^"]+)"`).FindStringSubmatch(header)
	if found == nil {
		t.Fatalf("no claims in %q", header)
	}
	decoded, err := base64.StdEncoding.DecodeString(found[1])
	if err != nil {
		t.Fatal(err)
	}
	var wanted struct {
		AccessToken struct{ Nbf struct{ Value string } } `json:"access_token"`
	}
	if err := json.Unmarshal(decoded, &wanted); err != nil {
		t.Fatal(err)
	}
	notBefore, err := strconv.ParseInt(wanted.AccessToken.Nbf.Value, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	renewed := idp.token(t, map[string]any{"iat": max(notBefore, now)})
	expect(200, ask("Bearer "+renewed))
	expect(401, ask("Bearer "+first))

	count := served
	for _, wrong := range [][]string{
		{}, {"Bearer "}, {"Basic YWRhOmFkYQ=="}, {"Bearer " + renewed, "Bearer " + renewed},
		{"Bearer nonsense"}, {"Bearer " + renewed[:len(renewed)-4] + "AAAA"},
		{"Bearer " + idp.token(t, map[string]any{"aud": "api://other"})},
		{"Bearer " + idp.token(t, map[string]any{"xms_cc": 7})},
		{"Bearer " + idp.token(t, map[string]any{"exp": now - 3600})},
	} {
		if header := expect(401, ask(wrong...)); !strings.HasPrefix(header, "Bearer") {
			t.Fatalf("%q: %q", wrong, header)
		}
	}
	if served != count {
		t.Fatal("a wrong request was served")
	}
	engine.Close()
	expect(500, ask("Bearer "+renewed))
}
