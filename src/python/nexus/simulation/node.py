"""A machine in its place in a world: its port, its inbound links, and whether it is off."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from nexus.simulation.link import Link
from nexus.simulation.machine import STOP_STUCK, Machine
from nexus.simulation.pace import Paced
from nexus.simulation.power import Rebooted

# Why a machine stopped that may run again: its power was cut.
STOP_CUT: Final = "CUT"


@dataclass(frozen=True, slots=True)
class Stopped:
    """A machine that will not run again: switched off (with a code), reset or stuck."""

    machine: str
    at_ns: int
    kind: str
    exit_code: int | None


@dataclass(slots=True)
class Node:
    """One machine of a world."""

    name: str
    machine: Machine
    port: int
    inbound: list[Link] = field(default_factory=list)
    stopped: Stopped | None = None
    is_midline: bool = False

    def next_event_ns(self) -> int | None:
        """The next instant at which this node can do anything."""
        if self.stopped is not None:
            return None
        instants = [self.machine.next_event_ns(), self.next_arrival_ns()]
        return min((instant for instant in instants if instant is not None), default=None)

    def next_arrival_ns(self) -> int | None:
        arrivals = (link.next_arrival_ns() for link in self.inbound)
        return min((instant for instant in arrivals if instant is not None), default=None)

    def collect(self, now_ns: int) -> bytes | None:
        """The next frame that has arrived; on a tie the links go in the order of their senders."""
        arrivals = [
            (instant, index)
            for index, link in enumerate(self.inbound)
            if (instant := link.next_arrival_ns()) is not None
        ]
        return self.inbound[min(arrivals)[1]].collect(now_ns) if arrivals else None


def bare(machine: Machine) -> Machine:
    """The machine itself, without what shows it in the world's time."""
    while isinstance(machine, Rebooted | Paced):
        machine = machine.machine
    return machine


def is_cut(node: Node) -> bool:
    """Whether its power is cut, so that it may come back."""
    return node.stopped is not None and node.stopped.kind == STOP_CUT


def describe(node: Node) -> str:
    """Say what it is up to."""
    if node.stopped is not None and node.stopped.kind == STOP_STUCK:
        return f"is caught in a loop of traps since {node.stopped.at_ns} ns"
    if node.stopped is not None:
        return f"off since {node.stopped.at_ns} ns ({node.stopped.kind.lower()})"
    next_ns = node.machine.next_event_ns()
    if next_ns is None:
        return "waits for ever, unless something arrives"
    now_ns = node.machine.now_ns
    return "computes" if next_ns <= now_ns else f"waits for its timer at {next_ns} ns"
