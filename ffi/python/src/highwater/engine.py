"""The engine: documents and facts go in, decisions come out."""

from __future__ import annotations

import os
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple

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
    text_argument,
)
from .decision import DECISION_ARRAY, DECISION_SIZE, Decision, Decisions
from .errors import ClosedError, check, failure
from .token import Token

if TYPE_CHECKING:
    from ._library import CData
    from .batch import Batch
    from .documents import Documents
    from .request import Request


_new = ffi.new
_decide = lib.highwater_engine_decide
_DECISION = ffi.typeof("highwater_decision *")
# Its size alone; everything else is zero, which denies.
_UNDECIDED = (DECISION_SIZE,)


class Publication(NamedTuple):
    """What became of documents that were published."""

    #: The version of the tenant's snapshot.
    version: int
    #: As `highwater check` reports.
    report: dict[str, Any]


class Engine:
    """A continuous access evaluation engine. Any number of threads may use it at once; deciding
    never waits for another thread.

    `options` has `settings`, `issuers`, `transmitters` and `store`, all optional, as in
    `docs/configuration.md` with lengths of time in seconds. The engine keeps its facts in memory;
    `Engine.open` keeps them in a file.

    After `close` every call raises `ClosedError`. Calls under way on other threads finish first.
    """

    __slots__ = ("_handle",)

    def __init__(self, options: Json | None = None) -> None:
        text = json_argument(options)
        out: Any = ffi.new("highwater_engine **")
        check(lib.highwater_engine_new(text, len(text), out))
        self._take(out[0])

    @classmethod
    def open(cls, path: str | os.PathLike[str], options: Json | None = None) -> Engine:
        """An engine whose facts are kept in the file at `path`. One process at a time has a file
        open; one that is damaged is refused, never taken for an empty one."""
        place, text = os.fsencode(path), json_argument(options)
        out: Any = ffi.new("highwater_engine **")
        check(lib.highwater_engine_open(place, len(place), text, len(text), out))
        engine = cls.__new__(cls)
        engine._take(out[0])
        return engine

    def _take(self, handle: CData) -> None:
        # Whoever calls the library holds this object meanwhile: the engine ends after the last call.
        self._handle: CData | None = ffi.gc(handle, lib.highwater_engine_free)

    def handle(self) -> CData:
        """The handle, alive as long as something refers to it."""
        handle = self._handle
        if handle is None:
            raise ClosedError("engine")
        return handle

    def close(self) -> None:
        """Ends the engine; writes that wait are finished first. A second call does nothing."""
        self._handle = None

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # Documents

    def publish(
        self, tenant: str, documents: Documents, settings: Json | None = None
    ) -> Publication:
        """Publishes documents as the new snapshot of `tenant` (`*`: of every tenant without one).
        If anything is refused, `DocumentsRefusedError` says what, and the former snapshot stays."""
        return self._publish(lib.highwater_engine_publish, tenant, documents, settings)

    def danger_publish_without_refused(
        self, tenant: str, documents: Documents, settings: Json | None = None
    ) -> Publication:
        """DANGER: publishes what compiled and leaves out what was refused: what the refused
        policies forbid is allowed from now on."""
        return self._publish(
            lib.highwater_danger_publish_without_refused, tenant, documents, settings
        )

    def _publish(
        self, publish: Any, tenant: str, documents: Documents, settings: Json | None
    ) -> Publication:
        name, chosen = text_argument(tenant), json_argument(settings)
        report, version = new_text(), ffi.new("uint64_t *")
        status = publish(
            self.handle(),
            name,
            len(name),
            documents.handle(),
            chosen,
            len(chosen),
            report,
            version,
        )
        check(status, report)
        return Publication(int(version[0]), take_json(report))

    def remove(self, tenant: str) -> bool:
        """Removes what was published for `tenant`; says whether there was something."""
        name, removed = text_argument(tenant), ffi.new("uint8_t *")
        check(lib.highwater_engine_remove(self.handle(), name, len(name), removed))
        return bool(removed[0])

    def policies(self, tenant: str) -> list[dict[str, Any]] | None:
        """The policies of the present snapshot of `tenant` (`id`, `name`, `state`), by the position
        that decisions name; `None` without a snapshot."""
        name = text_argument(tenant)
        policies: list[dict[str, Any]] | None = self._read(
            lib.highwater_engine_policies, name, len(name)
        )
        return policies

    # Deciding

    def token(self, claims: Json) -> Token:
        """A token of decoded claims. By calling this the host asserts that it has verified the
        token: signature, algorithm, issuer and audience. For this engine alone."""
        text = json_argument(claims)
        out: Any = ffi.new("highwater_token **")
        check(lib.highwater_token_new(self.handle(), text, len(text), out))
        return Token(out[0])

    def renew(self, token: Token) -> Token:
        """`token`, or one that knows the present snapshot of its tenant: only for speed, after a
        publication."""
        out: Any = ffi.new("highwater_token **")
        check(lib.highwater_token_renew(token.handle(), self.handle(), out))
        return Token(out[0]) if out[0] else token

    def decide(self, token: Token, request: Request) -> Decision:
        """Decides a request, and remembers a challenge so that it is not repeated without end."""
        # Written out: a function call of Python costs as much as the decision.
        engine, verified = self._handle, token._handle
        if engine is None or verified is None:
            raise ClosedError("engine" if engine is None else "token")
        struct = _new(_DECISION, _UNDECIDED)
        status = _decide(engine, verified, request.struct, struct)
        if status:
            raise failure(status)
        return Decision(struct)

    def decide_batch(self, batch: Batch) -> Decisions:
        """Decides every request of a batch, in order. All are decided or none: an error's path is
        the position of the request that cannot be read."""
        length = batch.length
        decisions: Any = ffi.new(DECISION_ARRAY, length)
        if length:
            decisions[0].size = DECISION_SIZE
        check(
            lib.highwater_engine_decide_batch(
                self.handle(), batch.tokens, batch.requests, decisions, length
            )
        )
        return Decisions(decisions, length)

    def explain(self, token: Token, request: Request) -> dict[str, Any]:
        """What `decide` would decide now and why, without remembering a challenge."""
        explanation: dict[str, Any] = self._read(
            lib.highwater_engine_explain, token.handle(), request.struct
        )
        return explanation

    def answer(self, request: Json) -> str:
        """Decides a request in JSON and answers in JSON: the lines of `highwater decide`. The host
        asserts that it has verified the token whose claims are in it."""
        return self._answer(lib.highwater_engine_answer, request)

    def answer_and_explain(self, request: Json) -> str:
        """As `answer`, with why: the lines of `highwater explain`."""
        return self._answer(lib.highwater_engine_answer_and_explain, request)

    def _answer(self, answer: Callable[..., int], request: Json) -> str:
        text, out = json_argument(request), new_text()
        check(answer(self.handle(), text, len(text), out))
        return take_text(out)

    # Facts

    def apply(self, events: Json) -> int:
        """Applies one engine event or a list of them, all or none; they are in force for every
        decision that starts afterwards. Returns how many registers changed."""
        text, changed = json_argument(events), ffi.new("size_t *")
        check(lib.highwater_engine_apply(self.handle(), text, len(text), changed))
        return int(changed[0])

    def receive(self, token: str | bytes, now: Time | None = None) -> dict[str, Any]:
        """Takes a signed security event token of one of the engine's transmitters: verifies it and
        applies what it says. When this returns its events are in force and durable: answer 202."""
        return self._receive(lib.highwater_engine_receive, text_argument(token), now)

    def receive_trusted(self, claims: Json, now: Time | None = None) -> dict[str, Any]:
        """Takes the claims of a security event token without a signature, on the word of the host."""
        return self._receive(
            lib.highwater_engine_receive_trusted, json_argument(claims), now
        )

    def _receive(
        self, receive: Any, text: bytes, now: Time | None
    ) -> dict[str, Any]:
        report = new_text()
        check(receive(self.handle(), text, len(text), milliseconds(now), report), report)
        taken: dict[str, Any] = take_json(report)
        return taken

    def set_keys(
        self, transmitter: str, keys: Json | None, now: Time | None = None
    ) -> None:
        """Hands over the keys of a transmitter, a JWK Set; `None`: they could not be fetched."""
        name, text = text_argument(transmitter), json_argument(keys)
        check(
            lib.highwater_engine_set_keys(
                self.handle(), name, len(name), text, len(text), milliseconds(now)
            )
        )

    def due_keys(self, now: Time | None = None) -> list[str]:
        """The transmitters whose keys are due for a fetch. Ask every few minutes."""
        due: list[str] = self._read(lib.highwater_engine_due_keys, milliseconds(now))
        return due

    def ingest(
        self, name: str, data: str | bytes, expectation: Json, now: Time | None = None
    ) -> list[dict[str, Any]]:
        """Reads a file of events as `highwater events` does, and applies all of it or nothing.
        `expectation` has at least `source`, the name under which the facts are kept."""
        expected, title, content = (
            json_argument(expectation),
            text_argument(name),
            text_argument(data),
        )
        report = new_text()
        status = lib.highwater_engine_ingest(
            self.handle(),
            expected,
            len(expected),
            title,
            len(title),
            content,
            len(content),
            milliseconds(now),
            report,
        )
        check(status, report)
        inputs: list[dict[str, Any]] = take_json(report)
        return inputs

    # Running

    def status(self, now: Time | None = None) -> dict[str, Any]:
        """How the engine is: `version`, `semantics`, `facts`, `store`, `degraded`, `streams`."""
        status: dict[str, Any] = self._read(lib.highwater_engine_status, milliseconds(now))
        return status

    def forget_expired(self, now: Time | None = None) -> int:
        """Forgets the facts that no token alive can be refused by; returns how many registers.
        Call it every few minutes."""
        forgotten = ffi.new("size_t *")
        check(
            lib.highwater_engine_forget_expired(
                self.handle(), milliseconds(now), forgotten
            )
        )
        return int(forgotten[0])

    def watch_stream(
        self, source: str, stale_after_seconds: int, now: Time | None = None
    ) -> None:
        """Makes the event stream of `source` stale after so many seconds of silence."""
        name = text_argument(source)
        check(
            lib.highwater_engine_watch_stream(
                self.handle(), name, len(name), stale_after_seconds, milliseconds(now)
            )
        )

    def observe_stream(self, source: str, heard: Time | None = None) -> None:
        """Notes that `source` was heard of: an empty poll, a verification."""
        name = text_argument(source)
        check(
            lib.highwater_engine_observe_stream(
                self.handle(), name, len(name), milliseconds(heard)
            )
        )

    def reopen(self) -> None:
        """Opens the store's file again after writing to it failed."""
        check(lib.highwater_engine_reopen(self.handle()))

    def _read(self, read: Callable[..., int], *arguments: Any) -> Any:
        out = new_text()
        check(read(self.handle(), *arguments, out))
        return take_json(out)
