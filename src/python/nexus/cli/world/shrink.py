"""`nexus world shrink FILE`: make a failing seed small: faults, machines, steps, times."""

from __future__ import annotations

from collections.abc import Sequence

from nexus.campaign.again import add_file, do_shrink
from nexus.cli.world.program import run
from nexus.core.commandline import CommandLine
from nexus.entry.program import run_program


def main(arguments: Sequence[str]) -> int:
    """Run the command."""
    parser = CommandLine(
        "nexus world shrink", "Make a failing seed small: faults, machines, steps, times."
    )
    add_file(parser)
    return run(parser, arguments, do_shrink)


if __name__ == "__main__":
    run_program(main)
