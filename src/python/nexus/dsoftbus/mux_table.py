"""The streams of a session: live, still to be opened, and over.

Numbers grow: the initiator opens odd ones, the responder even ones.  A name belongs to at most one
live stream of a side.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Final

from nexus.dsoftbus.mux_stream import Stream, StreamFrame
from nexus.dsoftbus.mux_transitions import (
    STREAM_TRANSITIONS,
    MuxRejectError,
    Reject,
    StreamState,
    StreamStep,
)
from nexus.dsoftbus.noise import Role
from nexus.wire import mux as wire

# Late frames are expected for streams that were reset about a round trip ago.
_RESETS_REMEMBERED: Final = 256

_STEPS: Final[Mapping[type, StreamStep]] = {
    wire.Data: StreamStep.RECEIVE_DATA,
    wire.Credit: StreamStep.RECEIVE_CREDIT,
    wire.Close: StreamStep.RECEIVE_CLOSE,
    wire.Reset: StreamStep.RECEIVE_RESET,
}


class MuxTable:
    """The streams of one session."""

    def __init__(self, role: Role) -> None:
        """Begin without any."""
        self.live: dict[int, Stream] = {}
        self._own_parity = 1 if role is Role.INITIATOR else 0
        self.next_number = 2 - self._own_parity
        self._peer_highest = 0
        self._reset_here: deque[int] = deque(maxlen=_RESETS_REMEMBERED)

    def of_side(self, *, is_ours: bool) -> list[Stream]:
        """Return the live streams that one side opened."""
        return [stream for stream in self.live.values() if stream.is_ours is is_ours]

    def free_name(self, name: str) -> str:
        """Return the name under which this side may open another stream of a name."""
        taken = {stream.name for stream in self.of_side(is_ours=True)}
        number = 1
        free = name
        while free in taken:  # At most as often as there are streams.
            number += 1
            free = f"{name}#{number}"
        return free

    def take_number(self) -> int:
        """Return the number of the next stream of ours, which is used up."""
        number = self.next_number
        self.next_number += 2
        return number

    def can_be_opened(self, number: int) -> bool:
        """Say whether a number is one that the peer may open now."""
        return number % 2 != self._own_parity and number > self._peer_highest

    def note_opened(self, number: int) -> None:
        """The peer opened this one: every lower number of its is over or live."""
        self._peer_highest = number

    def note_reset(self, number: int) -> None:
        """We reset this one: frames for it may be under way."""
        self._reset_here.append(number)

    def judge_late(self, frame: StreamFrame) -> None:
        """Judge a frame for a stream that is not live.

        Raises:
            MuxRejectError: it is impossible, or of no stream that ever was; a late one is not.
        """
        is_ours = frame.stream % 2 == self._own_parity
        known = self.next_number - 1 if is_ours else self._peer_highest
        if not 0 < frame.stream <= known:
            raise MuxRejectError(Reject.UNKNOWN_FRAME, f"stream {frame.stream} was never opened")
        if frame.stream in self._reset_here:
            return
        step = _STEPS.get(type(frame))
        if step is not None and (StreamState.CLOSED, step) in STREAM_TRANSITIONS:
            return
        raise MuxRejectError(Reject.INVALID_TRANSITION, f"stream {frame.stream} is over")
