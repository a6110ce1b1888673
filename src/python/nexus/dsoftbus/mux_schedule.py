"""Whose turn it is to send: high priorities first, and no stream starves.

The lowest number goes first.  After a burst of eight frames during which a lower priority had
something to send, one frame of a lower priority is forced; the lower priorities take turns, and
so do the streams of one priority.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nexus.contract import mux as contract
from nexus.dsoftbus.mux_stream import Stream

BURST_FRAMES: Final = contract.BURST_FRAMES_MAX


class Schedule:
    """The memory of whose turn it was."""

    __slots__ = ("_burst", "_last_forced", "_last_stream")

    def __init__(self) -> None:
        """Begin with no stream served."""
        self._burst = 0
        self._last_forced = -1
        self._last_stream: dict[int, int] = {}  # By priority: at most eight entries.

    def choose(self, streams: Mapping[int, Stream]) -> Stream | None:
        """Choose the stream that sends the next frame; None if none can."""
        able = [
            stream
            for stream in streams.values()
            if (stream.credit > 0 if stream.buffered else stream.is_closing)
        ]
        if not able:
            return None
        if len(able) == 1:  # As below, without the work.
            self._burst = 0
            self._last_stream[able[0].priority] = able[0].number
            return able[0]
        ready: dict[int, list[Stream]] = {}
        for stream in able:
            ready.setdefault(stream.priority, []).append(stream)
        priority = self._choose_priority(sorted(ready))
        return self._rotate(priority, ready[priority])

    def _choose_priority(self, priorities: list[int]) -> int:
        highest, lower = priorities[0], priorities[1:]
        if not lower:
            self._burst = 0
            return highest
        if self._burst < BURST_FRAMES:
            self._burst += 1
            return highest
        self._burst = 0
        forced = next((p for p in lower if p > self._last_forced), lower[0])
        self._last_forced = forced
        return forced

    def _rotate(self, priority: int, streams: list[Stream]) -> Stream:
        last = self._last_stream.get(priority, -1)
        chosen = min(streams, key=lambda stream: (stream.number <= last, stream.number))
        self._last_stream[priority] = chosen.number
        return chosen
