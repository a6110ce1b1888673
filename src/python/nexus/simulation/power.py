"""Power that fails and comes back: the machine is another one then, the world's time goes on.

A new machine counts from its own power-on; `Rebooted` shows it to the world as the one before,
later.  What outlives the cut (drives, entropy not yet drawn) goes to the maker of the new machine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from nexus.simulation.machine import TICK_NS, Machine

# The cuts that can wait; a world reboots its machines a few times.
POWER_CUTS_MAX: Final = 64


@dataclass(frozen=True, slots=True)
class PowerCut:
    """The power of one machine fails at `off_ns` and is back at `on_ns`."""

    machine: str
    off_ns: int
    on_ns: int
    power_on: Callable[[], Machine]  # Makes the machine that boots then; at its time 0.


class PowerSchedule:
    """The power cuts that wait to happen."""

    def __init__(self) -> None:
        """Begin with none."""
        self._cuts: list[PowerCut] = []

    def add(self, cut: PowerCut, now_ns: int) -> None:
        """Plan one."""
        is_between = cut.off_ns % TICK_NS or cut.on_ns % TICK_NS
        if is_between or not now_ns <= cut.off_ns < cut.on_ns:
            raise ValueError(
                f"power cut of {cut.machine}: {cut.off_ns}..{cut.on_ns} ns: expected a stretch "
                f"from {now_ns} ns on, in multiples of {TICK_NS} ns"
            )
        if len(self._cuts) == POWER_CUTS_MAX:
            raise ValueError(f"power cut of {cut.machine}: {POWER_CUTS_MAX} are waiting already")
        self._cuts.append(cut)

    def next_ns(self, now_ns: int) -> int | None:
        """The first instant after now at which power goes or comes."""
        instants = (ns for cut in self._cuts for ns in (cut.off_ns, cut.on_ns))
        return min((instant for instant in instants if instant > now_ns), default=None)

    def take_due(self, now_ns: int) -> tuple[list[PowerCut], list[PowerCut]]:
        """The cuts that begin now, and those that end now; the latter are forgotten."""
        begin = [cut for cut in self._cuts if cut.off_ns == now_ns]
        end = [cut for cut in self._cuts if cut.on_ns == now_ns]
        self._cuts = [cut for cut in self._cuts if cut.on_ns > now_ns]
        return begin, end


class Rebooted:
    """A machine that was powered on at `origin_ns`, in the world's time."""

    def __init__(self, machine: Machine, origin_ns: int, instructions_before: int) -> None:
        """Take a machine at its time 0; instructions count over all its lives."""
        self.machine = machine
        self._origin_ns = origin_ns
        self._instructions_before = instructions_before

    @property
    def exit_code(self) -> int | None:
        """The code it switched itself off with, once it did."""
        return self.machine.exit_code

    @property
    def now_ns(self) -> int:
        """The world's time."""
        return self._origin_ns + self.machine.now_ns

    @property
    def instructions(self) -> int:
        """Instructions retired in all lives."""
        return self._instructions_before + self.machine.instructions

    def run(self, until_ns: int) -> Enum:
        """Advance to `until_ns`."""
        return self.machine.run(until_ns - self._origin_ns)

    def next_event_ns(self) -> int | None:
        """When it can act next."""
        next_ns = self.machine.next_event_ns()
        return None if next_ns is None else self._origin_ns + next_ns

    def take_console(self) -> bytes:
        """Console output since the last call."""
        return self.machine.take_console()

    def take_frames(self) -> list[tuple[int, bytes]]:
        """Frames sent since the last call."""
        return [(self._origin_ns + at_ns, frame) for at_ns, frame in self.machine.take_frames()]

    def deliver(self, frame: bytes) -> bool:
        """Hand one frame to the Ethernet port now."""
        return self.machine.deliver(frame)
