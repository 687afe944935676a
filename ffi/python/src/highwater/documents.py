"""The documents of one tenant: policies, named locations, memberships, tables of countries."""

from __future__ import annotations

import enum
import os
from typing import TYPE_CHECKING, Any

from ._library import Json, ffi, json_argument, lib, new_text, take_json, text_argument
from .errors import DocumentsRefusedError, check, failure

if TYPE_CHECKING:
    from ._library import CData


class DocumentKind(enum.IntEnum):
    """What a document is."""

    #: Policies, named locations or memberships in Graph's JSON, in any form that exporters write.
    GRAPH = 1
    #: Policies as the issuer pushes them to a resource provider: one update per line.
    SYNCED = 2
    #: The ranges configured as MFA trusted IPs: one prefix per line.
    TRUSTED_IPS = 3
    #: A country table as lines of `CC<TAB>prefix`.
    COUNTRY_LIST = 4
    #: A country table in MaxMind DB format.
    COUNTRY_DATABASE = 5


class Documents:
    """A collection of documents. One thread at a time while something is added."""

    __slots__ = ("_handle",)

    def __init__(self, *, strict: bool = False, updates_in_order: bool = False) -> None:
        """`strict` refuses what is otherwise corrected with a warning; with `updates_in_order` a
        later document replaces an earlier one with the same id."""
        flags = (lib.HIGHWATER_DOCUMENTS_FLAG_STRICT if strict else 0) | (
            lib.HIGHWATER_DOCUMENTS_FLAG_UPDATES_IN_ORDER if updates_in_order else 0
        )
        out: Any = ffi.new("highwater_documents **")
        check(lib.highwater_documents_new(flags, out))
        self._handle: CData = ffi.gc(out[0], lib.highwater_documents_free)

    def handle(self) -> CData:
        """The handle, alive as long as something refers to it."""
        return self._handle

    def add(
        self, name: str, data: Json, kind: DocumentKind = DocumentKind.GRAPH
    ) -> Documents:
        """Adds a document from memory; `name` stands in reports. What is wrong with it is said by
        `check` and `Engine.publish`."""
        text, content = text_argument(name), json_argument(data)
        check(
            lib.highwater_documents_add(
                self._handle, kind, text, len(text), content, len(content)
            )
        )
        return self

    def add_path(
        self, path: str | os.PathLike[str], kind: DocumentKind = DocumentKind.GRAPH
    ) -> Documents:
        """Adds a file, or for Graph documents a folder with all `*.json` below it. Nothing is added
        unless everything can be read."""
        text = os.fsencode(path)
        check(lib.highwater_documents_add_path(self._handle, kind, text, len(text)))
        return self

    def check(self) -> dict[str, Any]:
        """Compiles what was added, publishes nothing, and reports as `highwater check` does,
        whether or not something would be refused."""
        text = new_text()
        status = lib.highwater_documents_check(self._handle, text)
        if status:
            error = failure(status, text)
            if not isinstance(error, DocumentsRefusedError):
                raise error
            report: dict[str, Any] = error.report
            return report
        report = take_json(text)
        return report
