"""The faults of one run, sorted by the part that applies them, and those that have happened."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import permutations

from nexus.core.randomness import KeyedRandom
from nexus.simulation.faults.fault import Chance, Choice, Fault, Happened
from nexus.simulation.faults.kinds import Place
from nexus.simulation.faults.places import ARROW, PLUS

# Faults of a machine that happen to the frames of its cable.
CABLE_KINDS = frozenset({"link-down", "mtu"})


class Faults:
    """Faults that were drawn and not taken away; `happened` grows in the order of events."""

    def __init__(
        self, drawn: Iterable[Fault], choice: Choice, machines: Sequence[str], random: KeyedRandom
    ) -> None:
        """Make the chances of a run; each fault has one, however many paths it is on."""
        self.requested = tuple(fault for fault in drawn if fault.id not in choice.without)
        self.happened: list[Happened] = []
        self._machines = machines
        self.chances = {
            fault.id: Chance(
                fault, random, self.happened, choice.only.get(fault.id), choice.only_until_ns
            )
            for fault in self.requested
        }

    def of_paths(self) -> dict[tuple[str, str], tuple[Chance, ...]]:
        """The chances of each path."""
        found = {}
        for path in permutations(self._machines, 2):
            chances = [c for c in self.chances.values() if _is_on(c.fault, path)]
            if chances:
                found[path] = tuple(chances)
        return found

    def of_disk(self, place: str) -> list[Chance]:
        """The chances of a disk."""
        return [c for c in self._of(Place.DISK) if c.fault.place == place]

    def of_machine(self, machine: str) -> list[Chance]:
        """The chances of a machine, without those of its cable."""
        return [
            c
            for c in self._of(Place.MACHINE)
            if c.fault.place == machine and c.fault.kind not in CABLE_KINDS
        ]

    def idle(self) -> tuple[Fault, ...]:
        """Those that never happened."""
        done = {event.fault for event in self.happened}
        return tuple(fault for fault in self.requested if fault.id not in done)

    def _of(self, place: Place) -> list[Chance]:
        return [c for c in self.chances.values() if c.fault.row.place is place]


def _is_on(fault: Fault, path: tuple[str, str]) -> bool:
    source, target = path
    if fault.row.place is Place.PATH:
        return fault.place == ARROW.join(path)
    if fault.row.place is Place.GROUP:
        group = fault.place.split(PLUS)
        return (source in group) != (target in group)
    return fault.kind in CABLE_KINDS and fault.place in path
