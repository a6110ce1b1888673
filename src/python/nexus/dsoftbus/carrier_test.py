"""Gateway frames between two carriers: on streams, bare, and what a peer may get wrong."""

from __future__ import annotations

from itertools import takewhile

import pytest

from nexus.dsoftbus.audit import Outcome
from nexus.dsoftbus.carrier import Answered, Carrier, Mode, Nonsense, Pulled
from nexus.dsoftbus.carrier_scene import carry
from nexus.dsoftbus.mux import MODEL, Mux
from nexus.dsoftbus.mux_events import Opened, WasReset
from nexus.dsoftbus.mux_scene import move
from nexus.dsoftbus.mux_transitions import MuxRejectError, Reject, ResetReason, StreamState
from nexus.dsoftbus.noise import Role
from nexus.wire import mux as wire
from nexus.wire.error import LocalProtocolError
from nexus.wire.gateway import Request, Response, Status

CALL = Request(1, 1, 1000, b"SM\1\6\1x").encode()
ANSWER = Response(Status.OK, 1, b"SM\1\x86").encode()


def pair(own_b: wire.Settings | None = MODEL) -> tuple[Carrier, Carrier]:
    a, b = Carrier(Role.INITIATOR), Carrier(Role.RESPONDER, own_b)
    carry(a, b)
    carry(b, a)
    return a, b


def test_calls_and_answers_travel_on_a_stream() -> None:
    a, b = pair()
    assert (a.mode, b.mode) == (Mode.STREAMS, Mode.STREAMS)
    for _ in range(3):
        assert a.send_request(CALL)
    assert carry(a, b) == []
    for _ in range(3):
        pulled = b.take_request()
        assert pulled == Pulled(CALL, 1)
        b.send_response(ANSWER, 1)
    assert b.take_request() is None
    assert carry(b, a) == [Answered(ANSWER)] * 3


def test_each_side_calls_on_a_stream_of_its_own() -> None:
    a, b = pair()
    a.send_request(CALL)
    b.send_request(CALL)
    carry(a, b)
    carry(b, a)
    assert b.take_request() == Pulled(CALL, 1)
    assert a.take_request() == Pulled(CALL, 2)


def test_what_is_sent_before_the_peers_first_frame_waits_for_it() -> None:
    a, b = Carrier(Role.INITIATOR), Carrier(Role.RESPONDER)
    a.send_request(CALL)
    assert a.next_frame() == MODEL.encode()
    assert a.next_frame() is None
    carry(b, a)
    b.receive(MODEL.encode())
    carry(a, b)
    assert b.take_request() == Pulled(CALL, 1)


def test_a_peer_without_streams_is_asked_and_served_bare() -> None:
    a, plain = Carrier(Role.INITIATOR), Carrier(Role.RESPONDER, None)
    a.send_request(CALL)
    carry(a, plain)
    # It takes SETTINGS for a request and refuses it; that answer is its first frame.
    assert plain.take_request() == Pulled(MODEL.encode(), None)
    refused = Response(Status.REFUSED, 0).encode()
    plain.send_response(refused, None)
    assert carry(plain, a) == [Answered(refused)]
    assert a.mode is Mode.BARE
    carry(a, plain)
    assert plain.take_request() == Pulled(CALL, None)
    plain.send_request(CALL)
    carry(plain, a)
    assert a.take_request() == Pulled(CALL, None)


def test_requests_that_are_not_taken_keep_their_credit() -> None:
    a, b = pair(wire.Settings(4, 600, 256))
    for _ in range(40):
        assert a.send_request(CALL)
    carry(a, b)
    carry(b, a)
    carry(a, b)
    taken = 0
    while b.take_request() is not None:
        taken += 1
    assert taken == 256 // len(CALL)
    carry(b, a)
    carry(a, b)
    assert isinstance(b.take_request(), Pulled)


def test_requests_are_not_taken_while_answers_find_no_room() -> None:
    a, b = Carrier(Role.INITIATOR, wire.Settings(4, 600, 0)), Carrier(Role.RESPONDER)
    carry(a, b)
    carry(b, a)
    answer = Response(Status.OK, 1, bytes(512)).encode()

    def is_taken() -> bool:
        a.send_request(CALL)
        carry(a, b)
        carry(b, a)
        if b.take_request() is None:
            return False
        b.send_response(answer, 1)  # The peer gives no credit for answers.
        return True

    assert 200 < len(list(takewhile(bool, (is_taken() for _ in range(10_000))))) < 300


