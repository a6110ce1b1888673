"""Judgement of runs of Pants: figures, where the time went, whether the right processes ran."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from nexus.bench.pipeline_run import PipelineProcess, PipelineRun
from nexus.core.process_kinds import ELSE, PROCESS_KINDS, kind_of

ADDRESS: Final = re.compile(r"\S+:\S+$")


class WrongProcessesError(RuntimeError):
    """Pants ran something that it need not run, or left out what it must; the text says what."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the result; the value is to be at most the target, or at least."""

    name: str
    value: float
    target: float
    told: str
    is_least: bool = False

    @property
    def is_met(self) -> bool:
        """Whether the target is met."""
        return self.value >= self.target if self.is_least else self.value <= self.target

    def __str__(self) -> str:
        bound = "at least" if self.is_least else "at most"
        return (
            f"{self.name:<10}{self.value:>8.2f}, {bound} {self.target:g}"
            f"  {'ok' if self.is_met else 'MISSED'}   {self.told}"
        )


def breakdown(processes: Iterable[PipelineProcess]) -> list[str]:
    """Return the seconds of processes that ran, by kind, the most first."""
    sums = dict.fromkeys((ELSE, *(kind.group for kind in PROCESS_KINDS)), (0, 0))
    for process in processes:
        if process.ran:
            kind = kind_of(process.description)
            group = kind.group if kind else ELSE
            count, elapsed_ms = sums[group]
            sums[group] = (count + 1, elapsed_ms + process.elapsed_ms)
    order = sorted(sums.items(), key=lambda entry: (-entry[1][1], entry[0]))
    return [
        f"    {ms / 1000:>7.1f} s  {count:>4}  {group}" for group, (count, ms) in order if count
    ]


def require_all_found(run: PipelineRun) -> int:
    """Count the processes that the shared cache was asked for, if it had them all.

    One that ended here before the answer came is not a miss: small ones are run meanwhile.

    Raises:
        WrongProcessesError: It was not asked, or did not have all of them.
    """
    asked = run.counter("remote_cache_requests")
    found = run.counter("remote_cache_requests_cached")
    here_first = run.counter("remote_cache_speculation_local_completed_first")
    if not asked or found + here_first < asked:
        ran = [process.description for process in run.processes if process.ran]
        raise WrongProcessesError(
            f"the shared cache had {found} of {asked} processes; ran here: {', '.join(ran)}"
        )
    return asked


def require_dependents_only(
    processes: Iterable[PipelineProcess], concerned: frozenset[str], tests: int
) -> int:
    """Count what ran for a target, if it depends on the edit and each dependent test is among it.

    Raises:
        WrongProcessesError: A process of another target ran, or a dependent test was left out.
    """
    ran = tested = 0
    for process in processes:
        address = address_of(process.description)
        if address is None or not process.ran:
            continue
        if address not in concerned:
            raise WrongProcessesError(f"ran without need: {process.description}")
        ran += 1
        tested += not process.description.startswith("Build ")
    if tested != tests:
        raise WrongProcessesError(f"{tests} tests depend on the edit, and {tested} ran")
    return ran


def address_of(description: str) -> str | None:
    """The target that a process is for; none if it looks at the machine or makes a tool."""
    kind = kind_of(description)
    if kind is None or not kind.names_target:
        return None
    found = ADDRESS.search(description)
    return found[0] if found else None
