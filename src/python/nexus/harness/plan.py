"""The plan of a run, complete and checked: machines with their bytes, expectations, budgets.

A plan holds values only.  `loading` makes one from files and arguments, `runner` plays it on an
engine, `judge` holds it against what the consoles say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final

from nexus.core.errors import NexusError
from nexus.harness.phase import GUEST_PHASES, RANK, Phase
from nexus.scene.guest import Guest
from nexus.simulation.link import LinkOptions

NS_PER_MS: Final = 1_000_000

# Virtual milliseconds.  A boot is some hundred, discovery waits for at most a few announcements;
# the rest is room for retransmission and reconnection, and costs nothing while machines idle.
BUDGET_MS_DEFAULT: Final[Mapping[Phase, int]] = {
    Phase.LAUNCH: 5_000,
    Phase.DISCOVERY: 5_000,
    Phase.SESSION: 5_000,
    Phase.REMOTE: 10_000,
    Phase.END: 5_000,
}

# Per machine: 40 s of virtual time without a pause, several times a whole two-node run.
INSTRUCTIONS_MAX_DEFAULT: Final = 4_000_000_000


class PlanError(NexusError):
    """A plan that cannot be run; the caller corrects the file or the option that is named."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """A line that one machine must print in one phase."""

    machine: str
    phase: Phase
    text: str
    is_pattern: bool = False  # A regular expression for the whole line.
    is_ordered: bool = True  # Has its place among the other ordered ones of machine and phase.
    is_exclusive: bool = True  # Printed by a machine that is not expected to: a failure.

    def matches(self, line: str) -> bool:
        """Say whether `line` is what is waited for."""
        if self.is_pattern:
            return re.fullmatch(self.text, line) is not None
        return line == self.text


@dataclass(frozen=True, slots=True)
class RebootPlan:
    """A machine's power fails, at an instant or after a line of a machine, and comes back."""

    machine: str
    off_ns: int  # For how long.
    at_ns: int | None = None
    after: tuple[str, str] | None = None  # Machine and line.


@dataclass(frozen=True, slots=True)
class NodeIdentity:
    """The identity of a machine on the bus; the secret opens the capture of a test world."""

    device_id: str
    static_secret: bytes = field(repr=False)
    is_test_key: bool  # Derived from a name in a file, so not a secret.


@dataclass(frozen=True, slots=True, kw_only=True)
class MachinePlan(Guest):
    """One machine: a guest, and what the run knows it by."""

    label: str
    image_name: str
    forbidden: tuple[str, ...] = ()  # Text no line of this machine may contain.
    identity: NodeIdentity | None = None


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A whole run."""

    name: str
    seed: int
    machines: tuple[MachinePlan, ...]
    expectations: tuple[Expectation, ...]
    forbidden: tuple[str, ...] = ()  # Text no line of any machine may contain.
    link: LinkOptions = field(default_factory=LinkOptions)
    # Paths of pairs of machines, sender and receiver, that differ from `link`.
    paths: Mapping[tuple[str, str], LinkOptions] = field(default_factory=dict)
    reboots: tuple[RebootPlan, ...] = ()
    budget_ms: Mapping[Phase, int] = field(default_factory=lambda: dict(BUDGET_MS_DEFAULT))
    total_ms: int | None = None  # None: the sum of the phases.
    instructions_max: int = INSTRUCTIONS_MAX_DEFAULT
    until: Phase = Phase.END
    # For a world that oracles judge: it may have lost the machines that were to print something.
    may_expect_nothing: bool = False

    def __post_init__(self) -> None:
        labels = [machine.label for machine in self.machines]
        if not labels:
            raise PlanError(f"{self.name}: machine: the list is empty; a run needs at least one")
        if len(set(labels)) != len(labels):
            raise PlanError(f"{self.name}: machine: labels {labels} are not distinct")
        if not self.due and not self.may_expect_nothing:
            raise PlanError(
                f"{self.name}: expect: no marker up to phase {self.until.value!r}; "
                "a run that expects nothing proves nothing"
            )
        for expectation in self.expectations:
            if expectation.machine not in labels:
                raise PlanError(
                    f"{self.name}: expect: machine {expectation.machine!r} is not one of {labels}"
                )
            _check_text(self.name, expectation)
        if self.until not in GUEST_PHASES:
            phases = ", ".join(phase.value for phase in GUEST_PHASES)
            raise PlanError(
                f"{self.name}: until: {self.until.value!r} is not a phase of a guest;"
                f" expected {phases}"
            )

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The machines' names, in order."""
        return tuple(machine.label for machine in self.machines)

    @cached_property
    def phases(self) -> tuple[Phase, ...]:
        """The phases this run goes through."""
        return tuple(phase for phase in GUEST_PHASES if RANK[phase] <= RANK[self.until])

    @cached_property
    def due(self) -> tuple[Expectation, ...]:
        """The expectations of those phases, ordered by phase, then as given."""
        chosen = [e for e in self.expectations if e.phase in self.phases]
        return tuple(sorted(chosen, key=lambda e: RANK[e.phase]))

    def budget_ns(self, phase: Phase) -> int:
        """The virtual time one phase may take."""
        return self.budget_ms.get(phase, BUDGET_MS_DEFAULT[phase]) * NS_PER_MS

    @cached_property
    def total_ns(self) -> int:
        """The virtual time the whole run may take."""
        if self.total_ms is not None:
            return self.total_ms * NS_PER_MS
        return sum(self.budget_ns(phase) for phase in self.phases)

    def with_budgets_times(self, factor: int) -> Plan:
        """The same plan for an engine that runs in wall time on a host of unknown speed."""
        budgets = {phase: self.budget_ns(phase) // NS_PER_MS * factor for phase in GUEST_PHASES}
        total_ms = None if self.total_ms is None else self.total_ms * factor
        return replace(self, budget_ms=budgets, total_ms=total_ms)


def _check_text(name: str, expectation: Expectation) -> None:
    where = f"{name}: expect: machine {expectation.machine}, phase {expectation.phase.value}"
    if not expectation.text.strip():
        raise PlanError(f"{where}: the marker is empty")
    if not expectation.is_pattern:
        return
    try:
        pattern = re.compile(expectation.text)
    except re.error as exc:
        raise PlanError(f"{where}: pattern {expectation.text!r}: {exc}") from exc
    if pattern.fullmatch(""):
        raise PlanError(f"{where}: pattern {expectation.text!r} matches an empty line")
