"""`nexus world report DIR`: make report.html again from the other artifacts of a run."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from nexus.cli.world.program import run
from nexus.config.held_file import ReadingError
from nexus.core.commandline import CommandLine
from nexus.core.errors import NexusError
from nexus.entry.program import run_program
from nexus.harness import artifacts
from nexus.harness.report.page import of_files
from nexus.harness.report.remains import REPORT, read_remains


def main(arguments: Sequence[str]) -> int:
    """Write the page."""
    parser = CommandLine("nexus world report", "Make report.html from the artifacts of a run.")
    parser.add_argument("folder", type=Path, help="the artifacts of a run, such as dist/os2vm")
    parser.add_argument("--out", type=Path, metavar="DIR", help="default: the same folder")
    return run(parser, arguments, _write)


def _write(options: Namespace) -> None:
    folder: Path = options.folder
    found = read_remains(folder)
    out: Path = options.out or folder
    page = of_files(found.summary, found.events, found.files, found.notes).encode()
    try:
        artifacts.write_all(out, {REPORT: page})
    except NexusError as exc:
        raise ReadingError(str(exc)) from exc
    sys.stdout.write(f"{out / REPORT}\n")


if __name__ == "__main__":
    run_program(main)
