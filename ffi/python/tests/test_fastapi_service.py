"""The FastAPI service on a real socket, with an issuer that pushes events and a client that answers
challenges."""

from __future__ import annotations

import base64
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
import jwt
import pytest
import uvicorn
from cryptography.hazmat.primitives.asymmetric import ec
from fastapi import FastAPI
from fastapi_service.service import AUDIENCE, create_app, options
from jwt.algorithms import ECAlgorithm

from highwater import Engine


@contextmanager
def served(app: Any) -> Iterator[str]:
    """The URL of an application that runs on a free port of the loopback."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


class Issuer:
    """An identity provider: keys, tokens, security events."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.url = ""
        self.app = FastAPI()
        self.key_fetches = 0

        @self.app.get("/keys")
        def keys() -> dict[str, Any]:
            self.key_fetches += 1
            jwk = ECAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
            return {"keys": [{**jwk, "kid": "k1", "alg": "ES256", "use": "sig"}]}

    def sign(self, typ: str, claims: dict[str, Any], key: Any = None) -> str:
        headers = {"kid": "k1", "typ": typ}
        return jwt.encode(claims, key or self.key, algorithm="ES256", headers=headers)

    def token(self, age: int = 0, **changes: Any) -> str:
        now = int(time.time()) - age
        claims = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "ada",
            "iat": now,
            "exp": now + 3600,
            "xms_cc": ["cp1"],
            **changes,
        }
        return self.sign("at+jwt", claims)

    def session_revoked(self, seconds_ago: int, key: Any = None) -> str:
        now = int(time.time())
        uri = "https://schemas.openid.net/secevent/caep/event-type/session-revoked"
        claims = {
            "iss": self.url,
            "aud": AUDIENCE,
            "iat": now,
            "jti": "event-1",
            "sub_id": {"format": "iss_sub", "iss": self.url, "sub": "ada"},
            "events": {uri: {"event_timestamp": now - seconds_ago}},
        }
        return self.sign("secevent+jwt", claims, key)


@pytest.fixture
def running() -> Iterator[tuple[Issuer, httpx.Client]]:
    """The issuer, and a client of the service."""
    issuer = Issuer()
    with ExitStack() as stack:
        issuer.url = stack.enter_context(served(issuer.app))
        engine = stack.enter_context(Engine(options(issuer.url)))
        service = stack.enter_context(served(create_app(issuer.url, engine)))
        yield issuer, stack.enter_context(httpx.Client(base_url=service, timeout=10.0))


def orders(client: httpx.Client, token: str) -> httpx.Response:
    return client.get("/orders", headers={"authorization": f"Bearer {token}"})


def push(client: httpx.Client, event: str) -> httpx.Response:
    return client.post(
        "/signals", content=event, headers={"content-type": "application/secevent+jwt"}
    )


def test_a_revoked_client_is_challenged_and_comes_back(
    running: tuple[Issuer, httpx.Client],
) -> None:
    issuer, client = running
    first = issuer.token(age=60)
    served = orders(client, first)
    assert (served.status_code, served.json()["subject"]) == (200, "ada")
    assert orders(client, first).status_code == 200

    assert push(client, issuer.session_revoked(seconds_ago=5)).status_code == 202
    refused = orders(client, first)
    assert refused.status_code == 401
    header = refused.headers["www-authenticate"]
    assert 'error="insufficient_claims"' in header
    claims = re.search(r'claims="([^"]+)"', header)
    assert claims is not None
    wanted = json.loads(base64.b64decode(claims[1]))["access_token"]

    # The client takes the claims to the issuer, which authenticates the user again.
    renewed = issuer.token(iat=max(int(time.time()), int(wanted["nbf"]["value"])))
    assert orders(client, renewed).status_code == 200
    assert orders(client, first).status_code == 401
    assert push(client, issuer.session_revoked(seconds_ago=5)).status_code == 202, "repeated"
    assert orders(client, renewed).status_code == 200


def test_events_of_others_change_nothing(running: tuple[Issuer, httpx.Client]) -> None:
    issuer, client = running
    token = issuer.token(age=60)
    forged = issuer.session_revoked(5, key=ec.generate_private_key(ec.SECP256R1()))
    answer = push(client, forged)
    assert (answer.status_code, answer.json()["err"]) == (400, "authentication_failed")
    assert push(client, "nonsense").status_code == 400
    assert push(client, "x" * 70_000).status_code == 413
    assert orders(client, token).status_code == 200


def test_what_is_no_good_token_is_refused(running: tuple[Issuer, httpx.Client]) -> None:
    issuer, client = running
    assert client.get("/orders").headers["www-authenticate"] == "Bearer"
    assert client.get("/orders").status_code == 401
    stranger = ec.generate_private_key(ec.SECP256R1())
    now = int(time.time())
    good = {"iss": issuer.url, "aud": AUDIENCE, "sub": "ada", "iat": now, "exp": now + 3600}
    wrong = [
        "nonsense",
        issuer.sign("at+jwt", good, stranger),
        issuer.sign("at+jwt", {**good, "aud": "api://other"}),
        issuer.sign("at+jwt", {**good, "iss": "https://other.example"}),
        issuer.sign("at+jwt", {**good, "exp": now - 3600}),
        jwt.encode(good, "a secret that is long enough for HS256", headers={"kid": "k1"}),
        jwt.encode(good, issuer.key, algorithm="ES256", headers={"kid": "other"}),
        issuer.sign("at+jwt", {**good, "xms_cc": 7}),
    ]
    for token in wrong:
        answer = orders(client, token)
        assert answer.status_code == 401, token
        assert "invalid_token" in answer.headers["www-authenticate"]
    assert issuer.key_fetches == 1, "invented key ids do not cause fetches"
    assert orders(client, issuer.token()).status_code == 200
