"""Frames of a ready session: the room that is lent to it, its keepalive, and how much waits."""

from __future__ import annotations

import pytest

from nexus.dsoftbus.session import BACKLOG_BYTES_MAX, Session
from nexus.dsoftbus.session_events import Event, Received, Refusal, Refused
from nexus.dsoftbus.session_scene import (
    KEY_B,
    SECRET_A,
    SECRET_B,
    Pair,
    identity,
    ready_pair,
)
from nexus.dsoftbus.transitions import State
from nexus.wire.error import LocalProtocolError, Reason
from nexus.wire.gateway import Ping, Pong, decode_frame


@pytest.mark.parametrize("frame", [b"", b"\x00", b"\x10" * 30, b"\x03", b"\x01" * 1024])
def test_a_frame_that_cannot_be_read_is_the_gateways_to_answer(frame: bytes) -> None:
    pair = ready_pair()
    pair.a._frames.seal(frame)
    pair.run()
    assert pair.events_b[-1] == Received(frame)
    assert pair.b.state is State.READY


def test_a_peer_that_pings_and_never_reads_gets_a_bounded_answer() -> None:
    pair = ready_pair()
    for nonce in range(2000):
        pair.a.send(Ping(nonce))
        pair.b.receive(pair.a.take_output(), 0)
    assert pair.b.output_bytes <= BACKLOG_BYTES_MAX
    assert pair.b.state is State.READY


def test_our_own_backlog_is_bounded() -> None:
    pair = ready_pair()
    fitting = BACKLOG_BYTES_MAX // (2 + 18 + 256 + 16)
    for _ in range(fitting):
        pair.a.request(1, bytes(256), 1)
    with pytest.raises(LocalProtocolError) as caught:
        pair.a.request(1, bytes(256), 1)
    assert caught.value.reason is Reason.STATE
    pair.run()
    assert pair.b.state is State.READY  # The messages that were sealed before are whole.


def test_what_a_frame_leads_to_is_there_before_the_next_is_taken() -> None:
    pair = ready_pair()
    for byte in b"abc":
        pair.a.send_plaintext(bytes([byte]))
    pair.a.ping()
    pair.b.feed(pair.a.take_output(), 0)
    taken = [pair.b.take(0) for _ in range(3)]
    assert taken == [b"a", b"b", b"c"]
    pair.b.close()
    assert pair.b.take(0) is None
    assert not pair.b.has_input


def test_a_pong_that_nobody_asked_for_answers_nothing() -> None:
    pair = ready_pair()
    pair.a.send(Pong(99))
    pair.b.receive(pair.a.take_output(), 0)
    assert pair.b.pong_nonce < 99


SECOND = 1_000_000_000


def ready_in_a_room(room: bytearray) -> Pair:
    """A pair whose responder takes frames as long as the room that is lent to it."""
    pair = Pair(KEY_B)
    whole, name = len(room), "node-b"
    pair.b = Session.accept(identity(name, SECRET_B), 0, whole, memoryview(room))
    pair.a = Session.dial(identity("node-a", SECRET_A), KEY_B, 0, whole)
    pair.make_ready()
    return pair


@pytest.mark.parametrize(("length", "is_view"), [(1, False), (1024, False), (1025, True)])
def test_a_long_frame_is_a_view_of_the_room_and_counts_as_heard(length: int, is_view: bool) -> None:
    room = bytearray(4096)
    pair = ready_in_a_room(room)
    frame = bytes([0x10]) + bytes(length - 1)
    pair.a.send_plaintext(frame)
    pair.b.feed(pair.a.take_output(), SECOND // 2)
    taken = pair.b.take(SECOND // 2)
    assert isinstance(taken, memoryview) is is_view
    assert isinstance(taken, bytes | memoryview)
    assert bytes(taken) == frame
    room[0] ^= 0xFF
    assert taken[0] == frame[0] ^ (0xFF if is_view else 0), "a view is the room itself"
    assert pair.b.deadline_ns() == SECOND // 2 + SECOND
    assert pair.b.take(SECOND // 2) is None
    assert pair.b.keep() is None


@pytest.mark.parametrize(
    ("length", "event"),
    [(4096, Received(bytes(4096))), (4097, Refused(Refusal.OVERSIZED))],
    ids=["as long as agreed", "a byte longer"],
)
def test_a_frame_longer_than_what_was_agreed_ends_the_session(length: int, event: Event) -> None:
    pair = ready_in_a_room(bytearray(4096))
    pair.a.send_plaintext(bytes(length))
    assert pair.b.receive(pair.a.take_output(), 0) == [event]


def test_keepalive_is_dealt_with_also_in_a_room() -> None:
    pair = ready_in_a_room(bytearray(4096))
    nonce = pair.a.ping()
    assert pair.a.pong_nonce < nonce
    assert pair.b.receive(pair.a.take_output(), SECOND) == []
    assert pair.b.deadline_ns() == 2 * SECOND
    assert pair.a.receive(pair.b.take_output(), SECOND) == []
    assert pair.a.pong_nonce == nonce
    # An older pong does not take that back, and one of what was not asked yet is not an answer.
    for other in (nonce - 1, nonce + 1):
        pair.b.send(Pong(other))
        assert pair.a.receive(pair.b.take_output(), SECOND) == []
        assert pair.a.pong_nonce == nonce
    assert pair.a.ping() == nonce + 1


def test_a_ping_that_cannot_be_read_is_delivered() -> None:
    pair = ready_pair()
    for whole in (Ping(5).encode(), Pong(5).encode()):
        for frame in (whole[:-1], whole + b"\0"):
            pair.a.send_plaintext(frame)
            assert pair.b.receive(pair.a.take_output(), 0) == [Received(frame)]
    assert pair.b.output_bytes == 0


def test_pongs_and_pings_fill_half_of_the_backlog_and_no_more() -> None:
    pair = ready_pair()
    half, ping_bytes = 16 * 1042 // 2, 2 + 16 + 16
    for _ in range(1000):
        pair.b.ping()
    assert half <= pair.b.output_bytes < half + ping_bytes
    filled = pair.b.output_bytes
    pair.a.ping()
    pair.b.receive(pair.a.take_output(), 0)
    assert pair.b.output_bytes == filled, "no pong either"
    pair.b.take_output()
    pair.a.ping()
    pair.b.receive(pair.a.take_output(), 0)
    assert pair.b.output_bytes == ping_bytes, "there is room again"


def test_a_ready_session_has_input_while_bytes_wait() -> None:
    pair = ready_pair()
    assert not pair.b.has_input
    pair.a.send_plaintext(b"x")
    output = pair.a.take_output()
    pair.b.feed(output[:1], 0)
    assert pair.b.has_input
    assert pair.b.take(0) is None
    pair.b.feed(output[1:], 0)
    assert pair.b.take(0) == b"x"
    assert not pair.b.has_input


def test_requests_are_numbered_from_one_and_a_refused_one_takes_no_number() -> None:
    pair = ready_pair()
    assert pair.a.request(1, b"SM\1\6\1x", 1000) == 1
    for event in pair.b.receive(pair.a.take_output(), 0):
        assert isinstance(event, Received)
        assert decode_frame(event.frame) is not None
    assert pair.a.request(1, b"SM\1\6\1x", 1000) == 2
    with pytest.raises(LocalProtocolError):
        pair.a.request(1, bytes(2000), 1000)
    assert pair.a.request(1, b"SM\1\6\1x", 1000) == 3
