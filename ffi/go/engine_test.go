package highwater

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const tenant = "contoso"

var now = time.UnixMilli(1_763_760_100_000)

const officeOnly = `[
{"@odata.type": "#microsoft.graph.ipNamedLocation", "id": "0ff1ce00-0000-4000-8000-000000000001",
 "displayName": "Office", "isTrusted": true,
 "ipRanges": [{"@odata.type": "#microsoft.graph.iPv4CidrRange", "cidrAddress": "203.0.113.0/24"}]},
{"id": "b10c0000-0000-4000-8000-000000000001", "displayName": "Block outside the office",
 "state": "enabled",
 "conditions": {"users": {"includeUsers": ["All"]}, "applications": {"includeApplications": ["All"]},
  "locations": {"includeLocations": ["All"], "excludeLocations": ["AllTrusted"]}},
 "grantControls": {"operator": "OR", "builtInControls": ["block"]}}]`

func claims(changes map[string]any) map[string]any {
	all := map[string]any{
		"iss": "https://sts.windows.net/contoso/", "tid": tenant, "oid": "ada",
		"aud": "api://orders", "iat": 1_763_759_000, "exp": 1_763_762_900,
		"xms_cc": []string{"cp1"},
	}
	for name, value := range changes {
		all[name] = value
	}
	return all
}

func event(effect string) map[string]any {
	return map[string]any{
		"time": 1_763_760_070, "tenant": tenant, "subject": map[string]any{"user": "ada"},
		"effect": effect, "source": "directory",
	}
}

func from(address string) *Request {
	return &Request{Now: now, Address: netip.MustParseAddr(address)}
}

var (
	office    = func() *Request { return from("203.0.113.7") }
	elsewhere = func() *Request { return from("198.51.100.9") }
)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func started(t *testing.T) *Engine {
	engine := must(New(nil))
	t.Cleanup(func() { engine.Close() })
	must(engine.Publish(tenant, documents(officeOnly), nil))
	return engine
}

func documents(text string) *Documents {
	documents := NewDocuments()
	if err := documents.Add("documents.json", []byte(text), DocumentGraph); err != nil {
		panic(err)
	}
	return documents
}

func check(t *testing.T, decision Decision, outcome Outcome, reasons ...Reason) {
	t.Helper()
	if decision.Outcome() != outcome || !slices.Equal(decision.Reasons(), reasons) {
		t.Fatalf("%v %v, expected %v %v", decision.Outcome(), decision.Reasons(), outcome, reasons)
	}
	if decision.Allowed() != (outcome == Allow) {
		t.Fatal("allowed is not the outcome")
	}
}

func refused(t *testing.T, err error, status Status, path string) *Error {
	t.Helper()
	var refusal *Error
	if !errors.As(err, &refusal) || !errors.Is(err, status) {
		t.Fatalf("%v, expected %v", err, status)
	}
	if refusal.Path != path || refusal.Message == "" {
		t.Fatalf("%q at %q, expected %q", refusal.Message, refusal.Path, path)
	}
	return refusal
}

func TestARequestIsAllowedUntilItsUserIsRevoked(t *testing.T) {
	engine := started(t)
	token := must(engine.Token(claims(nil)))
	check(t, must(engine.Decide(token, office())), Allow)
	if changed := must(engine.Apply(event("revoke"))); changed != 1 {
		t.Fatalf("%d registers changed", changed)
	}
	decision := must(engine.Decide(token, office()))
	check(t, decision, Challenge, TokenRevoked)
	header := must(decision.Header(token, office()))
	if !strings.Contains(header, `error="insufficient_claims"`) || decision.Status() != 401 {
		t.Fatal(header)
	}
	if decision.NotBefore().Before(now) {
		t.Fatal(decision.NotBefore())
	}
	more := must(decision.HeaderWithClaims(token, office(), json.RawMessage(`{"acrs": {"value": "c9"}}`)))
	text := must(base64.StdEncoding.DecodeString(
		strings.TrimSuffix(more[strings.Index(more, `claims="`)+8:], `"`)))
	if !bytes.Contains(text, []byte("c9")) {
		t.Fatal(string(text))
	}
	if changed := must(engine.Apply(event("revoke"))); changed != 0 {
		t.Fatal("joining twice changes nothing")
	}
}

