"""The common part of the commands on the artifacts of a run."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Sequence
from typing import Final

from nexus.core.commandline import CommandLine, fail
from nexus.core.errors import NexusError
from nexus.entry.options import number
from nexus.harness.report.event import KINDS

NS_PER_MS: Final = 1_000_000
_MS_MAX: Final = 1e12

_read_ms: Final = number(0, _MS_MAX, "milliseconds")


def run(
    parser: CommandLine, arguments: Sequence[str], command: Callable[[Namespace], int | None]
) -> int:
    """Parse, run, and report a mistake in one line."""
    try:
        return command(parser.parse_args(arguments)) or 0
    except NexusError as exc:
        return fail(exc)


def add_filter(parser: CommandLine) -> None:
    """Add the options that choose events."""
    add = parser.add_argument
    add(
        "--machine",
        action="append",
        default=[],
        metavar="LABEL",
        help="only this machine; repeatable",
    )
    add(
        "--kind",
        action="append",
        default=[],
        choices=KINDS,
        metavar="KIND",
        help=f"only this kind; repeatable; one of {', '.join(KINDS)}",
    )
    add("--from-ms", type=milliseconds, default=0, metavar="MS", help="not before this instant")
    add("--to-ms", type=milliseconds, metavar="MS", help="not after this instant")


def milliseconds(text: str) -> int:
    """Read an instant in milliseconds of virtual time; return nanoseconds."""
    return round(_read_ms(text) * NS_PER_MS)
