"""Both roles against each other in memory: from the first byte to a call, step by step."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pytest

from nexus.dsoftbus.noise import Role
from nexus.dsoftbus.session import Session
from nexus.dsoftbus.session_events import Event, Proven, Ready, Received
from nexus.dsoftbus.session_scene import (
    KEY_A,
    KEY_B,
    SECRET_A,
    SECRET_B,
    Pair,
    identity,
    ready_pair,
)
from nexus.dsoftbus.session_timers import LOST_NS
from nexus.dsoftbus.transitions import TRANSITIONS, State, Step
from nexus.wire.error import LocalProtocolError, Reason
from nexus.wire.gateway import Pong, Request, Response, Status, decode_frame


def test_a_session_becomes_ready_on_both_sides() -> None:
    pair = Pair(KEY_B)
    pair.run()
    assert pair.events_a == [Proven("node-b", KEY_B)]
    assert pair.events_b == []
    assert pair.a.admit(0) == []
    pair.run()
    assert pair.events_b == [Proven("node-a", KEY_A)]
    assert pair.a.state is State.CONFIRMING
    assert pair.b.admit(0) == [Ready("node-a")]
    pair.run()
    assert pair.events_a[1:] == [Ready("node-b")]
    assert pair.a.handshake_hash == pair.b.handshake_hash


def test_the_lengths_on_the_wire() -> None:
    pair = Pair(KEY_B)
    hello = pair.a.take_output()
    assert hello[:2] == b"\x00\x30"
    assert len(hello) == 2 + 48
    pair.b.receive(hello, 0)
    reply = pair.b.take_output()
    assert len(reply) == 2 + 48 + len("node-b")
    pair.a.receive(reply, 0)
    pair.a.admit(0)
    assert len(pair.a.take_output()) == 2 + 64 + len("node-a") + 2 + 16 + 16


def admit_proven(side: Session, events: list[Event]) -> None:
    if side.state is State.PROVEN:
        events += side.admit(0)


def test_a_session_fed_byte_by_byte_becomes_ready() -> None:
    pair = Pair(KEY_B)
    for _ in range(8):
        for byte in pair.a.take_output():
            pair.events_b += pair.b.receive(bytes([byte]), 0)
        for byte in pair.b.take_output():
            pair.events_a += pair.a.receive(bytes([byte]), 0)
        admit_proven(pair.a, pair.events_a)
        admit_proven(pair.b, pair.events_b)
    assert pair.a.state is pair.b.state is State.READY


def test_calls_both_ways() -> None:
    pair = ready_pair()
    assert pair.a.request(1, b"SM\x01\x06\x01x", 1000) == 1
    assert pair.a.request(2, b"BN\x01\x01", 1000) == 2
    assert pair.b.request(2, b"BN\x01\x01", 1000) == 1
    pair.run()
    frames = [decode_frame(e.frame) for e in pair.events_b if isinstance(e, Received)]
    assert frames == [
        Request(1, 1, 1000, b"SM\x01\x06\x01x"),
        Request(2, 2, 1000, b"BN\x01\x01"),
    ]
    pair.b.send(Response(Status.OK, 1, b"x"))
    pair.run()
    assert pair.events_a[-1] == Received(Response(Status.OK, 1, b"x").encode())


def test_what_waits_for_admission_is_delivered_after_it() -> None:
    pair = Pair(KEY_B)
    pair.run()
    pair.a.admit(0)
    pair.run()
    assert pair.b.state is State.PROVEN
    events = pair.b.admit(0)  # The dialler's ping came with message 3.
    assert events == [Ready("node-a")]
    assert pair.a.receive(pair.b.take_output(), 0) == [Ready("node-b")]


def test_two_sessions_of_the_same_nodes_share_no_byte_of_key() -> None:
    first, second = ready_pair(0), ready_pair(1)
    assert first.a.handshake_hash != second.a.handshake_hash


@pytest.mark.parametrize("length", [1, 63, 64])
def test_an_id_of_any_length_up_to_the_longest_is_claimed_and_proven(length: int) -> None:
    name = "x" * length
    pair = Pair(KEY_B)
    pair.a = Session.dial(identity(name, SECRET_A), KEY_B, 0)
    pair.b = Session.accept(identity(name.upper(), SECRET_B), 0)
    pair.run()
    assert pair.events_a == [Proven(name.upper(), KEY_B)]
    pair.a.admit(0)
    pair.run()
    assert pair.events_b == [Proven(name, KEY_A)]


def test_nothing_secret_is_kept_by_a_session_that_has_ended() -> None:
    ends: tuple[Callable[[Session], object], ...] = (
        lambda session: session.close(),
        lambda session: session.receive(bytes(39), 0),
        lambda session: session.tick(LOST_NS),
    )
    for end in ends:
        pair = ready_pair()
        pair.a.feed(b"\x00\x30" + bytes(9), 0)
        end(pair.a)
        assert pair.a.state is State.CLOSED
        assert (pair.a._frames._transport, pair.a._handshake, pair.a._waiting) == (None, None, None)
        assert pair.a._reader.buffered == 0
        assert pair.a.tick(10 * LOST_NS) == []
        assert not pair.a.has_input


def session_in(role: Role, state: State) -> Session:
    session = (
        Session.dial(identity("node-a", SECRET_A), KEY_B, 0)
        if role is Role.INITIATOR
        else Session.accept(identity("node-b", SECRET_B), 0)
    )
    session.state = state
    return session


def test_every_step_of_the_table_is_taken() -> None:
    for (role, state, step), wanted in TRANSITIONS.items():
        session = session_in(role, state)
        session._move(step)
        assert session.state is wanted


def test_every_step_that_the_table_lacks_is_refused() -> None:
    lacking = [key for key in product(Role, State, Step) if key not in TRANSITIONS]
    for role, state, step in lacking:
        session = session_in(role, state)
        with pytest.raises(LocalProtocolError) as caught:
            session._move(step)
        assert caught.value.reason is Reason.STATE
        assert session.state is state


def test_nothing_is_sent_before_ready_or_after_close() -> None:
    pair = Pair(KEY_B)
    for attempt in (lambda: pair.a.send(Pong(1)), lambda: pair.a.admit(0), pair.a.ping):
        with pytest.raises(LocalProtocolError):
            attempt()
    pair.make_ready()
    pair.a.close()
    pair.a.close()
    with pytest.raises(LocalProtocolError):
        pair.a.send(Pong(1))
    with pytest.raises(LocalProtocolError):
        _ = pair.a.handshake_hash


@pytest.mark.parametrize("name", ["", "x" * 65])
def test_our_own_id_must_fit(name: str) -> None:
    with pytest.raises(LocalProtocolError):
        Session.accept(identity(name, SECRET_B), 0)


def test_secrets_are_not_printed() -> None:
    shown = repr(identity("node-a", SECRET_A))
    assert "node-a" in shown
    assert repr(SECRET_A) not in shown
