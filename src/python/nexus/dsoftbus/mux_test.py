"""Streams by hand: the life of a stream, credit, priorities, and what its caller may ask."""

from __future__ import annotations

from itertools import product

import pytest

from nexus.dsoftbus.mux import MODEL, Mux
from nexus.dsoftbus.mux_events import Acknowledged, Arrived, HalfClosed, Opened, Settled, WasReset
from nexus.dsoftbus.mux_scene import SMALL, MuxPair, data_of, move
from nexus.dsoftbus.mux_schedule import BURST_FRAMES
from nexus.dsoftbus.mux_stream import BUFFER_BYTES_MAX
from nexus.dsoftbus.mux_transitions import (
    STREAM_TRANSITIONS,
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


def test_the_table_lets_nothing_leave_the_ends() -> None:
    ends = (StreamState.CLOSED, StreamState.RESET)
    for state, step in product(ends, StreamStep):
        assert STREAM_TRANSITIONS.get((state, step), state) is state


def test_a_side_that_closed_sends_no_data() -> None:
    for state in (StreamState.HALF_CLOSED_LOCAL, StreamState.CLOSED, StreamState.RESET):
        assert (state, StreamStep.SEND_DATA) not in STREAM_TRANSITIONS
    for state in (StreamState.HALF_CLOSED_REMOTE, StreamState.CLOSED):
        assert (state, StreamStep.RECEIVE_DATA) not in STREAM_TRANSITIONS
