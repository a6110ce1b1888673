"""Streams by hand: the life of a stream, credit, priorities, and every reject by its label."""

from __future__ import annotations

from itertools import product

import pytest

from nexus.dsoftbus.mux import MODEL, Mux
from nexus.dsoftbus.mux_events import Acknowledged, Arrived, HalfClosed, Opened, Settled, WasReset
from nexus.dsoftbus.mux_scene import SMALL, MuxPair, data_of, move
from nexus.dsoftbus.mux_schedule import BURST_FRAMES
from nexus.dsoftbus.mux_stream import BUFFER_BYTES_MAX, CREDIT_MAX
from nexus.dsoftbus.mux_transitions import (
    STREAM_TRANSITIONS,
    MuxRejectError,
    Reject,
    ResetReason,
    StreamState,
    StreamStep,
)
from nexus.dsoftbus.noise import Role
from nexus.wire import mux as wire
from nexus.wire.error import LocalProtocolError


def test_a_stream_from_open_to_closed() -> None:
    pair = MuxPair()
    assert pair.cross() == ([Settled(MODEL)], [Settled(MODEL)])
    stream = pair.a.open("news", 3)
    assert stream == 1
    assert pair.a.send(stream, b"hello") == 5  # At once: no need to await the acknowledgement.
    assert move(pair.a, pair.b) == [Opened(1, "news", 3), Arrived(1, b"hello")]
    pair.b.accept(1)
    pair.b.send(1, b"world")
    pair.b.close(1)
    assert move(pair.b, pair.a) == [Acknowledged(1), Arrived(1, b"world"), HalfClosed(1)]
    assert pair.a.state(1) is StreamState.HALF_CLOSED_REMOTE
    pair.a.send(1, b"!")
    pair.a.close(1)
    assert move(pair.a, pair.b) == [Arrived(1, b"!"), HalfClosed(1)]
    assert pair.a.stream_count == pair.b.stream_count == 0


def test_each_side_opens_numbers_of_its_own() -> None:
    pair = MuxPair().settle()
    assert [pair.a.open(name, 0) for name in "xyz"] == [1, 3, 5]
    assert [pair.b.open(name, 0) for name in "xyz"] == [2, 4, 6]
    at_a, at_b = pair.cross()
    assert at_b == [Opened(n, name, 0) for n, name in zip((1, 3, 5), "xyz", strict=True)]
    assert at_a == [Opened(n, name, 0) for n, name in zip((2, 4, 6), "xyz", strict=True)]


def test_data_is_cut_to_the_peers_messages_and_never_beyond_its_credit() -> None:
    pair = MuxPair(own_b=SMALL).settle()
    stream = pair.a.open("x", 0)
    data = bytes(range(250))
    assert pair.a.send(stream, data) == 250
    events = move(pair.a, pair.b)
    assert data_of(events, stream) == data[:100]
    with pytest.raises(LocalProtocolError):
        pair.b.grant(stream, 1)
    pair.b.accept(stream)
    assert move(pair.b, pair.a) == [Acknowledged(stream)]
    pair.b.grant(stream, 49)
    assert not pair.b.has_output  # Less than half a window is not worth a frame.
    pair.b.grant(stream, 1)
    at_a, at_b = pair.cross()
    assert (at_a, data_of(at_b, stream)) == ([], data[100:150])


def test_a_full_buffer_would_block() -> None:
    pair = MuxPair().settle()
    stream = pair.a.open("x", 0)
    assert pair.a.send(stream, bytes(BUFFER_BYTES_MAX - 1)) == BUFFER_BYTES_MAX - 1
    assert pair.a.send(stream, b"ab") == 1
    assert pair.a.send(stream, b"b") == 0
    assert pair.a.room(stream) == 0
    sent = len(data_of(move(pair.a, pair.b), stream))
    assert sent == MODEL.initial_credit
    assert pair.a.room(stream) == sent


def test_a_reader_that_keeps_up_gets_the_models_buffer_as_its_window() -> None:
    pair = MuxPair().settle()
    stream = pair.a.open("x", 0)
    pair.cross()
    pair.b.accept(stream)
    pair.cross()
    half = MODEL.initial_credit // 2
    pair.a.send(stream, bytes(half))
    pair.cross()
    pair.b.grant(stream, half)
    pair.cross()
    pair.a.send(stream, bytes(BUFFER_BYTES_MAX))
    _, at_b = pair.cross()
    assert len(data_of(at_b, stream)) == BUFFER_BYTES_MAX
    assert pair.a.send(stream, b"x") == 1
    assert pair.cross() == ([], [])