@pytest.mark.parametrize(
    ("head", "outcome"),
    [
        (b"\x09" + CALL[1:], Outcome.MALFORMED),
        (CALL[:2] + (1007).to_bytes(2, "little") + CALL[4:], Outcome.OVERSIZED),
    ],
)
def test_what_has_no_next_frame_resets_its_stream_and_nothing_else(
    head: bytes, outcome: Outcome
) -> None:
    a, b = pair()
    a.send_request(head)
    carry(a, b)
    verdict = b.take_request()
    assert isinstance(verdict, Nonsense)
    assert verdict.outcome is outcome
    assert b.take_request() is None
    carry(b, a)
    a.send_request(CALL)  # On a new stream.
    carry(a, b)
    assert b.take_request() == Pulled(CALL, 3)
    b.send_response(ANSWER, 1)  # For the old one: dropped.
    b.send_response(ANSWER, 3)
    assert carry(b, a) == [Answered(ANSWER)]


@pytest.mark.parametrize("first", [b"\x09", b"\x01"])
def test_an_answer_without_a_next_one_resets_the_stream(first: bytes) -> None:
    a, b = pair()
    a.send_request(CALL)
    carry(a, b)
    b.take_request()
    b.send_response(first + ANSWER[1:], 1)
    assert carry(b, a) == []
    carry(a, b)
    a.send_request(CALL)
    carry(a, b)
    assert b.take_request() == Pulled(CALL, 3)


def test_a_caller_that_closes_its_stream_gets_its_answers_first() -> None:
    a, b = pair()
    a.send_request(CALL)
    assert a.streams is not None
    a.streams.close(1)
    carry(a, b)
    assert b.take_request() == Pulled(CALL, 1)
    assert b.streams is not None
    assert b.streams.state(1) is StreamState.HALF_CLOSED_REMOTE
    b.send_response(ANSWER, 1)
    assert carry(b, a) == [Answered(ANSWER)]
    assert b.streams.stream_count == 0


def test_other_streams_are_the_owners() -> None:
    a, b = pair()
    assert a.streams is not None
    a.streams.open("news", 4)
    assert carry(a, b) == [Opened(1, "news", 4)]
    assert b.streams is not None
    b.streams.reset(1, ResetReason.UNKNOWN_STREAM)
    assert carry(b, a) == [WasReset(1, 1)]


def test_a_bare_frame_beside_streams_is_rejected() -> None:
    _, b = pair()
    with pytest.raises(MuxRejectError) as caught:
        b.receive(CALL)
    assert caught.value.reject is Reject.MALFORMED


def test_a_stream_frame_before_settings_is_rejected() -> None:
    b = Carrier(Role.RESPONDER)
    with pytest.raises(MuxRejectError) as caught:
        b.receive(wire.Open(1, 0, "gateway").encode())
    assert caught.value.reject is Reject.INVALID_TRANSITION


def test_an_unknown_peer_that_takes_no_streams_is_told_so() -> None:
    a, peer = Carrier(Role.INITIATOR), Mux(Role.RESPONDER, wire.Settings(0, 600, 0))
    peer.start()
    while (frame := peer.next_frame()) is not None:
        a.receive(frame)
    assert not a.send_request(CALL)
    assert move(peer, peer) == []


@pytest.mark.parametrize("length", range(1, len(CALL)))
def test_half_a_request_and_close_is_a_request_that_is_over(length: int) -> None:
    peer = Mux(Role.INITIATOR)
    b = Carrier(Role.RESPONDER)
    b.next_frame()
    peer.start()
    peer.receive(MODEL.encode())
    stream = peer.open("gateway", 0)
    peer.send(stream, CALL + CALL[:length])
    peer.close(stream)
    while (frame := peer.next_frame()) is not None:
        b.receive(frame)
    assert b.take_request() == Pulled(CALL, stream)
    assert b.take_request() == Pulled(CALL[:length], stream)
    assert b.take_request() is None
    b.send_response(ANSWER, stream)
    b.send_response(ANSWER, stream)
    while (frame := b.next_frame()) is not None:
        peer.receive(frame)
    # Both sides have closed, so that the name is free again.
    assert peer.state(stream) is None
    again = peer.open("gateway", 0)
    peer.send(again, CALL)
    while (frame := peer.next_frame()) is not None:
        b.receive(frame)
    assert b.take_request() == Pulled(CALL, again)


