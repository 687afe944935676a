"""What can go wrong, as exceptions: one class for each thing that a service does about it.

Every one has the `status`, the `message` and the `path` (where in the input) that the library gave.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any

from ._library import lib, static_text, take_json

if TYPE_CHECKING:
    from ._library import CData


class Status(enum.IntEnum):
    """The status codes of the library; numbers are never reused."""

    OK = 0
    NULL_POINTER = 1
    INVALID_HANDLE = 2
    POISONED = 3
    PANICKED = 4
    BUSY = 5
    FORKED = 6
    WRONG_SIZE = 7
    INVALID_ARGUMENT = 8
    TOO_LONG = 9
    INVALID_UTF8 = 10
    BUFFER_TOO_SMALL = 11
    INVALID_JSON = 12
    INVALID_IDENTIFIER = 13
    INVALID_SETTINGS = 20
    INVALID_CLAIMS = 21
    UNKNOWN_ISSUER = 22
    INVALID_REQUEST = 23
    INVALID_EVENT = 24
    DOCUMENTS_REFUSED = 30
    SNAPSHOT_TOO_LARGE = 31
    UNREADABLE_FILE = 32
    SIGNAL_REFUSED = 40
    UNKNOWN_KEY = 41
    UNKNOWN_TRANSMITTER = 42
    STORE_MISSING = 50
    STORE_EXISTS = 51
    STORE_FOREIGN = 52
    STORE_VERSION = 53
    STORE_DAMAGED = 54
    STORE_IN_USE = 55
    STORE_FULL = 56
    STORE_FAILED = 57


class HighwaterError(Exception):
    """A call was refused. Nothing of it took effect, unless the class says otherwise."""

    def __init__(self, status: int, message: str, path: str = "", report: Any = None) -> None:
        super().__init__(message)
        #: One of `Status`, or a number that this version does not know.
        self.status: int = status
        #: What was wrong, for people and logs.
        self.message: str = message
        #: Where: a JSON Pointer into the input, a file, a claim, a parameter; empty for all of it.
        self.path: str = path
        #: What the library reported of it; `None` where it reports nothing.
        self.report: Any = report

    def __str__(self) -> str:
        return f"{self.message} (at `{self.path}`)" if self.path else self.message


class ClosedError(HighwaterError):
    """An engine, token, batch of documents or feed was used after `close`."""

    def __init__(self, what: str) -> None:
        super().__init__(Status.INVALID_HANDLE, f"the {what} is closed")


class InvalidInputError(HighwaterError, ValueError):
    """An input cannot be read: options, claims, requests, events, addresses."""


class InvalidClaimsError(InvalidInputError):
    """A token's claims are missing or malformed, or nobody configured its issuer: refuse it."""


class DocumentsRefusedError(HighwaterError):
    """Documents were refused and nothing was published; `report` says which and why."""


class SignalRefusedError(HighwaterError):
    """A security event was refused; `report` is the body of the answer 400 for its transmitter."""


class UnknownKeyError(HighwaterError):
    """The key of a security event is not known. `transmitter` names whose keys to fetch and hand
    to `Engine.set_keys` before the token is handed over again; if it is empty, answer 503."""

    @property
    def transmitter(self) -> str:
        """Whose keys to fetch; empty if they were fetched just now."""
        return self.path


class StoreError(HighwaterError):
    """The store's file cannot be used."""


class NotDurableError(StoreError):
    """The facts are in force, but could not be written to disk: do not acknowledge them."""


_CLASSES: dict[int, type[HighwaterError]] = {
    **{
        status: InvalidInputError
        for status in (
            Status.INVALID_ARGUMENT,
            Status.TOO_LONG,
            Status.INVALID_UTF8,
            Status.INVALID_JSON,
            Status.INVALID_IDENTIFIER,
            Status.INVALID_SETTINGS,
            Status.INVALID_REQUEST,
            Status.INVALID_EVENT,
            Status.UNREADABLE_FILE,
            Status.UNKNOWN_TRANSMITTER,
        )
    },
    Status.INVALID_CLAIMS: InvalidClaimsError,
    Status.UNKNOWN_ISSUER: InvalidClaimsError,
    Status.DOCUMENTS_REFUSED: DocumentsRefusedError,
    Status.SIGNAL_REFUSED: SignalRefusedError,
    Status.UNKNOWN_KEY: UnknownKeyError,
    **{status: StoreError for status in Status if status >= Status.STORE_MISSING},
    Status.STORE_FULL: NotDurableError,
    Status.STORE_FAILED: NotDurableError,
}


def failure(status: int, report: CData | None = None) -> HighwaterError:
    """The exception for a status that is not OK, with what the library says about it."""
    message = static_text(lib.highwater_error_message())
    path = static_text(lib.highwater_error_path())
    known = next((known for known in Status if known == status), status)
    written = None if report is None else take_json(report)
    return _CLASSES.get(status, HighwaterError)(known, message, path, written)


def check(status: int, report: CData | None = None) -> None:
    """Raises what a status stands for, unless it is OK."""
    if status:
        raise failure(status, report)
