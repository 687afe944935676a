"""Facts from everywhere: files that remember, security events, feeds, streams."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from conftest import NOW, TENANT, claims, event, office

from highwater import (
    ClosedError,
    Engine,
    Feed,
    HighwaterError,
    Reason,
    Request,
    SignalRefusedError,
    Status,
    StoreError,
    UnknownKeyError,
)

ISSUER = "https://idp.example"
SECURITY_EVENT: dict[str, object] = {
    "iss": ISSUER,
    "aud": "https://rs.example",
    "jti": "1",
    "iat": 1_763_760_080,
    "sub_id": {"format": "iss_sub", "iss": ISSUER, "sub": "ada"},
    "events": {
        "https://schemas.openid.net/secevent/caep/event-type/session-revoked": {
            "event_timestamp": 1_763_760_070
        }
    },
}


@pytest.fixture
def receiver() -> Engine:
    """An engine with a transmitter whose keys nobody has fetched."""
    return Engine(
        {
            "settings": {"accept_any_tenant": True},
            "transmitters": [
                {
                    "name": "idp",
                    "issuer": ISSUER,
                    "audience": "https://rs.example",
                    "jwks_uri": "https://idp.example/keys",
                }
            ],
        }
    )


def test_facts_survive_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "revocations.redb"
    with Engine.open(path) as engine:
        engine.apply(event("revoke"))
        with pytest.raises(StoreError) as caught:
            Engine.open(path)
        assert caught.value.status == Status.STORE_IN_USE
    options = {"settings": {"accept_any_tenant": True}, "store": {"creation": "never"}}
    with Engine.open(path, options) as engine:
        token = engine.token(claims())
        assert engine.decide(token, office()).reasons == (Reason.TOKEN_REVOKED,)
        assert engine.status(NOW)["facts"]["registers"] == 1
    with pytest.raises(StoreError) as caught:
        Engine.open(tmp_path / "missing.redb", options)
    assert caught.value.status == Status.STORE_MISSING


def test_a_security_event_refuses_the_next_request(receiver: Engine) -> None:
    token = receiver.token({"iss": ISSUER, "sub": "ada", "iat": 1763760000, "exp": 1763763600})
    assert receiver.decide(token, office()).allowed
    report = receiver.receive_trusted(SECURITY_EVENT, NOW)
    assert (report["outcome"], report["changed"]) == ("accepted", 1)
    assert receiver.decide(token, office()).reasons == (Reason.TOKEN_REVOKED,)


def test_a_security_event_for_others_is_refused(receiver: Engine) -> None:
    with pytest.raises(SignalRefusedError) as caught:
        receiver.receive_trusted({**SECURITY_EVENT, "aud": "https://other.example"}, NOW)
    assert caught.value.report["err"] == "invalid_audience"


def test_an_unknown_key_names_whose_keys_to_fetch(receiver: Engine) -> None:
    parts = [{"typ": "secevent+jwt", "alg": "ES256", "kid": "k"}, SECURITY_EVENT, "signature"]
    signed = b".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts
    )
    with pytest.raises(UnknownKeyError) as unknown:
        receiver.receive(signed, NOW)
    assert unknown.value.transmitter == "idp"
    receiver.set_keys("idp", {"keys": []}, NOW)
    receiver.set_keys("idp", None, NOW)
    with pytest.raises(HighwaterError) as nobody:
        receiver.set_keys("nobody", {"keys": []}, NOW)
    assert nobody.value.status == Status.UNKNOWN_TRANSMITTER
    assert receiver.due_keys(NOW + 24 * 3600 * 1000) == ["idp"]


def test_a_file_of_events_is_read(engine: Engine) -> None:
    inputs = engine.ingest(
        "events.jsonl", json.dumps(event("revoke")), {"source": "directory"}, NOW
    )
    assert [taken["outcome"] for taken in inputs] == ["accepted"]
    assert not engine.decide(engine.token(claims()), office())
    with pytest.raises(SignalRefusedError) as caught:
        engine.ingest("events.jsonl", '{"nonsense": 1}', {"source": "directory"}, NOW)
    assert caught.value.report[0]["outcome"] == "refused"


def test_streams_are_watched(engine: Engine) -> None:
    engine.watch_stream("directory", 60, NOW)
    token = engine.token(claims())
    assert not engine.decide(token, office()).degraded
    late = Request(now=NOW + 61_000, address="203.0.113.7")
    assert engine.decide(token, late).degraded
    engine.observe_stream("directory", NOW + 60_000)
    assert not engine.decide(token, late).degraded
    assert engine.status(NOW)["streams"][0]["source"] == "directory"


def test_what_no_token_can_need_is_forgotten(engine: Engine) -> None:
    engine.apply(event("revoke"))
    assert engine.forget_expired(NOW) == 0
    assert engine.forget_expired(NOW + 40 * 3600 * 1000) == 1
    engine.reopen()


def test_a_feed_says_what_to_send_and_applies_what_comes(engine: Engine) -> None:
    options = {"kind": "users", "graph": {"tenant": TENANT}}
    with Feed(options) as feed:
        action = feed.next(NOW)
        assert action["send"]["method"] == "GET"
        page = {
            "value": [{"id": "ada", "accountEnabled": False}],
            "@odata.deltaLink": "https://graph.microsoft.com/v1.0/users/delta?$deltatoken=x",
        }
        outcome = feed.respond(engine, 200, json.dumps(page).encode(), now=NOW)
        assert outcome["complete"]
        feed.lost(NOW)
        state = feed.state()
    with pytest.raises(ClosedError):
        feed.next(NOW)
    decision = engine.decide(engine.token(claims()), office())
    assert Reason.SUBJECT_BLOCKED in decision.reasons
    later = Feed({**options, "state": json.loads(state)}).next(NOW + 3600 * 1000)
    assert "deltatoken" in later["send"]["url"], "it goes on where the other ended"
