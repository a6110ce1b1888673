"""The kinds of value that configuration files hold, each with its check and its JSON Schema.

A check raises `ValueError` with the accepted values; `nexus.config.explain` adds file, field and
the bad value.  Values stay the text of the file, so that a message can show what was written.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv4Interface, NetmaskValueError
from typing import Annotated, Any, Final, TypeVar  # Any: pydantic's own hooks have it.

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, core_schema

from nexus.contract import bus
from nexus.core.errors import did_you_mean
from nexus.core.identity import SERVICE_NAME_BYTES_MAX, SERVICE_NAME_RULE, is_service_name
from nexus.core.randomness import Ratio

DEVICE_ID_BYTES_MAX: Final = bus.DEVICE_ID_BYTES_MAX
# Expressions that mean the same to Python, to JSON Schema and to other engines; they match a whole
# text.  Where a check by code says more than one of them, `nexus.config.schema` lists what.
_DEVICE_ID: Final = rf"[!-~]{{1,{DEVICE_ID_BYTES_MAX}}}"
_SERVICE: Final = rf"[a-z][a-z0-9-]{{0,{SERVICE_NAME_BYTES_MAX - 1}}}"
_CAPABILITY: Final = r"[a-z][a-z0-9._-]{0,47}"
_MAC: Final = r"[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}"
_UNICAST_MAC: Final = r"[0-9a-fA-F][02468aceACE](:[0-9a-fA-F]{2}){5}"
_KEY_HEX: Final = r"[0-9a-fA-F]{64}"
_LABEL: Final = r"[A-Za-z0-9][A-Za-z0-9_-]{0,15}"
_SEED_NAME: Final = r"[!-~]{1,64}"
_OCTET: Final = r"(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
# Neither loopback (127) nor multicast and above (224).
_FIRST_OCTET: Final = r"(22[0-3]|2[01][0-9]|1[3-9][0-9]|12[0-689]|1[01][0-9]|[1-9]?[0-9])"
_HOST: Final = rf"{_FIRST_OCTET}(\.{_OCTET}){{3}}"
_PREFIX: Final = r"([89]|[12][0-9]|30)"
_RATIO: Final = r"([01]|[0-9]{1,19}/[1-9][0-9]{0,18})"
_NO_CONTROLS: Final = r"[^\x00-\x1f\x7f-\x9f]"
_HEX: Final = r"([0-9a-fA-F]{2}( ?[0-9a-fA-F]{2})*)?"
_TAG: Final = (
    r"([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
)
_TEXT_CHARS_MAX: Final = 1000

# What a reader can still follow.
BASES_MAX: Final = 8

T = TypeVar("T")


class Model(BaseModel):
    """A table: unknown keys refused, no conversions, no changes afterwards."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, hide_input_in_errors=True, validate_default=False
    )


