"""Whole, byte by byte, in any pieces: the same messages; a length out of range poisons."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexus.wire.error import LocalProtocolError, Reason, RemoteProtocolError
from nexus.wire.stream import MESSAGE_BYTES_MAX, MessageReader, frame_message

MESSAGES = [b"a", b"bc" * 200, b"\0"]
STREAM = b"".join(frame_message(message) for message in MESSAGES)


def test_the_length_is_big_endian() -> None:
    assert frame_message(bytes(258))[:2] == b"\x01\x02"


def test_messages_in_one_piece_are_read() -> None:
    reader = MessageReader()
    assert reader.receive(STREAM) == MESSAGES
    assert reader.buffered == 0


def test_messages_in_single_bytes_are_read() -> None:
    reader = MessageReader()
    got = [message for byte in STREAM for message in reader.receive(bytes([byte]))]
    assert got == MESSAGES


def test_an_incomplete_message_waits() -> None:
    reader = MessageReader()
    assert reader.receive(STREAM[:-1]) == MESSAGES[:-1]
    assert reader.buffered == 2
    assert reader.receive(STREAM[-1:]) == MESSAGES[-1:]


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=8), st.data())
def test_any_cut_gives_the_same_messages(messages: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(frame_message(message) for message in messages)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    reader, got = MessageReader(), []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        got += reader.receive(stream[start:end])
    assert got == messages


@pytest.mark.parametrize(
    ("head", "reason"),
    [(b"\0\0", Reason.TRUNCATED), (b"\0\x0b", Reason.OVERSIZED), (b"\xff\xff", Reason.OVERSIZED)],
)
def test_a_length_out_of_range_poisons(head: bytes, reason: Reason) -> None:
    reader = MessageReader(10)
    assert reader.receive(frame_message(bytes(10))) == [bytes(10)]
    for data in (head, b"", frame_message(b"x")):
        with pytest.raises(RemoteProtocolError) as caught:
            reader.receive(data)
        assert caught.value.reason is reason
    assert reader.buffered == 0


@pytest.mark.parametrize("limit", [0, MESSAGE_BYTES_MAX + 1])
def test_a_limit_out_of_range_is_our_mistake(limit: int) -> None:
    with pytest.raises(LocalProtocolError):
        MessageReader(limit)


def test_a_message_over_the_limit_is_not_sent() -> None:
    assert len(frame_message(bytes(MESSAGE_BYTES_MAX))) == MESSAGE_BYTES_MAX + 2
    with pytest.raises(LocalProtocolError):
        frame_message(bytes(MESSAGE_BYTES_MAX + 1))
