"""DATA frames, whose bytes have no end of their own; the others are in `frame_cases`."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexus.wire import mux
from nexus.wire.error import LocalProtocolError, RemoteProtocolError


def test_golden_bytes_both_ways() -> None:
    frame = bytes.fromhex("13" + "01020304" + "6869")
    assert mux.Data(0x04030201, b"hi").encode() == frame
    assert mux.decode_frame(frame) == mux.Data(0x04030201, b"hi")


@pytest.mark.parametrize("length", range(6))
def test_a_frame_without_data_is_refused(length: int) -> None:
    with pytest.raises(RemoteProtocolError):
        mux.decode_frame(mux.Data(1, b"x").encode()[: min(length, 5)])


def test_the_limit_of_a_frame() -> None:
    longest = mux.Data(1, bytes(mux.DATA_BYTES_MAX))
    assert mux.decode_frame(longest.encode()) == longest
    with pytest.raises(RemoteProtocolError):
        mux.decode_frame(longest.encode() + b"x")
    for data in (b"", bytes(mux.DATA_BYTES_MAX + 1)):
        with pytest.raises(LocalProtocolError):
            mux.Data(1, data).encode()


@pytest.mark.parametrize("stream", [-1, 1 << 32])
def test_a_stream_that_cannot_be_is_not_encoded(stream: int) -> None:
    with pytest.raises(LocalProtocolError):
        mux.Close(stream).encode()


@given(st.binary(max_size=80))
def test_arbitrary_bytes_raise_nothing_else(tail: bytes) -> None:
    for kind in range(16, 24):
        frame = bytes([kind]) + tail
        with suppress(RemoteProtocolError):
            assert mux.decode_frame(frame).encode() == frame