class Limit(ABC):
    """An annotation: values of a type, of which a check and JSON Schema say what is accepted."""

    __slots__ = ()

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Check the type, and the entries of a list, before this."""
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: Any) -> dict[str, Any]:
        """Say the same in JSON Schema."""
        return {**handler(schema), **self._keywords()}

    @abstractmethod
    def _check(self, value: Any) -> Any:
        """Return the value.

        Raises:
            ValueError: It is not accepted; the text says what is.
        """

    @abstractmethod
    def _keywords(self) -> dict[str, Any]:
        """The range as JSON Schema writes it."""


@dataclass(frozen=True, slots=True)
class Within(Limit):
    """An annotation: an integer of this range, both ends included."""

    low: int
    high: int

    def _keywords(self) -> dict[str, Any]:
        return {"minimum": self.low, "maximum": self.high}

    def _check(self, value: int) -> int:
        if not self.low <= value <= self.high:
            raise ValueError(f"expected {self.low}..{self.high}")
        return value


class CountError(ValueError):
    """Too few or too many entries: the entries themselves say nothing about it."""


@dataclass(frozen=True, slots=True)
class Count(Limit):
    """An annotation: a list of so many entries, both ends included."""

    low: int
    high: int

    def _keywords(self) -> dict[str, Any]:
        return {**({"minItems": self.low} if self.low else {}), "maxItems": self.high}

    def _check(self, value: tuple[Any, ...]) -> tuple[Any, ...]:
        if not self.low <= len(value) <= self.high:
            found = (
                f"{len(value)} {'entry' if len(value) == 1 else 'entries'}" if value else "is empty"
            )
            wanted = str(self.low) if self.low == self.high else f"{self.low}..{self.high}"
            raise CountError(f"{found}; expected {wanted} entries")
        return value


@dataclass(frozen=True, slots=True)
class Choice(Limit):
    """An annotation: one word of a table."""

    accepted: tuple[str, ...]

    def _keywords(self) -> dict[str, Any]:
        return {"enum": list(self.accepted)}

    def _check(self, value: str) -> str:
        if value not in self.accepted:
            hint = did_you_mean(value, self.accepted)
            raise ValueError(f"expected {', '.join(self.accepted)}{hint}")
        return value


def form(pattern: str, refused: str | None = None) -> WithJsonSchema:
    """Describe a text by an expression for all of it, and one text that it is not."""
    no = {"not": {"const": refused}} if refused is not None else {}
    return WithJsonSchema({"type": "string", "pattern": f"^{pattern}$", **no})


def _matching(pattern: str, accepted: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        if re.fullmatch(pattern, value) is None:
            raise ValueError(f"expected {accepted}")
        return value

    return check


def _check_service(value: str) -> str:
    if not is_service_name(value):
        raise ValueError(f"expected {SERVICE_NAME_RULE}")
    return value


def _check_device_id(value: str) -> str:
    if re.fullmatch(_DEVICE_ID, value) is None:
        raise ValueError(
            f"expected 1..{DEVICE_ID_BYTES_MAX} printable ASCII characters without spaces"
        )
    return value


def _check_mac(value: str) -> str:
    if re.fullmatch(_MAC, value) is None:
        raise ValueError("expected six bytes in hexadecimal, such as 52:54:00:12:34:0a")
    octets = mac_bytes(value)
    if octets == b"\xff" * 6:
        raise ValueError("the broadcast address belongs to no machine; expected a unicast address")
    if octets[0] & 1:
        raise ValueError("a multicast address (its first byte is odd); expected a unicast address")
    if octets == bytes(6):
        raise ValueError("the zero address belongs to no machine; expected a unicast address")
    return value


def _check_address(value: str) -> str:
    try:
        address = IPv4Address(value)
    except AddressValueError as exc:
        raise ValueError("expected an IPv4 address, such as 10.42.0.10") from exc
    _check_host(address)
    return value


def _check_interface(value: str) -> str:
    try:
        interface = IPv4Interface(value)
    except (AddressValueError, NetmaskValueError) as exc:
        raise ValueError("expected an IPv4 address and prefix, such as 10.42.0.10/24") from exc
    _, slash, prefix = value.partition("/")
    if not (slash and prefix.isdigit()):
        raise ValueError(
            "the prefix length is missing; expected an address with one, such as 10.42.0.10/24"
        )
    network = interface.network
    if re.fullmatch(_PREFIX, prefix) is None:
        raise ValueError("expected prefix lengths 8..30")
    _check_host(interface.ip)
    if interface.ip in (network.network_address, network.broadcast_address):
        raise ValueError(f"is not a host of {network}, whose first and last address are reserved")
    return value


def _check_host(address: IPv4Address) -> None:
    if (
        address.is_multicast
        or address.is_loopback
        or address.is_unspecified
        or address.packed[0] >= 240
    ):
        raise ValueError("expected a unicast address of a network")


def _check_ratio(value: str) -> str:
    try:
        if re.fullmatch(_RATIO, value) is None:
            raise ValueError(value)
        Ratio.parse(value)
    except ValueError as exc:
        raise ValueError("expected a ratio n/m between 0 and 1, such as 1/50") from exc
    return value


def _check_regex(value: str) -> str:
    try:
        pattern = re.compile(value)
    except (re.error, OverflowError, RecursionError) as exc:
        raise ValueError(f"is not a regular expression: {exc}") from exc
    if pattern.fullmatch(""):
        raise ValueError(
            "matches an empty line; expected a pattern that needs at least one character"
        )
    return _check_line(value)


def _check_line(value: str) -> str:
    if not (1 <= len(value) <= _TEXT_CHARS_MAX and value.isprintable()):
        raise ValueError(f"expected one line of 1..{_TEXT_CHARS_MAX} printable characters")
    if not value.strip():
        raise ValueError("expected more than spaces")
    return value


def mac_bytes(text: str) -> bytes:
    """Turn a checked MAC address into its six bytes."""
    return bytes.fromhex(text.replace(":", ""))


_LINE_SCHEMA: Final = {
    "type": "string",
    "pattern": rf"^{_NO_CONTROLS}*[^\x00-\x20\x7f-\x9f]{_NO_CONTROLS}*$",
    "minLength": 1,
    "maxLength": _TEXT_CHARS_MAX,
}

# Services whose tables have a model; `[service.NAME]` is for those that have none.
MODELLED: Final = (
    "init",
    "netstackd",
    "dsoftbusd",
    "policyd",
    "selftest-client",
    "bundlemgrd",
    "statefsd",
)


def _check_free_service(value: str) -> str:
    if value in MODELLED:
        raise ValueError(f"{value!r} has tables of its own; expected a service without one")
    return _check_service(value)


Port = Annotated[int, Within(1, 65535)]
U16 = Annotated[int, Within(1, 65535)]
ServiceName = Annotated[str, AfterValidator(_check_service), form(_SERVICE)]
DeviceId = Annotated[str, AfterValidator(_check_device_id), form(_DEVICE_ID)]
Mac = Annotated[str, AfterValidator(_check_mac), form(_UNICAST_MAC, "00:00:00:00:00:00")]
Address = Annotated[str, AfterValidator(_check_address), form(_HOST, "0.0.0.0")]
Interface = Annotated[str, AfterValidator(_check_interface), form(f"{_HOST}/{_PREFIX}")]
RatioText = Annotated[str, AfterValidator(_check_ratio), form(_RATIO)]
Line = Annotated[str, AfterValidator(_check_line), WithJsonSchema(_LINE_SCHEMA)]
Regex = Annotated[
    str, AfterValidator(_check_regex), WithJsonSchema({**_LINE_SCHEMA, "format": "regex"})
]
Capability = Annotated[
    str,
    AfterValidator(_matching(_CAPABILITY, "1..48 characters a-z, 0-9, '.', '_' and '-'")),
    form(_CAPABILITY),
]
KeyHex = Annotated[
    str,
    AfterValidator(_matching(_KEY_HEX, "64 hexadecimal digits (32 bytes)")),
    form(_KEY_HEX),
]
Label = Annotated[
    str,
    AfterValidator(_matching(_LABEL, "1..16 letters, digits, '_' and '-', such as A")),
    form(_LABEL),
]
SeedName = Annotated[
    str,
    AfterValidator(_matching(_SEED_NAME, "1..64 printable ASCII characters without spaces")),
    form(_SEED_NAME),
]
FreeService = Annotated[str, AfterValidator(_check_free_service)]
Tag = Annotated[str, AfterValidator(_matching(_TAG, "tags 1..65535"))]

# TOML has lists, a frozen model wants tuples: this one conversion is allowed.
Many = Annotated[tuple[T, ...], Field(strict=False)]

_HEX_SCHEMA: Final = {"type": "string", "pattern": f"^{_HEX}$"}


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _check_hex(value: str) -> str:
    if re.fullmatch(_HEX, value) is None:
        raise ValueError("expected bytes in hexadecimal, two digits each")
    return value


_VALUE_SCHEMA: Final = {"anyOf": [_HEX_SCHEMA, {"type": "array", "items": _HEX_SCHEMA}]}

# The value of one tag, or a list of values for a repeated tag.
HexValues = Annotated[
    Many[Annotated[str, AfterValidator(_check_hex)]],
    BeforeValidator(_as_list),
    WithJsonSchema(_VALUE_SCHEMA),
]

# Values by tag by service.
FreeTables = Annotated[
    dict[FreeService, dict[Tag, HexValues]],
    WithJsonSchema(
        {
            "type": "object",
            "propertyNames": {
                "type": "string",
                "pattern": f"^{_SERVICE}$",
                "not": {"enum": [*MODELLED]},
            },
            "additionalProperties": {
                "type": "object",
                "propertyNames": {"type": "string", "pattern": f"^{_TAG}$"},
                "additionalProperties": _VALUE_SCHEMA,
            },
        }
    ),
]


def _as_bases(value: object) -> object:
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list):
        raise ValueError("expected a file's name, or a list of them")
    return value


def _check_bases(value: tuple[str, ...]) -> tuple[str, ...]:
    if not 1 <= len(value) <= BASES_MAX:
        raise ValueError(f"expected 1..{BASES_MAX} files")
    return value


# The file, or a list of files, that a file is built on; see `nexus.config.inherit`.
Extends = Annotated[
    Many[Line],
    AfterValidator(_check_bases),
    BeforeValidator(_as_bases),
    WithJsonSchema(
        {
            "anyOf": [
                _LINE_SCHEMA,
                {"type": "array", "items": _LINE_SCHEMA, "minItems": 1, "maxItems": BASES_MAX},
            ]
        }
    ),
]
