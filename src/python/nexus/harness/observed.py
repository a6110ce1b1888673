"""From what a run recorded of its machines to files beside the others, and to parts of the page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from nexus.coverage import flame, lcov, profile
from nexus.coverage.attribution import Attribution
from nexus.coverage.code import parts_of
from nexus.coverage.executed import Executed, merged, render
from nexus.coverage.figures import Coverage, combine
from nexus.coverage.lines import PartLines
from nexus.harness.instruments import Instruments
from nexus.harness.observations import Observed
from nexus.harness.plan import Plan

COVERAGE: Final = "coverage.json"
TRACE_FILE: Final = "coverage.info"
STACKS: Final = "profile.folded"
FLAME: Final = "profile.svg"


def observe(plan: Plan, instruments: Instruments, lines: Iterable[PartLines]) -> Observed:
    """Make the files of a run, however it ended."""
    observed = Observed()
    known = list(lines)
    if instruments.covers:
        _add_coverage(observed, plan, instruments, known)
    if instruments.profile_every is not None:
        _add_profile(observed, plan, instruments, known)
    return observed


def _add_coverage(
    observed: Observed, plan: Plan, instruments: Instruments, lines: Sequence[PartLines]
) -> None:
    machines = []
    for machine in plan.machines:
        recorder = instruments.recorders.get(machine.label)
        if recorder is None:
            continue
        attribution = Attribution(parts_of(machine.image, machine.image_name))
        executed = attribution.attribute(recorder.pages())
        executed.has_branches = recorder.has_branches
        machines.append(executed)
        if recorder.pages_lost:
            observed.notes.append(
                f"Coverage: {recorder.pages_lost} pages of machine {machine.label} were too many."
            )
    executed = merged(machines)
    executed.runs = 1
    observed.files[COVERAGE] = render(executed)
    coverage = combine(executed, lines)
    observed.notes += _notes(executed, coverage)
    if coverage.found:
        observed.files[TRACE_FILE] = lcov.render(coverage, plan.name)


def _notes(executed: Executed, coverage: Coverage) -> list[str]:
    without = [part for part in coverage.parts if part.note]
    notes = [f"Coverage: {part.name}: {part.note}." for part in without]
    if len(without) == len(coverage.parts):
        notes = [
            "Coverage: no part of the image has debug information here, so coverage.json has "
            "addresses alone; `nexus coverage report --lines FILE` finds their lines."
        ]
    if executed.pages_unknown:
        notes.append(
            f"Coverage: {executed.pages_unknown} executed pages belong to no part of the image."
        )
    return notes


def _add_profile(
    observed: Observed, plan: Plan, instruments: Instruments, lines: Sequence[PartLines]
) -> None:
    stacks: profile.Stacks = Counter()
    for machine in plan.machines:
        sampler = instruments.samplers.get(machine.label)
        if sampler is None:
            continue
        parts = parts_of(machine.image, machine.image_name)
        for stack, count in profile.fold(sampler.samples, parts, lines).items():
            stacks[machine.label, *stack] += count
        if sampler.samples_lost:
            observed.notes.append(
                f"Profile: {sampler.samples_lost} samples of {machine.label} were too different."
            )
    observed.files[STACKS] = profile.render(stacks)
    drawing = flame.render(stacks)
    if drawing:
        observed.files[FLAME] = drawing
