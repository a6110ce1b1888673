"""`nexus coverage merge`: add up what several runs have executed."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from nexus.cli.world.program import run
from nexus.core.commandline import CommandLine
from nexus.coverage.executed import merged, render
from nexus.coverage.reading import read_executed
from nexus.entry.program import run_program
from nexus.harness import artifacts


def main(arguments: Sequence[str]) -> int:
    """Merge."""
    parser = CommandLine(
        "nexus coverage merge", "Add up what several runs have executed, into one coverage.json."
    )
    add = parser.add_argument
    add(
        "runs",
        nargs="+",
        type=Path,
        metavar="RUN",
        help="a coverage.json, or a folder of artifacts with one",
    )
    add("--out", type=Path, required=True, metavar="FILE", help="the file to write")
    return run(parser, arguments, _merge)


def _merge(options: Namespace) -> None:
    executed = merged(read_executed(path) for path in options.runs)
    artifacts.write_all(options.out.parent, {options.out.name: render(executed).encode()})
    sys.stdout.write(f"{options.out}: {executed.runs} runs\n")


if __name__ == "__main__":
    run_program(main)
