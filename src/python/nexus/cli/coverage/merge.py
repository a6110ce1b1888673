"""`nexus coverage merge`: add up what several runs have executed."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from nexus.cli.coverage.runs import add_runs, executed_in
from nexus.cli.world.program import run
from nexus.core.commandline import CommandLine
from nexus.coverage.executed import render
from nexus.entry.program import run_program
from nexus.harness import artifacts


def main(arguments: Sequence[str]) -> int:
    """Merge."""
    parser = CommandLine(
        "nexus coverage merge", "Add up what several runs have executed, into one coverage.json."
    )
    add_runs(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the file to write")
    return run(parser, arguments, _merge)


def _merge(options: Namespace) -> None:
    executed = executed_in(options)
    artifacts.write_all(options.out.parent, {options.out.name: render(executed).encode()})
    sys.stdout.write(f"{options.out}: {executed.runs} runs\n")


if __name__ == "__main__":
    run_program(main)
