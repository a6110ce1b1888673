"""A session's timers to the nanosecond: the handshake's end, pings, and the loss of a peer."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import pytest

from nexus.dsoftbus.session_events import Received, Refusal, Refused
from nexus.dsoftbus.session_scene import (
    KEY_B,
    Pair,
    ready_pair,
)
from nexus.dsoftbus.session_timers import FRAME_NS, HANDSHAKE_NS, LOST_NS, PING_NS
from nexus.dsoftbus.transitions import State


def test_a_silent_session_sends_pings() -> None:
    pair = ready_pair()
    assert pair.a.deadline_ns() == PING_NS
    assert pair.a.tick(PING_NS - 1) == []
    assert pair.a.take_output() == b""
    assert pair.a.tick(PING_NS) == []
    seen = len(pair.events_b)
    pair.run(PING_NS)
    assert len(pair.events_b) == seen  # Ping and pong are dealt with inside.
    assert pair.a.deadline_ns() == 2 * PING_NS


def test_silence_is_loss() -> None:
    pair = ready_pair()
    assert pair.a.tick(LOST_NS - 1) == []
    assert pair.a.tick(LOST_NS) == [Refused(Refusal.TIMEOUT)]
    assert pair.a.deadline_ns() is None
    assert pair.a.tick(LOST_NS) == []


def prove_and_admit(pair: Pair) -> None:
    pair.run()
    pair.a.admit(1)


@pytest.mark.parametrize("begin", [lambda pair: None, prove_and_admit], ids=["silent", "admitted"])
def test_a_handshake_that_does_not_end_is_ended(begin: Callable[[Pair], None]) -> None:
    pair = Pair(KEY_B)
    begin(pair)
    assert pair.a.deadline_ns() == HANDSHAKE_NS
    assert pair.a.tick(HANDSHAKE_NS - 1) == []
    assert pair.a.tick(HANDSHAKE_NS) == [Refused(Refusal.TIMEOUT)]


def test_a_long_frame_on_a_slow_line_does_not_lose_the_session() -> None:
    pair = ready_pair()
    pair.a.send_plaintext(bytes(1024))
    message = pair.a.take_output()
    now_ns = 0
    for byte in message[:-1]:
        now_ns += 20_000_000  # 50 bytes a second: 20 s in all.
        assert pair.b.receive(bytes([byte]), now_ns) == []
        assert pair.b.tick(now_ns) == []
        # It asks meanwhile, so that the sender hears something too.
        pinged = pair.b.take_output()
        assert pair.a.receive(pinged, now_ns) == []
        assert pair.a.tick(now_ns) == []
        pair.a.take_output()
    assert [type(e) for e in pair.b.receive(message[-1:], now_ns)] == [Received]


def test_bytes_without_a_frame_hold_a_session_only_so_long() -> None:
    pair = ready_pair()
    pair.a.send_plaintext(bytes(1024))
    message = pair.a.take_output()

    def is_held(byte: int, now_ns: int) -> bool:
        pair.b.receive(bytes([byte]), now_ns)
        is_over = bool(pair.b.tick(now_ns))
        pair.b.take_output()
        return not is_over

    slowly = zip(message, count(LOST_NS - 1, LOST_NS - 1), strict=False)
    ended_ns = next(now_ns for byte, now_ns in slowly if not is_held(byte, now_ns))
    assert FRAME_NS <= ended_ns < FRAME_NS + LOST_NS


SECOND = 1_000_000_000


def test_a_silent_peer_is_asked_each_second_and_lost_after_three() -> None:
    session = ready_pair().b
    assert session.deadline_ns() == SECOND
    assert session.tick(SECOND - 1) == []
    assert session.output_bytes == 0
    for due in (SECOND, 2 * SECOND):
        assert session.tick(due) == []
        assert session.output_bytes > 0
        session.take_output()
        assert session.deadline_ns() == due + SECOND
    assert session.tick(3 * SECOND - 1) == []
    assert session.output_bytes == 0
    assert session.tick(3 * SECOND) == [Refused(Refusal.TIMEOUT)]
    assert session.state is State.CLOSED
    assert session.deadline_ns() is None
    assert session.tick(9 * SECOND) == [], "it is over once"


def test_a_peer_that_was_not_read_is_not_a_silent_one() -> None:
    session = ready_pair().b
    session.excuse(3 * SECOND - 1)
    assert session.deadline_ns() == 4 * SECOND - 1
    assert session.tick(6 * SECOND - 2) == []
    assert session.tick(6 * SECOND - 1) == [Refused(Refusal.TIMEOUT)]
    session.excuse(7 * SECOND)
    assert session.tick(20 * SECOND) == []


def test_a_handshake_has_two_seconds_and_no_excuse() -> None:
    for session in (Pair(KEY_B).a, Pair(KEY_B).b):
        session.excuse(SECOND)
        assert session.deadline_ns() == 2 * SECOND
        assert session.tick(2 * SECOND - 1) == []
        assert session.tick(2 * SECOND) == [Refused(Refusal.TIMEOUT)]
        assert session.deadline_ns() is None


def test_admission_begins_the_timers_anew() -> None:
    pair = Pair(KEY_B)
    pair.run()
    pair.a.admit(SECOND)
    pair.run(SECOND)
    pair.b.admit(SECOND + 5)
    assert pair.b.deadline_ns() == 2 * SECOND + 5


def test_bytes_alone_hold_a_session_for_sixty_seconds() -> None:
    pair = ready_pair()
    pair.a.send_plaintext(bytes(1000))
    message = pair.a.take_output()
    for second in range(1, 60):
        assert pair.b.receive(message[second - 1 : second], second * SECOND) == []
        assert pair.b.tick(second * SECOND) == []
        pair.b.take_output()
    assert pair.b.receive(message[59:60], 60 * SECOND - 1) == []
    assert pair.b.tick(60 * SECOND - 1) == []
    assert pair.b.tick(60 * SECOND) == [Refused(Refusal.TIMEOUT)]
