"""Every codec against the same demands, over the table of `frame_cases`.

Golden bytes both ways, every truncation, trailing bytes, every flipped bit, and arbitrary bytes:
a decoder gives a value or raises `RemoteProtocolError`, and what it gives encodes to what it got.
"""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexus.wire.error import RemoteProtocolError
from nexus.wire.frame_cases import CASES, Case, Encodable

VECTORS: dict[str, str] = json.loads(
    (Path(__file__).parents[4] / "third_party/vectors/frames.json").read_text()
)

each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def frame_of(case: Case) -> bytes:
    assert bool(case.hex) != bool(case.vector), case.name
    return bytes.fromhex(case.hex or VECTORS[case.vector])


@each_case
def test_golden_bytes_both_ways(case: Case) -> None:
    assert case.value.encode().hex() == frame_of(case).hex()
    assert case.decode(frame_of(case)) == case.value


@each_case
def test_every_truncation_is_refused(case: Case) -> None:
    frame = frame_of(case)
    for length in range(len(frame)):
        with pytest.raises(RemoteProtocolError):
            case.decode(frame[:length])


@each_case
def test_trailing_bytes_are_refused_where_a_frame_has_an_end(case: Case) -> None:
    frame = frame_of(case) + b"\0"
    with nullcontext() if case.ignores_trailing else pytest.raises(RemoteProtocolError):
        assert case.decode(frame) == case.value


@each_case
def test_a_flipped_bit_is_refused_or_read_as_another_value(case: Case) -> None:
    frame = frame_of(case)
    for bit in range(len(frame) * 8):
        bad = bytearray(frame)
        bad[bit // 8] ^= 1 << (bit % 8)
        read = try_decode(case, bytes(bad))
        assert read is None or read != case.value


@given(st.sampled_from(CASES), st.data())
def test_mutated_frames_raise_nothing_else(case: Case, data: st.DataObject) -> None:
    frame = bytearray(frame_of(case))
    for _ in range(data.draw(st.integers(0, 4))):
        frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
    start = data.draw(st.integers(0, len(frame)))
    frame[start:start] = data.draw(st.binary(max_size=8))
    check_round_trip(case, bytes(frame))


@given(st.sampled_from(CASES), st.binary(max_size=300))
def test_arbitrary_bytes_behind_a_good_head_raise_nothing_else(case: Case, tail: bytes) -> None:
    check_round_trip(case, frame_of(case)[:4] + tail)


def check_round_trip(case: Case, frame: bytes) -> None:
    read = try_decode(case, frame)
    if read is not None and not case.ignores_trailing:
        assert read.encode() == frame  # One value, one form: nothing is read that is not kept.


def try_decode(case: Case, frame: bytes) -> Encodable | None:
    try:
        read = case.decode(frame)
    except RemoteProtocolError:
        return None
    assert hasattr(read, "encode")
    return read
