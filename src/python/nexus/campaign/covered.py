"""The guest code that a campaign executes, added up: files for tools, pages for people.

Imported by campaigns that want coverage alone.  Which runs there were matters, their order and the
number of processes do not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Final

from nexus.coverage import lcov, page
from nexus.coverage.attribution import Attribution
from nexus.coverage.code import parts_of
from nexus.coverage.error import CoverageError
from nexus.coverage.executed import Executed, merged, render
from nexus.coverage.figures import Coverage, combine
from nexus.coverage.lines import PartLines
from nexus.coverage.text import percent
from nexus.harness.instruments import Instruments
from nexus.harness.plan import Plan

# Where the pages lie beside the other files of a campaign.
FOLDER: Final = "coverage"
INDEX: Final = f"{FOLDER}/index.html"
COVERAGE: Final = "coverage.json"
TRACE_FILE: Final = "coverage.info"

# Images that are kept: the scenarios of a campaign share a few.
_IMAGES_KEPT: Final = 8

Sources = Callable[[Iterable[str]], Mapping[str, str]]


def executed_of(plan: Plan, instruments: Instruments) -> Executed:
    """Return the code that the machines of one run have executed.

    A machine whose image is not an executable has nothing that could be named; it is left out.
    """
    machines = []
    for machine in plan.machines:
        recorder = instruments.recorders.get(machine.label)
        attribution = _attribution(machine.image, machine.image_name)
        if recorder is not None and attribution is not None:
            machines.append(attribution.attribute(recorder.pages()))
    executed = merged(machines)
    executed.runs = 1
    return executed


@lru_cache(maxsize=_IMAGES_KEPT)
def _attribution(image: bytes, name: str) -> Attribution | None:
    try:
        return Attribution(parts_of(image, name))
    except CoverageError:
        return None


class Sum:
    """The code that all runs so far have executed."""

    def __init__(self, lines: Sequence[PartLines]) -> None:
        """Begin with nothing; `lines` are those of the images."""
        self._lines = lines
        self._executed = Executed()

    def add(self, executed: Executed) -> None:
        """Add a run."""
        self._executed.merge(executed)

    def coverage(self) -> Coverage:
        """The figures."""
        return combine(self._executed, self._lines)

    def files(self, coverage: Coverage, read_sources: Sources) -> dict[str, str]:
        """The files by their names; without any lines, `coverage.json` alone."""
        if not self._executed.runs:
            return {}
        found = {COVERAGE: render(self._executed)}
        if coverage.found:
            found[TRACE_FILE] = lcov.render(coverage, "campaign")
            pages = page.render(coverage, self._executed, read_sources(coverage.files))
            found |= {f"{FOLDER}/{name}": text for name, text in pages.items()}
        return found

    def text(self, coverage: Coverage) -> str:
        """One sentence."""
        if not self._executed.runs:
            return "coverage: no run has ended"
        if not coverage.found:
            return (
                f"coverage: {COVERAGE} has addresses alone, since --lines has nothing of these "
                "images; `nexus coverage report` finds their lines"
            )
        share = percent(coverage.hit, coverage.found)
        return f"coverage: {coverage.hit} of {coverage.found} lines were executed, {share} %"
