"""The settings that a node is started with: plain values, checked where they come from."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from nexus.dsoftbus.audit import Record
from nexus.dsoftbus.binding import Pin

# These are part of this module for its users.
from nexus.dsoftbus.io.errors import BusError as BusError
from nexus.dsoftbus.io.errors import BusyError as BusyError
from nexus.dsoftbus.io.errors import ClosedError as ClosedError
from nexus.dsoftbus.io.errors import DeadlineError as DeadlineError
from nexus.dsoftbus.io.errors import FailedError as FailedError
from nexus.dsoftbus.io.errors import MisuseError as MisuseError
from nexus.dsoftbus.io.errors import NoMessagesError as NoMessagesError
from nexus.dsoftbus.io.errors import NoStreamsError as NoStreamsError
from nexus.dsoftbus.io.errors import RefusedError as RefusedError
from nexus.dsoftbus.io.errors import SessionLostError as SessionLostError
from nexus.dsoftbus.io.errors import StreamResetError as StreamResetError
from nexus.dsoftbus.io.errors import UnavailableError as UnavailableError
from nexus.dsoftbus.mux import MODEL
from nexus.dsoftbus.policy import Rule
from nexus.dsoftbus.rate import Limit
from nexus.wire import mux, rpc
from nexus.wire.announce import PORT

ANNOUNCE_MS: Final = 250
PEER_TTL_MS: Final = 1500
RATE: Final = Limit(burst=32, per_second=16)


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerSettings:
    """A peer that may hold a session with this node."""

    device_id: str
    public_key: bytes = field(repr=False)
    # Where announces to it are sent, and where it is dialled before any other address.
    address: str
    discovery_port: int = PORT
    # Where it listens for sessions; None leaves it to its announces.  With it, no forger of
    # announces can keep this node from dialling the right place.
    port: int | None = None
    # It remembers answered mutations (docs/spec/session.md), so that they may be repeated to it.
    is_deduplicating: bool = False

    @property
    def pin(self) -> Pin:
        """The peer as identity binding compares it."""
        return Pin(self.device_id, self.public_key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One node."""

    device_id: str
    secret: bytes = field(repr=False)
    address: str = "127.0.0.1"
    port: int = 0
    # Whether peers may dial this node.  One that only dials binds no fixed port, so that several
    # programs can be the same node at once.
    is_listening: bool = True
    discovery_port: int = PORT
    is_multicast: bool = False
    announce: tuple[str, ...] = ()
    announce_ms: int = ANNOUNCE_MS
    peer_ttl_ms: int = PEER_TTL_MS
    peers: tuple[PeerSettings, ...] = ()
    rules: tuple[Rule, ...] = ()
    rate: Limit = RATE
    # This node's offer of streams to its peers; None: it knows no streams.
    streams: mux.Settings | None = MODEL
    # How this node calls, and whether it can be called by messages (docs/spec/rpc.md).
    rpc_mode: rpc.Mode = rpc.Mode.AUTO
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
    # The request's id: with an epoch in its upper half it names the call across sessions, and
    # across starts of a handler that keeps it.
    correlation: int = 0


Reply = bytes | None
# A handler returns the reply's frame, or None for "failed"; it may be a coroutine function.
Handler = Callable[[Call], Reply | Awaitable[Reply]]
AuditSink = Callable[[Record], None]