func TestPoliciesAreNamedAndExplained(t *testing.T) {
	engine := started(t)
	token := must(engine.Token(claims(nil)))
	decision := must(engine.Decide(token, elsewhere()))
	check(t, decision, Challenge, LocationBlocked)
	var policies []struct{ Name string }
	if err := json.Unmarshal(must(engine.Policies(tenant)), &policies); err != nil {
		t.Fatal(err)
	}
	if decision.PolicyCount() != 1 || policies[decision.Policies()[0]].Name != "Block outside the office" {
		t.Fatal(decision.Policies(), policies)
	}
	if explained := must(engine.Explain(token, elsewhere())); !bytes.Contains(explained, []byte(`"failure"`)) {
		t.Fatal(string(explained))
	}
	if !must(engine.Remove(tenant)) || must(engine.Remove(tenant)) {
		t.Fatal("removed once")
	}
	check(t, must(engine.Decide(token, office())), Deny, TenantUnknown)
}

func TestAnAuthenticationContextIsPassed(t *testing.T) {
	engine := started(t)
	token := must(engine.Token(claims(nil)))
	request := office()
	request.AuthenticationContext = strings.Repeat("c", 3000)
	request.Device = must(NewDevice(map[string]any{"isCompliant": true}))
	request.Resource = must(NewResource("api://orders"))
	decision := must(engine.Decide(token, request))
	check(t, decision, Challenge, AuthContextRequired)
	if header := must(decision.Header(token, request)); len(header) < 3000 {
		t.Fatal(header)
	}
	batch := NewBatch(1)
	if err := batch.Append(token, request); err != nil {
		t.Fatal(err)
	}
	decisions := make([]Decision, 1)
	if err := engine.DecideBatch(batch, decisions); err != nil {
		t.Fatal(err)
	}
	check(t, decisions[0], Challenge, AuthContextRequired)
}

func TestATokenIsRenewedAfterAPublication(t *testing.T) {
	engine := started(t)
	token := must(engine.Token(claims(nil)))
	if must(engine.Renew(token)) != token {
		t.Fatal("as good as new")
	}
	must(engine.Publish(tenant, documents("[]"), map[string]any{"policy_change": "off"}))
	renewed := must(engine.Renew(token))
	if renewed == token {
		t.Fatal("not renewed")
	}
	check(t, must(engine.Decide(renewed, elsewhere())), Allow)
	if facts := must(renewed.Facts()); !bytes.Contains(facts, []byte(`"subject":"ada"`)) {
		t.Fatal(string(facts))
	}
}

func TestRefusedDocumentsChangeNothing(t *testing.T) {
	engine := started(t)
	wrong := documents(`[{"id": "x", "displayName": "X", "state": "maybe"}]`)
	_, err := engine.Publish(tenant, wrong, nil)
	var refusal *Error
	if !errors.As(err, &refusal) || !errors.Is(err, StatusDocumentsRefused) ||
		!bytes.Contains(refusal.Report, []byte("documents.json")) {
		t.Fatal(err)
	}
	if report := must(wrong.Check()); !bytes.Equal(report, refusal.Report) {
		t.Fatal(string(report))
	}
	token := must(engine.Token(claims(nil)))
	check(t, must(engine.Decide(token, elsewhere())), Challenge, LocationBlocked)
	must(engine.DangerPublishWithoutRefused(tenant, wrong, nil))
	check(t, must(engine.Decide(token, elsewhere())), Allow)
	err = NewDocuments().AddPath(filepath.Join(t.TempDir(), "missing.json"), DocumentGraph)
	if !errors.Is(err, StatusUnreadableFile) {
		t.Fatal(err)
	}
}

func TestWrongInputIsNamedByItsPlace(t *testing.T) {
	engine := started(t)
	_, err := engine.Token(claims(map[string]any{"iat": "yesterday"}))
	refused(t, err, StatusInvalidClaims, "/iat")
	_, err = engine.Token("{")
	refused(t, err, StatusInvalidJSON, "")
	_, err = engine.Token([]byte("{\"iss\": \"\xff\"}"))
	refused(t, err, StatusInvalidUTF8, "claims")
	_, err = New(`{"settings": {"skews": 1}}`)
	refused(t, err, StatusInvalidSettings, "/settings/skews")
	if _, err = engine.Token(make(chan int)); err == nil {
		t.Fatal("a channel is no JSON")
	}
	token := must(engine.Token(claims(nil)))
	decision, err := engine.Decide(token, &Request{Now: now, Country: "DEU"})
	if err == nil || decision.Allowed() {
		t.Fatal("a country has two letters")
	}
	decision, err = engine.Decide(token, &Request{Now: time.UnixMilli(0)})
	if !errors.Is(err, StatusInvalidArgument) || decision != (Decision{}) {
		t.Fatal(err)
	}
	if _, err = engine.Apply([]any{event("revoke"), event("explode")}); !errors.Is(err, StatusInvalidEvent) {
		t.Fatal(err)
	}
	check(t, must(engine.Decide(token, office())), Allow)
}

