"""Calls as messages between two carriers: the offer, the stream, and what a peer may get wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexus.contract import samgr
from nexus.dsoftbus.ask import Ask
from nexus.dsoftbus.audit import Outcome
from nexus.dsoftbus.carrier import Answered, Carrier, Event, Nonsense, Offer, Pulled, Unsaid
from nexus.dsoftbus.carrier_scene import carry
from nexus.dsoftbus.mux import MODEL, Mux
from nexus.dsoftbus.mux_events import Acknowledged, HalfClosed, Opened, WasReset
from nexus.dsoftbus.mux_transitions import MuxRejectError, Reject, ResetReason
from nexus.dsoftbus.noise import Role
from nexus.wire import mux as wire
from nexus.wire.error import LocalProtocolError
from nexus.wire.gateway import Request, Status
from nexus.wire.methods import BY_NAME
from nexus.wire.rpc import Mode
from nexus.wire.rpc_answer import encode_refusal, encode_results

METHOD = BY_NAME["samgrd", "resolve-status"]
FRAME = b"SM\1\6\1x"
STREAM = "rpc/2"
ANSWER = encode_results(1, samgr.ResolveStatusResults())


def ask(number: int = 1, name: str = "x") -> Ask:
    params = samgr.ResolveStatusParams(name)
    return Ask(Request(1, number, 1000, METHOD.request(params)), METHOD, params)


def settle(a: Carrier, b: Carrier) -> list[Event]:
    """Carry to and fro until there is nothing left to say."""
    events: list[Event] = []
    while a.has_output or b.has_output:
        events += carry(a, b) + carry(b, a)
    return events


def talk(
    a: Carrier, peer: Mux, answer: Callable[[Opened], None]
) -> tuple[list[Event], list[object]]:
    """Let both say all that they have, and answer each stream as it opens; return what they saw."""
    at_a: list[Event] = []
    at_peer: list[object] = []
    while a.has_output or peer.has_output:
        while (frame := peer.next_frame()) is not None:
            at_a += a.receive(frame)
        while (frame := a.next_frame()) is not None:
            event = peer.receive(frame)
            at_peer.append(event)
            if isinstance(event, Opened):
                answer(event)
    return at_a, at_peer


def refuse_settings(b: Carrier) -> None:
    """Answer the SETTINGS that a peer without streams takes for a request, if this is one."""
    if b.streams is None:
        assert b.take_request() is not None
        b.send_response(b"\2" + bytes([Status.REFUSED]) + bytes(14), None)


def cut(whole: bytes, lengths: list[int]) -> Iterator[bytes]:
    """Cut bytes into parts of these lengths, and the rest; none of them is empty."""
    for length in [*lengths, len(whole)]:
        part, whole = whole[:length], whole[length:]
        if part:
            yield part


def pair(a: Mode = Mode.AUTO, b: Mode = Mode.AUTO) -> tuple[Carrier, Carrier]:
    first, second = Carrier(Role.INITIATOR, MODEL, a), Carrier(Role.RESPONDER, MODEL, b)
    settle(first, second)
    return first, second


def agreed() -> tuple[Carrier, Carrier]:
    """Two that have agreed, with the first call on its way."""
    a, b = pair()
    assert a.send_call(ask())
    assert settle(a, b) == []
    assert a.offer is Offer.TAKEN
    assert b.take_request() == Pulled(ask().message(), 1, is_message=True)
    return a, b


class Peer:
    """A peer that is only a mux, so that it can say what a carrier never would."""

    def __init__(self, mode: Mode = Mode.AUTO, own: wire.Settings = MODEL) -> None:
        self.carrier = Carrier(Role.RESPONDER, MODEL, mode)
        self.mux = Mux(Role.INITIATOR, own)
        self.mux.start()
        self.exchange()

    def exchange(self) -> tuple[list[object], list[Event]]:
        """Carry all; return what the peer sees, and what the carrier says."""
        seen: list[object] = []
        said: list[Event] = []
        while self.carrier.has_output or self.mux.has_output:
            while (frame := self.carrier.next_frame()) is not None:
                seen.append(self.mux.receive(frame))
            while (frame := self.mux.next_frame()) is not None:
                said += self.carrier.receive(frame)
        return [event for event in seen if event is not None], said


def test_calls_and_answers_are_messages_once_the_peer_has_acknowledged() -> None:
    a, b = agreed()
    for number in (2, 3):
        assert a.send_call(ask(number))
    carry(a, b)
    for number in (2, 3):
        assert b.take_request() == Pulled(ask(number).message(), 1, is_message=True)
        b.send_response(encode_refusal(number, Status.BUSY), 1)
    assert b.take_request() is None
    assert carry(b, a) == [
        Answered(encode_refusal(number, Status.BUSY), is_message=True) for number in (2, 3)
    ]


def test_no_byte_of_a_message_goes_before_the_peers_first_word() -> None:
    a, b = pair()
    a.send_call(ask())
    frames = []
    while (frame := a.next_frame()) is not None:
        frames.append(frame)
    assert frames == [wire.Open(1, 0, STREAM).encode()]
    assert a.offer is Offer.MADE
    b.receive(frames[0])
    carry(b, a)
    assert a.has_output


def test_a_peer_that_resets_the_offer_is_called_by_frames_from_then_on() -> None:
    a, b = pair(Mode.AUTO, Mode.FRAMES)
    a.send_call(ask(1))
    a.send_call(ask(2))
    assert settle(a, b) == []
    assert a.offer is Offer.DECLINED
    a.send_call(ask(3))
    carry(a, b)
    pulled = [b.take_request() for _ in range(4)]
    assert pulled == [Pulled(ask(number).frame(), 3) for number in (1, 2, 3)] + [None]


def test_a_peer_that_never_heard_of_it_sees_one_stream_that_it_does_not_know() -> None:
    """An earlier release behaves so: its owner resets a stream whose name it does not serve."""
    a = Carrier(Role.INITIATOR, MODEL, Mode.AUTO)
    old = Mux(Role.RESPONDER)
    old.start()

    def answer(opened: Opened) -> None:
        if opened.name == "gateway":
            old.accept(opened.stream)
        else:
            old.reset(opened.stream, ResetReason.UNKNOWN_STREAM)

    a.send_call(ask())
    _, seen = talk(a, old, answer)
    names = [event.name for event in seen if isinstance(event, Opened)]
    assert names == [STREAM, "gateway"]
    assert [event.data for event in seen if hasattr(event, "data")] == [ask().frame()]


@pytest.mark.parametrize("reason", list(ResetReason))
def test_any_reset_before_the_acknowledgement_is_a_no(reason: ResetReason) -> None:
    a, b = Carrier(Role.INITIATOR, MODEL, Mode.MESSAGES), Mux(Role.RESPONDER)
    b.start()
    a.send_call(ask(7))
    events, _ = talk(a, b, lambda opened: b.reset(opened.stream, reason))
    assert events[-1] == Unsaid((7,))
    with pytest.raises(LocalProtocolError):
        a.send_call(ask(8))


def test_calls_made_before_anything_is_known_wait_and_then_go_the_way_there_is() -> None:
    for own, mode, found, came in (
        (MODEL, Mode.AUTO, [], [True]),
        (None, Mode.AUTO, [], [False]),
        (None, Mode.MESSAGES, [Unsaid((1,))], []),
    ):
        a, b = Carrier(Role.INITIATOR, MODEL, mode), Carrier(Role.RESPONDER, own, Mode.AUTO)
        assert a.send_call(ask())
        carry(a, b)
        refuse_settings(b)
        events = [event for event in settle(a, b) if not isinstance(event, Answered)]
        assert [event for event in events if isinstance(event, Unsaid)] == found
        pulled = [request for request in (b.take_request(),) if request is not None]
        assert [request.is_message for request in pulled if isinstance(request, Pulled)] == came
        assert len(pulled) == len(came)


def test_a_peer_with_one_stream_is_not_asked() -> None:
    peer = Peer(own=wire.Settings(1, 4096, 4096))
    peer.carrier.send_call(ask())
    seen, _ = peer.exchange()
    assert [event.name for event in seen if isinstance(event, Opened)] == ["gateway"]


def test_what_has_no_message_goes_as_a_frame_beside_the_others() -> None:
    a, b = agreed()
    bare = Ask(Request(4, 9, 1000, b"SF\1\7"))
    assert a.send_call(bare)
    assert a.send_call(ask(2))
    settle(a, b)
    assert b.take_request() == Pulled(ask(2).message(), 1, is_message=True)
    assert b.take_request() == Pulled(bare.frame(), 3)


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 8, 9, 63, 64])
def test_a_call_comes_out_whole_however_its_bytes_came(piece: int) -> None:
    peer = Peer()
    stream = peer.mux.open(STREAM, 0)
    whole = b"".join(ask(number).message() for number in range(1, 6))
    pulled: list[object] = []
    for at in range(0, len(whole), piece):
        peer.mux.send(stream, whole[at : at + piece])
        peer.exchange()
        while (taken := peer.carrier.take_request()) is not None:
            pulled.append(taken)
    assert pulled == [Pulled(ask(n).message(), stream, is_message=True) for n in range(1, 6)]


@given(st.lists(st.integers(1, 40), min_size=1, max_size=30))
def test_an_answer_comes_out_whole_however_its_bytes_came(pieces: list[int]) -> None:
    a, peer = Carrier(Role.INITIATOR, MODEL, Mode.AUTO), Mux(Role.RESPONDER)
    peer.start()
    a.send_call(ask())
    opened: list[int] = []

    def accept(event: Opened) -> None:
        peer.accept(event.stream)
        opened.append(event.stream)

    talk(a, peer, accept)
    came: list[Event] = []
    for part in cut(ANSWER * 8, pieces):
        peer.send(opened[-1], part)
        while (frame := peer.next_frame()) is not None:
            came += a.receive(frame)
    assert came == [Answered(ANSWER, is_message=True)] * 8


@pytest.mark.parametrize("length", range(1, len(ask().message())))
def test_half_a_call_and_close_is_a_call_that_is_over(length: int) -> None:
    peer = Peer()
    stream = peer.mux.open(STREAM, 0)
    message = ask().message()
    peer.mux.send(stream, message + message[:length])
    peer.mux.close(stream)
    peer.exchange()
    for expected in (message, message[:length]):
        assert peer.carrier.take_request() == Pulled(expected, stream, is_message=True)
        peer.carrier.send_response(ANSWER, stream)
    assert peer.carrier.take_request() is None
    seen, _ = peer.exchange()
    assert seen[-1] == HalfClosed(stream)
    assert peer.mux.state(stream) is None
    again = peer.mux.open(STREAM, 0)  # The name is free.
    peer.mux.send(again, message)
    peer.exchange()
    assert peer.carrier.take_request() == Pulled(message, again, is_message=True)


@pytest.mark.parametrize(
    ("head", "outcome"),
    [
        (b"\1\0\0\0\1\0\0\0", Outcome.MALFORMED),
        (bytes(8), Outcome.MALFORMED),
        (b"\0\0\0\0\1\1\0\0", Outcome.OVERSIZED),
        (b"\0\0\0\0\xff\xff\xff\xff", Outcome.OVERSIZED),
    ],
)
def test_a_table_without_a_next_message_resets_the_stream(head: bytes, outcome: Outcome) -> None:
    peer = Peer()
    stream = peer.mux.open(STREAM, 0)
    peer.mux.send(stream, ask().message() + head + bytes(64))
    peer.exchange()
    assert isinstance(peer.carrier.take_request(), Pulled)
    assert peer.carrier.take_request() == Nonsense(outcome, b"")
    assert peer.carrier.take_request() is None
    seen, _ = peer.exchange()
    assert seen == [WasReset(stream, ResetReason.NONSENSE.value)]


def test_an_answer_without_a_next_one_resets_the_stream_and_the_next_call_opens_another() -> None:
    a, b = agreed()
    b.send_response(b"\1" + ANSWER[1:], 1)
    assert carry(b, a) == []
    assert a.send_call(ask(2))
    settle(a, b)
    assert a.offer is Offer.TAKEN
    assert b.take_request() == Pulled(ask(2).message(), 3, is_message=True)


def test_a_stream_that_the_peer_gives_up_after_all_is_opened_again() -> None:
    a, b = agreed()
    assert b.streams is not None
    b.streams.reset(1)
    assert carry(b, a) == []
    assert a.offer is Offer.NONE
    a.send_call(ask(2))
    settle(a, b)
    assert b.take_request() == Pulled(ask(2).message(), 3, is_message=True)


def test_calls_are_not_taken_while_their_answers_have_no_room() -> None:
    peer = Peer(own=wire.Settings(4, 600, 0))
    stream = peer.mux.open(STREAM, 0)

    def is_served() -> bool:
        peer.mux.send(stream, ask().message())
        peer.exchange()
        if peer.carrier.take_request() is None:
            return False
        peer.carrier.send_response(encode_refusal(1, Status.BUSY) * 40, stream)
        return True

    assert not all(is_served() for _ in range(200)), "served for ever, and takes no answers"


def test_the_names_of_calls_are_not_the_users_to_open() -> None:
    a, _ = pair()
    for name in ("gateway", STREAM, "rpc/3"):
        with pytest.raises(LocalProtocolError):
            a.open(name, 0)


@pytest.mark.parametrize("name", ["rpc/1", "rpc/3", "rpc/", "rpc/2#2"])
def test_a_later_version_is_another_name_and_is_declined(name: str) -> None:
    peer = Peer()
    stream = peer.mux.open(name, 0)
    seen, said = peer.exchange()
    assert seen == [WasReset(stream, ResetReason.UNKNOWN_STREAM.value)]
    assert said == []


def test_a_second_stream_of_calls_beside_a_live_one_is_rejected() -> None:
    peer = Peer()
    assert peer.mux.open(STREAM, 0) == 1
    seen, _ = peer.exchange()
    assert seen == [Acknowledged(1)]
    with pytest.raises(MuxRejectError) as caught:
        peer.carrier.receive(wire.Open(3, 0, STREAM).encode())
    assert caught.value.reject is Reject.DUPLICATE_NAME
