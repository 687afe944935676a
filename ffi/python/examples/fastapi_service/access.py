"""The middleware: verifies the token of every request, then asks Highwater whether it is still good.

A pure ASGI middleware, so that it sees everything before the application does and works with any
ASGI framework. What goes wrong in it raises, and the server answers 500: nothing is served by
mistake.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import jwt

from highwater import Engine, InvalidClaimsError, Request, Token

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from .issuer_keys import IssuerKeys

INVALID_TOKEN = 'Bearer error="invalid_token"'


class VerifiedTokens:
    """Verifies tokens, and keeps the verified ones so that each is verified and parsed once.

    Only a digest of a token is kept beside its claims. The engine judges its lifetime anew with
    every request, so an expired one may lie here until it is pushed out.
    """

    def __init__(
        self,
        engine: Engine,
        keys: IssuerKeys,
        *,
        issuer: str,
        audience: str,
        capacity: int = 100_000,
    ) -> None:
        self._engine = engine
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._capacity = capacity
        self._kept: OrderedDict[bytes, Token] = OrderedDict()

    async def verify(self, raw: str) -> Token:
        """The token; raises `jwt.InvalidTokenError` or `InvalidClaimsError` if it is none."""
        digest = hashlib.sha256(raw.encode()).digest()
        kept = self._kept.get(digest)
        if kept is not None:
            self._kept.move_to_end(digest)
            return kept
        key = await self._keys.key(str(jwt.get_unverified_header(raw).get("kid")))
        claims: dict[str, Any] = jwt.decode(
            raw,
            key,
            algorithms=["ES256", "RS256"],
            issuer=self._issuer,
            audience=self._audience,
            leeway=60,
            options={"require": ["iss", "aud", "iat", "exp"]},
        )
        token = self._engine.token(claims)
        self._kept[digest] = token
        if len(self._kept) > self._capacity:
            self._kept.popitem(last=False)
        return token


class ContinuousAccess:
    """Serves a request only if its token is verified and Highwater allows it.

    `public` are paths that need no token. The client's address is that of the connection; behind a
    proxy let the server take it from the proxy's header (`uvicorn --proxy-headers
    --forwarded-allow-ips`), never from one that the client can write.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        engine: Engine,
        tokens: VerifiedTokens,
        public: frozenset[str] = frozenset(),
    ) -> None:
        self._app = app
        self._engine = engine
        self._tokens = tokens
        self._public = public

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Judges one connection."""
        if scope["type"] == "lifespan" or (
            scope["type"] == "http" and scope["path"] in self._public
        ):
            await self._app(scope, receive, send)
        elif scope["type"] != "http":
            # A connection that lasts would have to be judged again and again.
            await send({"type": "websocket.close", "code": 1008})
        else:
            refusal = await self._refusal(scope)
            if refusal is None:
                await self._app(scope, receive, send)
            else:
                await refuse(send, *refusal)

    async def _refusal(self, scope: Scope) -> tuple[int, str | None] | None:
        """`None` if the request is to be served, else the status and the header."""
        raw = bearer(scope)
        if raw is None:
            return 401, "Bearer"
        try:
            token = await self._tokens.verify(raw)
        except (jwt.InvalidTokenError, InvalidClaimsError):
            return 401, INVALID_TOKEN
        client = scope.get("client")
        request = Request(address=client[0] if client else None)
        decision = self._engine.decide(token, request)
        if decision.allowed:
            scope.setdefault("state", {})["token"] = token
            return None
        return decision.status, decision.header(token, request)


def bearer(scope: Scope) -> str | None:
    """The bearer token of a request, if it has exactly one."""
    values = [value for name, value in scope["headers"] if name == b"authorization"]
    if len(values) != 1:
        return None
    scheme, _, raw = values[0].decode("latin-1").partition(" ")
    return raw.strip() if scheme.lower() == "bearer" and raw.strip() else None


async def refuse(send: Send, status: int, header: str | None) -> None:
    """Answers without a body."""
    headers = [(b"content-length", b"0"), (b"cache-control", b"no-store")]
    if header is not None:
        headers.append((b"www-authenticate", header.encode("latin-1")))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
