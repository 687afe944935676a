package highwater

import (
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// Documents are published and events applied while others decide: after a call has returned, no
// decision that starts sees the state before.
func TestARevocationIsInForceWhenTheCallReturns(t *testing.T) {
	engine := started(t)
	token := must(engine.Token(claims(nil)))
	var revoked, done atomic.Bool
	var deciding sync.WaitGroup
	for range 4 {
		deciding.Add(1)
		go func() {
			defer deciding.Done()
			request := office()
			for !done.Load() {
				known := revoked.Load()
				decision, err := engine.Decide(token, request)
				if err != nil || (known && decision.Allowed()) {
					t.Error("allowed after the revocation", err)
					return
				}
			}
		}()
	}
	for round := range 40 {
		must(engine.Publish(tenant, documents(officeOnly), nil))
		if round == 20 {
			must(engine.Apply(event("revoke")))
			revoked.Store(true)
		}
	}
	done.Store(true)
	deciding.Wait()
}

func TestAnEngineThatIsClosedUnderWayEndsAfterTheLastCall(t *testing.T) {
	for range 50 {
		engine := must(New(`{"settings": {"accept_any_tenant": true}}`))
		token := must(engine.Token(claims(nil)))
		var deciding sync.WaitGroup
		for range 4 {
			deciding.Add(1)
			go func() {
				defer deciding.Done()
				for {
					decision, err := engine.Decide(token, office())
					if errors.Is(err, ErrClosed) {
						return
					}
					if err != nil || !decision.Allowed() {
						t.Error(err)
						return
					}
				}
			}()
		}
		runtime.Gosched()
		engine.Close()
		deciding.Wait()
		if !engine.handle.freed.Load() {
			t.Fatal("not freed")
		}
	}
}

// What is collected gives its memory of C back, and nothing that is in use is collected.
func TestMemoryComesBack(t *testing.T) {
	engine := started(t)
	for range 200 {
		batch := NewBatch(8)
		for range batch.Cap() {
			request := office()
			request.AuthenticationContext = "c1"
			request.Device = must(NewDevice(`{"isCompliant": true}`))
			if err := batch.Append(must(engine.Token(claims(nil))), request); err != nil {
				t.Fatal(err)
			}
		}
		runtime.GC()
		decisions := make([]Decision, batch.Len())
		if err := engine.DecideBatch(batch, decisions); err != nil {
			t.Fatal(err)
		}
		for index := range decisions {
			if decisions[index].Allowed() {
				t.Fatal("the context was lost")
			}
		}
	}
}
