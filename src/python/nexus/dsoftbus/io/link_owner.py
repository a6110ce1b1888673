"""The calls that a link makes to its owner, the causes of its end, and its bounds."""

from __future__ import annotations

from typing import Final, Protocol, TypeVar

from nexus.dsoftbus.carrier import Event
from nexus.dsoftbus.mux_transitions import Reject
from nexus.dsoftbus.session_events import Proven, Refusal

READ_BYTES: Final = 262_144

# Beyond the first the transport asks us to wait, until it is at the second.  With the kernel's
# bound and a batch of frames it is what a frame of the highest priority waits for.
WRITE_BYTES_HIGH: Final = 32_768
WRITE_BYTES_LOW: Final = 8_192

# Frames are sealed together up to this: a write for each would cost more.
SEALED_BYTES: Final = 65_536

# Some milliseconds of tiny frames; eight reads' worth of the largest.
FRAMES_A_TURN: Final = 64

# How long a connection that is being closed may take to send what it has.
LINGER_NS: Final = 1_000_000_000


# A timer that is later than this was held up with the whole event loop, and what the peer sent
# meanwhile was not read either.
LATE_NS: Final = 500_000_000


class Fault:
    """A session ended because of a defect on this side, which the log has."""


FAULT: Final = Fault()
Cause = Refusal | Reject | Fault | None  # None: one side closed, or the line broke.

LinkT = TypeVar("LinkT", contravariant=True)


class Owner(Protocol[LinkT]):
    """Decides what becomes of a connection."""

    def opened(self, link: LinkT, source: str) -> None:
        """Take note of a connection from an address."""

    def advanced(self, link: LinkT) -> None:
        """Take note that a handshake has come further."""

    def proven(self, link: LinkT, event: Proven) -> None:
        """Decide whether the peer is admitted, now or later."""

    def ready(self, link: LinkT) -> None:
        """Use the session."""

    def arrived(self, link: LinkT, number: int, data: bytes) -> None:
        """Take bytes of a stream."""

    def happened(self, link: LinkT, event: Event) -> None:
        """Take an answer, or an event of a stream."""

    def pull(self, link: LinkT) -> None:
        """Take requests, as many as can be served: there may be some, or room for answers."""

    def ended(self, link: LinkT, cause: Cause) -> None:
        """Stop using the session: the one place where it ends; comes exactly once."""

    def closed(self, link: LinkT) -> None:
        """Forget the connection; comes exactly once, after `ended`, if it was opened."""
