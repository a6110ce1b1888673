"""The runs whose coverage a command reads."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from nexus.core.commandline import CommandLine
from nexus.coverage.executed import Executed, merged
from nexus.coverage.reading import read_executed


def add_runs(parser: CommandLine) -> None:
    """Add the files and folders."""
    parser.add_argument(
        "runs",
        nargs="+",
        type=Path,
        metavar="RUN",
        help="a coverage.json, or a folder of artifacts with one",
    )


def executed_in(options: Namespace) -> Executed:
    """Add up what the runs have executed.

    Raises:
        ReadingError: one of them cannot be read.
    """
    return merged(read_executed(path) for path in options.runs)
