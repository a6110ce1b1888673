"""Streams inside a ready session: frames in, events out; calls in, frames out.

It knows no session: its owner starts it when the peer is authenticated, gives it every stream
frame, and sends the frames that `next_frame` has, one Noise message each.

Rules of this file
------------------
1. What a peer does wrong is one of the labels of `Reject`, and nothing works afterwards.
2. What waits is bounded: data by each stream's buffer, credits by being added up, opens and
   resets by the number of streams, answers to opens by refusing to be far behind.
3. A frame for a stream that was reset here may have been under way and is ignored.
"""

from __future__ import annotations

from typing import Final

from nexus.dsoftbus.mux_control import ControlFrames
from nexus.dsoftbus.mux_events import Event, Opened, Settled
from nexus.dsoftbus.mux_reading import read_frame
from nexus.dsoftbus.mux_schedule import Schedule
from nexus.dsoftbus.mux_stream import BUFFER_BYTES_MAX, Stream, StreamFrame
from nexus.dsoftbus.mux_table import MuxTable
from nexus.dsoftbus.mux_transitions import (
    MuxRejectError,
    Reject,
    ResetReason,
    StreamState,
    StreamStep,
)
from nexus.dsoftbus.noise import Role
from nexus.wire import mux as wire
from nexus.wire.error import LocalProtocolError, Reason

# The model's limits: what a node without a reason for others states in its SETTINGS.
MODEL: Final = wire.Settings(
    streams_max=128, message_bytes_max=wire.MESSAGE_BYTES_MAX, initial_credit=65_536
)