def test_high_priority_goes_first_and_a_lower_one_is_forced_after_a_burst() -> None:
    pair = MuxPair().settle()
    low, high, middle = pair.a.open("low", 7), pair.a.open("high", 0), pair.a.open("mid", 4)
    pair.cross()
    order: list[int] = []
    for _ in range(3 * (BURST_FRAMES + 1)):
        for stream in (low, high, middle):
            pair.a.send(stream, b"x")
        frame = pair.a.next_frame()
        assert frame is not None
        order.append(int.from_bytes(frame[1:5], "little"))
    burst = [high] * BURST_FRAMES
    assert order == [*burst, middle, *burst, low, *burst, middle]


def test_streams_of_one_priority_take_turns() -> None:
    pair = MuxPair(own_b=wire.Settings(8, 512, 60_000)).settle()
    streams = [pair.a.open(name, 2) for name in "abc"]
    pair.cross()
    for stream in streams:
        pair.a.send(stream, bytes(2000))
    frames = [pair.a.next_frame() or b"" for _ in range(6)]
    assert [frame[1] for frame in frames] == streams * 2


def test_a_reset_drops_what_waits_and_ignores_what_is_late() -> None:
    pair = MuxPair().settle()
    stream = pair.a.open("x", 0)
    pair.cross()
    pair.b.accept(stream)
    pair.cross()
    pair.b.send(stream, b"under way")
    under_way = pair.b.next_frame()
    assert under_way is not None
    pair.a.send(stream, b"never sent")
    pair.a.reset(stream)
    pair.a.reset(stream)  # A reset of what is reset is ignored.
    assert pair.a.receive(under_way) is None
    assert move(pair.a, pair.b) == [WasReset(stream, ResetReason.UNWANTED.value)]
    with pytest.raises(LocalProtocolError):
        pair.a.close(stream)
    with pytest.raises(LocalProtocolError):
        pair.b.send(stream, b"x")


def test_resets_that_cross_are_no_offence() -> None:
    pair = MuxPair().settle()
    stream = pair.a.open("x", 0)
    pair.cross()
    pair.a.reset(stream)
    pair.b.reset(stream)
    assert pair.cross() == ([], [])


def test_nothing_is_sent_for_a_stream_behind_its_reset() -> None:
    pair = MuxPair(own_b=SMALL).settle()
    stream = pair.a.open("x", 0)
    pair.a.send(stream, bytes(60))
    pair.cross()
    pair.b.accept(stream)
    pair.cross()
    assert pair.b.grant(stream, 60), "a credit waits"
    pair.b.reset(stream)
    assert pair.b.next_frame() == wire.Reset(stream, ResetReason.UNWANTED.value).encode()
    assert not pair.b.has_output
    assert pair.b.next_frame() is None


def test_credit_that_crosses_the_last_close_is_no_offence() -> None:
    pair = MuxPair(own_b=SMALL).settle()
    stream = pair.a.open("x", 0)
    pair.a.send(stream, bytes(60))
    pair.cross()
    pair.b.accept(stream)
    pair.cross()
    pair.b.grant(stream, 60)
    pair.b.close(stream)
    pair.a.close(stream)
    assert move(pair.a, pair.b) == [HalfClosed(stream)]
    assert move(pair.b, pair.a) == [HalfClosed(stream)]


def test_a_name_and_a_place_are_free_again_when_the_stream_is_over() -> None:
    pair = MuxPair(own_b=SMALL).settle()
    for _ in range(10):
        for name in "abc":
            pair.a.open(name, 0)
        _, at_b = pair.cross()
        for opened in [event for event in at_b if isinstance(event, Opened)]:
            pair.b.reset(opened.stream, ResetReason.UNKNOWN_STREAM)
        pair.cross()
    assert pair.a.stream_count == pair.b.stream_count == 0


