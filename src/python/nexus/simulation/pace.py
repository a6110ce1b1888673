"""A machine whose time is not the world's: it stands still, runs slowly, or has a fast clock.

The world's time is mapped to the machine's own, piece by piece: in each stretch the machine gets
`share` of the world's ticks, a ratio.  Outside of the stretches it gets all of them.  What it does
in its own time is what it would do anyway, so the order of visits still cannot matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from nexus.simulation.machine import TICK_NS, Machine


@dataclass(frozen=True, slots=True)
class Stretch:
    """From `start_ns` to `end_ns` of the world, the machine gets `gain / base` of its ticks."""

    start_ns: int
    end_ns: int
    gain: int  # 0: it stands still; greater than `base`: it is fast.
    base: int = 1

    def __post_init__(self) -> None:
        is_whole = not (self.start_ns % TICK_NS or self.end_ns % TICK_NS)
        if not (is_whole and 0 <= self.start_ns < self.end_ns and self.gain >= 0 < self.base):
            raise ValueError(f"stretch: {self} is not a stretch of whole ticks")


class Pace:
    """The map between the world's time and a machine's, both from 0; it never goes back."""

    def __init__(self, stretches: Sequence[Stretch]) -> None:
        """Map by stretches; where two overlap, the earlier one ends first."""
        self._stretches = list(stretches)
        self._build()

    def _build(self) -> None:
        self._pieces: list[tuple[int, int, int, int]] = []  # World, own, gain, base; in ticks.
        world = own = 0
        for stretch in sorted(self._stretches, key=lambda s: (s.start_ns, s.end_ns)):
            start, end = max(stretch.start_ns // TICK_NS, world), stretch.end_ns // TICK_NS
            if start >= end:
                continue
            self._pieces.append((world, own, 1, 1))
            own += start - world
            self._pieces.append((start, own, stretch.gain, stretch.base))
            own += (end - start) * stretch.gain // stretch.base
            world = end
        self._pieces.append((world, own, 1, 1))

    def hold(self, start_ns: int, end_ns: int) -> None:
        """Let the machine stand still from an instant on that is not past; the past stays."""
        self._stretches.append(Stretch(start_ns, end_ns, 0))
        world, own, _, _ = self._pieces[-1]
        start, end = start_ns // TICK_NS, end_ns // TICK_NS
        if start < world:
            self._build()
            return
        own += start - world
        self._pieces += ((start, own, 0, 1), (end, own, 1, 1))

    def own_ns(self, world_ns: int) -> int:
        """The machine's time at an instant of the world."""
        tick = world_ns // TICK_NS
        world, own, gain, base = next(p for p in reversed(self._pieces) if p[0] <= tick)
        return (own + (tick - world) * gain // base) * TICK_NS

    def world_ns(self, own_ns: int) -> int:
        """The first instant of the world at which the machine's time is this or later."""
        tick = own_ns // TICK_NS
        found = next(p for p in reversed(self._pieces) if p[1] <= tick and p[2])
        world, own, gain, base = found
        return (world + -(-(tick - own) * base // gain)) * TICK_NS


class Paced:
    """A machine seen in the world's time."""

    def __init__(self, machine: Machine, pace: Pace) -> None:
        """Take a machine at its time 0."""
        self.machine = machine
        self._pace = pace
        self._before_ns = self._now_ns = 0

    @property
    def exit_code(self) -> int | None:
        """The code it switched itself off with, once it did."""
        return self.machine.exit_code

    @property
    def now_ns(self) -> int:
        """The world's time."""
        return self._now_ns

    @property
    def instructions(self) -> int:
        """Instructions retired since power-on."""
        return self.machine.instructions

    def run(self, until_ns: int) -> Enum:
        """Advance to `until_ns` of the world."""
        own_ns = self._pace.own_ns(until_ns)
        self._before_ns = self._now_ns
        stop = self.machine.run(own_ns)
        early = self.machine.now_ns < own_ns
        self._now_ns = self._pace.world_ns(self.machine.now_ns) if early else until_ns
        return stop

    def next_event_ns(self) -> int | None:
        """When it can act next."""
        next_ns = self.machine.next_event_ns()
        return None if next_ns is None else max(self._now_ns, self._pace.world_ns(next_ns))

    def take_console(self) -> bytes:
        """Console output since the last call."""
        return self.machine.take_console()

    def take_frames(self) -> list[tuple[int, bytes]]:
        """Frames sent since the last call."""
        return [(self._sent_ns(own_ns), frame) for own_ns, frame in self.machine.take_frames()]

    def deliver(self, frame: bytes) -> bool:
        """Hand one frame to the Ethernet port now."""
        return self.machine.deliver(frame)

    def _sent_ns(self, own_ns: int) -> int:
        """An instant of the last run: while a machine stands still many are the same to it."""
        return max(self._before_ns, min(self._pace.world_ns(own_ns), self._now_ns))