class Mux:
    """One side's streams of one session."""

    def __init__(self, role: Role, own: wire.Settings = MODEL) -> None:
        """Prepare; `start` begins.

        Args:
            role: Which side it is: the initiator opens odd numbers, the responder even ones.
            own: What we accept.
        """
        self.own = own
        self.peer: wire.Settings | None = None
        self._is_started = False
        self._is_dead = False
        self._table = MuxTable(role)
        self._streams = self._table.live
        self._control = ControlFrames()
        self._schedule = Schedule()
        # A node that states the model's window can hold the model's buffer; one that states less
        # has no memory for more.
        is_model = own.initial_credit >= MODEL.initial_credit
        self._window_max = max(BUFFER_BYTES_MAX, own.initial_credit) if is_model else 0

    @property
    def stream_count(self) -> int:
        """The number of live streams."""
        return len(self._streams)

    @property
    def own_count(self) -> int:
        """The number of live streams that this side opened."""
        return len(self._table.of_side(is_ours=True))

    def free_name(self, name: str) -> str:
        """Return the name under which this side may open another stream of a name."""
        return self._table.free_name(name)

    @property
    def has_output(self) -> bool:
        """Whether `next_frame` has one."""
        return self._control.is_waiting or any(s.can_emit for s in self._streams.values())

    def state(self, stream: int) -> StreamState | None:
        """Return a live stream's state; None if the stream is not live."""
        found = self._streams.get(stream)
        return None if found is None else found.state

    def is_live(self, stream: int) -> bool:
        """Say whether anything can still happen on a stream."""
        return stream in self._streams

    def room(self, stream: int) -> int:
        """Say how many bytes `send` would take; 0 also for what is not live."""
        if not self.can_close(stream):
            return 0
        return BUFFER_BYTES_MAX - self._streams[stream].buffered

    def can_close(self, stream: int) -> bool:
        """Say whether our direction is still open, be its buffer full or not."""
        found = self._streams.get(stream)
        return found is not None and found.can_close

    def start(self) -> None:
        """Begin: the peer is authenticated.  Our SETTINGS is the first frame."""
        if self._is_started:
            raise LocalProtocolError(
                Reason.STATE, "the streams of this session were started already"
            )
        self._is_started = True
        self._control.put(self.own.encode())

    def open(self, name: str, priority: int) -> int:
        """Open a stream; return its number.  Data may be sent on it at once.

        Raises:
            LocalProtocolError: no SETTINGS of the peer yet, too many streams, a name in use.
        """
        self._check_alive()
        if self.peer is None:
            raise LocalProtocolError(Reason.STATE, "the peer has not said what it accepts")
        ours = self._table.of_side(is_ours=True)
        if len(ours) >= self.peer.streams_max:
            raise LocalProtocolError(Reason.STATE, f"{len(ours)} streams are open; close one first")
        if any(stream.name == name for stream in ours):
            raise LocalProtocolError(
                Reason.STATE, f"a stream {name!r} is open; expected another name"
            )
        # If the codec refuses the name, the number stays free.
        frame = wire.Open(self._table.next_number, priority, name).encode()
        number = self._table.take_number()
        self._control.put(frame)
        self._add(number, name, priority, is_ours=True)
        return number

    def accept(self, stream: int) -> None:
        """Acknowledge a stream that the peer opened."""
        found = self._find(stream)
        if found.is_ours or found.is_acknowledged:
            raise LocalProtocolError(Reason.STATE, f"stream {stream} is ours, or accepted already")
        found.is_acknowledged = True
        self._control.put(wire.OpenAck(stream).encode())

    def send(self, stream: int, data: bytes | memoryview) -> int:
        """Buffer data; return how much was taken.  Less than all means: would block."""
        found = self._streams.get(stream)
        if found is None or found.is_closing or not found.we_may_speak:
            found = self._find_accepted(stream)  # Which says what is wrong.
        if found.state is not StreamState.OPEN:
            found.step_local(StreamStep.SEND_DATA)
        return found.put(data)

    def grant(self, stream: int, count: int) -> bool:
        """Say that bytes which arrived are dealt with; the peer may send that many more.

        Returns:
            Whether there is a credit to send now.
        """
        found = self._streams.get(stream)
        if found is None or found.state is StreamState.HALF_CLOSED_REMOTE:
            return False  # Nothing more will come.
        if not found.we_may_speak:
            self._find_accepted(stream)  # Which says what is wrong.
        credit = found.give_back(count, self._window_max)
        if credit:
            self._control.add_credit(stream, credit)
        return credit > 0

    def close(self, stream: int) -> None:
        """Send no more after what is buffered."""
        self._find_accepted(stream).close()

    def reset(self, stream: int, reason: ResetReason = ResetReason.UNWANTED) -> None:
        """Give a stream up, in both directions; of one that is over nothing is left to reset."""
        self._check_alive()
        found = self._streams.get(stream)
        if found is None:
            return
        found.step_local(StreamStep.SEND_RESET)
        self._table.note_reset(stream)
        self._control.put(wire.Reset(stream, reason.value).encode())
        self._remove(found)

    def next_frame(self) -> bytes | None:
        """Take the next frame to send: control, then credit, then data by priority."""
        frame = self._control.take()
        if frame is not None:
            return frame
        chosen = self._schedule.choose(self._streams)
        if chosen is None:
            return None
        assert self.peer is not None, "data before SETTINGS"
        frame = chosen.emit(self.peer.message_bytes_max)
        if chosen.is_over:
            self._remove(chosen)
        return frame

    def receive(self, frame: bytes) -> Event | None:
        """Take a stream frame; return what happened, if anything did.

        Raises:
            MuxRejectError: end the session; nothing works any more.
        """
        try:
            return self._receive(frame)
        except MuxRejectError:
            self._die()
            raise

    def receive_data(self, number: int, count: int) -> bool:
        """Take so many bytes of a DATA frame, which the caller has; say whether they count.

        The way of `receive` for most of what a busy session carries, without its objects.

        Raises:
            MuxRejectError: as `receive`.
        """
        stream = self._streams.get(number)
        is_plain = stream is not None and stream.state is StreamState.OPEN and count > 0
        if stream is None or not is_plain or not stream.peer_may_speak:
            head = wire.encode_data(number, [bytes(count)])
            return self.receive(head) is not None
        try:
            if count > min(wire.DATA_BYTES_MAX, self.own.message_bytes_max - wire.DATA_HEAD_BYTES):
                raise MuxRejectError(Reject.FRAME_OVERSIZE, f"{count} bytes of data in one frame")
            stream.arrive(count)
        except MuxRejectError:
            self._die()
            raise
        return True

    def _die(self) -> None:
        self._is_dead = True
        self._streams.clear()

    def _receive(self, frame: bytes) -> Event | None:
        if not self._is_started:
            raise MuxRejectError(Reject.UNAUTHENTICATED)
        if self._is_dead:
            raise MuxRejectError(Reject.INVALID_TRANSITION, "after an earlier reject")
        decoded = read_frame(frame, self.own.message_bytes_max)
        if isinstance(decoded, wire.Settings):
            return self._take_settings(decoded)
        if self.peer is None:
            raise MuxRejectError(Reject.INVALID_TRANSITION, "a frame came before SETTINGS")
        if isinstance(decoded, wire.Open):
            return self._take_open(decoded)
        return self._take_other(decoded)

    def _take_settings(self, settings: wire.Settings) -> Event:
        if self.peer is not None:
            raise MuxRejectError(Reject.INVALID_TRANSITION, "SETTINGS came twice")
        self.peer = settings
        return Settled(settings)

    def _take_open(self, frame: wire.Open) -> Event:
        if not self._table.can_be_opened(frame.stream):
            raise MuxRejectError(
                Reject.INVALID_TRANSITION, f"stream {frame.stream} is not the peer's to open now"
            )
        theirs = self._table.of_side(is_ours=False)
        if len(theirs) >= self.own.streams_max:
            raise MuxRejectError(Reject.STREAM_LIMIT, f"{len(theirs)} streams of the peer are open")
        if self._control.is_full:
            raise MuxRejectError(Reject.STREAM_LIMIT, "the peer opens streams and reads no answer")
        if any(stream.name == frame.name for stream in theirs):
            raise MuxRejectError(Reject.DUPLICATE_NAME, f"a stream {frame.name!r} is open")
        self._table.note_opened(frame.stream)
        self._add(frame.stream, frame.name, frame.priority, is_ours=False)
        return Opened(frame.stream, frame.name, frame.priority)

    def _take_other(self, frame: StreamFrame) -> Event | None:
        stream = self._streams.get(frame.stream)
        if stream is None:
            self._table.judge_late(frame)
            return None
        event = stream.receive(frame)
        if stream.is_over:
            self._remove(stream)
        return event

    def _add(self, number: int, name: str, priority: int, *, is_ours: bool) -> None:
        assert self.peer is not None, "a stream before SETTINGS"
        self._streams[number] = Stream(
            number,
            name,
            priority,
            is_ours=is_ours,
            credit=self.peer.initial_credit,
            window=self.own.initial_credit,
        )

    def _find(self, stream: int) -> Stream:
        self._check_alive()
        found = self._streams.get(stream)
        if found is None:
            raise LocalProtocolError(Reason.STATE, f"stream {stream} is not open")
        return found

    def _find_accepted(self, stream: int) -> Stream:
        """Find a stream that we may speak on: the peer takes OPEN_ACK or RESET first."""
        found = self._find(stream)
        if not found.we_may_speak:
            raise LocalProtocolError(Reason.STATE, f"stream {stream} is not accepted yet")
        return found

    def _remove(self, stream: Stream) -> None:
        stream.forget()
        self._control.drop_credit(stream.number)
        del self._streams[stream.number]

    def _check_alive(self) -> None:
        if self._is_dead or not self._is_started:
            raise LocalProtocolError(
                Reason.STATE, "the streams of this session are not started, or over"
            )