@pytest.mark.parametrize(
    "call",
    [
        lambda mux: mux.open("used", 0),
        lambda mux: mux.open("", 0),
        lambda mux: mux.open("x" * 65, 0),
        lambda mux: mux.open("x", 8),
        lambda mux: mux.send(99, b"x"),
        lambda mux: mux.close(99),
        lambda mux: mux.accept(1),
        lambda mux: mux.accept(99),
        lambda mux: mux.send(2, b"x"),
        lambda mux: mux.start(),
        lambda mux: (mux.close(1), mux.close(1)),
        lambda mux: (mux.close(1), mux.send(1, b"x")),
        lambda mux: (mux.open("y", 0), mux.open("z", 0), mux.open("over the limit", 0)),
    ],
)
def test_a_callers_mistake_raises_and_says_nothing_to_the_peer(call: object) -> None:
    pair = MuxPair(own_b=SMALL).settle()
    pair.a.open("used", 0)
    pair.b.open("not accepted", 0)
    pair.cross()
    assert callable(call)
    with pytest.raises(LocalProtocolError):
        call(pair.a)
    move(pair.a, pair.b)  # Nothing that the peer rejects.


def test_nothing_is_opened_before_the_peers_settings() -> None:
    with pytest.raises(LocalProtocolError):
        MuxPair().a.open("x", 0)
    with pytest.raises(LocalProtocolError):
        Mux(Role.INITIATOR).open("x", 0)


def fresh() -> Mux:
    """A responder's mux with the dialler's streams 1 (open) and 3 (closed by the dialler)."""
    pair = MuxPair(own_b=wire.Settings(3, 600, 100)).settle()
    pair.a.open("one", 0)
    three = pair.a.open("three", 0)
    pair.b.open("own", 0)
    pair.a.close(three)
    pair.cross()
    return pair.b


def octets(*frames: wire.Frame | bytes) -> list[bytes]:
    return [frame if isinstance(frame, bytes) else frame.encode() for frame in frames]


REJECTS: list[tuple[str, Reject, list[bytes]]] = [
    ("message over the limit", Reject.FRAME_OVERSIZE, octets(wire.Data(1, bytes(596)))),
    ("unknown type", Reject.MALFORMED, [b"\x17" + bytes(4)]),
    ("truncated", Reject.MALFORMED, [b"\x14\1\0\0\0\1"]),
    ("no data", Reject.MALFORMED, [b"\x13\1\0\0\0"]),
    ("trailing", Reject.MALFORMED, [wire.Close(1).encode() + b"x"]),
    ("stream 0", Reject.UNKNOWN_FRAME, [b"\x15\0\0\0\0"]),
    ("data of no stream", Reject.UNKNOWN_FRAME, octets(wire.Data(9, b"x"))),
    ("data of none of ours", Reject.UNKNOWN_FRAME, octets(wire.Data(4, b"x"))),
    ("ack of no stream", Reject.UNKNOWN_FRAME, octets(wire.OpenAck(4))),
    ("open of 0", Reject.INVALID_TRANSITION, [b"\x11\0\0\0\0\0\1x"]),
    ("settings out of range", Reject.MALFORMED, [b"\x10\1\1\0\xff\1\0\0\1\0\0\0"]),
    ("data before its ack", Reject.INVALID_TRANSITION, octets(wire.Data(2, b"x"))),
    ("credit before its ack", Reject.INVALID_TRANSITION, octets(wire.Credit(2, 1))),
    ("close before its ack", Reject.INVALID_TRANSITION, octets(wire.Close(2))),
    ("settings twice", Reject.INVALID_TRANSITION, octets(MODEL)),
    ("settings version", Reject.MALFORMED, [b"\x10\2" + MODEL.encode()[2:]]),
    ("data after close", Reject.INVALID_TRANSITION, octets(wire.Data(3, b"x"))),
    ("close twice", Reject.INVALID_TRANSITION, octets(wire.Close(3))),
    ("ack of its own", Reject.INVALID_TRANSITION, octets(wire.OpenAck(1))),
    ("ack twice", Reject.INVALID_TRANSITION, octets(wire.OpenAck(2), wire.OpenAck(2))),
    ("number of ours", Reject.INVALID_TRANSITION, octets(wire.Open(4, 0, "x"))),
    ("number used", Reject.INVALID_TRANSITION, octets(wire.Open(1, 0, "x"))),
    (
        "number going back",
        Reject.INVALID_TRANSITION,
        octets(wire.Reset(1, 0), wire.Open(9, 0, "x"), wire.Reset(9, 0), wire.Open(7, 0, "x")),
    ),
    ("data after reset", Reject.INVALID_TRANSITION, octets(wire.Reset(1, 0), wire.Data(1, b"x"))),
    ("over the credit", Reject.CREDIT, octets(wire.Data(1, bytes(60)), wire.Data(1, bytes(41)))),
    ("credit of nothing", Reject.CREDIT, octets(wire.Credit(1, 0))),
    ("credit overflow", Reject.CREDIT, octets(wire.Credit(1, CREDIT_MAX))),
    ("too many", Reject.STREAM_LIMIT, octets(wire.Open(5, 0, "a"), wire.Open(7, 0, "b"))),
    ("name in use", Reject.DUPLICATE_NAME, octets(wire.Open(5, 0, "one"))),
    ("empty name", Reject.INVALID_NAME, [b"\x11\5\0\0\0\0\0"]),
    ("long name", Reject.INVALID_NAME, [b"\x11\5\0\0\0\0\x41" + b"x" * 65]),
    ("no utf-8", Reject.INVALID_NAME, [b"\x11\5\0\0\0\0\1\xff"]),
    ("bad priority", Reject.MALFORMED, [b"\x11\5\0\0\0\x08\1x"]),
]


