"""Prints `python<TAB>nanoseconds per decision, single<TAB>the same in batches of 64`.

The answers are checked before anything is measured; each figure is the best of several rounds.
"""

from __future__ import annotations

import timeit

from highwater import Batch, Documents, Engine, Request

POLICIES = """[
{"@odata.type": "#microsoft.graph.ipNamedLocation", "id": "0ff1ce00-0000-4000-8000-000000000001",
 "displayName": "Office", "isTrusted": true,
 "ipRanges": [{"@odata.type": "#microsoft.graph.iPv4CidrRange", "cidrAddress": "203.0.113.0/24"}]},
{"id": "b10c0000-0000-4000-8000-000000000001", "displayName": "Block outside the office",
 "state": "enabled",
 "conditions": {"users": {"includeUsers": ["All"]}, "applications": {"includeApplications": ["All"]},
  "locations": {"includeLocations": ["All"], "excludeLocations": ["AllTrusted"]}},
 "grantControls": {"operator": "OR", "builtInControls": ["block"]}}]"""
CLAIMS = {
    "iss": "https://sts.windows.net/contoso/",
    "tid": "contoso",
    "oid": "ada",
    "aud": "api://orders",
    "iat": 1_763_759_000,
    "exp": 1_763_762_900,
    "xms_cc": ["cp1"],
}
NOW = 1_763_760_100_000
ROUNDS = 7
CALLS = 100_000
BATCH = 64


def main() -> None:
    """Measures and prints."""
    engine = Engine()
    engine.publish("contoso", Documents().add("policies.json", POLICIES))
    token, request = engine.token(CLAIMS), Request(now=NOW, address="203.0.113.7")
    batch = Batch([(token, request)] * BATCH)
    outside = Request(now=NOW, address="198.51.100.9")
    assert engine.decide(token, request).allowed
    assert not engine.decide(token, outside).allowed
    assert engine.decide_batch(batch).allowed() == [True] * BATCH

    single = timeit.repeat(
        lambda: engine.decide(token, request).allowed, number=CALLS, repeat=ROUNDS
    )
    batched = timeit.repeat(
        lambda: engine.decide_batch(batch).allowed(), number=CALLS // BATCH, repeat=ROUNDS
    )
    per_decision = min(batched) / (CALLS // BATCH * BATCH)
    print(f"python\t{min(single) / CALLS * 1e9:.1f}\t{per_decision * 1e9:.1f}")


if __name__ == "__main__":
    main()
