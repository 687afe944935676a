"""A feed of Microsoft Graph: which request to send next, and what its response changes.

The library opens no connection: the host sends what `next` says and hands back what comes.
"""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any

from ._library import (
    Json,
    Time,
    ffi,
    json_argument,
    lib,
    milliseconds,
    new_text,
    take_json,
    take_text,
)
from .errors import ClosedError, check

if TYPE_CHECKING:
    from ._library import CData
    from .engine import Engine


class Feed:
    """One feed of one tenant; one thread at a time. `options` has `kind`, `graph`, `endpoint`,
    `interval_seconds`, and `state` from an earlier `Feed.state`."""

    __slots__ = ("_handle",)

    def __init__(self, options: Json) -> None:
        text = json_argument(options)
        out: Any = ffi.new("highwater_feed **")
        check(lib.highwater_feed_new(text, len(text), out))
        self._handle: CData | None = ffi.gc(out[0], lib.highwater_feed_free)

    def handle(self) -> CData:
        """The handle, alive as long as something refers to it."""
        handle = self._handle
        if handle is None:
            raise ClosedError("feed")
        return handle

    def next(self, now: Time | None = None) -> dict[str, Any]:
        """What to do: `{"send": {"method", "url", "headers", "body"}}`, or `{"wait": …}` until a
        time in milliseconds since 1970."""
        out = new_text()
        check(lib.highwater_feed_next(self.handle(), milliseconds(now), out))
        action: dict[str, Any] = take_json(out)
        return action

    def respond(
        self,
        engine: Engine,
        http_status: int,
        body: bytes,
        *,
        retry_after_seconds: int | None = None,
        now: Time | None = None,
    ) -> dict[str, Any]:
        """Takes a response and applies what has changed; `documents` are to be published."""
        out = new_text()
        status = lib.highwater_feed_respond(
            self.handle(),
            engine.handle(),
            http_status,
            -1 if retry_after_seconds is None else retry_after_seconds,
            body,
            len(body),
            milliseconds(now),
            out,
        )
        check(status, out)
        outcome: dict[str, Any] = take_json(out)
        return outcome

    def lost(self, now: Time | None = None) -> None:
        """Notes that no response came."""
        check(lib.highwater_feed_lost(self.handle(), milliseconds(now)))

    def state(self) -> str:
        """What the feed remembers, for the `state` of a later one."""
        out = new_text()
        check(lib.highwater_feed_state(self.handle(), out))
        return take_text(out)

    def close(self) -> None:
        """Ends the feed. A second call does nothing."""
        self._handle = None

    def __enter__(self) -> Feed:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
