"""`nexus world timeline DIR`: the merged story of all machines of a run, as text."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from nexus.cli.world.program import add_filter, run
from nexus.core.commandline import CommandLine
from nexus.entry.program import run_program
from nexus.harness.report.event import MAIN_KINDS
from nexus.harness.report.reading import read_events
from nexus.harness.report.timeline import Filter, lines_of


def main(arguments: Sequence[str]) -> int:
    """Print the timeline."""
    parser = CommandLine("nexus world timeline", "Print what happened in a run, in one order.")
    parser.add_argument("folder", type=Path, help="the artifacts of a run, such as dist/os2vm")
    parser.add_argument("--all", action="store_true", help="frames, data and credit, too")
    add_filter(parser)
    return run(parser, arguments, _print)


def _print(options: Namespace) -> None:
    kinds = tuple(options.kind) or (() if options.all else MAIN_KINDS)
    chosen = Filter(tuple(options.machine), kinds, options.from_ms, options.to_ms)
    for line in lines_of(read_events(options.folder / "timeline.jsonl"), chosen):
        sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    run_program(main)
