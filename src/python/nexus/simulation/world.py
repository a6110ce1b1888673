"""The world: N machines, one virtual clock, one Ethernet switch.  This is the only loop there is.

Theory of operation.  Let `first` be the earliest instant at which anything can happen (a machine
can run, a timer fires, a frame arrives).  Nothing is sent before `first`, and nothing sent at or
after it arrives before `first + quantum`, the quantum being the shortest link delay.  So within
[now, first + quantum) no machine can influence another, and each may be run alone to the end of
that step.  The order of visiting cannot matter, and idle time is jumped over for free.

Rules of this file
------------------
1. No I/O, no wall clock, no threads, no chance but the keyed kind.
2. A frame is delivered at exactly `sent + delay`, whatever the steps were.
3. Frames sent in one step pass the switch in the order (instant, machine, number).
4. Power fails and comes back at the end of a step; a machine that is off already stays off.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from nexus.core.errors import NexusError
from nexus.core.randomness import KeyedRandom
from nexus.simulation import cabling
from nexus.simulation.faults.fault import Chance
from nexus.simulation.link import FaultEvent, LinkOptions
from nexus.simulation.machine import STOP_FINISHED, STOP_RESET, STOP_STUCK, TICK_NS, Machine
from nexus.simulation.node import STOP_CUT as STOP_CUT
from nexus.simulation.node import Node, bare, describe, is_cut
from nexus.simulation.node import Stopped as Stopped
from nexus.simulation.pace import Paced
from nexus.simulation.power import PowerCut, PowerSchedule, Rebooted
from nexus.simulation.schedule import Schedule
from nexus.simulation.switch import FRAME_BYTES_MAX, HEADER_BYTES, LearningSwitch
from nexus.simulation.trace import Trace, fingerprint

# One switch; enough for two nodes, an attacker and a crowd.
MACHINES_MAX: Final = 32


class WorldError(NexusError):
    """A machine broke its contract; a defect of ours, not of the guest."""


@dataclass(frozen=True, slots=True)
class SentFrame:
    """A frame as its sender put it on the wire."""

    machine: str
    sent_ns: int
    frame: bytes
    # Where it went, and the faults that it had on each way.
    ways: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """The events of one step of the world."""

    now_ns: int
    consoles: tuple[tuple[str, bytes], ...]
    frames: tuple[SentFrame, ...]
    stopped: tuple[Stopped, ...]
    is_quiet: bool  # Nothing can ever happen again: every machine waits for ever or is off.


class World:
    """Machines joined by a switch, advanced step by step."""

    def __init__(
        self,
        machines: Mapping[str, Machine],
        options: LinkOptions,
        random: KeyedRandom,
        *,
        paths: Mapping[tuple[str, str], LinkOptions] | None = None,
        chances: Mapping[tuple[str, str], Sequence[Chance]] | None = None,
        driven: Collection[str] = (),
    ) -> None:
        """Join `machines` (name -> machine, all at time 0).

        Args:
            machines: In the order that breaks ties.
            options: How every path between two machines behaves ...
            random: The run's randomness.
            paths: ... except those named here, as (sender, receiver).
            chances: The faults that each path of a fault world has besides.
            driven: Machines that the caller acts on between two steps.  They never lie behind the
                world's time, so that what they do then has its right instant.
        """
        if not 1 <= len(machines) <= MACHINES_MAX:
            raise ValueError(f"machines: {len(machines)} is not in 1..{MACHINES_MAX}")
        self.now_ns = 0
        self.trace = Trace()
        self.power_cuts = 0  # How often power has failed so far.
        self._power = PowerSchedule()
        self._deeds = Schedule()
        self._nodes = [Node(name, machines[name], i) for i, name in enumerate(machines)]
        self._by_name = {node.name: node for node in self._nodes}
        for node in self._nodes:
            if node.machine.now_ns != 0:
                raise ValueError(f"machine {node.name}: is at {node.machine.now_ns} ns, not at 0")
        self._switch = LearningSwitch(len(self._nodes))
        self._links, self._quantum_ns = cabling.lay(
            self._nodes, options, random, paths or {}, chances or {}
        )
        self._driven = frozenset(driven)

    @property
    def faults(self) -> list[FaultEvent]:
        """Every fault injected so far, link by link."""
        return [event for link in self._links.values() for event in link.faults]

    def instructions(self) -> dict[str, int]:
        """Instructions retired so far, per machine."""
        return {node.name: node.machine.instructions for node in self._nodes}

    def states(self) -> dict[str, str]:
        """The state of each machine, in words for a reader of a run that stands still."""
        return {node.name: describe(node) for node in self._nodes}

    def machines(self) -> dict[str, Machine]:
        """The machines that are there now, for a look at them when the run is over."""
        return {node.name: bare(node.machine) for node in self._nodes}

    def exchange(self, name: str, machine: Machine) -> None:
        """Put another machine in the place of one: the same, at the same instant of its time."""
        node = self._by_name[name]
        outer, inner = None, node.machine
        while isinstance(inner, Rebooted | Paced):
            outer, inner = inner, inner.machine
        if machine.now_ns != inner.now_ns:
            raise ValueError(f"machine {name}: is at {machine.now_ns} ns, not at {inner.now_ns}")
        if outer is None:
            node.machine = machine
        else:
            outer.machine = machine

    def schedule(self, cut: PowerCut) -> None:
        """Let the power of a machine fail, and come back, at these instants."""
        if cut.machine not in self._by_name:
            raise ValueError(f"power cut: no such machine: {cut.machine}")
        self._power.add(cut, self.now_ns)

    def plan(
        self, at_ns: int, machine: str, name: str, act: Callable[[Machine], str | None]
    ) -> None:
        """Let something be done to a machine at an instant; `act` says in words what it did."""
        if machine not in self._by_name:
            raise ValueError(f"{name}: no such machine: {machine}")
        self._deeds.add(at_ns, machine, name, act, self.now_ns)

    def step(self, limit_ns: int) -> Step:
        """Advance by one step, never beyond `limit_ns`."""
        assert limit_ns >= self.now_ns, f"time cannot go back from {self.now_ns} to {limit_ns}"
        assert limit_ns % TICK_NS == 0, f"{limit_ns} ns is between two instructions"
        consoles: list[tuple[str, bytes]] = []
        self._switch_power(consoles)
        self._do_deeds()
        instants = [node.next_event_ns() for node in self._nodes]
        planned = (self._power.next_ns(self.now_ns), self._deeds.next_ns())
        switch_ns = min((instant for instant in planned if instant is not None), default=None)
        known = [instant for instant in (*instants, switch_ns) if instant is not None]
        if not known:
            return Step(self.now_ns, tuple(consoles), (), (), is_quiet=True)
        end_ns = min(max(min(known), self.now_ns) + self._quantum_ns, limit_ns)
        if switch_ns is not None:
            end_ns = min(end_ns, switch_ns)
        sent: list[tuple[int, int, int, bytes]] = []
        stopped: list[Stopped] = []
        for node, instant in zip(self._nodes, instants, strict=True):
            is_idle = instant is None or instant >= end_ns
            if is_idle and (node.stopped is not None or node.name not in self._driven):
                continue  # It is off, or sleeps through this step: it catches up when it wakes.
            stop = self._run_node(node, end_ns)
            if stop is not None:
                node.stopped = stop
                stopped.append(stop)
            self._gather(node, end_ns, sent, consoles)
        sent.sort(key=lambda entry: entry[:3])
        self.now_ns = end_ns
        return Step(end_ns, tuple(consoles), self._transmit(sent), tuple(stopped), is_quiet=False)

    def _switch_power(self, consoles: list[tuple[str, bytes]]) -> None:
        begin, end = self._power.take_due(self.now_ns)
        for cut in begin:
            if not is_cut(self._by_name[cut.machine]):
                self._power_off(self._by_name[cut.machine], consoles)
        for cut in end:
            node = self._by_name[cut.machine]
            if is_cut(node):
                node.machine = Rebooted(cut.power_on(), self.now_ns, node.machine.instructions)
                node.stopped = None
                self.trace.add(self.now_ns, node.name, "power-on")

    def _do_deeds(self) -> None:
        for deed in self._deeds.take_due(self.now_ns):
            node = self._by_name[deed.machine]
            if node.stopped is None and self._run_machine(node, self.now_ns) is None:
                said = deed.act(bare(node.machine))
                if said is not None:
                    self.trace.add(self.now_ns, node.name, f"fault-{deed.name}", said)

    def _power_off(self, node: Node, consoles: list[tuple[str, bytes]]) -> None:
        node.stopped = Stopped(node.name, self.now_ns, STOP_CUT, None)
        self.power_cuts += 1
        self.trace.add(self.now_ns, node.name, "power-off")
        while (arrival_ns := node.next_arrival_ns()) is not None:
            node.collect(arrival_ns)  # No machine hears it.
        if node.is_midline:  # It is not to run into the first line of the next life.
            consoles.append((node.name, b"\n"))
            node.is_midline = False

    def _run_node(self, node: Node, end_ns: int) -> Stopped | None:
        while True:
            # A frame that arrives at exactly `end_ns` belongs to the next step: all that can
            # arrive before `end_ns` is already in the queues, what arrives at it may not be.
            arrival_ns = node.next_arrival_ns()
            if arrival_ns is None or arrival_ns >= end_ns:
                return self._run_machine(node, end_ns)
            stop = self._run_machine(node, arrival_ns)
            if stop is not None:
                return stop
            self._deliver(node, arrival_ns)

    def _run_machine(self, node: Node, until_ns: int) -> Stopped | None:
        machine = node.machine
        if machine.now_ns == until_ns:
            return None
        stop = machine.run(until_ns).name
        at_ns = machine.now_ns
        if stop in (STOP_FINISHED, STOP_RESET, STOP_STUCK):
            self.trace.add(at_ns, node.name, "stop", f"{stop.lower()} {machine.exit_code}")
            return Stopped(node.name, at_ns, stop, machine.exit_code)
        if at_ns != until_ns:
            raise WorldError(
                f"machine {node.name}: asked to run until {until_ns} ns, stopped at "
                f"{at_ns} ns ({stop})"
            )
        return None

    def _deliver(self, node: Node, now_ns: int) -> None:
        frame = node.collect(now_ns)
        assert frame is not None, f"{node.name}: an arrival at {now_ns} ns vanished"
        event = "receive" if node.machine.deliver(frame) else "nobuffer"
        self.trace.add(now_ns, node.name, event, fingerprint(frame))

    def _gather(
        self,
        node: Node,
        end_ns: int,
        sent: list[tuple[int, int, int, bytes]],
        consoles: list[tuple[str, bytes]],
    ) -> None:
        for number, (sent_ns, frame) in enumerate(node.machine.take_frames()):
            if not self.now_ns <= sent_ns <= end_ns:
                raise WorldError(f"machine {node.name}: sent a frame at {sent_ns} ns, out of step")
            sent.append((sent_ns, node.port, number, frame))
        console = node.machine.take_console()
        if console:
            consoles.append((node.name, console))
            node.is_midline = not console.endswith(b"\n")
            self.trace.add(end_ns, node.name, "console", fingerprint(console))

    def _transmit(self, sent: Sequence[tuple[int, int, int, bytes]]) -> tuple[SentFrame, ...]:
        frames = []
        for sent_ns, port, _, frame in sent:
            name = self._nodes[port].name
            self.trace.add(sent_ns, name, "send", fingerprint(frame))
            if not HEADER_BYTES <= len(frame) <= FRAME_BYTES_MAX:
                self.trace.add(sent_ns, name, "misfit", str(len(frame)))
            ways = []
            for target in self._switch.forward(port, frame):
                if self._nodes[target].stopped is not None:
                    continue  # Nothing will ever take it off the queue.
                link = self._links[port, target]
                faults = link.offer(frame, sent_ns)
                for fault in faults:
                    self.trace.add(sent_ns, name, f"fault-{fault.value}", link.name)
                ways.append((self._nodes[target].name, tuple(fault.value for fault in faults)))
            frames.append(SentFrame(name, sent_ns, frame, tuple(ways)))
        return tuple(frames)
