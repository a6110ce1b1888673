"""`nexus world debug FILE`: a debugger on a machine of a failing seed, just before it fails."""

from __future__ import annotations

from collections.abc import Sequence

from nexus.campaign.again import add_file
from nexus.campaign.debugging import add_debug, do_debug
from nexus.cli.world.program import run
from nexus.core.commandline import CommandLine
from nexus.entry.program import run_program


def main(arguments: Sequence[str]) -> int:
    """Run the command."""
    parser = CommandLine(
        "nexus world debug", "Stop a failing seed just before it fails, and wait for GDB."
    )
    add_file(parser)
    add_debug(parser)
    return run(parser, arguments, do_debug)


if __name__ == "__main__":
    run_program(main)
