"""Break- and watchpoints as GDB inserts them.

A breakpoint is known by its kind and address: a software and a hardware breakpoint at one address
are two, and each is removed on its own.  Inserting what is there and removing what is not there
change nothing, as the protocol asks, since GDB may repeat a packet.
"""

from __future__ import annotations

from typing import Final

from nexus.emulator.gdb_number import number
from nexus.emulator.observe import READ, WATCHES_MAX, WRITE, Hit, Observer, Watch

BREAKPOINTS_MAX: Final = 1024

ERROR_ROOM: Final = b"E1c"  # ENOSPC
ERROR_POINT: Final = b"E16"  # EINVAL

SOFTWARE, HARDWARE = 0, 1
# In the order of preference where both are at one address.
_REASONS: Final = {SOFTWARE: b"swbreak", HARDWARE: b"hwbreak"}
_WATCH_KINDS: Final = {2: WRITE, 3: READ, 4: READ | WRITE}
_WATCH_NAMES: Final = {WRITE: b"watch", READ: b"rwatch", READ | WRITE: b"awatch"}


class GdbPoints:
    """The stops that one debugger has inserted, and how it wants to hear of them."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._breakpoints: set[tuple[int, int]] = set()  # Kind and address.
        self._reported: frozenset[int] = frozenset()

    def negotiate(self, features: bytes) -> None:
        """Take over what the debugger's `qSupported` says it understands."""
        asked = features.split(b";")
        self._reported = frozenset(
            kind for kind, reason in _REASONS.items() if reason + b"+" in asked
        )

    def insert(self, rest: bytes) -> bytes:
        """`Z`: watch for something; return the reply."""
        kind, address, length = _point(rest)
        if kind in _REASONS:
            if (kind, address) not in self._breakpoints:
                if len(self._breakpoints) == BREAKPOINTS_MAX:
                    return ERROR_ROOM
                self._breakpoints.add((kind, address))
                self._observer.breakpoints.add(address)
            return b"OK"
        if kind not in _WATCH_KINDS:
            return b""
        watches = self._observer.watches
        watch = Watch(address, length, _WATCH_KINDS[kind])
        if not length:
            return ERROR_POINT
        if watch not in watches:
            if len(watches) == WATCHES_MAX:
                return ERROR_ROOM
            watches.append(watch)
        return b"OK"

    def remove(self, rest: bytes) -> bytes:
        """`z`: stop watching for it; return the reply."""
        kind, address, length = _point(rest)
        if kind in _REASONS:
            self._breakpoints.discard((kind, address))
            if not any((other, address) in self._breakpoints for other in _REASONS):
                self._observer.breakpoints.discard(address)
            return b"OK"
        if kind not in _WATCH_KINDS:
            return b""
        watch = Watch(address, length, _WATCH_KINDS[kind])
        if watch in self._observer.watches:
            self._observer.watches.remove(watch)
        return b"OK"

    def forget(self) -> None:
        """The debugger leaves: the timeline has released the observer."""
        self._breakpoints.clear()

    def describe(self, hit: Hit) -> bytes:
        """The stop reply's reason, `name:value;`; empty for a client that did not ask for it."""
        if hit.watch is not None:
            return b"%b:%x;" % (_WATCH_NAMES[hit.watch.access], hit.watch.address)
        for kind, reason in _REASONS.items():
            if (kind, hit.address) in self._breakpoints and kind in self._reported:
                return reason + b":;"
        return b""


def _point(text: bytes) -> tuple[int, int, int]:
    """`kind,address,length`, perhaps with conditions, which we did not ask for."""
    kind, address, length = text.partition(b";")[0].split(b",")
    return number(kind), number(address), number(length)
