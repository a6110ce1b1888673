"""Nothing is read past the end, written past the limit, or cut to fit."""

from __future__ import annotations

import pytest

from nexus.core.octets import OctetsError, Reader, Writer


def test_integers_both_ways() -> None:
    out = Writer(17).u8(1).u16(0x0203).u32(0x04050607).u64(0x08090A0B0C0D0E0F).u16_big(0x1011)
    data = out.finish()
    assert data.hex() == "010302070605040f0e0d0c0b0a09081011"
    reader = Reader(data)
    read = (reader.u8(), reader.u16(), reader.u32(), reader.u64(), reader.u16_big())
    assert read == (1, 0x0203, 0x04050607, 0x08090A0B0C0D0E0F, 0x1011)
    assert reader.remaining == 0
    assert reader.take_rest() == b""


def test_a_short_read_is_refused_and_takes_nothing() -> None:
    reader = Reader(b"ab")
    with pytest.raises(OctetsError, match="4 bytes asked, 2 left"):
        reader.u32()
    assert reader.take_rest() == b"ab"


def test_a_write_over_the_limit_is_refused_and_leaves_no_trace() -> None:
    writer = Writer(2).u8(1)
    with pytest.raises(OctetsError, match="limit of 2"):
        writer.u16(1)
    assert writer.finish() == b"\1"


@pytest.mark.parametrize("value", [-1, 256])
def test_an_integer_is_never_cut(value: int) -> None:
    with pytest.raises(OctetsError, match="does not fit"):
        Writer(9).u8(value)
