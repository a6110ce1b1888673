"""`nexus world diff DIR DIR`: where two runs part, and what each did next."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from nexus.cli.world.program import run
from nexus.config.held_file import ReadingError
from nexus.core.commandline import CommandLine
from nexus.entry.program import run_program
from nexus.harness.report.reading import read_summary, read_timeline
from nexus.harness.report.remains import SUMMARY
from nexus.harness.report.timeline import differing_inputs, explain, part

EXIT_DIFFERENT: Final = 1


def main(arguments: Sequence[str]) -> int:
    """Compare; 0 if the timelines are equal, 1 if they part."""
    parser = CommandLine(
        "nexus world diff", "Show where the timelines of two runs part; 1 if they do."
    )
    parser.add_argument("first", type=Path, help="the artifacts of a run")
    parser.add_argument("second", type=Path, help="those of another run")
    return run(parser, arguments, _compare)


def _compare(options: Namespace) -> int:
    names = (str(options.first), str(options.second))
    first, second = (
        read_timeline(folder / "timeline.jsonl") for folder in (options.first, options.second)
    )
    parting = part(first, second)
    if parting is None:
        sys.stdout.write(f"The runs have the same {len(first)} events.\n")
        return 0
    for line in explain(parting, first, second, names):
        sys.stdout.write(f"{line}\n")
    for line in _inputs(options.first, options.second):
        sys.stdout.write(f"{line}\n")
    return EXIT_DIFFERENT


def _inputs(first: Path, second: Path) -> Iterator[str]:
    """The inputs in which the runs differ, if both still name them."""
    try:
        one, other = (read_summary(folder / SUMMARY).deterministic for folder in (first, second))
    except ReadingError:
        return
    differing = differing_inputs(one, other)
    if differing:
        yield f"The runs were given different inputs: {', '.join(differing)}."
    elif one.digests is not None and other.digests is not None:
        yield "Their world, seed, images, configurations and drives have the same names and bytes."


if __name__ == "__main__":
    run_program(main)
