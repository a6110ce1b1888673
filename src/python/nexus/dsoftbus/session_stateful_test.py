"""Any interleaving of pieces, timers, calls and damage: frames arrive in order or not at all.

Method: hypothesis drives two sessions over a fake wire that delivers arbitrary pieces and now and
then flips a bit.  The model is two lists, of what was sent and of what was received.
"""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from nexus.dsoftbus.session import BACKLOG_BYTES_MAX, Session
from nexus.dsoftbus.session_events import Event, Proven, Ready, Received, Refusal, Refused
from nexus.dsoftbus.session_scene import KEY_B, Pair
from nexus.dsoftbus.transitions import State
from nexus.wire.gateway import Request, decode_frame


class TwoSessions(RuleBasedStateMachine):
    """The pair, the bytes under way, and what should be true of them."""

    def __init__(self) -> None:
        super().__init__()
        pair = Pair(KEY_B)
        self.sides: list[Session] = [pair.a, pair.b]
        self.wire = [bytearray(), bytearray()]  # Bytes towards side 0 and side 1.
        self.sent: list[list[bytes]] = [[], []]
        self.received: list[list[bytes]] = [[], []]
        self.was_ready = [False, False]
        self.was_admitted = [False, False]
        self.is_damaged = False
        self.now_ns = 0
        self.has_timed_out = False

    def take(self, side: int, events: list[Event]) -> None:
        """Hold what happened against the model."""
        for event in events:
            match event:
                case Proven(device_id):
                    assert device_id == ("node-b", "node-a")[side]
                case Ready():
                    assert self.was_admitted[side]
                    assert not self.was_ready[side]
                    self.was_ready[side] = True
                case Received(frame):
                    assert self.was_ready[side]
                    self.received[side].append(frame)
                case Refused(refusal):
                    self.has_timed_out |= refusal is Refusal.TIMEOUT
                    assert self.is_damaged or refusal is Refusal.TIMEOUT

    def collect(self) -> None:
        """Put on the wire what the sessions want to say."""
        for side, session in enumerate(self.sides):
            self.wire[1 - side] += session.take_output()

    @rule(side=st.integers(0, 1), count=st.integers(1, 400))
    def deliver(self, side: int, count: int) -> None:
        """Hand over the next bytes of one direction."""
        self.collect()
        piece = bytes(self.wire[side][:count])
        del self.wire[side][:count]
        self.take(side, self.sides[side].receive(piece, self.now_ns))

    @rule(side=st.integers(0, 1))
    def admit(self, side: int) -> None:
        """Accept a proven peer."""
        if self.sides[side].state is State.PROVEN:
            self.was_admitted[side] = True
            self.take(side, self.sides[side].admit(self.now_ns))

    @rule(side=st.integers(0, 1), payload=st.binary(max_size=64))
    def call(self, side: int, payload: bytes) -> None:
        """Send a request from a ready side."""
        if self.sides[side].state is State.READY:
            correlation = self.sides[side].request(1, payload, 1000)
            self.sent[1 - side].append(Request(1, correlation, 1000, payload).encode())

    @rule(ms=st.integers(0, 700))
    def wait(self, ms: int) -> None:
        """Let time pass and run both timers."""
        self.now_ns += ms * 1_000_000
        for side in (0, 1):
            self.take(side, self.sides[side].tick(self.now_ns))

    @precondition(lambda self: any(self.wire))
    @rule(side=st.integers(0, 1), position=st.integers(0, 400), bit=st.integers(0, 7))
    def damage(self, side: int, position: int, bit: int) -> None:
        """Flip a bit that is under way."""
        if position < len(self.wire[side]):
            self.wire[side][position] ^= 1 << bit
            self.is_damaged = True

    @invariant()
    def frames_arrive_in_order_or_not_at_all(self) -> None:
        """The received frames are a beginning of the sent frames, even on a damaged wire."""
        for side in (0, 1):
            got = self.received[side]
            assert got == self.sent[side][: len(got)]
            assert all(isinstance(decode_frame(frame), Request) for frame in got)

    @invariant()
    def nothing_grows_without_bound(self) -> None:
        """The output that waits is bounded."""
        assert all(session.output_bytes <= BACKLOG_BYTES_MAX for session in self.sides)

    def teardown(self) -> None:
        """On an intact wire in good time, everything sent arrives in the end."""
        if self.is_damaged or self.has_timed_out:
            return
        for _ in range(12):
            for side in (0, 1):
                self.collect()
                piece, self.wire[side] = bytes(self.wire[side]), bytearray()
                self.take(side, self.sides[side].receive(piece, self.now_ns))
                self.admit(side)
        assert self.received == self.sent
        assert all(session.state is State.READY for session in self.sides)


TestTwoSessions = TwoSessions.TestCase
TestTwoSessions.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)