@pytest.mark.parametrize(
    ("reject", "frames"), [r[1:] for r in REJECTS], ids=[r[0] for r in REJECTS]
)
def test_a_broken_rule_ends_the_session_with_its_reject(
    reject: Reject, frames: list[bytes]
) -> None:
    mux = fresh()
    for frame in frames[:-1]:
        mux.receive(frame)
    with pytest.raises(MuxRejectError) as caught:
        mux.receive(frames[-1])
    assert caught.value.reject is reject
    assert str(caught.value).startswith("mux.reject.")
    # Nothing works afterwards.
    with pytest.raises(MuxRejectError):
        mux.receive(wire.Credit(2, 1).encode())
    with pytest.raises(LocalProtocolError):
        mux.open("x", 0)
    assert mux.stream_count == 0


def test_reject_before_the_peer_is_authenticated() -> None:
    with pytest.raises(MuxRejectError) as caught:
        Mux(Role.RESPONDER).receive(MODEL.encode())
    assert caught.value.reject is Reject.UNAUTHENTICATED


@pytest.mark.parametrize(
    ("frame", "reject"),
    [
        (wire.Open(1, 0, "x").encode(), Reject.INVALID_TRANSITION),
        (wire.Reset(1, 0).encode(), Reject.INVALID_TRANSITION),
    ],
)
def test_reject_at_the_beginning(frame: bytes, reject: Reject) -> None:
    mux = Mux(Role.RESPONDER)
    mux.start()
    with pytest.raises(MuxRejectError) as caught:
        mux.receive(frame)
    assert caught.value.reject is reject


def test_a_data_frame_over_the_models_limit_is_oversize() -> None:
    pair = MuxPair().settle()
    pair.a.open("x", 0)
    pair.cross()
    with pytest.raises(MuxRejectError) as caught:
        pair.b.receive(b"\x13\1\0\0\0" + bytes(wire.DATA_BYTES_MAX + 1))
    assert caught.value.reject is Reject.FRAME_OVERSIZE


def test_every_label_has_a_test() -> None:
    tested = {reject for _, reject, _ in REJECTS} | {Reject.UNAUTHENTICATED}
    assert tested == set(Reject)


def test_opens_that_are_refused_do_not_pile_up() -> None:
    mux = Mux(Role.RESPONDER)
    mux.start()
    mux.receive(MODEL.encode())

    def open_and_refuse_all() -> None:
        for number in range(1, 10_000, 2):  # The peer never reads our resets.
            mux.receive(wire.Open(number, 0, "x").encode())
            mux.reset(number, ResetReason.UNKNOWN_STREAM)

    with pytest.raises(MuxRejectError) as caught:
        open_and_refuse_all()
    assert caught.value.reject is Reject.STREAM_LIMIT


def test_the_table_lets_nothing_leave_the_ends() -> None:
    ends = (StreamState.CLOSED, StreamState.RESET)
    for state, step in product(ends, StreamStep):
        assert STREAM_TRANSITIONS.get((state, step), state) is state


def test_a_side_that_closed_sends_no_data() -> None:
    for state in (StreamState.HALF_CLOSED_LOCAL, StreamState.CLOSED, StreamState.RESET):
        assert (state, StreamStep.SEND_DATA) not in STREAM_TRANSITIONS
    for state in (StreamState.HALF_CLOSED_REMOTE, StreamState.CLOSED):
        assert (state, StreamStep.RECEIVE_DATA) not in STREAM_TRANSITIONS
