"""The figures of the emulator's benchmark, as `--json` writes them and the tables show them."""

from __future__ import annotations

from typing import TypedDict

from nexus.bench.machine import MachineFacts


class Whole(TypedDict):
    """The medians of whole processes."""

    wall_s: float
    cpu_s: float
    rss_kib: float


class Steady(TypedDict):
    """The medians of one workload on one engine."""

    steady_s: float  # Processor time of the guest's own run.
    wall_s: float  # The whole process took it, and this memory.
    rss_kib: float
    instructions: int
    mips: float  # The rate of the guest's own run.


class Stops(TypedDict, total=False):
    """A debugger's stop by what it is, then by engine; empty where it was not measured."""

    left: dict[str, dict[str, float]]  # The speed with a stop that is never met; without one, 1.
    met_us: dict[str, dict[str, float]]  # The time of a stop that is met.


class Result(TypedDict):
    """All figures of a run."""

    host: MachineFacts
    rounds: int
    divisor: int
    answers_agree: bool  # Every engine came to the same checksums.
    workloads: dict[str, dict[str, Steady]]  # By workload, then by engine.
    start: dict[str, Whole]  # A guest that ends at once, by engine.
    # The speed under a debugger that stops nowhere; without one it is 1.
    debugged: dict[str, dict[str, float]]
    stops: Stops
    programs: dict[str, Whole]  # Starts of the `nexus` command, by what it was asked for.
    worlds: dict[str, dict[str, Whole]]  # By world, then by engine.
