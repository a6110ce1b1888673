"""The instants at which a session acts by itself.

It ends when the time for its handshake is over, pings after silence, and ends when its peer does
not answer any more.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from nexus.contract import bus as contract
from nexus.dsoftbus.transitions import State

HANDSHAKE_NS: Final = contract.HANDSHAKE_NS
# A ping is due this long after the last whole frame of the peer.
PING_NS: Final = contract.PING_NS

# The session is lost this long after the last byte of the peer: on a slow line a frame of 32 KiB
# takes longer than that to arrive, and nothing else can arrive before its end.
LOST_NS: Final = contract.LOST_NS

# And this long after its last whole frame: a peer that trickles bytes holds nothing for ever.
FRAME_NS: Final = 60_000_000_000


class Due(Enum):
    """An act whose time has come."""

    NOTHING = "nothing"
    PING = "ping"
    TIMEOUT = "timeout"


class Timers:
    """When the peer was heard and asked; it changes nothing of the session."""

    __slots__ = ("_alive_ns", "_heard_ns", "_pinged_ns", "_started_ns")

    def __init__(self, now_ns: int) -> None:
        """Begin with the connection."""
        self._started_ns = now_ns
        self._alive_ns = self._heard_ns = self._pinged_ns = now_ns

    def admit(self, now_ns: int) -> None:
        """Begin to count the silence of a peer that was admitted."""
        self._alive_ns = self._heard_ns = self._pinged_ns = now_ns

    def hear_bytes(self, now_ns: int) -> None:
        """Bytes have come, be they a whole frame or not."""
        self._alive_ns = now_ns

    def hear_frame(self, now_ns: int) -> None:
        """A whole frame has come."""
        self._heard_ns = now_ns

    def excuse(self, now_ns: int) -> None:
        """Count the peer as heard."""
        self._alive_ns = self._heard_ns = now_ns

    def deadline_ns(self, state: State) -> int | None:
        """When `due` has something to say; None: never."""
        if state is State.CLOSED:
            return None
        if state is not State.READY:
            return self._started_ns + HANDSHAKE_NS
        return min(self._lost_at_ns(), self._ping_at_ns())

    def due(self, state: State, now_ns: int) -> Due:
        """Return the act that is due now.  A ping that is returned counts as sent."""
        deadline_ns = self.deadline_ns(state)
        if deadline_ns is None or now_ns < deadline_ns:
            return Due.NOTHING
        if state is not State.READY or now_ns >= self._lost_at_ns():
            return Due.TIMEOUT
        self._pinged_ns = now_ns
        return Due.PING

    def _lost_at_ns(self) -> int:
        return min(self._alive_ns + LOST_NS, self._heard_ns + FRAME_NS)

    def _ping_at_ns(self) -> int:
        return max(self._heard_ns, self._pinged_ns) + PING_NS
