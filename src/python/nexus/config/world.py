"""The model of a world's TOML file: machines on one switch, a clock budget, and what must be seen.

It knows no emulator: the harness turns a `World` into machines.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from nexus.config import bounds
from nexus.config.checked import CheckedNode
from nexus.config.fields import Extends, Label, Line, Many, Model, RatioText, Regex, ServiceName
from nexus.config.limits import Count, Within
from nexus.config.node import NodeConfigPart
from nexus.core.randomness import Ratio

# In this order; `build` is the host's work and has no budget of virtual time.
Phase = Literal["launch", "discovery", "session", "remote", "end"]
PHASES: tuple[Phase, ...] = ("launch", "discovery", "session", "remote", "end")

BudgetMs = Annotated[int, Within(1, 3_600_000)]


class Cut(Model):
    """`[[link.cut]]`: a partition; frames sent in this stretch of virtual time are lost.

    Those of all machines, or only those that two of them, named by `between`, send each other.
    """

    start_ms: Annotated[int, Within(0, 3_600_000)]
    end_ms: Annotated[int, Within(1, 3_600_000)]
    between: Annotated[Many[Label], Count(2, 2)] | None = None


class Link(Model):
    """`[link]`: every cable between a machine and the switch."""

    delay_us: Annotated[int, Within(1, 1_000_000)] = 500
    jitter_us: Annotated[int, Within(0, 1_000_000)] = 0
    loss: RatioText = "0"
    duplicate: RatioText = "0"
    corrupt: RatioText = "0"
    cut: Annotated[Many[Cut], Count(0, bounds.CUTS_MAX)] = ()

    def ratio(self, fault: Literal["loss", "duplicate", "corrupt"]) -> Ratio:
        """Return one fault's probability."""
        texts = {"loss": self.loss, "duplicate": self.duplicate, "corrupt": self.corrupt}
        return Ratio.parse(texts[fault])


class Machine(Model):
    """`[[machine]]`: one node in the world; `override` goes over its file, by the same keys."""

    label: Label
    node: Line
    image: ServiceName | None = None
    forbid: Annotated[Many[Line], Count(0, bounds.FORBID_MAX)] = ()
    override: NodeConfigPart | None = None


class Reboot(Model):
    """`[[reboot]]`: a machine loses its power and boots again, its drives as they were flushed.

    Either at an instant, or once a machine (`of`; itself if not named) has printed a line.
    """

    machine: Label
    at_ms: Annotated[int, Within(1, 3_600_000)] | None = None
    after: Line | None = None
    of: Label | None = None
    off_ms: Annotated[int, Within(1, 60_000)] = 100


class Budget(Model):
    """`[budget_ms]`: virtual milliseconds a phase may take, and all of them together."""

    launch: BudgetMs = 5000
    discovery: BudgetMs = 5000
    session: BudgetMs = 5000
    remote: BudgetMs = 10_000
    end: BudgetMs = 5000
    total: BudgetMs | None = None


class Expectation(Model):
    """`[[expect]]`: a line one machine must print, in order within a machine and phase.

    `marker` is the whole line; `pattern` is a regular expression for the whole line.  An
    exclusive one must not be printed by a machine that is not expected to.  One that is not
    ordered may come at any place: services start side by side.
    """

    machine: Label
    phase: Phase
    marker: Line | None = None
    pattern: Regex | None = None
    exclusive: bool = True
    ordered: bool = True


class WorldConfig(Model):
    """A world's whole file.

    `forbid` lists text that no line of any machine may contain; a machine has a list of its own.
    """

    extends: Extends = ()
    seed: Annotated[int, Within(0, (1 << 63) - 1)] = 1
    epoch_s: Annotated[int, Within(0, (1 << 32) - 1)] = 1_767_225_600
    link: Link = Link()
    machine: Annotated[Many[Machine], Count(1, bounds.MACHINES_MAX)] = ()
    reboot: Annotated[Many[Reboot], Count(0, bounds.REBOOTS_MAX)] = ()
    budget_ms: Budget = Budget()
    instructions_max: Annotated[int, Within(1, 10**12)] = 4_000_000_000
    expect: Annotated[Many[Expectation], Count(1, bounds.EXPECT_MAX)] = ()
    forbid: Annotated[Many[Line], Count(0, bounds.FORBID_MAX)] = ()


@dataclass(frozen=True, slots=True)
class WorldMachine:
    """A machine with its node file read and checked."""

    label: str
    image: str
    node: CheckedNode
    node_path: str
    forbid: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class World:
    """A world whose every part was read and checked."""

    path: str
    seed: int
    epoch_s: int  # The machines' real-time clocks at power-on, in seconds since 1970.
    link: Link
    machines: tuple[WorldMachine, ...]
    reboots: tuple[Reboot, ...]
    budget_ms: Budget
    instructions_max: int
    expect: tuple[Expectation, ...]
    forbid: tuple[str, ...]
