"""The kinds of value that configuration files hold, each with its check and its JSON Schema.

A check raises `ValueError` with the accepted values; `nexus.config.explain` adds file, field and
the bad value.  Values stay the text of the file, so that a message can show what was written.
"""

from __future__ import annotations

import re
from typing import Annotated, Final, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from nexus.config.limits import Within, form, matching
from nexus.contract import bus
from nexus.core.identity import SERVICE_NAME_BYTES_MAX, SERVICE_NAME_RULE, is_service_name
from nexus.core.randomness import Ratio

DEVICE_ID_BYTES_MAX: Final = bus.DEVICE_ID_BYTES_MAX
# Expressions that mean the same to Python, to JSON Schema and to other engines; they match a whole
# text.  Where a check by code says more than one of them, `nexus.config.schema` lists what.
_DEVICE_ID: Final = rf"[!-~]{{1,{DEVICE_ID_BYTES_MAX}}}"
_SERVICE: Final = rf"[a-z][a-z0-9-]{{0,{SERVICE_NAME_BYTES_MAX - 1}}}"
_CAPABILITY: Final = r"[a-z][a-z0-9._-]{0,47}"
_KEY_HEX: Final = r"[0-9a-fA-F]{64}"
_LABEL: Final = r"[A-Za-z0-9][A-Za-z0-9_-]{0,15}"
_SEED_NAME: Final = r"[!-~]{1,64}"
_RATIO: Final = r"([01]|[0-9]{1,19}/[1-9][0-9]{0,18})"
_NO_CONTROLS: Final = r"[^\x00-\x1f\x7f-\x9f]"
_HEX: Final = r"([0-9a-fA-F]{2}( ?[0-9a-fA-F]{2})*)?"
_TAG: Final = (
    r"([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
)
_TEXT_CHARS_MAX: Final = 1000

# As many files as a reader can still follow.
BASES_MAX: Final = 8

T = TypeVar("T")


class Model(BaseModel):
    """A table: unknown keys refused, no conversions, no changes afterwards."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, hide_input_in_errors=True, validate_default=False
    )


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
RatioText = Annotated[str, AfterValidator(_check_ratio), form(_RATIO)]
Line = Annotated[str, AfterValidator(_check_line), WithJsonSchema(_LINE_SCHEMA)]
Regex = Annotated[
    str, AfterValidator(_check_regex), WithJsonSchema({**_LINE_SCHEMA, "format": "regex"})
]
Capability = Annotated[
    str,
    AfterValidator(matching(_CAPABILITY, "1..48 characters a-z, 0-9, '.', '_' and '-'")),
    form(_CAPABILITY),
]
KeyHex = Annotated[
    str,
    AfterValidator(matching(_KEY_HEX, "64 hexadecimal digits (32 bytes)")),
    form(_KEY_HEX),
]
Label = Annotated[
    str,
    AfterValidator(matching(_LABEL, "1..16 letters, digits, '_' and '-', such as A")),
    form(_LABEL),
]
SeedName = Annotated[
    str,
    AfterValidator(matching(_SEED_NAME, "1..64 printable ASCII characters without spaces")),
    form(_SEED_NAME),
]
FreeService = Annotated[str, AfterValidator(_check_free_service)]
Tag = Annotated[str, AfterValidator(matching(_TAG, "tags 1..65535"))]

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
