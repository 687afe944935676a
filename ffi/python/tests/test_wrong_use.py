"""What a service gets when something is wrong: an exception that says what and where."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from conftest import NOW, OFFICE_ONLY, TENANT, claims, elsewhere, event, office

import highwater
from highwater import (
    Batch,
    ClosedError,
    Device,
    Documents,
    DocumentsRefusedError,
    Engine,
    HighwaterError,
    InvalidClaimsError,
    InvalidInputError,
    Request,
    Status,
)


def test_refused_documents_change_nothing_and_are_reported(engine: Engine) -> None:
    wrong = Documents().add("wrong.json", [{"id": "x", "displayName": "X", "state": "maybe"}])
    with pytest.raises(DocumentsRefusedError) as caught:
        engine.publish(TENANT, wrong)
    assert caught.value.report["refused"][0]["file"] == "wrong.json"
    assert wrong.check()["refused"] == caught.value.report["refused"]
    token = engine.token(claims())
    assert not engine.decide(token, elsewhere()), "the former snapshot stays"
    published = engine.danger_publish_without_refused(TENANT, wrong)
    assert published.report["refused"]
    assert engine.decide(token, elsewhere()).allowed


def test_documents_come_from_files_that_can_be_read(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "office.json").write_text(json.dumps(OFFICE_ONLY), encoding="utf-8")
    assert engine.publish(TENANT, Documents().add_path(tmp_path)).report["files"] == 1
    with pytest.raises(InvalidInputError) as caught:
        Documents().add_path(tmp_path / "missing.json")
    assert caught.value.status == Status.UNREADABLE_FILE
    assert "missing.json" in str(caught.value)


@pytest.mark.parametrize(
    ("wrong", "status", "path"),
    [
        (claims(iat="yesterday"), Status.INVALID_CLAIMS, "/iat"),
        (claims(iss=7), Status.INVALID_CLAIMS, "/iss"),
        ("{", Status.INVALID_JSON, ""),
        (b'{"iss": "\xff"}', Status.INVALID_UTF8, "claims"),
    ],
)
def test_wrong_claims_make_no_token(
    engine: Engine, wrong: highwater.Json, status: Status, path: str
) -> None:
    with pytest.raises(InvalidInputError) as caught:
        engine.token(wrong)
    assert caught.value.status == status
    assert caught.value.path == path
    assert isinstance(caught.value, InvalidClaimsError) == (status == Status.INVALID_CLAIMS)


def test_wrong_events_are_not_applied_in_part(engine: Engine) -> None:
    with pytest.raises(InvalidInputError) as refused:
        engine.apply([event("revoke"), event("explode")])
    assert refused.value.status == Status.INVALID_EVENT
    assert refused.value.path.startswith("/1")
    assert engine.decide(engine.token(claims()), office()).allowed


def test_wrong_values_are_refused(engine: Engine) -> None:
    with pytest.raises(InvalidInputError) as refused:
        Engine({"settings": {"skews": 1}})
    assert refused.value.status == Status.INVALID_SETTINGS
    with pytest.raises(InvalidInputError, match="no address"):
        Request(now=NOW, address="203.0.113.700")
    with pytest.raises(InvalidInputError):
        Device("[]")
    with pytest.raises(ValueError, match="country"):
        Request(now=NOW, country="DEU")
    with pytest.raises(ValueError, match="time zone"):
        Request(now=datetime(2025, 1, 1))  # noqa: DTZ001 - that is the mistake
    with pytest.raises(TypeError):
        Request(now=1763760100.5)  # type: ignore[arg-type]
    with pytest.raises(OverflowError):
        Request(now=2**63)
    with pytest.raises(HighwaterError, match="now"):
        engine.decide(engine.token(claims()), Request(now=0))
    with pytest.raises(AttributeError):
        engine.decide(engine.token(claims()), None)  # type: ignore[arg-type]


def test_what_is_closed_refuses(engine: Engine) -> None:
    token = engine.token(claims())
    with token:
        assert engine.decide(token, office())
    with pytest.raises(ClosedError):
        engine.decide(token, office())
    with pytest.raises(ClosedError):
        Batch([(token, office())])
    token.close()

    token = engine.token(claims())
    batch = Batch([(token, office())])
    engine.close()
    engine.close()
    uses: list[Callable[[], object]] = [
        lambda: engine.decide(token, office()),
        lambda: engine.decide_batch(batch),
        lambda: engine.apply(event("revoke")),
        lambda: engine.token(claims()),
        lambda: engine.status(),
    ]
    for use in uses:
        with pytest.raises(ClosedError):
            use()
    assert token.facts()["subject"] == "ada", "tokens may outlive their engine"


def test_a_token_of_another_engine_is_never_allowed(engine: Engine) -> None:
    other = Engine({"settings": {"accept_any_tenant": True}})
    token = other.token(claims())
    assert other.decide(token, office()).allowed
    assert not engine.decide(token, office())


def test_a_batch_is_decided_whole_or_not_at_all(engine: Engine) -> None:
    token = engine.token(claims())
    batch = Batch([(token, office()), (token, Request(now=0)), (token, office())])
    with pytest.raises(HighwaterError) as caught:
        engine.decide_batch(batch)
    assert caught.value.path.startswith("/1")
    with pytest.raises(IndexError):
        batch[3] = (token, office())
    batch[1] = (token, office())
    decisions = engine.decide_batch(batch)
    assert decisions.allowed() == [True] * 3
    with pytest.raises(IndexError):
        decisions[3]
    with pytest.raises(ValueError, match="room"):
        Batch(capacity=0)


def test_the_library_logs_what_it_refuses(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = Documents().add("wrong.json", "{")
    highwater.forward_log()
    try:
        with (
            caplog.at_level(logging.INFO, logger="highwater"),
            pytest.raises(DocumentsRefusedError),
        ):
            engine.publish(TENANT, wrong)
        assert any(record.levelno == logging.WARNING for record in caplog.records)
    finally:
        highwater.stop_log()
    caplog.clear()
    with pytest.raises(DocumentsRefusedError):
        engine.publish(TENANT, wrong)
    assert not caplog.records
