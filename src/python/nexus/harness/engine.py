"""The interface between the runner and an engine, which makes a plan's machines run.

Two exist: `virtual` (our emulator in a simulated world) and `qemu` (one QEMU a machine).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from nexus.core.errors import NexusError

if TYPE_CHECKING:
    from nexus.harness.instruments import Instruments
    from nexus.simulation.world import Step


class EngineUnavailableError(NexusError):
    """The engine asked for is not on this host; nothing was run."""


class HostFaultError(NexusError):
    """The host, or a program of it, failed; this says nothing about the guest."""


class EndedByUserError(NexusError):
    """A user at a debugger wants the run to end."""


class Engine(Protocol):
    """A running world."""

    @property
    def description(self) -> str:
        """Name and version, for the summary."""

    @property
    def is_reproducible(self) -> bool:
        """Whether the same plan gives the same bytes again."""

    @property
    def is_interactive(self) -> bool:
        """Whether a step may wait for a person, so that a signal has to break it off."""

    @property
    def instruments(self) -> Instruments | None:
        """Return the instruments that record the machines; None without any."""

    def step(self, limit_ns: int) -> Step:
        """Go on for a little while, not beyond `limit_ns`; say what came of it."""

    def states(self) -> dict[str, str]:
        """Describe the present activity of each machine, by label."""

    def why_stuck(self, machine: str) -> str:
        """Describe the loop that a stuck machine is caught in, as the rest of a sentence."""

    def post_mortem(self) -> dict[str, list[str]]:
        """The last state of each machine that can be looked into, a line each."""

    def instructions(self) -> dict[str, int]:
        """Instructions retired per machine; empty if the engine does not count them."""

    def fault_counts(self) -> dict[str, int]:
        """Count the injections of each network fault."""

    def trace_text(self) -> str:
        """The newest trace lines."""

    def trace_digest(self) -> str:
        """SHA-256 over all trace lines."""

    def ephemerals(self) -> dict[str, list[bytes]]:
        """Return each machine's possible ephemeral secrets: entropy reads of a key's length."""

    def close(self) -> None:
        """Let go of everything; safe to call twice."""
