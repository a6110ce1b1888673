"""The judges of messages: pycapnp, our Python, our zig; and values to write messages of."""

from __future__ import annotations

import ctypes
from enum import Enum
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Final  # Any: pycapnp publishes no types.

import capnp
from capnp.lib.capnp import _StructModule
from hypothesis import strategies as st

from nexus.contract import rpc
from nexus.contract.message import MalformedMessage, decode
from nexus.contract.message_layout import Kind, Limits, Unread
from nexus.contract.message_writer import encode

ROOT: Final = Path(__file__).parents[5]
LIBRARY: Final = Path("src.guest.lib.contract_host/library.so")
LIMITS: Final = Limits(rpc.MESSAGE_WORDS_MAX, rpc.TRAVERSAL_WORDS_MAX, rpc.NESTING_MAX)

# As the schema has them: file, and the path of its declaration.
KINDS: Final[dict[str, tuple[str, ...]]] = {
    "log.Record": ("Record",),
    "rpc.Call": ("Call",),
    "rpc.Answer": ("Answer",),
    "samgr.ResolveStatusParams": ("Samgr", "resolveStatus", "param"),
    "samgr.ResolveStatusResults": ("Samgr", "resolveStatus", "result"),
    "bundle.ListParams": ("Bundlemgr", "list", "param"),
    "bundle.ListResults": ("Bundlemgr", "list", "result"),
    "packagefs.StatParams": ("PackageFs", "stat", "param"),
    "packagefs.StatResults": ("PackageFs", "stat", "result"),
    "packagefs.ReadParams": ("PackageFs", "read", "param"),
    "packagefs.ReadResults": ("PackageFs", "read", "result"),
    "state.PutParams": ("StateFs", "put", "param"),
    "state.GetResults": ("StateFs", "get", "result"),
    "state.ListParams": ("StateFs", "list", "param"),
    "state.ListResults": ("StateFs", "list", "result"),
    "log.QueryParams": ("Log", "query", "param"),
    "log.QueryResults": ("Log", "query", "result"),
    "log.StatsResults": ("Log", "stats", "result"),
}


def python_kind(name: str) -> type[Any]:
    module, _, kind = name.partition(".")
    found = getattr(import_module(f"nexus.contract.{module}"), kind)
    assert isinstance(found, type)
    return found


@cache
def _parser() -> Any:
    return capnp.SchemaParser()


@cache
def capnp_kind(name: str) -> Any:
    """The struct as pycapnp has it."""
    module = name.partition(".")[0]
    path = ROOT / "schemas" / f"{module}.capnp"
    loaded = _parser().load(str(path), imports=[str(path.parent)])
    top, *rest = KINDS[name]
    if not rest:
        return getattr(loaded, top)
    method = getattr(loaded, top).schema.methods[rest[0]]
    schema = method.param_type if rest[1] == "param" else method.result_type
    return _StructModule(schema, name)


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def python_verdict(name: str, message: bytes) -> bytes | None:
    """Write what our Python has read of a message; None is a refusal."""
    try:
        value = decode(python_kind(name), message, LIMITS)
    except MalformedMessage:
        return None
    return encode(without_unread(value), LIMITS)


def fields_of(kind: type[Any]) -> list[str]:
    return [name for name in kind.__dataclass_fields__ if name != "LAYOUT"]


def without_unread(value: Any) -> Any:
    """A value without what stands in fields of unknown type, which are not written again."""
    unread = {field.name for field in value.LAYOUT.fields if field.kind.name == "any"}
    names = fields_of(type(value))
    return type(value)(**{n: Unread() if n in unread else getattr(value, n) for n in names})


class Zig:
    """The same of our zig, from its library."""

    def __init__(self, path: Path = LIBRARY) -> None:
        self._library = ctypes.CDLL(str(path.resolve()))
        self._library.contract_rewrite.restype = ctypes.c_ssize_t
        self._out = ctypes.create_string_buffer(8 + 8 * LIMITS.words)

    def verdict(self, name: str, message: bytes) -> bytes | None:
        """Write what zig has read of a message; None is a refusal."""
        length = self._library.contract_rewrite(
            name.encode(),
            ctypes.c_size_t(len(name)),
            message,
            ctypes.c_size_t(len(message)),
            self._out,
            ctypes.c_size_t(len(self._out)),
        )
        assert length != -3, f"zig has no {name}"
        assert length != -2, f"{name} needs more room than it had"
        return None if length < 0 else self._out.raw[:length]


