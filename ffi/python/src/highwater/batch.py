"""Many requests, decided in one call: what a call costs in Python is paid once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ._library import ffi
from .request import REQUEST_SIZE

if TYPE_CHECKING:
    from .request import Request
    from .token import Token


class Batch:
    """Tokens and requests in arrays of the library's own form, for `Engine.decide_batch`.

    `append` copies a request, so the same `Request` may be changed and appended again. One thread
    at a time. The arrays are used again after `clear`, and grow as a list does.
    """

    __slots__ = ("_capacity", "_kept", "length", "requests", "tokens")

    def __init__(
        self, pairs: Iterable[tuple[Token, Request]] = (), *, capacity: int = 64
    ) -> None:
        if capacity < 1:
            raise ValueError(f"a batch has room for one request at least, not {capacity}")
        self._capacity = capacity
        #: The arrays, as the library reads them.
        self.tokens: Any = ffi.new("highwater_token *[]", capacity)
        self.requests: Any = ffi.new("highwater_request[]", capacity)
        #: How many requests there are.
        self.length = 0
        # The arrays keep nothing alive by themselves.
        self._kept: list[object] = [None] * capacity
        for token, request in pairs:
            self.append(token, request)

    def append(self, token: Token, request: Request) -> int:
        """Adds a request; returns its position."""
        position = self.length
        if position == self._capacity:
            self._grow()
        self.replace(position, token, request)
        self.length = position + 1
        return position

    def __setitem__(self, position: int, pair: tuple[Token, Request]) -> None:
        if not 0 <= position < self.length:
            raise IndexError(f"there is no request {position} among {self.length}")
        self.replace(position, *pair)

    def replace(self, position: int, token: Token, request: Request) -> None:
        """Writes to a place within the arrays."""
        handle = token.handle()
        self.tokens[position] = handle
        self.requests[position] = request.struct[0]
        self._kept[position] = (handle, request.kept())

    def clear(self) -> None:
        """Takes all requests out."""
        self._kept = [None] * self._capacity
        self.length = 0

    def __len__(self) -> int:
        return self.length

    def _grow(self) -> None:
        capacity = self._capacity * 2
        tokens = ffi.new("highwater_token *[]", capacity)
        requests = ffi.new("highwater_request[]", capacity)
        ffi.memmove(tokens, self.tokens, self._capacity * ffi.sizeof("void *"))
        ffi.memmove(requests, self.requests, self._capacity * REQUEST_SIZE)
        self.tokens, self.requests = tokens, requests
        self._kept.extend([None] * (capacity - self._capacity))
        self._capacity = capacity
