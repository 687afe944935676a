"""What the tests share: a tenant with a policy, a user's claims, the present."""

from __future__ import annotations

from typing import Any

import pytest

from highwater import Documents, Engine, Request

TENANT = "contoso"
#: Milliseconds since 1970.
NOW = 1_763_760_100_000

OFFICE_ONLY: list[dict[str, Any]] = [
    {
        "@odata.type": "#microsoft.graph.ipNamedLocation",
        "id": "0ff1ce00-0000-4000-8000-000000000001",
        "displayName": "Office",
        "isTrusted": True,
        "ipRanges": [
            {"@odata.type": "#microsoft.graph.iPv4CidrRange", "cidrAddress": "203.0.113.0/24"},
            {"@odata.type": "#microsoft.graph.iPv6CidrRange", "cidrAddress": "2001:db8::/32"},
        ],
    },
    {
        "id": "b10c0000-0000-4000-8000-000000000001",
        "displayName": "Block outside the office",
        "state": "enabled",
        "conditions": {
            "users": {"includeUsers": ["All"]},
            "applications": {"includeApplications": ["All"]},
            "clientAppTypes": ["all"],
            "locations": {"includeLocations": ["All"], "excludeLocations": ["AllTrusted"]},
        },
        "grantControls": {"operator": "OR", "builtInControls": ["block"]},
    },
]


def claims(**changes: Any) -> dict[str, Any]:
    """Claims of a user whose client can answer a challenge."""
    return {
        "iss": "https://sts.windows.net/contoso/",
        "tid": TENANT,
        "oid": "ada",
        "aud": "api://orders",
        "iat": 1_763_759_000,
        "exp": 1_763_762_900,
        "xms_cc": ["cp1"],
        **changes,
    }


def event(effect: str, **changes: Any) -> dict[str, Any]:
    """An event about that user, half a minute before the present."""
    return {
        "time": 1_763_760_070,
        "tenant": TENANT,
        "subject": {"user": "ada"},
        "effect": effect,
        "source": "directory",
        **changes,
    }


def office() -> Request:
    """A request from the office."""
    return Request(now=NOW, address="203.0.113.7")


def elsewhere() -> Request:
    """A request from somewhere else."""
    return Request(now=NOW, address="198.51.100.9")


@pytest.fixture
def engine() -> Engine:
    """An engine with the tenant published."""
    engine = Engine()
    engine.publish(TENANT, Documents().add("office.json", OFFICE_ONLY))
    return engine
