"""Messages of the contract: a value or `MalformedMessage`, and one form of each value."""

from __future__ import annotations

from importlib import import_module
from typing import Final

from nexus.contract import log, rpc, samgr, state
from nexus.contract.message import MalformedMessage, Reader, decode
from nexus.contract.message_layout import Limits, Struct, Unread
from nexus.contract.message_writer import encode
from nexus.fuzz.target import Target

LIMITS: Final = Limits(rpc.MESSAGE_WORDS_MAX, rpc.TRAVERSAL_WORDS_MAX, rpc.NESTING_MAX)

# A message's first byte says what it is.
KINDS: Final[tuple[type[Struct], ...]] = tuple(
    kind
    for module in ("bundle", "log", "packagefs", "rpc", "samgr", "state")
    for kind in vars(import_module(f"nexus.contract.{module}")).values()
    if isinstance(kind, type) and hasattr(kind, "LAYOUT")
)

_EXAMPLES: Final[tuple[Struct, ...]] = (
    samgr.ResolveStatusParams("logd"),
    state.PutParams("/state/shared/a", b"value"),
    state.ListResults(keys=("/state/shared/a", "/state/shared/b")),
    log.QueryResults(records=(log.Record(1, 2, log.Level.WARN, 3, "s", "m", "f"),)),
    rpc.Answer("refusal", 7),
)


def _run(data: bytes) -> None:
    """Read a message, write it again, and read it as the same."""
    if not data:
        return
    kind = KINDS[data[0] % len(KINDS)]
    try:
        value = decode(kind, data[1:], LIMITS)
    except MalformedMessage:
        return
    if any(field.kind.name == "any" for field in kind.LAYOUT.fields):
        return
    written = encode(value, Limits(1 << 16, 1 << 16, 64))
    again = decode(kind, written, Limits(1 << 16, 1 << 16, 64))
    assert encode(again, Limits(1 << 16, 1 << 16, 64)) == written, "one value has one form"


def _run_call(data: bytes) -> None:
    """The parameters of a call are read as whatever the method says that they are."""
    if not data:
        return
    try:
        reader = Reader(data[1:], LIMITS)
        call = reader.root(rpc.Call)
        reader.read(KINDS[data[0] % len(KINDS)], call.params)
    except MalformedMessage:
        return


def _seed(example: Struct) -> bytes:
    return bytes([KINDS.index(type(example))]) + encode(example, LIMITS)


def _call(example: Struct) -> bytes:
    call = rpc.Call(9, 500, 1, 4, 0, Unread(value=example))
    return bytes([KINDS.index(type(example))]) + encode(call, LIMITS)


TARGETS: Final[tuple[Target, ...]] = (
    Target("message", _run, tuple(map(_seed, _EXAMPLES))),
    Target("call", _run_call, tuple(map(_call, _EXAMPLES[:2]))),
)
