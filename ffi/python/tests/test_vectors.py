"""Every vector through Python: as JSON byte for byte, and through tokens, requests and batches.

`HIGHWATER_VECTORS` names what `cargo run -p highwater-tests --bin vectors` wrote: the corpus with
the engine's own answers.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from highwater import (
    Batch,
    ClientAppType,
    Decision,
    Device,
    DocumentKind,
    Documents,
    Engine,
    InvalidInputError,
    Outcome,
    Platform,
    Request,
    Resource,
    Token,
)


def corpus() -> list[dict[str, Any]]:
    lines = Path(os.environ["HIGHWATER_VECTORS"]).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


CASES = corpus()


def start(case: dict[str, Any]) -> Engine:
    documents = Documents()
    for document in case["documents"]:
        documents.add(document["name"], document["text"], DocumentKind(document["kind"]))
    engine = Engine(case["options"])
    engine.publish(case["tenant"], documents, case["settings"])
    return engine


def request(parts: dict[str, Any]) -> Request:
    resource, device = parts["resource"], parts["device"]
    return Request(
        now=parts["now"],
        address=parts["address"],
        authentication_context=parts["authentication_context"],
        resource=None if resource is None else Resource(resource),
        device=None if device is None else Device(device),
        country=parts["country"],
        platform=Platform(parts["platform"]) if parts["platform"] else None,
        client_app_type=(
            ClientAppType(parts["client_app_type"]) if parts["client_app_type"] else None
        ),
        compliant_network=(None, False, True)[parts["compliant_network"]],
    )


def check(
    case: dict[str, Any], engine: Engine, step: dict[str, Any], decision: Decision, token: Token
) -> None:
    """Holds a decision against the engine's own answer in JSON."""
    answer = json.loads(step["answer"])
    assert str(decision.outcome) == answer["decision"]
    assert decision.allowed == (answer["decision"] == "allow") == bool(decision)
    assert decision.status == answer["status"]
    assert [str(reason) for reason in decision.reasons] == answer["reasons"]
    assert decision.uncovered == answer.get("uncovered", False)
    assert decision.degraded == answer.get("degraded", False)
    assert decision.policy_count == len(answer["policies"])
    names = engine.policies(case["tenant"]) or []
    named = [names[index]["id"] for index in decision.policies]
    assert named == [policy["id"] for policy in answer["policies"]][:4]
    header = decision.header(token, request(step["parts"]))
    assert header == answer.get("www_authenticate")
    if decision.outcome is Outcome.CHALLENGE:
        nbf = answer["claims"]["access_token"].get("nbf")
        assert nbf is None or int(nbf["value"]) == decision.not_before


def test_the_corpus_is_there() -> None:
    decisions = sum("request" in step for case in CASES for step in case["steps"])
    assert decisions >= 250


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_json_is_the_engine_s_byte_for_byte(case: dict[str, Any]) -> None:
    answering, explaining = start(case), start(case)
    for step in case["steps"]:
        if "event" in step:
            answering.apply(step["event"])
            explaining.apply(step["event"])
        elif step["error"] is None:
            assert answering.answer(step["request"]) == step["answer"]
            assert explaining.answer_and_explain(step["request"]) == step["explanation"]
        else:
            with pytest.raises(InvalidInputError) as caught:
                answering.answer(step["request"])
            assert caught.value.message == step["error"]["message"]
            assert caught.value.path == step["error"]["path"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_tokens_and_requests_are_decided_alike(case: dict[str, Any]) -> None:
    engine = start(case)
    tokens: dict[str, Token] = {}
    for step in case["steps"]:
        if "event" in step:
            engine.apply(step["event"])
        elif step["error"] is None:
            text = step["parts"]["claims"]
            token = tokens.get(text) or tokens.setdefault(text, engine.token(text))
            check(case, engine, step, engine.decide(token, request(step["parts"])), token)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_batches_are_decided_alike(case: dict[str, Any]) -> None:
    engine = start(case)
    batch = Batch(capacity=1)
    waiting: list[tuple[dict[str, Any], Token]] = []

    def decide() -> None:
        decisions = engine.decide_batch(batch)
        assert decisions.allowed() == [bool(decision) for decision in decisions]
        for (step, token), decision in zip(waiting, decisions, strict=True):
            check(case, engine, step, decision, token)
        batch.clear()
        waiting.clear()

    for step in case["steps"]:
        if "event" in step:
            decide()
            engine.apply(step["event"])
        elif step["error"] is None:
            token = engine.token(step["parts"]["claims"])
            batch.append(token, request(step["parts"]))
            waiting.append((step, token))
    decide()
