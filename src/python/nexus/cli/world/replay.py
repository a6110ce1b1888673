"""`nexus world replay FILE`: run a seed again; 0 if it is the same run."""

from __future__ import annotations

from collections.abc import Sequence

from nexus.campaign.again import add_file, do_replay
from nexus.cli.world.program import run
from nexus.core.commandline import CommandLine
from nexus.entry.program import run_program


def main(arguments: Sequence[str]) -> int:
    """Run the command."""
    parser = CommandLine("nexus world replay", "Run a seed again; 0 if it is the same run.")
    add_file(parser)
    return run(parser, arguments, do_replay)


if __name__ == "__main__":
    run_program(main)
