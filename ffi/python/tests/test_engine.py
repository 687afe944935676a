"""What a service does with the package."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timezone
from ipaddress import ip_address

from conftest import NOW, TENANT, claims, elsewhere, event, office

import highwater
from highwater import Batch, Device, Documents, Engine, Outcome, Reason, Request


def wanted(header: str | None) -> dict[str, dict[str, str]]:
    """What a challenge asks for."""
    assert header is not None
    document = json.loads(base64.b64decode(header.rsplit('claims="', 1)[1].rstrip('"')))
    token: dict[str, dict[str, str]] = document["access_token"]
    return token


def test_a_request_is_allowed_until_its_user_is_revoked(engine: Engine) -> None:
    token = engine.token(claims())
    assert engine.decide(token, office()).allowed
    assert engine.apply(event("revoke")) == 1
    decision = engine.decide(token, office())
    assert not decision
    assert decision.outcome is Outcome.CHALLENGE
    assert decision.reasons == (Reason.TOKEN_REVOKED,)
    assert engine.apply(event("revoke")) == 0, "joining twice changes nothing"


def test_a_challenge_asks_for_a_newer_token(engine: Engine) -> None:
    token = engine.token(claims())
    engine.apply(event("revoke"))
    decision = engine.decide(token, office())
    nbf = wanted(decision.header(token, office()))["nbf"]["value"]
    assert nbf == str(decision.not_before)
    more = decision.header(token, office(), {"acrs": {"essential": True, "value": "c9"}})
    assert wanted(more)["acrs"]["value"] == "c9"


def test_an_allowed_request_has_no_header(engine: Engine) -> None:
    token = engine.token(claims())
    assert engine.decide(token, office()).header(token, office()) is None


def test_a_header_that_is_longer_than_usual_is_written_whole(engine: Engine) -> None:
    token = engine.token(claims())
    request = office()
    request.authentication_context = "c" * 3000
    decision = engine.decide(token, request)
    assert Reason.AUTH_CONTEXT_REQUIRED in decision.reasons
    assert wanted(decision.header(token, request))["acrs"]["value"] == "c" * 3000


def test_policies_are_named_and_explained(engine: Engine) -> None:
    token = engine.token(claims())
    explained = engine.explain(token, elsewhere())
    decision = engine.decide(token, elsewhere())
    policies = engine.policies(TENANT)
    assert policies is not None
    assert [policies[index]["name"] for index in decision.policies] == ["Block outside the office"]
    assert explained["decision"] == "challenge"
    assert explained["policies"][0]["result"] == "failure"
    assert engine.policies("nobody") is None


def test_a_tenant_can_be_removed(engine: Engine) -> None:
    token = engine.token(claims())
    assert engine.remove(TENANT)
    assert not engine.remove(TENANT)
    assert engine.decide(token, office()).reasons == (Reason.TENANT_UNKNOWN,)


def test_a_token_is_renewed_after_a_publication(engine: Engine) -> None:
    token = engine.token(claims())
    assert engine.renew(token) is token
    assert engine.publish(TENANT, Documents().add("none.json", [])).version > 0
    renewed = engine.renew(token)
    assert renewed is not token
    assert engine.decide(renewed, elsewhere()).allowed, "the policy is gone"
    assert engine.decide(renewed, elsewhere()) == engine.decide(token, elsewhere())


def test_a_batch_decides_as_single_requests(engine: Engine) -> None:
    token = engine.token(claims())
    request = office()
    batch = Batch(capacity=2)
    for index in range(200):
        request.address = f"{'203.0.113' if index % 3 else '198.51.100'}.{index}"
        batch.append(token, request)
    assert len(batch) == 200
    decisions = engine.decide_batch(batch)
    assert decisions.allowed() == [index % 3 != 0 for index in range(200)]
    assert decisions[-1] == decisions[199]
    assert [decision.allowed for decision in decisions[:3]] == [False, True, True]
    batch[0] = (token, office())
    assert engine.decide_batch(batch)[0].allowed
    batch.clear()
    assert list(engine.decide_batch(batch)) == []
    assert engine.decide_batch(batch).allowed() == []


def test_a_batch_keeps_what_it_needs_alive(engine: Engine) -> None:
    batch = Batch()
    for index in range(100):
        batch.append(
            engine.token(claims()),
            Request(
                now=NOW,
                address="203.0.113.7",
                authentication_context=f"c{index}",
                resource=highwater.Resource("api://orders"),
                device=Device({"isCompliant": True}),
            ),
        )
    reasons = {decision.reasons for decision in engine.decide_batch(batch)}
    assert all(reason[-1:] == (Reason.AUTH_CONTEXT_REQUIRED,) for reason in reasons)


def test_a_request_says_what_it_was_told() -> None:
    request = Request(
        now=datetime(2025, 11, 21, 21, 21, 40, 5000, tzinfo=timezone.utc),
        address=ip_address("2001:db8::7"),
        country="de",
        platform=highwater.Platform.LINUX,
        client_app_type=highwater.ClientAppType.BROWSER,
        compliant_network=False,
        authentication_context="c1",
    )
    assert request.now == NOW + 5
    assert request.address == ip_address("2001:db8::7")
    assert request.country == "de"
    assert request.platform is highwater.Platform.LINUX
    assert request.client_app_type is highwater.ClientAppType.BROWSER
    assert request.compliant_network is False
    assert request.authentication_context == "c1"
    request.address = ip_address("203.0.113.7")
    assert request.address == ip_address("203.0.113.7")
    empty = Request()
    assert empty.now > NOW
    for member in (
        "address",
        "country",
        "platform",
        "client_app_type",
        "compliant_network",
        "authentication_context",
        "resource",
        "device",
    ):
        setattr(request, member, None)
        assert getattr(request, member) is None
        assert getattr(empty, member) is None


def test_versions_are_told() -> None:
    assert highwater.version() == "0.1.0"
    assert highwater.semantics_version() == 1
