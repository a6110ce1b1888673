"""`nexus world report DIR`: make report.html again from the other artifacts of a run."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from nexus.cli.world.program import run
from nexus.core.commandline import CommandLine
from nexus.core.errors import NexusError
from nexus.entry.program import run_program
from nexus.harness import artifacts
from nexus.harness.report.event import Event
from nexus.harness.report.page import CONSOLE_PREFIX, of_files
from nexus.harness.report.reading import ReadingError, read_bytes, read_summary, read_timeline
from nexus.harness.report.recorded import ACTIVITY, COVERAGE, STACKS

REPORT: Final = "report.html"
TIMELINE: Final = "timeline.jsonl"


def main(arguments: Sequence[str]) -> int:
    """Write the page."""
    parser = CommandLine("nexus world report", "Make report.html from the artifacts of a run.")
    parser.add_argument("folder", type=Path, help="the artifacts of a run, such as dist/os2vm")
    parser.add_argument("--out", type=Path, metavar="DIR", help="default: the same folder")
    return run(parser, arguments, _write)


def _write(options: Namespace) -> None:
    folder: Path = options.folder
    summary = read_summary(folder / "summary.json")
    notes: list[str] = []
    events: list[Event] = []
    if (folder / TIMELINE).exists():
        events = read_timeline(folder / TIMELINE)
    else:
        notes.append(f"{TIMELINE} is not there, so the page has no timeline.")
    names = sorted(path.name for path in folder.iterdir() if path.is_file() and path.name != REPORT)
    files = {
        name: read_bytes(folder / name) if _is_shown(name) else b""
        for name in names
        if not name.startswith(".")
    }
    notes.extend(
        f"The log of machine {label} is not there."
        for label in summary.deterministic.instructions
        if f"{CONSOLE_PREFIX}{label}.log" not in files
    )
    out: Path = options.out or folder
    page = of_files(summary, events, files, notes).encode()
    try:
        artifacts.write_all(out, {REPORT: page})
    except NexusError as exc:
        raise ReadingError(str(exc)) from exc
    sys.stdout.write(f"{out / REPORT}\n")


def _is_shown(name: str) -> bool:
    return name.startswith(CONSOLE_PREFIX) or name in (ACTIVITY, COVERAGE, STACKS)


if __name__ == "__main__":
    run_program(main)
