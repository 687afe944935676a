"""A request: what a service knows about the call that it is asked to serve.

It is the library's own struct, filled once and written to afterwards, so that deciding converts
nothing. What is not said is unknown, and what is unknown is never assumed.
"""

from __future__ import annotations

import enum
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Any, TypeAlias, Union

from ._library import Json, Time, ffi, json_argument, lib, milliseconds, new, text_argument
from .errors import check

if TYPE_CHECKING:
    from ._library import CData

#: An address as text (no port, no zone) or as the standard library has it.
Address: TypeAlias = Union[str, IPv4Address, IPv6Address]


class Platform(enum.IntEnum):
    """The client's platform."""

    ANDROID = 1
    IOS = 2
    WINDOWS = 3
    WINDOWS_PHONE = 4
    MACOS = 5
    LINUX = 6
    OTHER = 7


class ClientAppType(enum.IntEnum):
    """The kind of client application."""

    BROWSER = 1
    MOBILE_APPS_AND_DESKTOP_CLIENTS = 2
    EXCHANGE_ACTIVE_SYNC = 3
    EAS_SUPPORTED = 4
    OTHER = 5


class Resource:
    """The application id of a resource, made once and used in any number of requests."""

    __slots__ = ("_handle",)

    def __init__(self, id: str) -> None:
        text = text_argument(id)
        out: Any = ffi.new("highwater_resource **")
        check(lib.highwater_resource_new(text, len(text), out))
        self._handle: CData = ffi.gc(out[0], lib.highwater_resource_free)

    def handle(self) -> CData:
        """The handle, alive as long as something refers to it."""
        return self._handle


class Device:
    """What a host knows of a device, made once and used in any number of requests.

    `attributes` are by rule name without `device.`, such as `{"isCompliant": True}`. Whoever
    supplies a device speaks for all of it: an attribute that is missing counts as null.
    """

    __slots__ = ("_handle",)

    def __init__(self, attributes: Json) -> None:
        text = json_argument(attributes)
        out: Any = ffi.new("highwater_device **")
        check(lib.highwater_device_new(text, len(text), out))
        self._handle: CData = ffi.gc(out[0], lib.highwater_device_free)

    def handle(self) -> CData:
        """The handle, alive as long as something refers to it."""
        return self._handle


class Request:
    """The circumstances of a request. One thread at a time; may be used again with other values.

    `now` is the present by the system's clock unless it is given: milliseconds since 1970, or a
    `datetime` with a time zone.
    """

    __slots__ = ("_context", "_device", "_resource", "struct")

    def __init__(
        self,
        now: Time | None = None,
        address: Address | None = None,
        *,
        authentication_context: str | None = None,
        resource: Resource | None = None,
        device: Device | None = None,
        country: str | None = None,
        platform: Platform | None = None,
        client_app_type: ClientAppType | None = None,
        compliant_network: bool | None = None,
    ) -> None:
        #: The library's struct.
        self.struct: Any = new(_REQUEST)
        self.struct.size = REQUEST_SIZE
        self.struct.now = milliseconds(now)
        self._context: Any = None
        self._resource: Resource | None = None
        self._device: Device | None = None
        if address is not None:
            self.address = address
        if authentication_context is not None:
            self.authentication_context = authentication_context
        if resource is not None:
            self.resource = resource
        if device is not None:
            self.device = device
        if country is not None:
            self.country = country
        if platform is not None:
            self.platform = platform
        if client_app_type is not None:
            self.client_app_type = client_app_type
        if compliant_network is not None:
            self.compliant_network = compliant_network

    @property
    def now(self) -> int:
        """The present, in milliseconds since 1970; `None` asks the system's clock."""
        return int(self.struct.now)

    @now.setter
    def now(self, now: Time | None) -> None:
        self.struct.now = milliseconds(now)

    @property
    def address(self) -> IPv4Address | IPv6Address | None:
        """The client's address as the host saw it; not one that a client could have written."""
        packed = bytes(self.struct.address)[: self.struct.address_length]
        if not packed:
            return None
        return IPv4Address(packed) if len(packed) == 4 else IPv6Address(packed)

    @address.setter
    def address(self, address: Address | None) -> None:
        if address is None:
            self.struct.address_length = 0
        elif isinstance(address, str):
            text = text_argument(address)
            check(lib.highwater_request_set_address(self.struct, text, len(text)))
        else:
            packed = address.packed
            self.struct.address = packed.ljust(16, b"\0")
            self.struct.address_length = len(packed)

    @property
    def authentication_context(self) -> str | None:
        """The authentication context that this operation needs, such as `c1`."""
        if self._context is None:
            return None
        return bytes(ffi.buffer(self._context)).decode()

    @authentication_context.setter
    def authentication_context(self, context: str | None) -> None:
        text = text_argument(context or "")
        self._context = ffi.new("char[]", len(text)) if text else None
        if text:
            ffi.memmove(self._context, text, len(text))
        self.struct.authentication_context = self._context if text else ffi.NULL
        self.struct.authentication_context_length = len(text)

    @property
    def resource(self) -> Resource | None:
        """The application id of the resource; `None` for the token's audience."""
        return self._resource

    @resource.setter
    def resource(self, resource: Resource | None) -> None:
        self.struct.resource = ffi.NULL if resource is None else resource.handle()
        self._resource = resource

    @property
    def device(self) -> Device | None:
        """What is known of the device."""
        return self._device

    @device.setter
    def device(self, device: Device | None) -> None:
        self.struct.device = ffi.NULL if device is None else device.handle()
        self._device = device

    @property
    def country(self) -> str | None:
        """ISO 3166-1 alpha-2 code of the client's country."""
        code = bytes(self.struct.country)
        return code.decode("ascii") if any(code) else None

    @country.setter
    def country(self, country: str | None) -> None:
        code = b"\0\0" if country is None else country.encode()
        if len(code) != 2:
            raise ValueError(f"`{country}` is no country code of two letters")
        self.struct.country = code

    @property
    def platform(self) -> Platform | None:
        """The client's platform."""
        return Platform(self.struct.platform) if self.struct.platform else None

    @platform.setter
    def platform(self, platform: Platform | None) -> None:
        self.struct.platform = platform or 0

    @property
    def client_app_type(self) -> ClientAppType | None:
        """The kind of client application."""
        value = self.struct.client_app_type
        return ClientAppType(value) if value else None

    @client_app_type.setter
    def client_app_type(self, client_app_type: ClientAppType | None) -> None:
        self.struct.client_app_type = client_app_type or 0

    @property
    def compliant_network(self) -> bool | None:
        """Whether the client came through the compliant network."""
        value = self.struct.compliant_network
        return None if value == lib.HIGHWATER_ANSWER_UNKNOWN else value == lib.HIGHWATER_ANSWER_YES

    @compliant_network.setter
    def compliant_network(self, compliant: bool | None) -> None:
        if compliant is None:
            self.struct.compliant_network = lib.HIGHWATER_ANSWER_UNKNOWN
        else:
            self.struct.compliant_network = (
                lib.HIGHWATER_ANSWER_YES if compliant else lib.HIGHWATER_ANSWER_NO
            )

    def kept(self) -> tuple[object, ...]:
        """What must stay alive as long as a copy of the struct is in use."""
        return (self._context, self._resource, self._device)


_REQUEST = ffi.typeof("highwater_request *")
REQUEST_SIZE = ffi.sizeof("highwater_request")

