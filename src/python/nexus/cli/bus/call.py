"""`nexus bus call`: any method of the contract, at any peer."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Final, TypeAlias

from nexus.cli.bus.program import Outcome, Result, add_peer, call_peer, command_line, run
from nexus.contract.message_layout import Field, Kind, Struct
from nexus.core.errors import UsageError, did_you_mean
from nexus.core.text import quote
from nexus.dsoftbus.io.peer import Peer
from nexus.entry.options import whole_number
from nexus.entry.program import run_program
from nexus.wire.methods import METHODS, Method

HEX: Final = "hex:"

# A parameter as it is given, a field as it is read, and what JSON has of one.
Given: TypeAlias = int | str | bytes
Value: TypeAlias = "Struct | Enum | tuple[Value, ...] | bytes | str | int | None"
Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | None"

# The outcome of each status; every other one but ok is a failure.
_OUTCOMES: Final[Mapping[str, Outcome]] = {
    "ok": Outcome.OK,
    "not-found": Outcome.NOT_FOUND,
    "access-denied": Outcome.REFUSED,
    "unauthenticated": Outcome.REFUSED,
}


def main(arguments: Sequence[str]) -> int:
    """Call a method."""
    parser = command_line(
        "call",
        "Call a method of a peer's service; `nexus bus schema methods` lists them. The peer must"
        " permit it to this node. Numbers may be hexadecimal; bytes are text, or hex:00ff.",
        "node-b statefsd put key=/state/shared/greeting value=hello",
    )
    add_peer(parser)
    parser.add_argument("service", help="the service's name, such as statefsd")
    parser.add_argument("method", help="the method's name, such as get")
    parser.add_argument("values", nargs="*", metavar="KEY=VALUE", help="a parameter")
    return run(parser, arguments, _call)


async def _call(options: Namespace) -> Result:
    method = find(options.service, options.method)
    params = parse(method, options.values)

    async def call(peer: Peer) -> Result:
        results = await peer.invoke(method.service_name, method.name, params, options.timeout)
        fields = plain(results)
        status = str(fields.get("status"))
        text = "\n".join(f"{name}: {_shown(value)}" for name, value in fields.items())
        about = {"peer": peer.device_id, "encoding": peer.encoding}
        return _OUTCOMES.get(status, Outcome.FAILED), text, {**fields, **about}

    return await call_peer(options, call)


def find(service: str, name: str) -> Method:
    """Find a method by the names that a configuration has.

    Raises:
        UsageError: there is no such method; the text says which there are.
    """
    services = list(dict.fromkeys(method.service_name for method in METHODS))
    if service not in services:
        raise UsageError(
            f"service: {service!r} is not one of {', '.join(services)}"
            f"{did_you_mean(service, services)}"
        )
    methods = {method.name: method for method in METHODS if method.service_name == service}
    if name not in methods:
        raise UsageError(
            f"method: {name!r} is not one of {', '.join(methods)}{did_you_mean(name, methods)}"
        )
    return methods[name]


def parse(method: Method, values: Sequence[str]) -> Struct:
    """Make a method's parameters of `key=value` texts.

    Raises:
        UsageError: a key is unknown, missing or given twice, or its value is not of its kind.
    """
    fields = {field.name: field for field in method.params.LAYOUT.fields}
    given: dict[str, Given] = {}
    for text in values:
        key, equals, value = text.partition("=")
        if not equals or key not in fields:
            said = ", ".join(f"{name}=..." for name in fields) or "no parameters"
            raise UsageError(f"{text!r}: {method.name} takes {said}{did_you_mean(key, fields)}")
        if key in given:
            raise UsageError(f"{key}: given twice")
        given[key] = _value(fields[key], value)
    missing = [name for name in fields if name not in given and not fields[name].is_optional]
    if missing:
        raise UsageError(f"{method.name} needs {', '.join(f'{name}=...' for name in missing)}")
    made: Struct = method.params(**given)
    return made


def _value(field: Field, text: str) -> Given:
    if field.kind.name == "int":
        return _number(field, text)
    is_data = field.kind.name == "data"
    content = text.encode()
    if is_data and text.startswith(HEX):
        try:
            content = bytes.fromhex(text[len(HEX) :])
        except ValueError as exc:
            raise UsageError(f"{field.name}: {text!r}; expected hex: and pairs of digits") from exc
    most = field.bytes_max or field.service_max
    if most and len(content) > most:
        raise UsageError(f"{field.name}: {len(content)} bytes; expected at most {most}")
    return content if is_data else text


def _number(field: Field, text: str) -> int:
    most = (1 << abs(field.kind.bits)) - 1
    value = whole_number(text)
    if value is None or not 0 <= value <= most:
        raise UsageError(f"{field.name}: {quote(text)}; expected a number from 0 to {most}")
    return value


def plain(value: Struct) -> dict[str, Json]:
    """Show a struct as what JSON has."""
    return {field.name: _plain(getattr(value, field.name)) for field in value.LAYOUT.fields}


def _plain(value: Value) -> Json:
    match value:
        case Enum():
            return value.name.lower().replace("_", "-")
        case bytes():
            return _text(value)
        case tuple():
            return [_plain(item) for item in value]
        case str() | int() | None:
            return value
        case _:
            return plain(value)


def _text(value: bytes) -> str:
    """Show bytes as the text that they are, or in hexadecimal digits."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return HEX + value.hex()
    return text if text.isprintable() and not text.startswith(HEX) else HEX + value.hex()


def _shown(value: Json) -> str:
    if isinstance(value, dict):
        return " ".join(f"{name}={_shown(each)}" for name, each in value.items())
    if isinstance(value, list):
        return "".join(f"\n  {_shown(item)}" for item in value) or "-"
    # One line each, whatever a peer's text holds.
    text = str(value)
    return text if text.isprintable() else repr(text)


def methods_schema() -> dict[str, dict[str, dict[str, str]]]:
    """Describe every method: its parameters and results by name and kind."""
    return {
        f"{method.service_name} {method.name}": {
            "parameters": _kinds(method.params),
            "results": _kinds(method.results),
        }
        for method in METHODS
    }


def _kinds(kind: type[Struct]) -> dict[str, str]:
    return {field.name: _kind(field.kind, field) for field in kind.LAYOUT.fields}


def _kind(kind: Kind, field: Field) -> str:
    most = field.bytes_max or field.service_max
    limit = f", at most {most} bytes" if most else ""
    if kind.name == "int":
        return f"number of {abs(kind.bits)} bits"
    if kind.name == "enum":
        return "one of " + ", ".join(m.name.lower().replace("_", "-") for m in kind.enumeration)
    if kind.name == "list":
        assert kind.item is not None, "a list is one of something"
        return f"list of {_kind(kind.item, field)}"
    if kind.name == "struct":
        return ", ".join(f"{name}: {text}" for name, text in _kinds(kind.struct).items())
    return {"text": "text", "data": "bytes"}[kind.name] + limit


if __name__ == "__main__":
    run_program(main)