def test_several_streams_of_one_name_and_the_last_is_kept_for_calls() -> None:
    a, b = Carrier(Role.INITIATOR), Carrier(Role.RESPONDER, wire.Settings(4, 600, 256))
    carry(a, b)
    carry(b, a)
    for _ in range(3):
        a.open("bulk", 4)
    with pytest.raises(LocalProtocolError, match="3 streams"):
        a.open("bulk", 4)
    opened = [event.name for event in carry(a, b) if isinstance(event, Opened)]
    assert opened == ["bulk", "bulk#2", "bulk#3"]
    assert a.send_request(CALL)
    carry(a, b)
    assert b.take_request() == Pulled(CALL, 7)


def test_the_stream_of_calls_is_not_the_owners_to_open() -> None:
    a, _ = pair()
    with pytest.raises(LocalProtocolError, match="gateway"):
        a.open("gateway", 0)


def test_half_an_answer_of_a_reset_stream_is_forgotten() -> None:
    a, b = pair()
    a.send_request(CALL)
    carry(a, b)
    assert b.streams is not None
    b.take_request()
    b.streams.send(1, ANSWER[:-1])
    assert carry(b, a) == []
    b.streams.reset(1)
    carry(b, a)
    a.send_request(CALL)
    carry(a, b)
    assert b.take_request() == Pulled(CALL, 3)
    b.send_response(ANSWER, 3)
    assert carry(b, a) == [Answered(ANSWER)]


def test_half_an_answer_before_the_peer_closes_is_forgotten() -> None:
    a, b = pair()
    a.send_request(CALL)
    carry(a, b)
    assert b.streams is not None
    b.streams.send(1, ANSWER[:5])
    b.streams.close(1)
    assert carry(b, a) == []
    carry(a, b)
    a.send_request(CALL)
    carry(a, b)
    while b.take_request() != Pulled(CALL, 3):
        pass
    b.send_response(ANSWER, 3)
    assert carry(b, a) == [Answered(ANSWER)]


def test_what_follows_an_answer_without_a_next_one_is_forgotten() -> None:
    a, b = pair()
    a.send_request(CALL)
    carry(a, b)
    b.take_request()
    b.send_response(b"\x09" * 40, 1)
    assert carry(b, a) == []
    carry(a, b)
    a.send_request(CALL)
    carry(a, b)
    b.take_request()
    b.send_response(ANSWER, 3)
    assert carry(b, a) == [Answered(ANSWER)]


def test_half_a_request_of_a_reset_stream_is_forgotten() -> None:
    peer, b = Mux(Role.INITIATOR, MODEL), Carrier(Role.RESPONDER)
    peer.start()

    def exchange() -> None:
        while (frame := peer.next_frame()) is not None:
            b.receive(frame)
        while (frame := b.next_frame()) is not None:
            peer.receive(frame)

    exchange()
    first = peer.open("gateway", 0)
    peer.send(first, CALL + CALL[:-1])
    exchange()
    assert b.take_request() == Pulled(CALL, first)  # Not answered before the reset.
    peer.reset(first)
    exchange()
    assert b.take_request() is None
    second = peer.open("gateway", 0)
    peer.send(second, CALL)
    peer.close(second)
    exchange()
    assert b.take_request() == Pulled(CALL, second)
    assert b.take_request() is None
    b.send_response(ANSWER, second)
    exchange()
    assert peer.state(second) is None, "the call of the reset stream is not waited for"


def test_so_many_calls_wait_for_the_first_frame_of_the_peer_and_no_more() -> None:
    a = Carrier(Role.INITIATOR)
    assert all(a.send_request(CALL) for _ in range(4096))
    assert not a.send_request(CALL)