def capnp_reads(name: str, message: bytes) -> dict[str, Any] | None:
    """Return pycapnp's reading of a message, every text and list of it; None if it cannot."""
    try:
        with capnp_kind(name).from_bytes(
            message, traversal_limit_in_words=LIMITS.traversal, nesting_limit=LIMITS.nesting
        ) as reader:
            return _plain(reader, python_kind(name))
    except (capnp.KjException, UnicodeDecodeError, ValueError):
        return None


def _plain(reader: Any, kind: type[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    member = None
    if kind.LAYOUT.members:
        said = str(reader.which())
        found["which"] = said
        member = [camel(name) for name in kind.LAYOUT.members].index(said)
    for field in kind.LAYOUT.fields:
        if field.kind.name != "any" and field.member in (None, member):
            found[field.name] = _plain_value(getattr(reader, camel(field.name)), field.kind)
    return found


def _plain_value(value: Any, kind: Kind) -> Any:
    if kind.name == "struct":
        return _plain(value, kind.struct)
    if kind.name == "list":
        assert kind.item is not None
        return [_plain_value(item, kind.item) for item in value]
    if kind.name == "enum":
        return str(value) if value.raw < len(kind.enumeration) else None
    return value


def ours_as_plain(value: Any) -> dict[str, Any]:
    """Our value in the same form."""
    layout = value.LAYOUT
    found: dict[str, Any] = {"which": value.which} if layout.members else {}
    for field in layout.fields:
        if field.kind.name != "any" and field.member in (
            None,
            layout.members.index(value.which) if layout.members else None,
        ):
            found[field.name] = _ours(getattr(value, field.name), field.kind)
    return found


def _ours(value: Any, kind: Kind) -> Any:
    if kind.name == "struct":
        return ours_as_plain(value)
    if kind.name == "list":
        assert kind.item is not None
        return [_ours(item, kind.item) for item in value]
    return camel(value.name.lower()) if isinstance(value, Enum) else value


def capnp_writes(name: str, value: Any) -> bytes:
    """A message of our value, as pycapnp writes it."""
    builder = capnp_kind(name).new_message()
    _fill(builder, value)
    written = builder.to_bytes()
    assert isinstance(written, bytes)
    return written


def _fill(builder: Any, value: Any) -> None:
    for name, item in ours_as_plain(value).items():
        if name != "which":
            setattr(builder, camel(name), _camel_keys(item))


def _camel_keys(item: Any) -> Any:
    if isinstance(item, dict):
        return {camel(name): _camel_keys(value) for name, value in item.items()}
    return [_camel_keys(each) for each in item] if isinstance(item, list) else item


def values_of(kind: type[Any]) -> st.SearchStrategy[Any]:
    """Values that a message of this kind can have, within the schema's limits."""
    parts = {field.name: _values(field.kind, field) for field in kind.LAYOUT.fields}
    parts = {name: part for name, part in parts.items() if part is not None}
    if kind.LAYOUT.members:
        parts["which"] = st.sampled_from(kind.LAYOUT.members)
    return st.builds(kind, **parts)


def _values(kind: Kind, field: Any) -> Any:
    if kind.name == "bool":
        return st.booleans()
    if kind.name == "int":
        bits = abs(kind.bits)
        low, high = (0, 2**bits - 1) if kind.bits > 0 else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        return st.integers(low, high)
    if kind.name == "enum":
        return st.sampled_from(list(kind.enumeration))
    if kind.name == "text":
        most = min(field.bytes_max or 40, 40)
        return st.text(max_size=most // 4)
    if kind.name == "data":
        return st.binary(max_size=min(field.bytes_max or 40, 40))
    if kind.name == "list":
        assert kind.item is not None
        return st.lists(_values(kind.item, field), max_size=4).map(tuple)
    return values_of(kind.struct) if kind.name == "struct" else None
