"""The short cut against the reader and writer of every layout: the same bytes, the same values."""

from __future__ import annotations

from enum import Enum
from typing import Any  # Any: fields of generated kinds, known when it runs.

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexus.contract.message import MalformedMessage, decode
from nexus.contract.message_layout import Limits, Struct
from nexus.contract.message_writer import encode
from nexus.wire.flat import flat_of
from nexus.wire.methods import METHODS

LIMITS = Limits(256, 1024, 8)
KINDS: list[type[Struct]] = [
    kind for method in METHODS for kind in (method.params, method.results) if flat_of(kind)
]
HEAD = 8


def numbers(bits: int) -> st.SearchStrategy[int]:
    return st.sampled_from((0, 1, (1 << bits) - 1)) | st.integers(0, (1 << bits) - 1)


def values_of(kind: type[Any]) -> st.SearchStrategy[Any]:
    fields: dict[str, st.SearchStrategy[Any]] = {}
    for field in kind.LAYOUT.fields:
        if field.kind.name == "enum":
            fields[field.name] = st.sampled_from(list(field.kind.enumeration))
        elif field.kind.name == "int":
            fields[field.name] = numbers(field.kind.bits)
        elif field.kind.name == "text":
            fields[field.name] = st.text(max_size=40)
        else:
            fields[field.name] = st.binary(max_size=60)
    return st.builds(kind, **fields)


values = st.sampled_from(KINDS).flatmap(values_of)


def generic(kind: type[Struct], message: bytes) -> Any:
    try:
        return decode(kind, message, LIMITS)
    except MalformedMessage:
        return None


def short(kind: type[Struct], message: bytes) -> Any:
    flat = flat_of(kind)
    assert flat is not None
    return flat.read(message, HEAD)


def test_most_methods_have_a_short_cut() -> None:
    assert len(KINDS) >= len(METHODS) * 3 // 2


@given(values)
def test_a_value_is_written_and_read_alike(value: Any) -> None:
    flat = flat_of(type(value))
    assert flat is not None
    message = encode(value, LIMITS)
    assert flat.write(value) == message[HEAD:]
    assert short(type(value), message) == value == generic(type(value), message)


@given(values, st.data())
def test_a_damaged_message_is_read_alike_or_left_to_the_other(value: Any, data: Any) -> None:
    message = bytearray(encode(value, LIMITS))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(HEAD, len(message) - 1))
        message[at] = data.draw(st.sampled_from((0, 1, 2, 4, 8, 0x7F, 0x80, 0xFF)))
    found = short(type(value), bytes(message))
    assert found is None or found == generic(type(value), bytes(message))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def test_every_truncation_is_left_to_the_other_or_read_alike(kind: type[Any]) -> None:
    fields = {
        field.name: {"text": "abcdefgh", "data": b"12345678"}[field.kind.name]
        for field in kind.LAYOUT.fields
        if field.kind.name in ("text", "data")
    }
    message = encode(kind(**fields), LIMITS)
    for length in range(HEAD, len(message), 8):
        table = bytes(4) + (length // 8 - 1).to_bytes(4, "little")
        found = short(kind, table + message[HEAD:length])
        assert found is None or found == generic(kind, table + message[HEAD:length])


def test_a_struct_with_a_list_or_a_number_of_no_known_member_is_left() -> None:
    from nexus.contract.state import ListResults, PutResults

    assert flat_of(ListResults) is None
    flat = flat_of(PutResults)
    assert flat is not None
    known = flat.write(PutResults())
    later = bytes(HEAD) + known[:8] + (99).to_bytes(8, "little")
    assert flat.read(later, HEAD) is None
    assert isinstance(PutResults().status, Enum)
