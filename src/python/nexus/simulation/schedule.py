"""Deeds from outside on machines at set instants: a clock that jumps, a service killed."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from nexus.simulation.machine import TICK_NS, Machine

# The deeds that can wait: more than any scenario draws.
DEEDS_MAX: Final = 4096


@dataclass(frozen=True, slots=True, order=True)
class Deed:
    """At `at_ns`, `act` gets the machine, if it is on; it says in a few words what it did."""

    at_ns: int
    number: int
    machine: str = field(compare=False)
    name: str = field(compare=False)
    act: Callable[[Machine], str | None] = field(compare=False, repr=False)


class Schedule:
    """The deeds that wait, in the order of their instants, then as they were planned."""

    def __init__(self) -> None:
        """Begin with none."""
        self._deeds: list[Deed] = []
        self._count = 0

    def add(
        self, at_ns: int, machine: str, name: str, act: Callable[[Machine], str | None], now_ns: int
    ) -> None:
        """Plan one."""
        if at_ns % TICK_NS or at_ns < now_ns:
            raise ValueError(f"{name}: {at_ns} ns: expected a multiple of {TICK_NS} from {now_ns}")
        if len(self._deeds) == DEEDS_MAX:
            raise ValueError(f"{name}: {DEEDS_MAX} are waiting already")
        heapq.heappush(self._deeds, Deed(at_ns, self._count, machine, name, act))
        self._count += 1

    def next_ns(self) -> int | None:
        """The instant of the next."""
        return self._deeds[0].at_ns if self._deeds else None

    def take_due(self, now_ns: int) -> list[Deed]:
        """Those whose instant has come."""
        due = []
        while self._deeds and self._deeds[0].at_ns <= now_ns:
            due.append(heapq.heappop(self._deeds))
        return due
