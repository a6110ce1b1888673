import pytest

from nexus.emulator.gdb_packet import (
    PACKET_BYTES_MAX,
    Again,
    Bad,
    Break,
    Deframer,
    Event,
    Packet,
    encode,
)

CASES: list[tuple[bytes, list[Event]]] = [
    (b"$g#67", [Packet(b"g")]),
    (b"+$g#67+", [Packet(b"g")]),
    (b"$#00", [Packet(b"")]),
    (b"\x03", [Break()]),
    (b"-", [Again()]),
    (b"$g#68", [Bad()]),
    (b"$g#zz", [Bad()]),
    (b"$X1,1:}\x03#a0", [Packet(b"X1,1:#")]),
    (b"noise$?#3f\x03$k#6b", [Packet(b"?"), Break(), Packet(b"k")]),
]


@pytest.mark.parametrize(("stream", "events"), CASES)
def test_whole_and_byte_by_byte(stream: bytes, events: list[Event]) -> None:
    assert Deframer().feed(stream) == events
    slowly = Deframer()
    assert [e for byte in stream for e in slowly.feed(bytes([byte]))] == events


def test_every_byte_survives_framing() -> None:
    data = bytes(range(256))
    assert Deframer().feed(encode(data)) == [Packet(data)]


def test_a_packet_without_end_is_dropped() -> None:
    deframer = Deframer()
    assert deframer.feed(b"$" + b"a" * (PACKET_BYTES_MAX + 1)) == [Bad()]
    assert deframer.feed(b"$g#67") == [Packet(b"g")]
