"""A session against all that is not the other role: strangers, damage, replays, any bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexus.dsoftbus.session import BACKLOG_BYTES_MAX, Session
from nexus.dsoftbus.session_events import Proven, Received, Refusal, Refused
from nexus.dsoftbus.session_scene import (
    KEY_A,
    KEY_B,
    SECRET_A,
    SECRET_B,
    Pair,
    identity,
    public_key_of,
    ready_pair,
)
from nexus.dsoftbus.transitions import State
from nexus.wire.error import RemoteProtocolError
from nexus.wire.stream import frame_message


@pytest.mark.parametrize("data", [b"\x00\x00", b"\x00\x2f", b"\x00\x31", b"\xff\xff", b"GE"])
def test_a_length_that_no_hello_has_is_refused_before_its_bytes(data: bytes) -> None:
    session = Session.accept(identity("node-b", SECRET_B), 0)
    assert session.receive(data, 0) == [Refused(Refusal.UNAUTHENTICATED)]
    assert session.state is State.CLOSED
    assert session.take_output() == b""


def test_an_empty_or_too_long_device_id_cannot_be_claimed() -> None:
    for claimed in (b"", b"x" * 65, b"\xff"):
        pair = Pair(KEY_B)
        pair.run()
        pair.a._shaking._own_id = claimed
        pair.a.admit(0)
        pair.run()
        assert pair.events_b == [Refused(Refusal.UNAUTHENTICATED)]


def test_an_unknown_static_key_is_proven_as_what_it_is() -> None:
    pair = Pair(KEY_B)
    pair.a = Session.dial(identity("node-a", b"\x0c" * 32), KEY_B, 0)
    pair.run()
    pair.a.admit(0)
    pair.run()
    # The claim is node-a's, the key is not: `bind` refuses that.
    assert pair.events_b == [Proven("node-a", public_key_of(b"\x0c" * 32))]


def test_a_responder_without_the_pinned_key_cannot_answer() -> None:
    pair = Pair(KEY_A)
    pair.run()
    assert pair.events_b == [Refused(Refusal.UNAUTHENTICATED)]
    assert pair.a.state is State.AWAIT_REPLY


@pytest.mark.parametrize("number", [0, 1, 2])
def test_every_damaged_byte_of_a_handshake_is_refused(number: int) -> None:
    messages = handshake_messages()
    for index in range(2, len(messages[number])):
        bad = bytearray(messages[number])
        bad[index] ^= 1
        pair = Pair(KEY_B)
        receiver = feed_up_to(pair, number)
        assert receiver.receive(bytes(bad), 0) == [Refused(Refusal.UNAUTHENTICATED)]


def handshake_messages() -> list[bytes]:
    pair = Pair(KEY_B)
    hello = pair.a.take_output()
    pair.b.receive(hello, 0)
    reply = pair.b.take_output()
    pair.a.receive(reply, 0)
    pair.a.admit(0)
    return [hello, reply, pair.a.take_output()[: 2 + 64 + len("node-a")]]


def feed_up_to(pair: Pair, number: int) -> Session:
    """Bring a fresh pair to where message `number` is next; return its receiver."""
    if number >= 1:
        pair.b.receive(pair.a.take_output(), 0)
    if number >= 2:
        pair.a.receive(pair.b.take_output(), 0)
    return pair.a if number == 1 else pair.b


def test_a_replayed_message_ends_the_session() -> None:
    pair = ready_pair()
    pair.a.request(2, b"BN\x01\x01", 1000)
    message = pair.a.take_output()
    pair.events_b.clear()
    events = pair.b.receive(message + message, 0)
    assert len(events) == 2
    assert isinstance(events[0], Received)
    assert events[1] == Refused(Refusal.DECRYPT)


def test_a_message_of_another_session_is_refused() -> None:
    first, second = ready_pair(0), ready_pair(1)
    first.a.request(2, b"BN\x01\x01", 1000)
    events = second.b.receive(first.a.take_output(), 0)
    assert events == [Refused(Refusal.DECRYPT)]


def test_what_the_responder_says_before_its_first_frame_must_decrypt() -> None:
    pair = Pair(KEY_B)
    pair.run()
    pair.a.admit(0)
    assert pair.a.receive(frame_message(bytes(16)), 0) == [Refused(Refusal.UNAUTHENTICATED)]


@pytest.mark.parametrize(
    ("data", "refusal"),
    [
        ((1041).to_bytes(2, "big"), Refusal.OVERSIZED),
        ((15).to_bytes(2, "big"), Refusal.DECRYPT),
        (frame_message(bytes(1040)), Refusal.DECRYPT),
    ],
)
def test_a_bad_message_of_a_ready_session(data: bytes, refusal: Refusal) -> None:
    pair = ready_pair()
    assert pair.b.receive(data, 0) == [Refused(refusal)]
    assert pair.b.receive(b"more", 0) == []


def test_a_peer_that_only_sends_is_cut_off() -> None:
    pair = Pair(KEY_B)
    pair.run()
    pair.a.admit(0)
    pair.run()
    assert pair.b.state is State.PROVEN  # Nothing is taken until the owner has decided.
    assert pair.b.receive(bytes(BACKLOG_BYTES_MAX), 0) == [Refused(Refusal.UNAUTHENTICATED)]


@given(st.integers(0, 3), st.lists(st.binary(max_size=80), max_size=4))
def test_arbitrary_bytes_never_raise_and_never_become_a_frame(
    stage: int, pieces: list[bytes]
) -> None:
    pair = Pair(KEY_B)
    receiver = feed_up_to(pair, min(stage, 2))
    (lambda: None, pair.make_ready)[stage == 3]()
    for piece in pieces:
        events = receiver.receive(piece, 0)
        assert all(isinstance(event, Refused) for event in events)


def test_the_small_order_key_of_a_stranger_is_refused() -> None:
    with pytest.raises(RemoteProtocolError):
        Session.dial(identity("node-a", SECRET_A), bytes(32), 0)
