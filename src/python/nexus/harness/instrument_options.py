"""The options of commands that record what a guest executes."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from nexus.core.commandline import CommandLine, bounded

# As in `nexus.emulator.profile`, which command lines do not import.
EVERY_DEFAULT: Final = 100_000
_EVERY_MAX: Final = 1_000_000_000


def add_instruments(parser: CommandLine) -> None:
    """Add `--coverage`, `--profile` and `--lines`."""
    add = parser.add_argument
    add("--coverage", action="store_true", help="record which instructions are executed")
    add(
        "--profile",
        nargs="?",
        const=str(EVERY_DEFAULT),
        metavar="N",
        help=f"sample where the guest is every N instructions; default {EVERY_DEFAULT}",
    )
    add(
        "--lines",
        type=Path,
        action="append",
        metavar="FILE",
        help="lines.json of the image, or an ELF with debug information (repeatable)",
    )


def profile_distance(text: str | None, option: str = "--profile") -> int | None:
    """Read how many instructions are between two samples.

    Raises:
        UsageError: it is not a number of instructions.
    """
    return bounded(option, text, 1, _EVERY_MAX)
