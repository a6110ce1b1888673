"""An argument parser that raises instead of ending the process.

The programs of this project report every mistake in one way: one line on the error stream and
the exit code of a bad configuration.  `argparse` prints a usage page and exits with 2.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NoReturn

from nexus.core.errors import UsageError, did_you_mean

# The exit code that says: what was given is wrong, nothing was run.
EXIT_CONFIG: Final = 20


class CommandLine(argparse.ArgumentParser):
    """`ArgumentParser` whose `error` raises `UsageError`."""

    def __init__(self, prog: str, description: str) -> None:
        """Create the parser; abbreviated options are refused, they break when options grow."""
        super().__init__(prog=prog, description=description, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """Raise what `argparse` found wrong."""
        raise UsageError(f"{message} (see {self.prog} --help)")


def bounded(option: str, text: str | None, low: int, high: int) -> int | None:
    """Read a whole number in `low..high`, in any base that Python writes; None stays None.

    Raises:
        UsageError: it is no such number.
    """
    if text is None:
        return None
    try:
        value = int(text, 0)
    except ValueError:
        value = low - 1
    if not low <= value <= high:
        raise UsageError(f"{option}: {text!r} is not a whole number in {low}..{high}")
    return value


def one_of(option: str, value: str, accepted: Sequence[str]) -> str:
    """Return the value.

    Raises:
        UsageError: it is not among the accepted ones.
    """
    if value not in accepted:
        near = did_you_mean(value, accepted)
        raise UsageError(f"{option}: {value!r} is unknown; accepted: {', '.join(accepted)}{near}")
    return value


def named_paths(option: str, given: Sequence[str], form: str) -> dict[str, Path]:
    """Read `NAME=PATH` items; `form` says in an error how one is written, with an example.

    Raises:
        UsageError: an item has another form, or a name is given twice.
    """
    paths: dict[str, Path] = {}
    for item in given:
        name, equals, path = item.partition("=")
        if not (name and equals and path):
            raise UsageError(f"{option}: {item!r} is not {form}")
        if name in paths:
            raise UsageError(f"{option}: {name!r} is given twice")
        paths[name] = Path(path)
    return paths
