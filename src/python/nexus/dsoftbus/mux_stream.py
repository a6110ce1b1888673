"""One stream's credit and the bytes that wait to be sent on it."""

from __future__ import annotations

from collections import deque
from typing import Final

from nexus.dsoftbus.mux_transitions import (
    STREAM_TRANSITIONS,
    MuxRejectError,
    Reject,
    StreamState,
    StreamStep,
)
from nexus.wire.error import LocalProtocolError, Reason

# The model's bound on what waits to be sent on one stream.
BUFFER_BYTES_MAX: Final = 262_144

# The range of the credit's counter; a sum beyond it is a mistake or an attack on the counter.
CREDIT_MAX: Final = (1 << 32) - 1


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
                Reason.STATE, f"{step.value} on stream {self.number}, {self.state.value}"
            )
        self.state = state

    def step_remote(self, step: StreamStep) -> None:
        """Do what the peer says, if the table has it."""
        state = STREAM_TRANSITIONS.get((self.state, step))
        if state is None:
            raise MuxRejectError(
                Reject.INVALID_TRANSITION, f"{step.value} on {self.number}, {self.state.value}"
            )
        self.state = state

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
                Reject.CREDIT, f"{count} bytes on {self.number}, {self.window} are granted"
            )
        self.window -= count

    def grant(self, count: int) -> None:
        """Take the credit that the peer gives."""
        if count == 0 or self.credit + count > CREDIT_MAX:
            raise MuxRejectError(Reject.CREDIT, f"{self.credit} + {count} on {self.number}")
        self.credit += count

    def forget(self) -> None:
        """Drop what waits: the stream is reset."""
        self.pieces.clear()
        self.buffered = 0
        self.is_closing = False
        self.credit_due = 0
