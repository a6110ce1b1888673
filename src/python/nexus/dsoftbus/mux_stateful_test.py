"""Any interleaving of calls and deliveries: every stream is a pipe, and no peer is rejected.

Method: hypothesis drives two connected sides.  The model is, for each stream and direction, the
bytes that were sent and the bytes that arrived.
"""

from __future__ import annotations

from collections import deque

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from nexus.dsoftbus.mux import Mux
from nexus.dsoftbus.mux_events import Arrived, Event, HalfClosed, Opened, WasReset
from nexus.dsoftbus.mux_scene import MuxPair
from nexus.dsoftbus.mux_stream import BUFFER_BYTES_MAX
from nexus.dsoftbus.mux_transitions import StreamState
from nexus.wire import mux as wire

OWN = (wire.Settings(4, 512, 700), wire.Settings(3, 600, 1000))
SIDES = st.integers(0, 1)
STREAMS = st.integers(1, 12)
CAN_SEND = (StreamState.OPEN, StreamState.HALF_CLOSED_REMOTE)


class TwoMuxes(RuleBasedStateMachine):
    """Both sides, the frames under way, and what should be true of them."""

    def __init__(self) -> None:
        super().__init__()
        pair = MuxPair(*OWN).settle()
        self.sides: list[Mux] = [pair.a, pair.b]
        self.wire: list[deque[bytes]] = [deque(), deque()]  # Towards side 0 and side 1.
        # By receiving side and stream.
        self.sent: dict[tuple[int, int], bytes] = {}
        self.arrived: dict[tuple[int, int], bytes] = {}
        self.unread: dict[tuple[int, int], int] = {}
        self.closed: set[tuple[int, int]] = set()
        self.is_reset: set[int] = set()

    def take(self, side: int, event: Event | None) -> None:
        """Hold what happened against the model."""
        match event:
            case Opened(stream):
                self.sides[side].accept(stream)
            case Arrived(stream, data):
                key = (side, stream)
                assert key not in self.closed
                self.arrived[key] = self.arrived.get(key, b"") + data
                self.unread[key] = self.unread.get(key, 0) + len(data)
            case HalfClosed(stream):
                self.closed.add((side, stream))
                if stream not in self.is_reset:
                    assert self.arrived.get((side, stream), b"") == self.sent.get(
                        (side, stream), b""
                    )
            case WasReset(stream):
                assert stream in self.is_reset

    @rule(side=SIDES, priority=st.integers(0, 7), number=st.integers(0, 5))
    def open(self, side: int, priority: int, number: int) -> None:
        """Open a stream if that is possible now."""
        mux = self.sides[side]
        ours = [s for s in mux._streams.values() if s.is_ours]
        name = f"s{number}"
        if len(ours) < OWN[1 - side].streams_max and name not in {s.name for s in ours}:
            mux.open(name, priority)

    @rule(side=SIDES, stream=STREAMS, data=st.binary(min_size=1, max_size=900))
    def send(self, side: int, stream: int, data: bytes) -> None:
        """Send on a stream that takes data."""
        mux = self.sides[side]
        if mux.room(stream):
            taken = mux.send(stream, data)
            key = (1 - side, stream)
            self.sent[key] = self.sent.get(key, b"") + data[:taken]

    @rule(side=SIDES, stream=STREAMS)
    def close(self, side: int, stream: int) -> None:
        """Close one direction."""
        if self.sides[side].can_close(stream):
            self.sides[side].close(stream)

    @rule(side=SIDES, stream=STREAMS)
    def reset(self, side: int, stream: int) -> None:
        """Give a stream up."""
        if self.sides[side].state(stream) is not None:
            self.is_reset.add(stream)
        self.sides[side].reset(stream)

    @rule(side=SIDES, stream=STREAMS, part=st.integers(1, 4))
    def grant(self, side: int, stream: int, part: int) -> None:
        """Deal with some of what arrived."""
        key = (side, stream)
        count = self.unread.get(key, 0) // part
        if count:
            self.unread[key] -= count
            self.sides[side].grant(stream, count)

    @rule(side=SIDES, count=st.integers(1, 6))
    def emit(self, side: int, count: int) -> None:
        """Put frames on the wire."""
        for _ in range(count):
            frame = self.sides[side].next_frame()
            if frame is not None:
                assert len(frame) <= OWN[1 - side].message_bytes_max
                self.wire[1 - side].append(frame)

    @rule(side=SIDES, count=st.integers(1, 6))
    def deliver(self, side: int, count: int) -> None:
        """Take frames off the wire; an honest peer is never rejected."""
        for _ in range(min(count, len(self.wire[side]))):
            self.take(side, self.sides[side].receive(self.wire[side].popleft()))

    @invariant()
    def what_arrives_is_what_was_sent(self) -> None:
        """A beginning of it, in order."""
        for key, data in self.arrived.items():
            assert self.sent[key].startswith(data)

    @invariant()
    def nothing_grows_without_bound(self) -> None:
        """Buffers, and what the peer may still send."""
        for side, mux in enumerate(self.sides):
            assert len(mux._streams) <= OWN[0].streams_max + OWN[1].streams_max
            for stream in mux._streams.values():
                assert stream.buffered <= BUFFER_BYTES_MAX
                assert stream.window_max == OWN[side].initial_credit
                assert stream.window + stream.credit_due <= stream.window_max

    def teardown(self) -> None:
        """When both read on, everything that was sent on what was not reset arrives."""
        for _ in range(400):
            for side in (0, 1):
                for (owner, stream), count in list(self.unread.items()):
                    if owner == side and count:
                        self.unread[(owner, stream)] = 0
                        self.sides[side].grant(stream, count)
                self.emit(side, 50)
                self.deliver(side, len(self.wire[side]) or 1)
            if not any(self.wire) and not any(mux.has_output for mux in self.sides):
                break
        for (side, stream), data in self.sent.items():
            if stream not in self.is_reset:
                assert self.arrived.get((side, stream), b"") == data


TestTwoMuxes = TwoMuxes.TestCase
TestTwoMuxes.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
