// Command cost prints `go<TAB>nanoseconds per decision, single<TAB>the same in batches of 64`.
// The answers are checked before anything is measured; each figure is the best of several rounds.
package main

import (
	"fmt"
	"net/netip"
	"os"
	"time"

	"highwater.example/highwater"
)

const policies = `[
{"@odata.type": "#microsoft.graph.ipNamedLocation", "id": "0ff1ce00-0000-4000-8000-000000000001",
 "displayName": "Office", "isTrusted": true,
 "ipRanges": [{"@odata.type": "#microsoft.graph.iPv4CidrRange", "cidrAddress": "203.0.113.0/24"}]},
{"id": "b10c0000-0000-4000-8000-000000000001", "displayName": "Block outside the office",
 "state": "enabled",
 "conditions": {"users": {"includeUsers": ["All"]}, "applications": {"includeApplications": ["All"]},
  "locations": {"includeLocations": ["All"], "excludeLocations": ["AllTrusted"]}},
 "grantControls": {"operator": "OR", "builtInControls": ["block"]}}]`

const claims = `{"iss": "https://sts.windows.net/contoso/", "tid": "contoso", "oid": "ada",
 "aud": "api://orders", "iat": 1763759000, "exp": 1763762900, "xms_cc": ["cp1"]}`

const (
	rounds = 7
	calls  = 200_000
	size   = 64
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	engine, err := highwater.New(nil)
	if err != nil {
		return err
	}
	documents := highwater.NewDocuments()
	if err := documents.Add("policies.json", []byte(policies), highwater.DocumentGraph); err != nil {
		return err
	}
	if _, err := engine.Publish("contoso", documents, nil); err != nil {
		return err
	}
	token, err := engine.Token(claims)
	if err != nil {
		return err
	}
	now := time.UnixMilli(1_763_760_100_000)
	request := &highwater.Request{Now: now, Address: netip.MustParseAddr("203.0.113.7")}
	outside := &highwater.Request{Now: now, Address: netip.MustParseAddr("198.51.100.9")}
	batch, decisions := highwater.NewBatch(size), make([]highwater.Decision, size)
	for range size {
		if err := batch.Append(token, request); err != nil {
			return err
		}
	}

	decide := func(request *highwater.Request, want bool) error {
		decision, err := engine.Decide(token, request)
		if err == nil && decision.Allowed() != want {
			err = fmt.Errorf("allowed is not %t", want)
		}
		return err
	}
	decideBatch := func() error {
		err := engine.DecideBatch(batch, decisions)
		for index := range decisions {
			if err == nil && !decisions[index].Allowed() {
				err = fmt.Errorf("request %d is not allowed", index)
			}
		}
		return err
	}
	if err := decide(outside, false); err != nil {
		return err
	}
	single, err := best(calls, func() error { return decide(request, true) })
	if err != nil {
		return err
	}
	batched, err := best(calls/size, decideBatch)
	if err != nil {
		return err
	}
	fmt.Printf("go\t%.1f\t%.1f\n", single, batched/size)
	return nil
}

// best is nanoseconds per call in the best round.
func best(calls int, call func() error) (float64, error) {
	fastest := time.Duration(1<<63 - 1)
	for range rounds {
		started := time.Now()
		for range calls {
			if err := call(); err != nil {
				return 0, err
			}
		}
		fastest = min(fastest, time.Since(started))
	}
	return float64(fastest.Nanoseconds()) / float64(calls), nil
}
