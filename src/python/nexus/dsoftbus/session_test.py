"""Both roles against each other in memory, and against everything that is not the other role."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexus.dsoftbus.noise import Role
from nexus.dsoftbus.session import (
    BACKLOG_BYTES_MAX,
    FRAME_NS,
    HANDSHAKE_NS,
    LOST_NS,
    PING_NS,
    Session,
)
from nexus.dsoftbus.session_events import Event, Proven, Ready, Received, Refusal, Refused
from nexus.dsoftbus.session_scene import (
    KEY_A,
    KEY_B,
    SECRET_A,
    SECRET_B,
    Pair,
    identity,
    public_key_of,
)
from nexus.dsoftbus.transitions import TRANSITIONS, State, Step
from nexus.wire.error import LocalProtocolError, Reason, RemoteProtocolError
from nexus.wire.gateway import Ping, Pong, Request, Response, Status, decode_frame
from nexus.wire.stream import frame_message


def ready_pair(number: int = 0) -> Pair:
    pair = Pair(KEY_B, number)
    pair.make_ready()
    return pair


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
        pair.a._own_id = claimed
        pair.a.admit(0)
        pair.run()
        assert pair.events_b == [Refused(Refusal.UNAUTHENTICATED)]


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
        assert (pair.a._transport, pair.a._handshake, pair.a._waiting) == (None, None, None)
        assert pair.a._reader.buffered == 0
        assert pair.a.tick(10 * LOST_NS) == []
        assert not pair.a.has_input


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


@pytest.mark.parametrize("frame", [b"", b"\x00", b"\x10" * 30, b"\x03", b"\x01" * 1024])
def test_a_frame_that_cannot_be_read_is_the_gateways_to_answer(frame: bytes) -> None:
    pair = ready_pair()
    pair.a._seal(frame)
    pair.run()
    assert pair.events_b[-1] == Received(frame)
    assert pair.b.state is State.READY


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


def test_a_peer_that_only_sends_is_cut_off() -> None:
    pair = Pair(KEY_B)
    pair.run()
    pair.a.admit(0)
    pair.run()
    assert pair.b.state is State.PROVEN  # Nothing is taken until the owner has decided.
    assert pair.b.receive(bytes(BACKLOG_BYTES_MAX), 0) == [Refused(Refusal.UNAUTHENTICATED)]


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
