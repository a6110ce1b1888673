"""`nexus world pinpoint FILE`: find when a failure became inevitable."""

from __future__ import annotations

from collections.abc import Sequence

from nexus.campaign.again import add_file, add_futures, do_pinpoint
from nexus.cli.world.program import run
from nexus.core.commandline import CommandLine
from nexus.entry.program import run_program


def main(arguments: Sequence[str]) -> int:
    """Run the command."""
    parser = CommandLine("nexus world pinpoint", "Find when a failure became inevitable.")
    add_file(parser)
    add_futures(parser)
    return run(parser, arguments, do_pinpoint)


if __name__ == "__main__":
    run_program(main)
