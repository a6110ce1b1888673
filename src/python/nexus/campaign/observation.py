"""An oracle's view of one run: values, complete and frozen; no engine, no file, no clock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from nexus.harness.report.capture import Frame
from nexus.harness.report.event import Event
from nexus.harness.report.opened import Opened
from nexus.harness.report.story import Listener, Secrets
from nexus.simulation.faults.fault import Fault, Happened


@dataclass(frozen=True, slots=True)
class Line:
    """A complete line of a console; its instant is at most one link delay late."""

    ns: int
    machine: str
    text: str


@dataclass(frozen=True, slots=True)
class WireFrame:
    """One frame on its way to one machine."""

    number: int  # The frame's, in the order of sending; a flooded frame has several ways.
    sent_ns: int
    source: str  # A machine's label.
    destination: str  # "" if no machine could hear it.
    fates: tuple[str, ...]  # Kinds of faults; empty if it went as it was sent.
    data: bytes = field(repr=False)  # As it was sent.


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the workload: what a client on `machine` is to do."""

    number: int  # Its name within the run, for the shrinker.
    machine: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Observation:
    """One run, from its beginning to its end."""

    scenario: str
    seed: int
    machines: tuple[str, ...]
    lines: tuple[Line, ...]  # The lines of all machines, in time.
    markers: tuple[Line, ...]  # Those lines that the world expects.
    frames: tuple[WireFrame, ...]
    requested: tuple[Fault, ...]  # Drawn, without what was taken away.
    happened: tuple[Happened, ...]
    steps: tuple[Step, ...]
    disks: Mapping[tuple[str, int], bytes] = field(repr=False)  # By machine and slot, at the end.
    outcome: str  # A label of `nexus.harness.outcome`.
    message: str
    heal_ns: int  # From here on the world has no fault.
    end_ns: int
    secrets: Secrets = field(repr=False)  # Keys of a test world: they open its sessions.

    def lines_of(self, machine: str) -> Iterator[Line]:
        """The lines of one machine, in time."""
        return (line for line in self.lines if line.machine == machine)

    @cached_property
    def events(self) -> tuple[Event, ...]:
        """The frames decoded, and what nodes said with them, decrypted."""
        return self._heard[0]

    @cached_property
    def opened(self) -> tuple[Opened, ...]:
        """Every message of a session, as plaintext."""
        return self._heard[1]

    @cached_property
    def _heard(self) -> tuple[tuple[Event, ...], tuple[Opened, ...]]:
        opened: list[Opened] = []
        listener = Listener(self.secrets, opened.append)
        events: list[Event] = []
        last = 0
        for frame in self.frames:
            if frame.number != last:
                last = frame.number
                sent = Frame(frame.number, frame.source, frame.sent_ns, frame.data)
                events += listener.take(sent)
        return tuple(events), tuple(opened)
