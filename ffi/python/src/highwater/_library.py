"""Finds and opens the shared library, once, and moves texts across its border.

The rule is that of every language here: the environment variable `HIGHWATER_LIBRARY` if it is set,
else the library that came with this package, else the one that is installed on the system.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, Union

from ._declarations import ffi as ffi

if TYPE_CHECKING:
    from cffi import FFI

    CData: TypeAlias = FFI.CData

SYSTEM_LIBRARY = "libhighwater.so.0.1"

#: JSON as text, as UTF-8 bytes, or as what `json.dumps` makes text of.
Json: TypeAlias = Union[str, bytes, Mapping[str, object], Sequence[object]]

#: A point in time: milliseconds since 1970, or a `datetime` with a time zone.
Time: TypeAlias = Union[int, datetime]


def _path() -> str:
    given = os.environ.get("HIGHWATER_LIBRARY")
    if given:
        return given
    packaged = Path(__file__).with_name("libhighwater.so")
    return str(packaged) if packaged.is_file() else SYSTEM_LIBRARY


#: Where the library was taken from.
LIBRARY_PATH = _path()

lib: Any
try:
    lib = ffi.dlopen(LIBRARY_PATH)
except OSError as error:
    raise ImportError(
        f"the library of highwater cannot be loaded from `{LIBRARY_PATH}`: {error}; "
        "set HIGHWATER_LIBRARY to its path, or install it with ffi/install.sh"
    ) from error


def new(kind: Any) -> Any:
    """Zeroed memory of a C type, given back when nothing refers to it."""
    return ffi.new(kind)


def static_text(pointer: Any) -> str:
    """A text that belongs to the library."""
    text = ffi.string(pointer)
    return text if isinstance(text, str) else text.decode()


def text_argument(value: str | bytes) -> bytes:
    """A text as the library takes it."""
    return value.encode() if isinstance(value, str) else value


def json_argument(value: Json | None) -> bytes:
    """JSON as the library takes it; nothing at all for `None`."""
    if value is None:
        return b""
    if isinstance(value, (str, bytes)):
        return text_argument(value)
    return json.dumps(value, ensure_ascii=False, allow_nan=False).encode()


def new_text() -> CData:
    """A place for a text that the library makes."""
    return ffi.new("highwater_text *")


def take_text(text: CData) -> str:
    """Copies a text of the library and frees it."""
    struct: Any = text
    try:
        if struct.length == 0:
            return ""
        return bytes(ffi.buffer(struct.data, struct.length)).decode()
    finally:
        lib.highwater_text_free(text)


def take_json(text: CData) -> Any:
    """Reads a JSON text of the library and frees it; `None` if nothing was written."""
    taken = take_text(text)
    return json.loads(taken) if taken else None


def milliseconds(time: Time | None) -> int:
    """A point in time as the library takes it; the present by the system's clock for `None`."""
    if time is None:
        return int(lib.highwater_clock_now())
    if isinstance(time, datetime):
        if time.tzinfo is None:
            raise ValueError("a `datetime` without a time zone is no point in time")
        since = time - datetime(1970, 1, 1, tzinfo=timezone.utc)
        return (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000
    if not isinstance(time, int):
        raise TypeError(f"a time is milliseconds since 1970 or a `datetime`, not {time!r}")
    return time


def version() -> str:
    """The version of the library."""
    return static_text(lib.highwater_version())


def semantics_version() -> int:
    """The version of the decision semantics, which counts apart from the library."""
    return int(lib.highwater_semantics_version())
