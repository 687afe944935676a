"""What the library has to say, as records of `logging`."""

from __future__ import annotations

import logging
from typing import Any

from ._library import ffi, lib

_LEVELS = {1: logging.ERROR, 2: logging.WARNING, 3: logging.INFO}
_forwarding: list[Any] = []


def forward_log(logger: logging.Logger | None = None) -> None:
    """Sends the messages of the library, for the whole process, to `logger` (default: the one
    called `highwater`). A logger that raises is reported on stderr and does not stop the call."""
    target = logging.getLogger("highwater") if logger is None else logger

    def take(level: int, message: Any, length: int, _context: Any) -> None:
        text = bytes(ffi.buffer(message, length)).decode(errors="replace")
        target.log(_LEVELS.get(level, logging.ERROR), "%s", text)

    callback = ffi.callback("void(uint32_t, const char *, size_t, void *)", take)
    lib.highwater_log_set_callback(callback, ffi.NULL)
    # The library calls it from now on; the one before is not called any more.
    _forwarding[:] = [callback]


def stop_log() -> None:
    """Ends what `forward_log` began."""
    lib.highwater_log_set_callback(ffi.NULL, ffi.NULL)
    _forwarding.clear()
