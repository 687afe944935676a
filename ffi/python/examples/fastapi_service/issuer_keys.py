"""The keys of an issuer: fetched when one is needed that is not known, and not too often."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx
import jwt


class IssuerKeys:
    """A JWK Set behind a URL. Whoever invents key ids causes one fetch per `cooldown` seconds."""

    def __init__(self, url: str, *, cooldown: float = 60.0) -> None:
        self._url = url
        self._cooldown = cooldown
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched = float("-inf")
        self._fetching = asyncio.Lock()

    async def key(self, key_id: str) -> jwt.PyJWK:
        """The key of that name; raises `jwt.InvalidTokenError` if the issuer has none."""
        if key_id not in self._keys:
            async with self._fetching:
                if key_id not in self._keys and time.monotonic() - self._fetched > self._cooldown:
                    self._keys = {
                        key.key_id: key
                        for key in jwt.PyJWKSet.from_dict(await fetch_keys(self._url)).keys
                        if key.key_id is not None
                    }
                    self._fetched = time.monotonic()
        try:
            return self._keys[key_id]
        except KeyError:
            raise jwt.InvalidTokenError("the key is not one of the issuer's") from None


async def fetch_keys(url: str) -> dict[str, Any]:
    """Fetches a JWK Set."""
    async with httpx.AsyncClient(timeout=5.0) as client:
        response = await client.get(url)
        response.raise_for_status()
        keys: dict[str, Any] = response.json()
        return keys
