"""An argument parser that raises instead of ending the process.

The programs of this project report every mistake in one way: one line on the error stream and
the exit code of a bad configuration.  `argparse` prints a usage page and exits with 2.
"""

from __future__ import annotations

import argparse
from typing import Final, NoReturn

from nexus.core.errors import UsageError

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
