"""One verified access token: its claims are read once, and decided as often as it is presented."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any

from ._library import ffi, lib, new_text, take_json
from .errors import ClosedError, check

if TYPE_CHECKING:
    from ._library import CData


class Token:
    """A token of one engine, made by `Engine.token`. Any number of threads may use it.

    Its memory is given back when nothing refers to it any more; `close` refuses further use.
    """

    __slots__ = ("_handle",)

    def __init__(self, handle: CData) -> None:
        # Whoever calls the library holds this object meanwhile, so that closing a token on one
        # thread never takes it away from another.
        self._handle: CData | None = ffi.gc(handle, lib.highwater_token_free)

    def handle(self) -> CData:
        """The handle, alive as long as something refers to it."""
        handle = self._handle
        if handle is None:
            raise ClosedError("token")
        return handle

    def facts(self) -> dict[str, Any]:
        """What was read from the claims: `issuer`, `tenant`, `kind`, `subject`, `app`, `session`,
        `id`, `device`, `audience`, `issued_at`, `expires` (seconds since 1970), `capable`."""
        text = new_text()
        check(lib.highwater_token_facts(self.handle(), text))
        facts: dict[str, Any] = take_json(text)
        return facts

    def close(self) -> None:
        """Ends the token. A second call does nothing."""
        self._handle = None

    def __enter__(self) -> Token:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