func TestABatchDecidesAsSingleRequests(t *testing.T) {
	engine := started(t)
	token := must(engine.Token(claims(nil)))
	batch := NewBatch(200)
	for index := range batch.Cap() {
		request := office()
		if index%3 == 0 {
			request = elsewhere()
		}
		if err := batch.Append(token, request); err != nil {
			t.Fatal(err)
		}
	}
	if err := batch.Append(token, office()); !errors.Is(err, ErrLength) {
		t.Fatal(err)
	}
	decisions := make([]Decision, batch.Len())
	if err := engine.DecideBatch(batch, decisions[:10]); !errors.Is(err, ErrLength) {
		t.Fatal(err)
	}
	if err := engine.DecideBatch(batch, decisions); err != nil {
		t.Fatal(err)
	}
	for index := range decisions {
		if decisions[index].Allowed() != (index%3 != 0) {
			t.Fatal(index)
		}
	}
	batch.Clear()
	for _, request := range []*Request{office(), {Now: time.UnixMilli(0)}} {
		if err := batch.Append(token, request); err != nil {
			t.Fatal(err)
		}
	}
	err := engine.DecideBatch(batch, decisions[1:3])
	var refusal *Error
	if !errors.As(err, &refusal) || !strings.HasPrefix(refusal.Path, "/1") {
		t.Fatal(err)
	}
	if decisions[1].Allowed() || decisions[2].Allowed() {
		t.Fatal("what was refused does not allow")
	}
	batch.Clear()
	if err := engine.DecideBatch(batch, nil); err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsClosedRefuses(t *testing.T) {
	engine := must(New(`{"settings": {"accept_any_tenant": true}}`))
	token := must(engine.Token(claims(nil)))
	other := started(t)
	decision := must(other.Decide(token, office()))
	if decision.Allowed() {
		t.Fatal("a token of another engine")
	}
	batch := NewBatch(1)
	if err := batch.Append(token, office()); err != nil {
		t.Fatal(err)
	}
	decisions := make([]Decision, 1)
	if err := engine.DecideBatch(batch, decisions); err != nil || !decisions[0].Allowed() {
		t.Fatal(err)
	}
	engine.Close()
	engine.Close()
	decision, err := engine.Decide(token, office())
	if !errors.Is(err, ErrClosed) || decision.Allowed() {
		t.Fatal(err)
	}
	if err := engine.DecideBatch(batch, decisions); !errors.Is(err, ErrClosed) || decisions[0].Allowed() {
		t.Fatal(err)
	}
	for _, use := range []func() error{
		func() error { _, err := engine.Token(claims(nil)); return err },
		func() error { _, err := engine.Apply(event("revoke")); return err },
		func() error { _, err := engine.Status(now); return err },
		func() error { _, err := engine.Publish(tenant, documents("[]"), nil); return err },
	} {
		if err := use(); !errors.Is(err, ErrClosed) {
			t.Fatal(err)
		}
	}
}

func TestFactsSurviveInAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "revocations.redb")
	engine := must(Open(path, nil))
	must(engine.Apply(event("revoke")))
	if _, err := Open(path, nil); !errors.Is(err, StatusStoreInUse) {
		t.Fatal(err)
	}
	engine.Close()
	again := must(Open(path, `{"settings": {"accept_any_tenant": true}, "store": {"creation": "never"}}`))
	defer again.Close()
	token := must(again.Token(claims(nil)))
	check(t, must(again.Decide(token, office())), Challenge, TokenRevoked)
	if forgotten := must(again.ForgetExpired(now.Add(40 * time.Hour))); forgotten != 1 {
		t.Fatal(forgotten)
	}
	if err := again.Reopen(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path+".missing", `{"store": {"creation": "never"}}`); !errors.Is(err, StatusStoreMissing) {
		t.Fatal(err)
	}
}

