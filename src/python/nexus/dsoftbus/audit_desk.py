"""The choice between records of their own and a summary, for each decision.

A record costs its reader and the memory of a node, so no sender may cause them without bound:

* A stranger, known by its source address only, causes a few an interval; what it does beyond
  that, and what has no record of its own (connections evicted or timed out), is counted and told
  in one record an interval and source.
* A peer's denials take from an allowance of records; beyond it they are counted likewise.
* Everything else is a record.  It was paid for with a token of the peer's allowance of calls.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

from nexus.dsoftbus.audit import (
    AddressRecord,
    AuditRecord,
    DenialsRecord,
    Outcome,
    Record,
    StrangersRecord,
    is_denial,
)
from nexus.dsoftbus.policy import MUTATIONS
from nexus.dsoftbus.rate import Bucket, Limit
from nexus.dsoftbus.rooms import Room

INTERVAL_NS: Final = 10_000_000_000
STRANGER_RECORDS_MAX: Final = 4
DENIALS: Final = Limit(burst=64, per_second=16)

# Sources that are counted apart; beyond it they are counted together.
SOURCES_MAX: Final = 64
OTHERS: Final = "*"

_NS_PER_MS: Final = 1_000_000


class Trouble(Enum):
    """The end of a stranger's connection."""

    REFUSED = "refused"
    EVICTED = "evicted"
    TIMED_OUT = "timed_out"


@dataclass(slots=True)
class _Source:
    """The connections of one stranger in this interval, counted."""

    records: int = 0
    refused: int = 0
    evicted: int = 0
    timed_out: int = 0


def room_of(record: Record) -> Room:
    """Say where a record is kept."""
    if isinstance(record, AddressRecord | StrangersRecord):
        return Room.STRANGERS
    if not isinstance(record, AuditRecord):
        return Room.PEERS
    if record.outcome is Outcome.UNAUTHENTICATED or record.peer is None:
        return Room.STRANGERS
    is_served = record.outcome in (Outcome.OK, Outcome.FAILED)
    changes = MUTATIONS.get(record.service, frozenset()) if record.service is not None else ()
    return Room.CHANGES if is_served and record.opcode in changes else Room.PEERS


class AuditDesk:
    """One node's.  Bounded: sources by `SOURCES_MAX`, peers by the configuration."""

    def __init__(self) -> None:
        """Have counted nothing."""
        self._begun_ns: int | None = None
        self._sources: dict[str, _Source] = {}
        self._allowances: dict[str, Bucket] = {}
        self._denials: dict[str, int] = {}

    def take(self, record: Record, source: str | None, now_ns: int) -> list[Record]:
        """Return the records that a decision leads to: itself, or none now and a summary later.

        Args:
            record: The decision.
            source: The address that it is about, where that is all that is known of a stranger.
            now_ns: The instant.
        """
        made = self.tick(now_ns)
        if room_of(record) is Room.STRANGERS:
            found = self._source(source or "-", now_ns)
            if found.records < STRANGER_RECORDS_MAX:
                found.records += 1
                return [*made, record]
            found.refused += 1
            return made
        if isinstance(record, AuditRecord) and record.peer and is_denial(record.outcome):
            bucket = self._allowances.setdefault(record.peer, Bucket(DENIALS, now_ns))
            if not bucket.take(now_ns):
                self._begin(now_ns)
                self._denials[record.peer] = self._denials.get(record.peer, 0) + 1
                return made
        return [*made, record]

    def count(self, trouble: Trouble, source: str, now_ns: int) -> None:
        """Count what has no record of its own."""
        found = self._source(source, now_ns)
        setattr(found, trouble.value, getattr(found, trouble.value) + 1)

    def due_ns(self) -> int | None:
        """When `tick` has a summary to make."""
        return None if self._begun_ns is None else self._begun_ns + INTERVAL_NS

    def tick(self, now_ns: int) -> list[Record]:
        """Return the summaries of an interval that is over."""
        due_ns = self.due_ns()
        return [] if due_ns is None or now_ns < due_ns else self.flush(now_ns)

    def flush(self, now_ns: int) -> list[Record]:
        """Return the summaries of the interval until now, and begin another."""
        if self._begun_ns is None:
            return []
        span_ms = max(0, now_ns - self._begun_ns) // _NS_PER_MS
        made = list(self._summaries(span_ms))
        self._begun_ns = None
        self._sources.clear()
        self._denials.clear()
        return made

    def _summaries(self, span_ms: int) -> Iterator[Record]:
        for source, found in self._sources.items():
            if found.refused or found.evicted or found.timed_out:
                counts = (found.refused, found.evicted, found.timed_out)
                yield StrangersRecord(source, *counts, span_ms)
        for peer, count in self._denials.items():
            yield DenialsRecord(peer, count, span_ms)

    def _source(self, source: str, now_ns: int) -> _Source:
        self._begin(now_ns)
        if source not in self._sources and len(self._sources) >= SOURCES_MAX:
            source = OTHERS
        return self._sources.setdefault(source, _Source())

    def _begin(self, now_ns: int) -> None:
        if self._begun_ns is None:
            self._begun_ns = now_ns
