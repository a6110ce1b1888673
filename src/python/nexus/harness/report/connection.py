"""The bytes of TCP connections, put together from captured segments, with the instants they came.

A capture shows what was sent, not what arrived: a segment that was lost is sent again, and the
first copy counts, since its bytes are the same.  Each direction is bounded: beyond a hole larger
than a window the direction is given up and says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from nexus.harness.report.packet import ACK, SYN, Packet

# More than any window of the guests' stack; what is farther away belongs to no stream of ours.
AHEAD_BYTES_MAX: Final = 1 << 20
_WRAP: Final = 1 << 32

Endpoint = tuple[str, int]


@dataclass(slots=True)
class Direction:
    """One way of a connection."""

    source: Endpoint
    target: Endpoint
    machine: str
    first_sequence: int | None = None
    next_sequence: int | None = None
    flaw: str = ""
    _waiting: dict[int, bytes] = field(default_factory=dict)

    def take(self, packet: Packet) -> bytes:
        """Take a segment; return the bytes that now follow in order."""
        # A listener that lost its power, or refused first, may answer one SYN with two numbers.
        begins_anew = bool(packet.flags & SYN) and self.next_sequence == self.first_sequence
        if self.next_sequence is None or begins_anew:
            self.first_sequence = self.next_sequence = packet.sequence
        if not packet.payload or self.flaw:
            return b""
        ahead = (packet.sequence - self.next_sequence) % _WRAP
        if ahead >= _WRAP // 2:  # Sent before; it may reach beyond what we have.
            known = _WRAP - ahead
            if known >= len(packet.payload):
                return b""
            self._waiting[self.next_sequence] = packet.payload[known:]
        elif ahead > AHEAD_BYTES_MAX:
            self.flaw = f"{ahead} bytes are missing"
            return b""
        else:
            held = self._waiting.get(packet.sequence, b"")
            if len(packet.payload) > len(held):
                self._waiting[packet.sequence] = packet.payload
        return b"".join(self._in_order())

    def _in_order(self) -> Iterator[bytes]:
        assert self.next_sequence is not None, "set by the first segment"
        while (data := self._waiting.pop(self.next_sequence, None)) is not None:
            self.next_sequence = (self.next_sequence + len(data)) % _WRAP
            yield data


@dataclass(slots=True)
class Connection:
    """Both ways; the first is that of the side that dialled."""

    number: int
    dialler: Direction
    listener: Direction


class Connections:
    """All connections of a capture."""

    def __init__(self) -> None:
        self.all: list[Connection] = []
        self._by_ends: dict[tuple[Endpoint, Endpoint], Connection] = {}

    def take(self, machine: str, packet: Packet) -> tuple[Connection, Direction, bytes] | None:
        """Take a TCP segment; return its connection, its direction and the bytes now in order."""
        source = (packet.source, packet.source_port)
        target = (packet.target, packet.target_port)
        is_new = bool(packet.flags & SYN) and not packet.flags & ACK
        connection = self._by_ends.get((source, target))
        if connection is None or (is_new and self._is_another(connection, source, packet)):
            if not is_new:
                return None  # Its beginning is not in the capture.
            connection = Connection(
                len(self.all) + 1,
                Direction(source, target, machine),
                Direction(target, source, ""),
            )
            self.all.append(connection)
            self._by_ends[source, target] = self._by_ends[target, source] = connection
        way = connection.dialler if connection.dialler.source == source else connection.listener
        way.machine = way.machine or machine
        return connection, way, way.take(packet)

    @staticmethod
    def _is_another(connection: Connection, source: Endpoint, packet: Packet) -> bool:
        """Whether a SYN begins a new connection of the same ends: a repeated one has its number."""
        way = connection.dialler
        return way.source != source or way.first_sequence != packet.sequence
