"""The application: one endpoint for clients, one for security events (RFC 8935)."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from highwater import Engine, NotDurableError, SignalRefusedError, UnknownKeyError

from .access import ContinuousAccess, VerifiedTokens
from .issuer_keys import IssuerKeys, fetch_keys

AUDIENCE = "api://orders"
LARGEST_EVENT = 64 * 1024


def options(issuer: str) -> dict[str, Any]:
    """An engine that trusts one issuer, for tokens and for security events."""
    return {
        "settings": {"accept_any_tenant": True},
        "issuers": [{"issuer": issuer, "answers_challenges": True}],
        "transmitters": [
            {
                "name": "issuer",
                "issuer": issuer,
                "audience": AUDIENCE,
                "jwks_uri": f"{issuer}/keys",
            }
        ],
    }


def create_app(issuer: str, engine: Engine) -> FastAPI:
    """The application for tokens of `issuer`, whose keys are at `/keys` below it."""
    app = FastAPI()
    tokens = VerifiedTokens(
        engine, IssuerKeys(f"{issuer}/keys"), issuer=issuer, audience=AUDIENCE
    )
    app.add_middleware(
        ContinuousAccess, engine=engine, tokens=tokens, public=frozenset({"/signals"})
    )

    @app.get("/orders")
    async def orders(request: Request) -> dict[str, Any]:
        return {"subject": request.state.token.facts()["subject"], "orders": [17, 23]}

    @app.post("/signals")
    async def signals(request: Request) -> Response:
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > LARGEST_EVENT:
                return Response(status_code=413)
        return await take(engine, f"{issuer}/keys", body)

    return app


async def take(engine: Engine, keys: str, event: bytes) -> Response:
    """Takes a security event token. 202 is said when it is in force and durable."""
    for _ in range(2):
        try:
            # Verifies a signature and may wait for the disk: not on the event loop.
            await run_in_threadpool(engine.receive, event)
        except UnknownKeyError as unknown:
            if not unknown.transmitter:
                break
            engine.set_keys(unknown.transmitter, await fetch_keys(keys))
        except SignalRefusedError as refused:
            return JSONResponse(refused.report, status_code=400)
        except NotDurableError:
            break
        else:
            return Response(status_code=202)
    return Response(status_code=503, headers={"retry-after": "5"})