func TestSecurityEventsAreTakenOrRefused(t *testing.T) {
	engine := must(New(`{"settings": {"accept_any_tenant": true}, "transmitters": [{"name": "idp",
		"issuer": "https://idp.example", "audience": "https://rs.example", "jwks_uri": "https://idp.example/keys"}]}`))
	defer engine.Close()
	token := must(engine.Token(
		`{"iss": "https://idp.example", "sub": "ada", "iat": 1763760000, "exp": 1763763600}`))
	check(t, must(engine.Decide(token, office())), Allow)
	set := `{"iss": "https://idp.example", "aud": "https://rs.example", "jti": "1", "iat": 1763760080,
		"sub_id": {"format": "iss_sub", "iss": "https://idp.example", "sub": "ada"}, "events": {
		"https://schemas.openid.net/secevent/caep/event-type/session-revoked": {"event_timestamp": 1763760070}}}`
	must(engine.ReceiveTrusted(set, now))
	check(t, must(engine.Decide(token, office())), Deny, TokenRevoked)
	_, err := engine.ReceiveTrusted(strings.Replace(set, "rs.example", "other.example", 1), now)
	var refusal *Error
	if !errors.As(err, &refusal) || !errors.Is(err, StatusSignalRefused) ||
		!bytes.Contains(refusal.Report, []byte("invalid_audience")) {
		t.Fatal(err)
	}
	part := base64.RawURLEncoding.EncodeToString
	signed := part([]byte(`{"typ": "secevent+jwt", "alg": "ES256", "kid": "k"}`)) + "." + part([]byte(set)) + ".AAAA"
	_, err = engine.Receive([]byte(signed), now)
	refused(t, err, StatusUnknownKey, "idp")
	if err := engine.SetKeys("idp", `{"keys": []}`, now); err != nil {
		t.Fatal(err)
	}
	if err := engine.SetKeys("nobody", nil, now); !errors.Is(err, StatusUnknownTransmitter) {
		t.Fatal(err)
	}
	if due := must(engine.DueKeys(now.Add(24 * time.Hour))); !slices.Equal(due, []string{"idp"}) {
		t.Fatal(due)
	}
	text := must(json.Marshal(event("block")))
	must(engine.Ingest("events.jsonl", text, `{"source": "directory"}`, now))
	if err := engine.WatchStream("directory", time.Minute, now); err != nil {
		t.Fatal(err)
	}
	late := office()
	late.Now = now.Add(2 * time.Minute)
	if decision := must(engine.Decide(token, late)); !decision.Degraded() {
		t.Fatal("silence is degraded")
	}
	if err := engine.ObserveStream("directory", late.Now); err != nil {
		t.Fatal(err)
	}
	if decision := must(engine.Decide(token, late)); decision.Degraded() {
		t.Fatal("it was heard of")
	}
}

func TestAFeedSaysWhatToSend(t *testing.T) {
	engine := started(t)
	feed := must(NewFeed(`{"kind": "users", "graph": {"tenant": "contoso"}}`))
	if action := must(feed.Next(now)); !bytes.Contains(action, []byte(`"GET"`)) {
		t.Fatal(string(action))
	}
	page := `{"value": [{"id": "ada", "accountEnabled": false}],
		"@odata.deltaLink": "https://graph.microsoft.com/v1.0/users/delta?$deltatoken=x"}`
	must(feed.Respond(engine, 200, -1, []byte(page), now))
	if err := feed.Lost(now); err != nil {
		t.Fatal(err)
	}
	if state := must(feed.State()); !bytes.Contains(state, []byte("deltatoken")) {
		t.Fatal(string(state))
	}
	if _, err := feed.Respond(engine, 70_000, -1, nil, now); err == nil {
		t.Fatal("no status of HTTP")
	}
	feed.Close()
	if _, err := feed.Next(now); !errors.Is(err, ErrClosed) {
		t.Fatal(err)
	}
	token := must(engine.Token(claims(nil)))
	decision := must(engine.Decide(token, office()))
	if !slices.Contains(decision.Reasons(), SubjectBlocked) {
		t.Fatal(decision.Reasons())
	}
}

func TestTheLibraryLogsWhatItRefuses(t *testing.T) {
	var written bytes.Buffer
	ForwardLog(slog.New(slog.NewTextHandler(&written, nil)))
	defer ForwardLog(nil)
	engine := started(t)
	_, _ = engine.Publish(tenant, documents("{"), nil)
	ForwardLog(nil)
	if !strings.Contains(written.String(), "WARN") {
		t.Fatal(written.String())
	}
	length := written.Len()
	_, _ = engine.Publish(tenant, documents("{"), nil)
	if written.Len() != length {
		t.Fatal("the log was ended")
	}
}

func TestWordsAndVersions(t *testing.T) {
	if TokenRevoked.String() != "token_revoked" || Reason(99).String() != "unknown_reason" {
		t.Fatal(TokenRevoked)
	}
	if Allow.String() != "allow" || Outcome(7).String() != "deny" || StatusBusy.Error() != "BUSY" {
		t.Fatal(Allow)
	}
	if Version() != "0.1.0" || SemanticsVersion() != 1 {
		t.Fatal(Version())
	}
	var zero Decision
	if zero.Allowed() || zero.Outcome() != Deny || zero.Status() != 403 {
		t.Fatal("the zero value denies")
	}
}
