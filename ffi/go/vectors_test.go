package highwater

import (
	"bufio"
	"encoding/json"
	"errors"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"
)

// What `cargo run -p highwater-tests --bin vectors` writes: the corpus with the engine's answers.
type vector struct {
	Name      string
	Options   json.RawMessage
	Tenant    string
	Settings  json.RawMessage
	Documents []struct {
		Kind       DocumentKind
		Name, Text string
	}
	Steps []step
}

type step struct {
	Event, Request, Answer, Explanation string
	Error                               *struct{ Message, Path string }
	Parts                               struct {
		Claims                string
		Now                   int64
		Address               *netip.Addr
		Resource              *string
		AuthenticationContext string `json:"authentication_context"`
		Country               string
		Platform              Platform
		ClientAppType         ClientAppType `json:"client_app_type"`
		CompliantNetwork      Answer        `json:"compliant_network"`
		Device                *string
	}
}

func corpus(t *testing.T) (vectors []vector) {
	file, err := os.Open(os.Getenv("HIGHWATER_VECTORS"))
	if err != nil {
		t.Fatal("HIGHWATER_VECTORS names no file: ", err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var one vector
		if err := json.Unmarshal(lines.Bytes(), &one); err != nil {
			t.Fatal(err)
		}
		vectors = append(vectors, one)
	}
	if len(vectors) < 100 {
		t.Fatalf("%d cases", len(vectors))
	}
	return vectors
}

func (v *vector) start(t *testing.T) *Engine {
	engine := must(New(v.Options))
	t.Cleanup(func() { engine.Close() })
	documents := NewDocuments()
	for _, document := range v.Documents {
		if err := documents.Add(document.Name, []byte(document.Text), document.Kind); err != nil {
			t.Fatal(err)
		}
	}
	must(engine.Publish(v.Tenant, documents, v.Settings))
	return engine
}

func (s *step) request() *Request {
	parts := &s.Parts
	request := &Request{
		Now:                   time.UnixMilli(parts.Now),
		AuthenticationContext: parts.AuthenticationContext,
		Country:               parts.Country,
		Platform:              parts.Platform,
		ClientAppType:         parts.ClientAppType,
		CompliantNetwork:      parts.CompliantNetwork,
	}
	if parts.Address != nil {
		request.Address = *parts.Address
	}
	if parts.Resource != nil {
		request.Resource = must(NewResource(*parts.Resource))
	}
	if parts.Device != nil {
		request.Device = must(NewDevice(*parts.Device))
	}
	return request
}

// check holds a decision against the engine's own answer.
func (s *step) check(t *testing.T, decision Decision, token *Token) {
	t.Helper()
	var answer struct {
		Decision            string
		Status              int
		Reasons             []string
		Policies            []struct{}
		Uncovered, Degraded bool
		WWWAuthenticate     string `json:"www_authenticate"`
	}
	if err := json.Unmarshal([]byte(s.Answer), &answer); err != nil {
		t.Fatal(err)
	}
	var reasons []string
	for _, reason := range decision.Reasons() {
		reasons = append(reasons, reason.String())
	}
	header := must(decision.Header(token, s.request()))
	if decision.Outcome().String() != answer.Decision ||
		decision.Allowed() != (answer.Decision == "allow") ||
		decision.Status() != answer.Status ||
		!slices.Equal(reasons, answer.Reasons) ||
		decision.PolicyCount() != len(answer.Policies) ||
		decision.Uncovered() != answer.Uncovered ||
		decision.Degraded() != answer.Degraded ||
		header != answer.WWWAuthenticate {
		t.Fatalf("%s: %v %d %v %q", s.Answer, decision.Outcome(), decision.Status(), reasons, header)
	}
}

func TestVectorsAsJSONByteForByte(t *testing.T) {
	for _, vector := range corpus(t) {
		t.Run(vector.Name, func(t *testing.T) {
			answering, explaining := vector.start(t), vector.start(t)
			for _, step := range vector.Steps {
				if step.Event != "" {
					must(answering.Apply(step.Event))
					must(explaining.Apply(step.Event))
					continue
				}
				answer, err := answering.Answer(step.Request)
				if step.Error != nil {
					var refusal *Error
					if !errors.As(err, &refusal) || refusal.Message != step.Error.Message ||
						refusal.Path != step.Error.Path {
						t.Fatal(err)
					}
					continue
				}
				if err != nil || string(answer) != step.Answer {
					t.Fatalf("%s, expected %s", answer, step.Answer)
				}
				if explanation := must(explaining.AnswerAndExplain(step.Request)); string(explanation) != step.Explanation {
					t.Fatalf("%s, expected %s", explanation, step.Explanation)
				}
			}
		})
	}
}

func TestVectorsAsTokensAndRequests(t *testing.T) {
	for _, vector := range corpus(t) {
		t.Run(vector.Name, func(t *testing.T) {
			single, batched := vector.start(t), vector.start(t)
			batch := NewBatch(len(vector.Steps))
			var waiting []step
			var tokens []*Token
			decide := func() {
				decisions := make([]Decision, batch.Len())
				if err := batched.DecideBatch(batch, decisions); err != nil {
					t.Fatal(err)
				}
				for index := range decisions {
					waiting[index].check(t, decisions[index], tokens[index])
				}
				batch.Clear()
				waiting, tokens = nil, nil
			}
			for _, step := range vector.Steps {
				switch {
				case step.Event != "":
					decide()
					must(single.Apply(step.Event))
					must(batched.Apply(step.Event))
				case step.Error == nil:
					token := must(single.Token(step.Parts.Claims))
					step.check(t, must(single.Decide(token, step.request())), token)
					token = must(batched.Token(step.Parts.Claims))
					if err := batch.Append(token, step.request()); err != nil {
						t.Fatal(err)
					}
					waiting, tokens = append(waiting, step), append(tokens, token)
				}
			}
			decide()
		})
	}
}
