"""Messages of the contract, written and read by pycapnp, by our Python and by our zig.

Three statements, on values, on damaged messages and on bytes of any kind:

1. What one writes, the others read, and it is the same; our two write the same bytes.
2. Our two give the same verdict.
3. What pycapnp cannot read, ours refuse.  They refuse more: see the head of `message.zig`.
"""

from __future__ import annotations

from typing import Any  # Any: pycapnp publishes no types.

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexus.contract.message import decode
from nexus.contract.message_writer import encode
from nexus.schema.judged.judge_support import (
    KINDS,
    LIMITS,
    Zig,
    capnp_reads,
    capnp_writes,
    ours_as_plain,
    python_kind,
    python_verdict,
    values_of,
)
from nexus.schema.judged.message_cases import CASES as BAD
from nexus.schema.judged.message_cases import GOOD, Case

ZIG = Zig()
NAMES = sorted(KINDS)


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_what_one_writes_the_others_read(name: str, data: st.DataObject) -> None:
    value = data.draw(values_of(python_kind(name)))
    plain = ours_as_plain(value)
    ours, theirs = encode(value, LIMITS), capnp_writes(name, value)
    assert ZIG.verdict(name, ours) == ours
    assert capnp_reads(name, ours) == plain
    assert ours_as_plain(decode(python_kind(name), theirs, LIMITS)) == plain
    assert ZIG.verdict(name, theirs) == python_verdict(name, theirs)


def check_verdicts(name: str, message: bytes) -> None:
    ours = python_verdict(name, message)
    assert ZIG.verdict(name, message) == ours
    if ours is not None:
        value: Any = decode(python_kind(name), message, LIMITS)
        assert capnp_reads(name, message) == ours_as_plain(value)


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
@settings(max_examples=60)
def test_a_damaged_message_has_one_verdict(name: str, data: st.DataObject) -> None:
    value = data.draw(values_of(python_kind(name)))
    message = bytearray(capnp_writes(name, value))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(message) - 1))
        message[place] = data.draw(st.integers(0, 255))
    check_verdicts(name, bytes(message))


@pytest.mark.parametrize(
    "name", ["state.ListResults", "log.QueryResults", "samgr.ResolveStatusParams"]
)
def test_every_truncation_and_every_flipped_bit(name: str) -> None:
    kind = python_kind(name)
    examples = {
        "state.ListResults": lambda: kind(keys=("a", "bc")),
        "log.QueryResults": lambda: kind(
            total=3, records=(python_kind("log.Record")(id=1, scope="s", message="m"),)
        ),
        "samgr.ResolveStatusParams": lambda: kind(name="logd"),
    }
    message = encode(examples[name](), LIMITS)
    for length in range(len(message)):
        assert python_verdict(name, message[:length]) is None
        assert ZIG.verdict(name, message[:length]) is None
    for bit in range(len(message) * 8):
        damaged = bytearray(message)
        damaged[bit // 8] ^= 1 << bit % 8
        check_verdicts(name, bytes(damaged))


@given(
    st.sampled_from(NAMES),
    st.lists(st.integers(0, 2**64 - 1) | st.sampled_from([0, 1, 2, 0xFFFFFFFC]), max_size=12),
)
@settings(max_examples=500)
def test_words_of_any_kind_have_one_verdict(name: str, words: list[int]) -> None:
    body = b"".join(word.to_bytes(8, "little") for word in words)
    check_verdicts(name, bytes(4) + len(words).to_bytes(4, "little") + body)


@pytest.mark.parametrize("case", BAD, ids=lambda case: case.name)
def test_a_bad_message_is_refused_by_all(case: Case) -> None:
    message = case.message()
    assert python_verdict(case.kind, message) is None
    assert ZIG.verdict(case.kind, message) is None
    assert (capnp_reads(case.kind, message) is not None) == case.theirs


@pytest.mark.parametrize("case", GOOD, ids=lambda case: case.name)
def test_what_is_odd_and_well_formed_is_read_by_all(case: Case) -> None:
    check_verdicts(case.kind, case.message())
    assert python_verdict(case.kind, case.message()) is not None
