"""What a node is started with: plain values, checked where they come from."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from nexus.core.errors import NexusError
from nexus.dsoftbus.audit import Record
from nexus.dsoftbus.binding import Pin
from nexus.dsoftbus.mux import MODEL
from nexus.dsoftbus.policy import Rule
from nexus.dsoftbus.rate import Limit
from nexus.wire import mux
from nexus.wire.announce import PORT

ANNOUNCE_MS: Final = 250
PEER_TTL_MS: Final = 1500
RATE: Final = Limit(burst=32, per_second=16)


class BusError(NexusError):
    """Base of what a call can end with; never raised itself."""


class RefusedError(BusError):
    """The peer refused the call.  It says no more; asking again changes nothing."""


class FailedError(BusError):
    """The peer's service did not answer; the call may or may not have had its effect."""


class DeadlineError(BusError):
    """No answer within the deadline; the call may or may not have had its effect."""


class UnavailableError(BusError):
    """No session with the peer; the call was not sent, or was lost with its session."""


class NoStreamsError(UnavailableError):
    """The peer speaks no streams; asking again changes nothing."""


class SessionLostError(UnavailableError):
    """The stream's session ended; what was written on it may have arrived or not."""


class StreamResetError(UnavailableError):
    """One side gave the stream up; `reason` says why, if the peer did."""

    def __init__(self, text: str, reason: int | None) -> None:
        """Keep the reason as it came."""
        self.reason = reason
        super().__init__(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerSettings:
    """A peer that may hold a session with this node."""

    device_id: str
    public_key: bytes = field(repr=False)
    # Where announces to it are sent.  Where it is dialled is what its own announce says.
    address: str
    discovery_port: int = PORT
    # It remembers answered mutations (docs/spec/session.md), so that they may be repeated to it.
    is_deduplicating: bool = False

    @property
    def pin(self) -> Pin:
        """What identity binding compares with."""
        return Pin(self.device_id, self.public_key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One node."""

    device_id: str
    secret: bytes = field(repr=False)
    address: str = "127.0.0.1"
    port: int = 0
    discovery_port: int = PORT
    is_multicast: bool = False
    announce: tuple[str, ...] = ()
    announce_ms: int = ANNOUNCE_MS
    peer_ttl_ms: int = PEER_TTL_MS
    peers: tuple[PeerSettings, ...] = ()
    rules: tuple[Rule, ...] = ()
    rate: Limit = RATE
    # What this node says that it accepts; None: it knows no streams.
    streams: mux.Settings | None = MODEL
    # How long calls that are being served may take to finish at the end.
    grace_ms: int = 1000


@dataclass(frozen=True, slots=True)
class Call:
    """A permitted call, as a handler gets it."""

    peer: str
    # Unique for each session of this node: what belongs to a session is kept under it.
    session: int
    service: int
    payload: bytes


Reply = bytes | None
# A handler returns the reply's frame, or None for "failed"; it may be a coroutine function.
Handler = Callable[[Call], Reply | Awaitable[Reply]]
AuditSink = Callable[[Record], None]
