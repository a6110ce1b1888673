"""The counters of a node, for logs and metrics libraries, and the logger that it uses."""

from __future__ import annotations

import logging
from dataclasses import dataclass, fields
from typing import Final

LOGGER: Final = logging.getLogger("nexus.dsoftbus")


@dataclass(slots=True)
class Counters:
    """Whole numbers that only grow, from the making of a node on.

    `snapshot` gives all of them by name: `Gauge`s and `Counter`s of a metrics library take these.
    """

    connections_accepted: int = 0
    connections_dialled: int = 0
    connections_evicted: int = 0
    connections_timed_out: int = 0
    sessions_opened: int = 0
    sessions_ended: int = 0
    sessions_refused: int = 0
    sessions_faulted: int = 0
    streams_opened: int = 0
    streams_served: int = 0
    streams_faulted: int = 0
    calls_sent: int = 0
    calls_answered: int = 0
    calls_served: int = 0
    calls_denied: int = 0
    handlers_failed: int = 0
    bytes_received: int = 0
    bytes_sent: int = 0
    records_made: int = 0
    sink_failures: int = 0

    def snapshot(self) -> dict[str, int]:
        """Return the numbers by name."""
        return {each.name: getattr(self, each.name) for each in fields(self)}
