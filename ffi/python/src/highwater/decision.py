"""A decision: what to do with a request, why, and the header to answer with."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, overload

from ._library import Json, ffi, json_argument, lib
from .errors import Status, check

if TYPE_CHECKING:
    from ._library import CData
    from .request import Request
    from .token import Token


class Outcome(enum.IntEnum):
    """What to do with a request. The numbers are far apart in bits; zero denies."""

    DENY = 0
    CHALLENGE = 0x435A_3CA5
    ALLOW = 0x3CA5_C35A

    def __str__(self) -> str:
        return self.name.lower()


class Reason(enum.IntEnum):
    """Why a request was not simply allowed; the strongest is the smallest. `str` gives its code."""

    TOKEN_EXPIRED = 0
    TOKEN_NOT_YET_VALID = 1
    TENANT_UNKNOWN = 2
    CHALLENGE_LOOP = 3
    SUBJECT_PURGED = 4
    SESSION_DENIED = 5
    TOKEN_DENIED = 6
    SUBJECT_BLOCKED = 7
    TOKEN_REVOKED = 8
    LOCATION_BLOCKED = 9
    LOCATION_CHANGED = 10
    RISK_TOO_HIGH = 11
    DEVICE_NOT_COMPLIANT = 12
    ASSURANCE_LOWERED = 13
    AUTH_CONTEXT_REQUIRED = 14
    SIGN_IN_TOO_OLD = 15
    POLICY_CHANGED = 16
    STREAM_STALE = 17
    CONDITIONS_UNKNOWN = 18
    TOKEN_STALE = 19

    def __str__(self) -> str:
        return self.name.lower()


_ALLOW = int(Outcome.ALLOW)
_CHALLENGE = int(Outcome.CHALLENGE)
_NO_POLICY = 0xFFFF_FFFF
_ENOUGH_FOR_A_HEADER = 2048
DECISION_SIZE = ffi.sizeof("highwater_decision")
DECISION_ARRAY = ffi.typeof("highwater_decision[]")


class Decision:
    """One decision. True if, and only if, the request is to be served."""

    __slots__ = ("_struct",)

    def __init__(self, struct: CData) -> None:
        self._struct: Any = struct

    @property
    def outcome(self) -> Outcome:
        """What to do. A number that is not known denies."""
        value = self._struct.outcome
        if value == _ALLOW:
            return Outcome.ALLOW
        return Outcome.CHALLENGE if value == _CHALLENGE else Outcome.DENY

    @property
    def allowed(self) -> bool:
        """Whether the request is to be served."""
        return bool(self._struct.outcome == _ALLOW)

    def __bool__(self) -> bool:
        return self.allowed

    @property
    def status(self) -> int:
        """The HTTP status to answer with: 200, 401 or 403."""
        return int(self._struct.status)

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Why, the strongest first; an allowed request may have reasons too, see `uncovered`."""
        bits = self._struct.reasons
        return tuple(reason for reason in Reason if bits >> reason & 1) if bits else ()

    @property
    def uncovered(self) -> bool:
        """Whether a violation was let pass because the client cannot answer a challenge."""
        return bool(self._struct.uncovered)

    @property
    def degraded(self) -> bool:
        """Whether an event stream was stale, paused or disabled."""
        return bool(self._struct.degraded)

    @property
    def policy_count(self) -> int:
        """How many policies have a violation."""
        return int(self._struct.policy_count)

    @property
    def policies(self) -> tuple[int, ...]:
        """The first four of them, by their position in `Engine.policies`."""
        return tuple(index for index in self._struct.policies if index != _NO_POLICY)

    @property
    def not_before(self) -> int:
        """For challenges: tokens issued before this second since 1970 will not do."""
        return int(self._struct.not_before)

    def header(self, token: Token, request: Request, claims: Json | None = None) -> str | None:
        """The value of `WWW-Authenticate` for this decision on `token` and `request`, which must be
        those that were decided: the claims challenge, or the plain `invalid_token` of a denial with
        status 401. Every other decision has none. `claims` asks for more under `access_token`.
        """
        arguments: tuple[Any, ...] = (self._struct, token.handle(), request.struct)
        write = lib.highwater_decision_header
        if claims is not None:
            wanted = json_argument(claims)
            arguments += (wanted, len(wanted))
            write = lib.highwater_decision_header_with_claims
        length = ffi.new("size_t *")
        buffer = ffi.new("char[]", _ENOUGH_FOR_A_HEADER)
        status = write(*arguments, buffer, _ENOUGH_FOR_A_HEADER, length)
        if status == Status.BUFFER_TOO_SMALL:
            needed = int(length[0]) + 1
            buffer = ffi.new("char[]", needed)
            status = write(*arguments, buffer, needed, length)
        check(status)
        return bytes(ffi.buffer(buffer, length[0])).decode() or None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Decision):
            return NotImplemented
        return bytes(self) == bytes(other)

    def __hash__(self) -> int:
        return hash(bytes(self))

    def __bytes__(self) -> bytes:
        return bytes(ffi.buffer(self._struct, DECISION_SIZE))

    def __repr__(self) -> str:
        reasons = ", ".join(map(str, self.reasons))
        return f"<Decision {self.outcome} {self.status}{f': {reasons}' if reasons else ''}>"


class Decisions(Sequence[Decision]):
    """The decisions of a batch, in the order of its requests."""

    __slots__ = ("_array", "_length")

    def __init__(self, array: CData, length: int) -> None:
        self._array: Any = array
        self._length = length

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> Decision: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Decision]: ...
    def __getitem__(self, index: int | slice) -> Decision | Sequence[Decision]:
        if isinstance(index, slice):
            return [self[position] for position in range(*index.indices(self._length))]
        position = index + self._length if index < 0 else index
        if not 0 <= position < self._length:
            raise IndexError(f"there is no decision {index} among {self._length}")
        # A pointer into the array keeps nothing alive; a decision of its own is a copy.
        one = ffi.new("highwater_decision *")
        ffi.memmove(one, self._array + position, DECISION_SIZE)
        return Decision(one)

    def __iter__(self) -> Iterator[Decision]:
        return (self[position] for position in range(self._length))

    def allowed(self) -> list[bool]:
        """Which requests are to be served, without an object for each decision."""
        if not self._length:
            return []
        words = memoryview(ffi.buffer(self._array)).cast("B").cast("I")
        outcomes = words[_OUTCOME_WORD :: DECISION_SIZE // 4][: self._length]
        return [outcome == _ALLOW for outcome in outcomes.tolist()]


_OUTCOME_WORD = ffi.offsetof("highwater_decision", "outcome") // 4
