"""The place of a request, and the share of the ciphers in it."""

from __future__ import annotations

import pytest

from nexus.bench.remote_put_measure import (
    BUS,
    CIPHERS,
    CLIENT,
    SERVER,
    Ciphers,
    Request,
    _messages_of,
    _payload_of,
    _tell_ciphers,
    _way_of,
)
from nexus.simulation.world import SentFrame


def frame(stream: bytes) -> bytes:
    """A TCP segment with options, and padding behind it."""
    tcp = bytes(12) + bytes([6 << 4]) + bytes(11) + stream
    total = (20 + len(tcp)).to_bytes(2, "big")
    ip = b"\x45\0" + total + bytes(5) + b"\x06" + bytes(10)
    return bytes(12) + b"\x08\x00" + ip + tcp + bytes(9)


def message(length: int) -> bytes:
    return (length + 16).to_bytes(2, "big") + bytes(length + 16)


def test_messages_in_a_frame() -> None:
    stream = message(5) + message(0)
    assert _payload_of(frame(stream)) == stream
    assert _messages_of(stream) == [5, 0]
    assert _payload_of(frame(b"")) == b""
    assert _payload_of(bytes(12) + b"\x08\x06" + bytes(28)) == b""
    with pytest.raises(AssertionError, match="goes on"):
        _messages_of(message(5)[:-1])


def test_the_way_of_a_request() -> None:
    frames = [
        SentFrame(CLIENT, 100, frame(b"")),
        SentFrame(CLIENT, 200, frame(message(9))),
        SentFrame(SERVER, 900, frame(b"")),
        SentFrame(CLIENT, 950, frame(message(1))),
        SentFrame(SERVER, 1000, frame(message(2))),
    ]
    question, answer = _way_of(frames, 500)
    assert (question.sent_ns, answer.sent_ns) == (200, 1000)


def test_the_ciphers_are_taken_out_of_the_bus() -> None:
    ciphers = Ciphers([0, 64], [10, 74], [20, 148])
    assert ciphers.cost_ns(0) == (10, 20)
    assert ciphers.cost_ns(32) == (42, 84)
    assert ciphers.cost_ns(64) == (74, 148)
    request = Request("put", 0, 2000)
    request.charge(BUS, CLIENT, 1000)
    request.charge(BUS, SERVER, 1000)
    way = (SentFrame(CLIENT, 0, frame(message(64))), SentFrame(SERVER, 9, frame(message(0))))
    _tell_ciphers(request, way, ciphers)
    assert request.parts[CIPHERS] == {CLIENT: 74 + 20, SERVER: 148 + 10}
    assert request.total(CIPHERS) + request.total(BUS) == request.whole_ns
    assert request.messages == [64, 0]
