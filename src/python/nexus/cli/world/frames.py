"""`nexus world frames CAPTURE`: every frame of a capture, decoded; it opens sessions with keys."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from nexus.cli.world.program import add_filter, run
from nexus.core.commandline import CommandLine
from nexus.entry.program import run_program
from nexus.harness import artifacts
from nexus.harness.report.opened import Opened, write
from nexus.harness.report.reading import read_frames, read_keys
from nexus.harness.report.story import Listener, Secrets
from nexus.harness.report.timeline import Filter, line_of

KEY_LOG: Final = "session-keys.log"


def main(arguments: Sequence[str]) -> int:
    """Print the frames."""
    parser = CommandLine("nexus world frames", "Print the frames of a capture, decoded.")
    parser.add_argument(
        "capture", type=Path, help="a pcapng file, such as dist/os2vm/capture.pcapng"
    )
    parser.add_argument(
        "--keys",
        type=Path,
        metavar="FILE",
        help=f"a key log; default: {KEY_LOG} beside the capture",
    )
    parser.add_argument(
        "--opened",
        type=Path,
        metavar="FILE",
        help="write a capture of the opened messages for Wireshark (tools/wireshark)",
    )
    add_filter(parser)
    return run(parser, arguments, _print)


def _print(options: Namespace) -> None:
    beside = options.capture.parent / KEY_LOG
    path = options.keys or (beside if beside.exists() else None)
    opened: list[Opened] = []
    secrets = Secrets(known={} if path is None else read_keys(path))
    listener = Listener(secrets, opened.append)
    chosen = Filter(tuple(options.machine), tuple(options.kind), options.from_ms, options.to_ms)
    for frame in read_frames(options.capture):
        for event in listener.take(frame):
            if chosen.accepts(event):
                sys.stdout.write(f"{line_of(event)}\n")
    if options.opened is not None:
        artifacts.write_all(options.opened.parent, {options.opened.name: write(opened)})


if __name__ == "__main__":
    run_program(main)
