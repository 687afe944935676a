"""Highwater: is this access token still good?

    >>> from highwater import Engine, Request
    >>> engine = Engine({"settings": {"accept_any_tenant": True}})
    >>> token = engine.token({"iss": "https://idp.example", "sub": "ada",
    ...                       "iat": 1763760000, "exp": 1763763600})  # you verified it
    >>> decision = engine.decide(token, Request(now=1763760100000, address="203.0.113.7"))
    >>> decision.allowed
    True

An engine, its tokens and its devices may be used by any number of threads; a request, a batch and
a feed by one at a time. What is refused raises; an exception never stands for an allowed request.
"""

from ._library import LIBRARY_PATH, Json, Time, semantics_version, version
from .batch import Batch
from .decision import Decision, Decisions, Outcome, Reason
from .documents import DocumentKind, Documents
from .engine import Engine, Publication
from .errors import (
    ClosedError,
    DocumentsRefusedError,
    HighwaterError,
    InvalidClaimsError,
    InvalidInputError,
    NotDurableError,
    SignalRefusedError,
    Status,
    StoreError,
    UnknownKeyError,
)
from .feed import Feed
from .log import forward_log, stop_log
from .request import Address, ClientAppType, Device, Platform, Request, Resource
from .token import Token

__all__ = [
    "LIBRARY_PATH",
    "Address",
    "Batch",
    "ClientAppType",
    "ClosedError",
    "Decision",
    "Decisions",
    "Device",
    "DocumentKind",
    "Documents",
    "DocumentsRefusedError",
    "Engine",
    "Feed",
    "HighwaterError",
    "InvalidClaimsError",
    "InvalidInputError",
    "Json",
    "NotDurableError",
    "Outcome",
    "Platform",
    "Publication",
    "Reason",
    "Request",
    "Resource",
    "SignalRefusedError",
    "Status",
    "StoreError",
    "Time",
    "Token",
    "UnknownKeyError",
    "forward_log",
    "semantics_version",
    "stop_log",
    "version",
]
