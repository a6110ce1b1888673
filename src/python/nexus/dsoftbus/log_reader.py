"""The reader of a peer's log: it chooses the next query, and knows when all is read.

Each query makes a record of its own in the log that is read, so the end is what the first answer
said that there was: a reader never runs after its own tail.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from nexus.wire.log import Query, Record, Reply

# More than fits into an answer.
_AT_ONCE: Final = 64


class LogReader:
    """The records of a log from an instant on, in order, each once."""

    def __init__(self, since_ns: int = 0) -> None:
        """Begin at an instant of the peer's clock."""
        # Records that the peer had no room for, since it was started.
        self.dropped = 0
        # Records that made room for newer ones during the reading: numbers that never came.
        self.missed = 0
        self._since_ns = since_ns
        self._until: int | None = None
        self._last_id = 0
        self._is_over = False

    def next_query(self) -> Query | None:
        """Return what to ask; None when all is read."""
        return None if self._is_over else Query(self._since_ns, _AT_ONCE)

    def take(self, reply: Reply) -> Sequence[Record]:
        """Take the answer; return the records that are new and were there at the beginning."""
        self.dropped = reply.dropped
        if self._until is None:
            self._until = reply.total
        fresh = [record for record in reply.records if record.id > self._last_id]
        for record in fresh:
            if self._last_id:
                self.missed += record.id - self._last_id - 1
            self._last_id = record.id
            # No two records have one time.  Where a peer breaks this, the gap is counted.
            self._since_ns = max(self._since_ns, record.time_ns + 1)
        self._is_over = not fresh or self._last_id >= self._until
        return [record for record in fresh if record.id <= self._until]
