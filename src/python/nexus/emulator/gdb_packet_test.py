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
    # Given up in the middle, as gdb does after a timeout; `$` within a packet would be escaped.
    (b"$m800$g#67", [Packet(b"g")]),
    (b"$m800$g$?#3f$g#67", [Packet(b"?"), Packet(b"g")]),
    (b"$g#6$?#3f", [Bad()]),
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


LONG = b"a" * (PACKET_BYTES_MAX + 1)
TOO_LONG: list[tuple[bytes, list[Event]]] = [
    (b"$" + LONG, [Bad()]),
    (b"$" + LONG + b"$g#67", [Bad(), Packet(b"g")]),
    (b"$" + LONG + b"#00$g#67", [Bad(), Packet(b"g")]),
    # Bytes behind the bound are not taken for an interrupt or for a wish to hear it again.
    (b"$" + LONG + b"-\x03}\x03" + LONG + b"#-\x03-$g#67", [Bad(), Again(), Packet(b"g")]),
    (b"$" + LONG + b"#00$" + LONG + b"#00\x03", [Bad(), Bad(), Break()]),
    (b"$" + b"\0" * PACKET_BYTES_MAX + b"#00", [Packet(b"\0" * PACKET_BYTES_MAX)]),
]


@pytest.mark.parametrize(("stream", "events"), TOO_LONG, ids=range(len(TOO_LONG)))
@pytest.mark.parametrize("size", [1 << 20, 4096, 1])
def test_a_packet_longer_than_announced_is_refused_to_its_end(
    stream: bytes, events: list[Event], size: int
) -> None:
    deframer = Deframer()
    pieces = (stream[at : at + size] for at in range(0, len(stream), size))
    assert [event for piece in pieces for event in deframer.feed(piece)] == events
