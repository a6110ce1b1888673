"""The machine's harts as GDB sees them: threads, numbered from 1.

All of them stop and go on together, since they are one machine on one clock.  What a debugger asks
and changes is about one of them: the one that it has chosen, at first the one that stopped.
"""

from __future__ import annotations

from typing import Final

from nexus.emulator.gdb_number import number
from nexus.emulator.history import History
from nexus.emulator.inspect import doing
from nexus.emulator.reference.core import Core

_ANY: Final = (b"0", b"-1")
ERROR_THREAD: Final = b"E03"  # ESRCH


class GdbThreads:
    """The harts of a machine as threads, and the one that a debugger has chosen."""

    def __init__(self, timeline: History) -> None:
        self._timeline = timeline
        self._chosen: int | None = None

    @property
    def count(self) -> int:
        """The number of harts."""
        return self._timeline.machine.harts

    @property
    def current(self) -> int:
        """The number of the hart that packets are about."""
        return self._timeline.machine.turn if self._chosen is None else self._chosen

    @property
    def core(self) -> Core:
        """The same as a hart to look at and to change."""
        return self._timeline.machine.core(self.current)

    def find(self, name: bytes) -> int | None:
        """The hart that a thread id means, in any of its spellings; None is any of them.

        Raises:
            ValueError: It is not a thread id, or there is no such hart.
        """
        if name in _ANY:
            return None
        found = number(name) - 1
        if not 0 <= found < self.count:
            raise ValueError(f"no such thread: {name!r}")
        return found

    def stopped(self, hart: int | None) -> bytes:
        """The stop reply about the hart that stopped, which is looked at from now on."""
        self._chosen = hart
        return b"" if self.count == 1 else b"thread:%x;" % (self.current + 1)

    # -- Packets ---------------------------------------------------------------------------------

    def choose(self, rest: bytes) -> bytes:
        """`Hg`, `Hc`: which hart later packets are about."""
        if rest[:1] not in (b"c", b"g"):
            return b""
        if self.is_alive(rest[1:]) != b"OK":
            return ERROR_THREAD
        if rest[:1] == b"g":
            found = self.find(rest[1:])
            self._chosen = self._chosen if found is None else found
        return b"OK"

    def is_alive(self, rest: bytes) -> bytes:
        """`T`: whether there is such a hart."""
        if rest not in _ANY:
            number(rest)  # A text that is not a number gets another error than a hart not here.
        try:
            self.find(rest)
        except ValueError:
            return ERROR_THREAD
        return b"OK"

    def query(self, rest: bytes) -> bytes | None:
        """The queries about harts; None for any other."""
        if rest == b"C":
            return b"QC%x" % (self.current + 1)
        if rest == b"fThreadInfo":
            return b"m" + b",".join(b"%x" % (hart + 1) for hart in range(self.count))
        if rest == b"sThreadInfo":
            return b"l"
        if rest.startswith(b"ThreadExtraInfo,"):
            hart = self.find(rest.partition(b",")[2])
            return self._describe(self.current if hart is None else hart).encode().hex().encode()
        return None

    def _describe(self, hart: int) -> str:
        return f"hart {hart}{doing(self._timeline.machine, hart)}"
