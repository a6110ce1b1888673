"""A node's knowledge of its connections: one record each, in one table.

A record lives from the moment when its connection stands until the transport is gone.  Its phase
only moves forward; everything else that asks about sessions asks here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from nexus.dsoftbus.io.link import Link
from nexus.dsoftbus.io.service import ServedSession
from nexus.dsoftbus.io.stream_table import StreamTable
from nexus.dsoftbus.noise import Role
from nexus.dsoftbus.session_events import Proven


class Phase(IntEnum):
    """The progress of a connection."""

    SHAKING = 0  # The peer has proven nothing.
    UNBOUND = 1  # It has proven a key, and its announce is awaited.
    READY = 2  # It is a session.
    ENDED = 3  # It is none any more; bytes may still be on their way.


@dataclass(slots=True, eq=False)
class SessionRecord:
    """One connection."""

    link: Link
    source: str
    phase: Phase = Phase.SHAKING
    peer: str | None = None  # From READY on.
    claimed: Proven | None = None  # While UNBOUND.
    served: ServedSession | None = None
    streams: StreamTable | None = None  # None also if this node knows no streams.

    @property
    def is_dialled(self) -> bool:
        """Whether this side dialled."""
        return self.link.session.role is Role.INITIATOR


class SessionTable:
    """All records of one node."""

    def __init__(self) -> None:
        """Know of none."""
        self._records: dict[int, SessionRecord] = {}
        # An index of the records that are READY, the newest last.
        self._ready: dict[str, list[SessionRecord]] = {}

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[SessionRecord]:
        return iter(list(self._records.values()))

    @property
    def ready_count(self) -> int:
        """The number of sessions."""
        return sum(len(records) for records in self._ready.values())

    def add(self, record: SessionRecord) -> None:
        """Enter a connection."""
        self._records[record.link.number] = record

    def find(self, number: int) -> SessionRecord | None:
        """Return the record of a connection, by its number."""
        return self._records.get(number)

    def newest(self, peer: str) -> SessionRecord | None:
        """Return the session with a peer that is used."""
        ready = self._ready.get(peer)
        return ready[-1] if ready else None

    def oldest(self, peer: str) -> SessionRecord:
        """Return the session with a peer that is dropped first; there must be one."""
        return self._ready[peer][0]

    def count(self, peer: str) -> int:
        """Say how many sessions a peer has."""
        return len(self._ready.get(peer, ()))

    def unbound(self, device_id: str) -> list[SessionRecord]:
        """Return the connections that wait for the announce of a device."""
        return [
            record
            for record in self._records.values()
            if record.claimed is not None and record.claimed.device_id == device_id
        ]

    def make_ready(self, record: SessionRecord, peer: str) -> None:
        """Make a connection a session, the newest of its peer."""
        record.phase = Phase.READY
        record.peer = peer
        record.claimed = None
        self._ready.setdefault(peer, []).append(record)

    def end(self, record: SessionRecord) -> Phase:
        """Make a session none; return what it was."""
        phase, record.phase = record.phase, Phase.ENDED
        if phase is Phase.READY and record.peer is not None:
            self._ready[record.peer].remove(record)
        return phase

    def remove(self, record: SessionRecord) -> None:
        """Forget a connection."""
        self.end(record)
        self._records.pop(record.link.number, None)
