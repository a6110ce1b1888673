"""From what a run recorded of its machines to files beside the others, and to parts of the page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from nexus.coverage import flame, lcov, profile
from nexus.coverage.attribution import Attribution
from nexus.coverage.code import parts_of
from nexus.coverage.error import CoverageError
from nexus.coverage.executed import Executed, merged, render
from nexus.coverage.figures import Coverage, combine
from nexus.coverage.lines import PartLines
from nexus.harness.instruments import Instruments
from nexus.harness.observations import Observed

COVERAGE: Final = "coverage.json"
TRACE_FILE: Final = "coverage.info"
STACKS: Final = "profile.folded"
FLAME: Final = "profile.svg"

Parts = dict[str, profile.Naming]  # By the label of the machine.


@dataclass(frozen=True, slots=True)
class Booted:
    """The image that a machine booted: the machine's label, the image's name and its content."""

    label: str
    name: str
    image: bytes


def observe(
    test: str, machines: Iterable[Booted], instruments: Instruments, lines: Iterable[PartLines]
) -> Observed:
    """Make the files of a run, however it ended; `test` names it in the trace file."""
    observed = Observed()
    known = list(lines)
    parts: Parts = {}
    of_images: dict[bytes, profile.Naming] = {}
    named = known if instruments.profile_every is not None else []
    for machine in machines:
        try:
            if machine.image not in of_images:
                attribution = Attribution(parts_of(machine.image, machine.name))
                of_images[machine.image] = profile.Naming(attribution, named)
            parts[machine.label] = of_images[machine.image]
        except CoverageError as exc:
            observed.notes.append(f"Nothing is recorded of machine {machine.label}: {exc}")
    if instruments.covers:
        _add_coverage(observed, test, parts, instruments, known)
    if instruments.profile_every is not None:
        _add_profile(observed, parts, instruments)
    return observed


def _add_coverage(
    observed: Observed,
    test: str,
    parts: Parts,
    instruments: Instruments,
    lines: Sequence[PartLines],
) -> None:
    machines = []
    for label, known in parts.items():
        recorder = instruments.recorders.get(label)
        if recorder is None:
            continue
        executed = known.attribution.attribute(recorder.pages())
        machines.append(executed)
        if recorder.pages_lost:
            observed.notes.append(
                f"Coverage: {recorder.pages_lost} pages of machine {label} were too many."
            )
    executed = merged(machines)
    executed.runs = 1
    observed.files[COVERAGE] = render(executed)
    coverage = combine(executed, lines)
    observed.notes += _notes(executed, coverage)
    if coverage.found:
        observed.files[TRACE_FILE] = lcov.render(coverage, test)


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


def _add_profile(observed: Observed, parts: Parts, instruments: Instruments) -> None:
    stacks: profile.Stacks = Counter()
    for label, known in parts.items():
        sampler = instruments.samplers.get(label)
        if sampler is None:
            continue
        for stack, count in profile.fold(sampler.samples, known).items():
            stacks[label, *stack] += count
        if sampler.samples_lost:
            observed.notes.append(
                f"Profile: {sampler.samples_lost} samples of {label} were too different."
            )
    observed.files[STACKS] = profile.render(stacks)
    drawing = flame.render(stacks)
    if drawing:
        observed.files[FLAME] = drawing
