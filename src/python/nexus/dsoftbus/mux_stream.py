"""One stream: its state, its credit, and the bytes that wait to be sent on it."""

from __future__ import annotations

from collections import deque
from typing import Final

from nexus.dsoftbus.mux_events import Acknowledged, Arrived, Event, HalfClosed, WasReset
from nexus.dsoftbus.mux_transitions import (
    STREAM_TRANSITIONS,
    MuxRejectError,
    Reject,
    StreamState,
    StreamStep,
)
from nexus.wire import mux as wire
from nexus.wire.error import LocalProtocolError, Reason

# The model's bound on what waits to be sent on one stream.
BUFFER_BYTES_MAX: Final = 262_144

# The range of the credit's counter; a sum beyond it is a mistake or an attack on the counter.
CREDIT_MAX: Final = (1 << 32) - 1

_CAN_SEND: Final = (StreamState.OPEN, StreamState.HALF_CLOSED_REMOTE)

# The frames that are for one stream, once it is open.
StreamFrame = wire.OpenAck | wire.Data | wire.Credit | wire.Close | wire.Reset


class Stream:
    """One live stream, as one side sees it."""

    __slots__ = (
        "buffered",
        "credit",
        "credit_due",
        "is_acknowledged",
        "is_closing",
        "is_ours",
        "name",
        "number",
        "pieces",
        "priority",
        "state",
        "window",
        "window_max",
    )

    def __init__(
        self, number: int, name: str, priority: int, *, is_ours: bool, credit: int, window: int
    ) -> None:
        """Open it.

        Args:
            number: The stream's id.
            name: What it is for.
            priority: 0 (highest) to 7.
            is_ours: Whether this side opened it.
            credit: What we may send at first.
            window: What the peer may send at first.
        """
        self.number = number
        self.name = name
        self.priority = priority
        self.is_ours = is_ours
        self.is_acknowledged = False
        self.is_closing = False
        self.state = StreamState.OPEN
        self.credit = credit
        self.window = window
        self.window_max = window
        self.credit_due = 0
        self.pieces: deque[bytes | memoryview] = deque()
        self.buffered = 0

    @property
    def is_over(self) -> bool:
        """Whether nothing can happen on it any more."""
        return self.state in (StreamState.CLOSED, StreamState.RESET)

    @property
    def we_may_speak(self) -> bool:
        """Whether we may speak on it: on a stream of the peer's, OPEN_ACK goes first."""
        return self.is_ours or self.is_acknowledged

    @property
    def peer_may_speak(self) -> bool:
        """Whether the peer may speak on it: on a stream of ours, OPEN_ACK comes first."""
        return self.is_acknowledged or not self.is_ours

    @property
    def can_close(self) -> bool:
        """Whether our direction is still open, be the buffer full or not."""
        return not self.is_closing and self.state in _CAN_SEND

    @property
    def can_emit(self) -> bool:
        """Whether data or the close can be sent now."""
        if self.buffered:
            return self.credit > 0
        return self.is_closing

    def step_local(self, step: StreamStep) -> None:
        """Do what our caller asks, if the table has it."""
        state = STREAM_TRANSITIONS.get((self.state, step))
        if state is None:
            raise LocalProtocolError(
                Reason.STATE, f"{step.value} on stream {self.number}, which is {self.state.value}"
            )
        self.state = state

    def step_remote(self, step: StreamStep) -> None:
        """Do what the peer says, if the table has it."""
        state = STREAM_TRANSITIONS.get((self.state, step))
        if state is None:
            raise MuxRejectError(
                Reject.INVALID_TRANSITION,
                f"{step.value} on stream {self.number}, which is {self.state.value}",
            )
        self.state = state

    def receive(self, frame: StreamFrame) -> Event | None:
        """Take a frame of the peer's; return what happened, if its owner is to know.

        Raises:
            MuxRejectError: it is not one that may come now.
        """
        if not self.peer_may_speak and not isinstance(frame, wire.OpenAck | wire.Reset):
            raise MuxRejectError(
                Reject.INVALID_TRANSITION, f"stream {self.number} before its OPEN_ACK"
            )
        match frame:
            case wire.Data():
                self.step_remote(StreamStep.RECEIVE_DATA)
                self.arrive(len(frame.data))
                return Arrived(self.number, frame.data)
            case wire.Credit():
                self.step_remote(StreamStep.RECEIVE_CREDIT)
                self.grant(frame.count)
                return None
            case wire.OpenAck():
                if self.peer_may_speak:
                    raise MuxRejectError(
                        Reject.INVALID_TRANSITION, f"OPEN_ACK of stream {self.number}"
                    )
                self.is_acknowledged = True
                return Acknowledged(self.number)
            case wire.Close():
                self.step_remote(StreamStep.RECEIVE_CLOSE)
                return HalfClosed(self.number)
            case wire.Reset():
                self.step_remote(StreamStep.RECEIVE_RESET)
                return WasReset(self.number, frame.reason)

    def close(self) -> None:
        """Send no more after what is buffered."""
        if not self.can_close:
            raise LocalProtocolError(Reason.STATE, f"stream {self.number} is closed for sending")
        self.is_closing = True

    def put(self, data: bytes | memoryview) -> int:
        """Take as much as the buffer has room for; say how much."""
        if self.is_closing:
            raise LocalProtocolError(Reason.STATE, f"stream {self.number} is closed for sending")
        room = BUFFER_BYTES_MAX - self.buffered
        if len(data) > room:
            data = data[:room]
        if data:
            self.pieces.append(data)
            self.buffered += len(data)
        return len(data)

    def emit(self, message_bytes_max: int) -> bytes:
        """Return the next frame, which `can_emit` says there is: data, or the close behind it."""
        if not self.buffered:
            self.step_local(StreamStep.SEND_CLOSE)
            self.is_closing = False
            return wire.Close(self.number).encode()
        room = message_bytes_max - wire.DATA_HEAD_BYTES
        return wire.encode_data(self.number, self.take(min(room, wire.DATA_BYTES_MAX)))

    def take(self, count_max: int) -> list[bytes | memoryview]:
        """Take the next bytes to send, within the credit, in pieces."""
        count = min(count_max, self.credit, self.buffered)
        assert count > 0, f"stream {self.number}: nothing may be sent"
        self.buffered -= count
        self.credit -= count
        taken: list[bytes | memoryview] = []
        while count:
            piece = self.pieces.popleft()
            if len(piece) > count:
                view = memoryview(piece)
                self.pieces.appendleft(view[count:])
                piece = view[:count]
            taken.append(piece)
            count -= len(piece)
        return taken

    def arrive(self, count: int) -> None:
        """Charge what the peer sent to its window."""
        if count > self.window:
            raise MuxRejectError(
                Reject.CREDIT, f"{count} bytes on stream {self.number}, of {self.window} granted"
            )
        self.window -= count

    def give_back(self, count: int, window_max: int) -> int:
        """Open the window again by bytes that are dealt with; return the credit to send, or 0.

        Args:
            count: The number of bytes.
            window_max: What the window grows to, if it is smaller, when its reader keeps up.
        """
        self.credit_due += count
        outstanding = self.window + self.credit_due
        assert outstanding <= self.window_max, f"{self.number}: granted more than arrived"
        # In halves of the window: a credit for every frame would double the frames.
        if self.credit_due * 2 < self.window_max:
            return 0
        if self.window_max < window_max:
            # Its reader keeps up, so that a wider window is a faster stream.
            self.credit_due += window_max - self.window_max
            self.window_max = window_max
        credit, self.credit_due = self.credit_due, 0
        self.window += credit
        return credit

    def grant(self, count: int) -> None:
        """Take the credit that the peer gives."""
        if count == 0 or self.credit + count > CREDIT_MAX:
            raise MuxRejectError(
                Reject.CREDIT, f"{count} more for stream {self.number} with {self.credit}"
            )
        self.credit += count

    def forget(self) -> None:
        """Drop what waits: the stream is reset."""
        self.pieces.clear()
        self.buffered = 0
        self.is_closing = False
        self.credit_due = 0
